"""`kubectl get`: what there is of one object, or of all of a kind that a label selector chooses."""

from typing import TYPE_CHECKING, Final

from runmend.core.errors import NotFound
from runmend.core.frozen import Frozen
from runmend.core.kinds import kind_of_name
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.pod import PodFacts
from runmend.facts.workload import WorkloadFacts
from runmend.language.verbs import objects
from runmend.language.verbs.command import Command, Flag, flag
from runmend.language.verbs.verb import Asked, Read, Reading, Verb
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_NAMED: Final = 30
"""How many objects of a list are told one by one."""


class Get(Frozen):
    """Which objects, where none is named."""

    selector: tuple[objects.LabelTerm, ...] = ()


def _command(command: Command) -> Operation | None:
    found = objects.object_of(command, objects.ANY_KIND, "get", may_be_all=True)
    terms = objects.labels_of(flag(command, "--selector"), command)
    if found is None or terms is None:
        return None
    kind, name = found
    if name and terms:
        command.error("a name and a selector stand there together", "write one of the two")
        return None
    return objects.reads(VERB.words, kind, name, Get(selector=terms))


def _read(get: Get, cluster: "Cluster", asked: Asked) -> Read:
    operation = asked.operation
    namespace, name = objects.place_of(operation, asked.values)
    if not name:
        selector = objects.selector_of(get.selector, asked.values)
        return _several(cluster.facts_of_all(operation.kind, namespace, selector), operation, selector)
    try:
        found = cluster.facts_of(operation.kind, namespace, name)
    except NotFound:
        return Read(f"{objects.named(operation, namespace, name)} is not there", {"count": 0})
    return Read(
        f"{operation.kind} {objects.in_words(found)}",
        {"count": 1, "not_well": int(not is_well(found)), **objects.scalars(found)},
    )


def _several(found: tuple[ObjectFacts, ...], operation: Operation, selector: str) -> Read:
    well = sum(map(is_well, found))
    # What is read last is what a report shows.
    ordered = sorted(found, key=lambda each: (not is_well(each), each.name))
    kind = kind_of_name(operation.kind)
    summary = f"{len(found)} {kind.singular if len(found) == 1 else kind.plural}"
    summary += f" with {selector}" if selector else ""
    summary += f", {len(found) - well} of them not well" if well < len(found) else ""
    lines = tuple(objects.in_words(each) for each in ordered)
    return Read(summary, {"count": len(found), "not_well": len(found) - well}, lines[-_NAMED:])


def is_well(found: ObjectFacts) -> bool:
    """Whether a pod runs or has ended well, a node takes pods, a workload has all that it should have."""
    match found:
        case PodFacts():
            return found.running or found.phase == "Succeeded"
        case NodeFacts():
            return found.takes_pods
        case WorkloadFacts():
            return not found.stalled and (found.kind == "Job" or found.available >= found.replicas)
        case _:
            return True


def _tells(operation: Operation) -> frozenset[str]:
    return frozenset({"not_well"}) | (objects.told(operation) if operation.name else frozenset())


def _says(get: Get) -> str:
    return f"with {','.join(term.in_words for term in get.selector)}" if get.selector else ""


VERB = Verb(
    words="get",
    summary="Reads what there is of an object, or of all of a kind in the alert's namespace that a selector chooses.",
    kinds=objects.ANY_KIND,
    arguments=Get,
    command=_command,
    says=_says,
    example="kubectl get pods -n {namespace} -l app=web",
    flags=(Flag("--selector", "l", means="only those with these labels, or without them"),),
    reading=Reading(_read, lambda operation: (objects.right_to_read(operation),), _tells),
)
