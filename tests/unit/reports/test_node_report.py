"""What a report says of a node: how it is cordoned by hand, and what cannot be undone."""

from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.change import Change
from runmend.plan.messages import Observation, RunResult, StepResult, StepStatus
from runmend.plan.reasons import NOT_ALLOWED
from runmend.plan.removal import Removed
from runmend.reports.commands import kubectl, make, resource, restore
from runmend.reports.report import render, verdict_line
from tests.node_runbooks import a_node_alert

NODE = Target(cluster="prod", kind="Node", name="worker-1")
CORDONED = (Change(path=("spec", "unschedulable"), before=None, after=True),)
MOVED = tuple(Removed(namespace="shop", name=f"web-{n}", uid=f"uid-{n}", owner="ReplicaSet/web") for n in range(7))


def a_result(outcome: Outcome = Outcome.RESOLVED, reason: str = "") -> RunResult:
    step = StepResult(
        action_id="drain", status=StepStatus.DONE, summary="evicted 7 pods", changes=CORDONED, removed=MOVED
    )
    return RunResult(
        runbook_id="RB_NODE",
        title="A node",
        sha256="0" * 64,
        target=NODE,
        alerts=(a_node_alert("worker-1"),),
        mode=Mode.AUTO,
        outcome=outcome,
        reason=reason,
        steps=(step,),
    )


def test_a_node_is_cordoned_and_uncordoned_by_hand_without_a_namespace() -> None:
    assert make(NODE, CORDONED) == "kubectl cordon worker-1"
    assert restore(NODE, CORDONED) == "kubectl uncordon worker-1"
    assert kubectl(NODE, "describe", resource(NODE)) == "kubectl describe node/worker-1"


def test_what_cannot_be_undone_is_said_beside_what_can() -> None:
    report = render(a_result())

    assert "- Target: Node worker-1 (cluster prod)" in report
    assert "- Alert: KubeNodeNotReady for node worker-1" in report
    assert "1. drain: done: evicted 7 pods" in report
    assert "### What cannot be undone\n\n- 7 pods taken away: shop/web-0, " in report
    assert "shop/web-4 and 2 more" in report
    assert "kubectl uncordon worker-1" in report
    assert verdict_line(a_result()) == "✓ resolved: Node worker-1"


def test_what_was_wrong_with_a_node_is_what_showed_its_problem() -> None:
    seen = Observation(owner="Node worker-1", pods=(), pod_count=0, problem="node.ready is false (since 12:04)")

    report = render(a_result().model_copy(update={"observation": seen}))

    assert "### What was wrong\n\n- Owner: Node worker-1\n- Problem: node.ready is false (since 12:04)\n" in report


def test_the_advice_names_the_node_s_own_setting_and_run() -> None:
    report = render(a_result(Outcome.PRECONDITION_FAILED, NOT_ALLOWED))

    assert "If worker-1 may be changed, name it in `RUNMEND_NODES`" in report
    assert "runmend replay Node/worker-1" in report
