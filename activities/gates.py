"""Whether a step's gate holds, of what is there now. Called by every step before it does anything."""

from runmend.facts.expressions import Expression, compiled
from runmend.facts.snapshot import Snapshot
from runmend.kube.client import Cluster
from runmend.language.besides import Besides
from runmend.language.states import STATES
from runmend.language.target import TargetNow
from runmend.plan.messages import StepCall, StepResult, StepStatus


def skipped(cluster: Cluster, now: TargetNow, call: StepCall) -> StepResult | None:
    """The step's result where its gate does not hold, or where that cannot be told; None where the step runs."""
    if not call.step.gate:
        return None
    gate = compiled(call.step.gate)
    judged = gate.judge(snapshot_of(cluster, now, call, gate))
    if judged.holds:
        return None
    says = "does not hold" if judged.holds is False else "cannot be told"
    return StepResult(
        action_id=call.step.action_id,
        status=StepStatus.SKIPPED,
        summary=f"its gate {says}: {judged.evidence}",
        reason=f"its gate {says}",
    )


def snapshot_of(cluster: Cluster, now: TargetNow, call: StepCall, gate: Expression) -> Snapshot:
    """What a gate is asked about: the target as it is, the alert's pod where it is still there, its container, and of
    its node and the like what the gate names.

    Of several alerts it is the first whose pod is there; the container is the one that it names, else the first that
    waits in the runbook's state.
    """
    pods = now.pods
    pod = now.workloads.pod(now.first_pod(call.alerts))
    alert = next((alert for alert in call.alerts if pod and alert.pod == pod.name), next(iter(call.alerts), None))
    affected = now.affected(call.state) if call.state else ()
    named = (alert.container if alert else "") or next((one.container for one in affected), "")
    container = next((c for c in (pod.containers if pod else ()) if c.name == named), None)
    besides = Besides.read(cluster, [gate], now.node_of(pod))
    return Snapshot(
        pods=pods,
        all_pods=pods,
        pod=pod,
        container=container,
        workload=now.workload,
        node=besides.node,
        alert=alert.labels if alert else None,
        unknown=besides.unknown,
        states=STATES,
    )
