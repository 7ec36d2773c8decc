"""`kubectl describe`: the facts of one object, and its events."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from runmend.core.errors import Forbidden, NotFound
from runmend.core.frozen import Frozen
from runmend.facts.event import EventFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import Condition, ObjectFacts
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.workload import WorkloadFacts
from runmend.language.needs import Right
from runmend.language.verbs import objects
from runmend.language.verbs.command import Command
from runmend.language.verbs.get_events import EVENT_FACTS, facts_of_events, told
from runmend.language.verbs.verb import Asked, Read, Reading, Verb
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_KINDS: Final = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Node")
_OF_NODES: Final = "default"
"""The namespace in which events about nodes are, which are in none."""


class Describe(Frozen):
    """Its command says no more than the object."""


def _command(command: Command) -> Operation | None:
    found = objects.object_of(command, _KINDS, "describe")
    return objects.reads(VERB.words, *found, Describe()) if found else None


def _read(_: Describe, cluster: "Cluster", asked: Asked) -> Read:
    operation = asked.operation
    namespace, name = objects.place_of(operation, asked.values)
    try:
        found = cluster.facts_of(operation.kind, namespace, name)
    except NotFound:
        return Read(f"{objects.named(operation, namespace, name)} is not there", {"count": 0})
    facts = {"count": 1, **objects.scalars(found)}
    lines = tuple(_lines(found))
    about = f"involvedObject.kind={operation.kind},involvedObject.name={name}"
    try:
        events = cluster.events(namespace or _OF_NODES, about)
    except Forbidden as error:
        return Read(f"{operation.kind} {objects.in_words(found)}", facts, (*lines, f"its events: unknown: {error}"))
    summary = f"{operation.kind} {objects.in_words(found)}; {_counted(events)}"
    return Read(summary, facts | facts_of_events(events), (*lines, *told(events)), events)


def _counted(events: tuple[EventFacts, ...]) -> str:
    warnings = sum(event.type == "Warning" for event in events)
    said = f"{len(events)} {'event' if len(events) == 1 else 'events'}"
    return f"{said}, {warnings} of them of type Warning" if warnings else said


def _lines(found: ObjectFacts) -> Iterator[str]:
    if found.owner:
        yield f"controlled by {found.owner.kind} {found.owner.name}"
    match found:
        case PodFacts():
            yield f"on node {found.node}" if found.node else "on no node"
            yield from map(_container, found.containers)
        case WorkloadFacts():
            yield from (f"container {name}: image {image}" for name, image in found.images.items())
            yield from (f"of {name} {of}" for name, of in _owners(found) if of)
        case NodeFacts():
            yield from (f"taint {taint.key}={taint.value}:{taint.effect}" for taint in found.taints)
    yield from (_condition(condition, found.told_at) for condition in found.said)


def _owners(found: WorkloadFacts) -> tuple[tuple[str, str], ...]:
    return ("Argo CD's", found.argo_cd), ("Flux's", found.flux), ("Helm's", found.helm)


def _container(container: ContainerFacts) -> str:
    said = [container.in_words, f"image {container.image}", f"{container.restarts} restarts"]
    if container.last_termination or container.last_exit_code is not None:
        said.append(f"last ended {container.last_termination or 'without a reason'} ({container.last_exit_code})")
    said += [container.message] if container.message else []
    return f"{'init ' if container.init else ''}container {', '.join(said)}"


def _condition(condition: Condition, told_at: str) -> str:
    why = condition.in_words(told_at)
    said = f"condition {condition.name} is {condition.status}" + (f" ({why})" if why else "")
    return f"{said}: {condition.message}" if condition.message else said


def _rights(operation: Operation) -> tuple[Right, ...]:
    return objects.right_to_read(operation), Right("", ("events",), ("list",))


VERB = Verb(
    words="describe",
    summary="Reads the facts of one object: its containers or images, its conditions, and its events.",
    kinds=_KINDS,
    arguments=Describe,
    command=_command,
    example="kubectl describe pod {pod} -n {namespace}",
    reading=Reading(_read, _rights, lambda operation: objects.told(operation) | EVENT_FACTS),
)
