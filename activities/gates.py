"""Whether a step's gate and its conditions hold, of what is there now. Called by every step before it does anything."""

from collections.abc import Mapping, Sequence

from activities.events import events_of, own_uids, place_of
from runmend.alerts.alert import Alert
from runmend.core.errors import Forbidden, PreconditionFailed
from runmend.facts.event import EventFacts
from runmend.facts.expressions import Expression, Judged, compiled
from runmend.facts.pod import PodFacts
from runmend.facts.snapshot import Snapshot
from runmend.facts.step import StepFacts
from runmend.facts.target import TargetFacts
from runmend.kube.client import Cluster
from runmend.language.besides import Besides
from runmend.language.states import STATES
from runmend.language.target import TargetNow
from runmend.language.verdicts import EVENT_TYPES
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.reasons import PROBLEM_GONE


def skipped(cluster: Cluster, now: TargetNow, call: StepCall, outsiders: Outsiders = NOBODY) -> StepResult | None:
    """The step's result where the problem is gone, or where its gate does not hold, or cannot be told; None where the
    step runs.

    Raises:
        PreconditionFailed: it would run, and one of its conditions does not hold, or cannot be told.
    """
    step = call.step
    problem = compiled(call.problem) if call.problem and step.changes else None
    gate = compiled(step.gate) if step.gate else None
    conditions = [(condition, compiled(condition.expression)) for condition in step.conditions]
    asked = [*(each for each in (problem, gate) if each), *(expression for _, expression in conditions)]
    if not asked:
        return None
    snapshot = snapshot_of(cluster, now, call.alerts, call.state, asked, call.before, outsiders)
    asked_first = problem.judge(snapshot) if problem else None
    if problem and asked_first and asked_first.holds is None and "object" in problem.groups:
        # A field that is not there is no reason to change anything.
        raise PreconditionFailed(
            f"whether there is a problem cannot be told: {asked_first.evidence}", reason="the problem cannot be told"
        )
    if asked_first and (gone := problem_gone(asked_first)):
        return StepResult(
            action_id=step.action_id, part=step.part, status=StepStatus.NOT_NEEDED, summary=gone, reason=PROBLEM_GONE
        )
    judged = gate.judge(snapshot) if gate else None
    if judged and not judged.holds:
        return StepResult(
            action_id=step.action_id,
            part=step.part,
            status=StepStatus.SKIPPED,
            summary=f"its gate {_says(judged)}: {judged.evidence}",
            reason=f"its gate {_says(judged)}",
        )
    for condition, expression in conditions:
        judged = expression.judge(snapshot)
        if not judged.holds:
            raise PreconditionFailed(
                f"the condition {condition.text!r} (line {condition.line}) {_says(judged)}: {judged.evidence}",
                reason=f"a condition {_says(judged)}",
            )
    return None


def problem_gone(judged: Judged) -> str:
    """Why there is nothing to do, by the expression that the runbook has for its problem; empty where there is, or
    where that cannot be told.
    """
    return f"there is no problem: {judged.evidence}" if judged.holds is False else ""


def _says(judged: Judged) -> str:
    return "does not hold" if judged.holds is False else "cannot be told"


def snapshot_of(
    cluster: Cluster,
    now: TargetNow,
    alerts: tuple[Alert, ...],
    state: str | None,
    asked: Sequence[Expression],
    before: Mapping[str, StepFacts],
    outsiders: Outsiders = NOBODY,
) -> Snapshot:
    """What expressions are asked about: the target as it is, the alert's pod where it is still there, its container,
    and of its node and the like what they name.

    Of several alerts it is the first whose pod is there; the container is the one that it names, else the first that
    waits in the runbook's state. `before` is what the earlier steps came to, read and changed, `outsiders` who is asked
    besides Kubernetes.
    """
    pod = now.workloads.pod(now.first_pod(alerts))
    alert = next((alert for alert in alerts if pod and alert.pod == pod.name), next(iter(alerts), None))
    affected = now.affected(state) if state else ()
    named = (alert.container if alert else "") or next((one.container for one in affected), "")
    node = now.node_of(pod)
    known = {"pod": pod.name if pod else "", "container": named, "node": node}
    names = {name: each for name, each in known.items() if each}
    first = (alert, *(each for each in alerts if each is not alert)) if alert else ()
    besides = Besides.read(cluster, now, asked, node, outsiders, first, names)
    pods = besides.measured(now.pods)
    pod = next(iter(besides.measured((pod,))), None) if pod else None
    container = next((c for c in (pod.containers if pod else ()) if c.name == named), None)
    events, unknown = _events(cluster, now, pod, asked)
    target = now.target
    return Snapshot(
        target=TargetFacts(kind=target.kind, namespace=target.namespace, name=target.name),
        pods=pods,
        all_pods=pods,
        pod=pod,
        container=container,
        workload=now.workload,
        own=now.own,
        object=now.untyped if any("object" in each.groups for each in asked) else None,
        node=besides.node,
        alert=alert.labels if alert else None,
        unknown={**besides.unknown, **unknown},
        outside=besides.outside.told,
        alert_fires=besides.outside.alert_fires,
        events=events,
        states=STATES,
        steps=before,
    )


def _events(
    cluster: Cluster, now: TargetNow, pod: PodFacts | None, asked: Sequence[Expression]
) -> tuple[tuple[EventFacts, ...] | None, dict[str, str]]:
    """The events about the target's pods and the alert's, the oldest first, where an expression names them; None where
    they could not be read, and why.
    """
    if not any("events" in expression.groups for expression in asked):
        return (), {}
    uids = own_uids(now) | {each.uid for each in (*now.pods, *((pod,) if pod else ()))}
    try:
        found = events_of(cluster, place_of(now), uids, (), EVENT_TYPES)
    except Forbidden as error:
        return None, {"events": f"the events of {now.target} could not be read: {error}"}
    return tuple(sorted(found, key=lambda event: (event.last_seen, event.uid))), {}
