"""How each criterion is judged: from what was read to a verdict with its evidence. Called by verification. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from runmend.core.frozen import Frozen
from runmend.facts.event import EventFacts
from runmend.facts.expressions import Expression, Judged, compiled
from runmend.facts.moved import MovedFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.outside import Question, Told
from runmend.facts.pod import PodFacts, Resources
from runmend.facts.snapshot import Snapshot, first_few
from runmend.facts.workload import WorkloadFacts
from runmend.language.states import STATES
from runmend.plan.criteria import Criterion, Status, Verdict, Watermark

EVENT_TYPES = frozenset({"Normal", "Warning"})
_USED: Final = tuple(Resources.model_validate(dict.fromkeys(Resources.model_fields, each)) for each in (0, 2**50))
"""Nothing, and more than anything uses."""


class Live(Frozen):
    """What there is at the check: the target's pods, of every revision, the events about its pods, and its Deployment.

    After settle nothing of an older revision was left, so a pod of another one is younger than the watermark.
    """

    pods: tuple[PodFacts, ...]
    events: tuple[EventFacts, ...]
    workload: WorkloadFacts | None = None
    object: dict[str, Any] | None = None
    """The target as the API server has it, where a criterion names it."""
    own: ObjectFacts | None = None
    """What is known of the target itself, by the model of its kind."""
    node: NodeFacts | None = None
    moved: tuple[MovedFacts, ...] = ()
    unknown: dict[str, str] = {}
    """Group of facts → why what it holds could not be read."""
    outside: dict[Question, Told] = {}
    """What was asked of others than Kubernetes → what came of it."""
    alert_fires: bool | None = None
    """Whether one of the run's alerts fires; None where that is not known."""

    @property
    def watermark(self) -> Watermark:
        """What there is, for what is told against it later."""
        return Watermark(
            pods={pod.uid: pod.name for pod in self.pods},
            running=sum(pod.running for pod in self.pods),
            events={event.uid: event.count for event in self.events},
            restarts=restarts_of(self.pods),
        )

    @property
    def in_words(self) -> str:
        """`2 of 3 pods are Running`."""
        return f"{sum(pod.running for pod in self.pods)} of {len(self.pods)} pods are Running"


def restarts_of(pods: tuple[PodFacts, ...]) -> dict[str, int]:
    """`pod uid/container` → restarts, as a watermark keeps them."""
    return {f"{pod.uid}/{c.name}": c.restarts for pod in pods for c in pod.containers}


def event_names(criteria: Iterable[Criterion]) -> frozenset[str]:
    """The states, the reasons and the types that the criteria ask events for; both types where one looks at all."""
    expressions = [compiled(criterion.expression) for criterion in criteria if criterion.understood]
    names = {name for expression in expressions for name in expression.named("new")}
    every = EVENT_TYPES if any(expression.reads_each("events") for expression in expressions) else frozenset()
    return frozenset(names | every)


def unmet(criterion: Criterion, live: Live) -> str | None:
    """What is still waited for before a criterion is watched; None where it holds, or cannot be judged.

    What must *become* true must be seen to hold. What must *stay* true must not be seen broken: nothing can stay as it
    never was. Neither is new what there is before anything has settled.
    """
    if not criterion.understood:
        return None
    expression, snapshot = compiled(criterion.expression), _snapshot(live.watermark, live)[0]
    if criterion.must == "stay" and expression.holds(snapshot) is not False:
        return None
    judged = expression.judge(snapshot)
    return None if judged.holds or _not_measured(expression, snapshot, judged) else judged.evidence


def settled_pods(mark: Watermark, live: Live) -> tuple[tuple[PodFacts, ...], tuple[PodFacts, ...]]:
    """The pods that the criteria speak of, and those passed over: younger than the watermark and pending.

    As many pods must be Running as at settle; which they are is the workload's affair. A younger pod that is not (yet)
    running is passed over only where enough others run, and a pod that waits in a runbook's state is never passed over
    by `waiting_pods`.
    """
    running = [pod for pod in live.pods if pod.running]
    if len(running) < mark.running:
        return live.pods, ()
    younger = tuple(pod for pod in live.pods if not pod.running and pod.uid not in mark.pods)
    passed_over = {pod.uid for pod in younger}
    return tuple(pod for pod in live.pods if pod.uid not in passed_over), younger


def waiting_pods(states: tuple[str, ...], pods: tuple[PodFacts, ...]) -> list[str]:
    """`pod: container waits (reason)` for each container that is in one of the runbook's states, through which no pod
    passes on its way.
    """
    containers = [(pod, c) for pod in pods for c in pod.containers]
    shown = [
        f"{pod.name}: {c.name} {how}"
        for pod, c in containers
        for each in states
        if not STATES[each].passing and (how := STATES[each].shown_in(c))
    ]
    return list(dict.fromkeys(shown))


def judge(criterion: Criterion, mark: Watermark, live: Live) -> Verdict:
    """One criterion against the watermark and the live state. One that cannot be told has failed: nothing proves it.
    One that cannot be told for want of what is used alone, which nobody tells, or of what others than Kubernetes were
    asked, says nothing of the fix: it is unverified.
    """
    if not criterion.understood:
        return Verdict(
            text=criterion.text,
            line=criterion.line,
            status=Status.UNVERIFIED,
            evidence="not understood, so not checked",
        )
    snapshot, younger = _snapshot(mark, live)
    expression = compiled(criterion.expression)
    judged = expression.judge(snapshot)
    evidence = judged.evidence
    if _not_measured(expression, snapshot, judged):
        evidence = f"cannot be told: {evidence}"
        return Verdict(text=criterion.text, line=criterion.line, status=Status.UNVERIFIED, evidence=evidence)
    if judged.holds and younger and "pods" in expression.groups:
        # What is passed over is said: a pod that waits must not stand beside "every container has started".
        evidence += f"; passed over, because younger: {first_few([pod.in_words for pod in younger])}"
    status = Status.PASSED if judged.holds else Status.FAILED
    return Verdict(text=criterion.text, line=criterion.line, status=status, evidence=evidence)


def _not_measured(expression: Expression, snapshot: Snapshot, judged: Judged) -> bool:
    """Whether a verdict is missing for want of what others than Kubernetes tell, or of what the metrics API tells and
    of nothing else: whatever that told, the rest would let it be judged.
    """
    if judged.holds is not None:
        return False
    if expression.untold(snapshot):
        return True
    if not expression.usage:
        return False
    return all(expression.holds(_with_usage(snapshot, used)) is not None for used in _USED)


def _with_usage(snapshot: Snapshot, used: Resources) -> Snapshot:
    """A snapshot in which all that has no sample uses so much."""
    node = snapshot.node
    return replace(
        snapshot,
        pods=tuple(_pod_with_usage(pod, used) for pod in snapshot.pods),
        all_pods=tuple(_pod_with_usage(pod, used) for pod in snapshot.all_pods),
        node=node.model_copy(update={"usage": _known(node.usage, used)}) if node else None,
    )


def _pod_with_usage(pod: PodFacts, used: Resources) -> PodFacts:
    containers = (each.model_copy(update={"usage": _known(each.usage, used)}) for each in pod.containers)
    return pod.model_copy(update={"containers": tuple(containers)})


def _known(told: Resources, used: Resources) -> Resources:
    """What is told, and the rest as if it were so much."""
    return used.model_copy(update={name: value for name, value in told if value is not None})


def broken(criterion: Criterion, mark: Watermark, live: Live) -> bool:
    """Whether a criterion that a window is held for plainly does not hold. Where it cannot be told, nothing is broken.

    A window is held for what must *stay* true, and for what asks what is new since the target had settled: that never
    becomes old again.
    """
    if not criterion.understood:
        return False
    expression = compiled(criterion.expression)
    held = criterion.must == "stay" or "restarted" in expression.groups or bool(expression.named("new"))
    return held and expression.holds(_snapshot(mark, live)[0]) is False


def _snapshot(mark: Watermark, live: Live) -> tuple[Snapshot, tuple[PodFacts, ...]]:
    """What an expression is asked about, and the pods that are passed over."""
    pods, younger = settled_pods(mark, live)
    snapshot = Snapshot(
        pods=pods,
        all_pods=live.pods,
        workload=live.workload,
        own=live.own,
        object=live.object,
        node=live.node,
        moved=live.moved,
        unknown=live.unknown,
        outside=live.outside,
        alert_fires=live.alert_fires,
        events=live.events,
        counted=mark.events,
        restarts=mark.restarts,
        states=STATES,
    )
    return snapshot, younger
