"""Values that a command may hold besides the names of its target, each taken from what was observed, and those that a
calculation makes of them.

Called by the observation, once in a run: what comes of it is in the history, and a step takes it from there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from runmend.core.kinds import OBJECTS, kind_of_name
from runmend.core.quantities import Resource, Unit
from runmend.facts.autoscaler import AutoscalerFacts
from runmend.facts.calculation import compile_calculation, number_of, text_of
from runmend.facts.claim import ClaimFacts
from runmend.language.verbs.containers import by_name
from runmend.plan.change import Json
from runmend.plan.plan import PLACEHOLDER, Step
from runmend.plan.values import Calculation, Value

if TYPE_CHECKING:
    from runmend.facts.pod import PodFacts
    from runmend.language.target import TargetNow


@dataclass(frozen=True, slots=True)
class Seen:
    """What a value is taken from: the target, the pod that `{pod}` stands for, and a container of the template."""

    now: "TargetNow"
    pod: "PodFacts | None"
    container: Json
    resource: Resource = "memory"


class Untold(ValueError):
    """A value cannot be told; its message says why."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that is taken from what was observed.

    `read` raises `Untold`. `unit` is None for one that is no number, `each` says that it is a container's own.
    `example` is a command that asks for it, or a calculation.
    """

    name: str
    doc: str
    example: str
    read: Callable[[Seen], str]
    unit: Unit | None = None
    each: bool = False


def _owner(seen: Seen) -> str:
    if seen.now.target.kind == "Pod":
        raise Untold("nothing controls the pod")
    return seen.now.target.name


def _of_kind(kind: str) -> Callable[[Seen], str]:
    def read(seen: Seen) -> str:
        if seen.now.target.kind != kind:
            raise Untold(f"the target is a {seen.now.target.kind}")
        return seen.now.target.name

    return read


def _pod(seen: Seen) -> "PodFacts":
    if seen.pod is None:
        raise Untold("the alert's pod is not there any more")
    return seen.pod


def _node(seen: Seen) -> str:
    if seen.now.target.kind == "Node":
        return seen.now.target.name
    if not _pod(seen).node:
        raise Untold("the pod was given to no node")
    return _pod(seen).node


def _quantity(which: str) -> Callable[[Seen], str]:
    def read(seen: Seen) -> str:
        given = ((seen.container.get("resources") or {}).get(which) or {}).get(seen.resource)
        if given is None:
            name = seen.container.get("name", "")
            raise Untold(f"container {name} has no {seen.resource} {which.removesuffix('s')} in the template")
        return text_of(number_of(str(given), seen.resource), seen.resource)

    return read


def _replicas(seen: Seen) -> str:
    if seen.now.workload is None:
        raise Untold(f"{seen.now.target} has no number of replicas")
    return str(seen.now.workload.replicas)


def _revision(seen: Seen) -> str:
    if seen.now.workload is None or not seen.now.workload.revision:
        raise Untold(f"{seen.now.target} keeps no revisions")
    return str(seen.now.workload.revision)


def _previous_revision(seen: Seen) -> str:
    if seen.now.workload is None or seen.now.workload.previous_revision is None:
        raise Untold(f"{seen.now.target} has no earlier revision than {_revision(seen)}")
    return str(seen.now.workload.previous_revision)


def _maximum(seen: Seen) -> str:
    if not isinstance(seen.now.own, AutoscalerFacts):
        raise Untold(f"{seen.now.target} is no autoscaler")
    return str(seen.now.own.max_replicas)


def _size(seen: Seen) -> str:
    if not isinstance(seen.now.own, ClaimFacts) or seen.now.own.requested is None:
        raise Untold(f"{seen.now.target} asks for no storage")
    return text_of(seen.now.own.requested, "memory")


def _image(seen: Seen) -> str:
    image = seen.container.get("image")
    if not image:
        raise Untold("there is no such container in the template")
    return str(image)


OF_THE_RUN: Final[Mapping[str, tuple[str, str]]] = {
    "namespace": ("the alert's namespace", "kubectl get pods -n {namespace}"),
    "pod": ("the pod of the first alert that still exists", "kubectl describe pod {pod} -n {namespace}"),
    "container": (
        "each container that the step treats, init containers included",
        "kubectl set image deployment/{deployment} {container}=registry.example/app:1.0 -n {namespace}",
    ),
    "deployment": (
        "the Deployment that is the run's target",
        "kubectl rollout restart deployment/{deployment} -n {namespace}",
    ),
    "statefulset": (
        "the StatefulSet that is the run's target",
        "kubectl rollout undo statefulset/{statefulset} -n {namespace}",
    ),
    "daemonset": (
        "the DaemonSet that is the run's target",
        "kubectl rollout undo daemonset/{daemonset} -n {namespace}",
    ),
    "selector": ("what chooses the target's pods", "kubectl delete pods -l {selector} -n {namespace}"),
}
"""The names that a run begins with: what each stands for, and a command that asks for it."""
DERIVED: Final = (
    Derived("job", "the Job that is the run's target", "kubectl describe job {job} -n {namespace}", _of_kind("Job")),
    Derived(
        "owner",
        "the workload that the alert's pod belongs to, by its name",
        "kubectl set env deployment/{deployment} OWNER={owner} -n {namespace}",
        _owner,
    ),
    Derived(
        "node",
        "the node that is the run's target, else the node of the alert's pod",
        "kubectl describe node {node}",
        _node,
    ),
    Derived(
        "service_account",
        "the account that the alert's pod runs as",
        "kubectl set env deployment/{deployment} ACCOUNT={service_account} -n {namespace}",
        lambda seen: _pod(seen).service_account,
    ),
    Derived(
        "replicas",
        "how many pods the target should have (`spec.replicas`)",
        "wanted = replicas + 1",
        _replicas,
        "count",
    ),
    Derived(
        "current_revision",
        "the number of the target's newest revision",
        "kubectl set env deployment/{deployment} BROKEN_REVISION={current_revision} -n {namespace}",
        _revision,
        "count",
    ),
    Derived(
        "previous_revision",
        "the number of the revision before that",
        "kubectl rollout undo deployment/{deployment} --to-revision={previous_revision} -n {namespace}",
        _previous_revision,
        "count",
    ),
    *(
        Derived(
            kind_of_name(name).singular,
            f"the {name} that is the target",
            f"kubectl patch {kind_of_name(name).singular} {{{kind_of_name(name).singular}}} -n {{namespace}} "
            """-p '{"metadata":{"labels":{"a":"b"}}}'""",
            _of_kind(name),
        )
        for name in OBJECTS
    ),
    Derived(
        "current_maximum",
        "the most pods that the autoscaler may scale to",
        "wanted = min(current_maximum + 2, 20)",
        _maximum,
        "count",
    ),
    Derived(
        "current_size",
        "how much storage the claim asks for",
        "new_size = min(current_size * 2, 100Gi)",
        _size,
        "memory",
    ),
    Derived(
        "image",
        "the container's image in the template",
        "kubectl set env deployment/{deployment} -c {container} IMAGE={image} -n {namespace}",
        _image,
        each=True,
    ),
    Derived(
        "current_limit",
        "the container's memory limit in the template; its processor limit where a processor is set by it",
        "new_limit = current_limit * 2",
        _quantity("limits"),
        "memory",
        each=True,
    ),
    Derived(
        "current_request",
        "the same of what it asks for",
        "new_limit = max(current_limit, current_request * 3)",
        _quantity("requests"),
        "memory",
        each=True,
    ),
)
_CURRENT: Final = frozenset({"current_limit", "current_request", "current_maximum", "current_size"})
BY_NAME: Final = {derived.name: derived for derived in DERIVED}


def units(resource: Resource) -> dict[str, Unit]:
    """The names that a calculation may use, and their units."""
    return {each.name: resource if each.each else each.unit for each in DERIVED if each.unit}


def values_of(step: Step, now: "TargetNow", pod: str) -> tuple[Value, ...]:
    """The values that a step's command asks for, as they are now: of each container where they are a container's own.

    `pod` is the one that `{pod}` stands for.
    """
    asked = set(PLACEHOLDER.findall(step.operation.model_dump_json()))
    calculations = {each.name: each for each in step.calculations}
    plain = [BY_NAME[name] for name in sorted(asked & BY_NAME.keys() - step.parameters.keys() - calculations.keys())]
    if not plain and not calculations:
        return ()
    containers = by_name(now.item) if now.item else {}
    facts, found = now.workloads.pod(pod), []
    for name, container in (("", {}), *containers.items()):
        seen = Seen(now, facts, container)
        found += [_read(each, seen, name) for each in plain if each.each == bool(name)]
        found += _calculated(step, seen, name)
    return tuple(found)


def _read(derived: Derived, seen: Seen, container: str) -> Value:
    try:
        return Value(name=derived.name, container=container, text=derived.read(seen))
    except Untold as error:
        return Value(name=derived.name, container=container, words=str(error))


def _calculated(step: Step, seen: Seen, container: str) -> Iterator[Value]:
    """The step's calculations that are a container's own; those that are of none where there is none."""
    known: dict[str, Value] = {}
    for calculation in step.calculations:
        asked = replace(seen, resource=calculation.resource)
        operands = {
            name: known[name] if name in known else _read(BY_NAME[name], asked, container) for name in calculation.names
        }
        known[calculation.name] = value = _value(calculation, operands, container)
        if calculation.each == bool(container):
            yield value


def _value(calculation: Calculation, operands: Mapping[str, Value], container: str) -> Value:
    def untold(why: str) -> Value:
        return Value(name=calculation.name, container=container, words=why)

    for name, operand in operands.items():
        if not operand.text:
            return untold(f"it needs {name}: {operand.words}")
    made = compile_calculation(calculation.source, calculation.names, calculation.resource)
    numbers = {name: number_of(operand.text, calculation.names[name]) for name, operand in operands.items()}
    try:
        result = made.result(numbers)
    except ValueError as error:
        return untold(str(error))
    unit = calculation.unit
    if calculation.at_least:
        result = max(result, number_of(calculation.at_least, unit))
    if calculation.at_most and result > (most := number_of(calculation.at_most, unit)):
        for name in _CURRENT & numbers.keys():
            # A bound stops what is raised; it does not take away what is there.
            if numbers[name] >= most:
                return untold(f"{name} is {operands[name].text} already, and the bound is {calculation.at_most}")
        result = most
    words = made.with_values({name: operand.text for name, operand in operands.items()})
    text = text_of(result, unit)
    return Value(name=calculation.name, container=container, text=text, words=f"{words}{calculation.bounds}")
