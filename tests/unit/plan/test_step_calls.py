"""What a step's activity is asked, from the plan and what came before."""

from runmend.alerts.alert import Target
from runmend.plan.messages import Options, RunInput, StepCall
from tests.node_runbooks import a_node_alert, node_plan

HEADER = "problem: Node has DiskPressure"


def test_a_step_that_asks_what_was_changed_is_not_asked_for_the_problem_again() -> None:
    plan = node_plan("kubectl cordon {node}", "kubectl drain {node}", "kubectl uncordon {node}", header=HEADER)
    first, second, third = plan.steps
    third = third.model_copy(update={"asks": (second.action_id,)})
    given = RunInput(
        plan=plan.model_copy(update={"steps": (first, second, third)}),
        target=Target(cluster="prod", kind="Node", name="worker-1"),
        alerts=(a_node_alert("worker-1"),),
        options=Options(),
    )

    asked = [StepCall.of(given, number, "run", alerts=given.alerts).problem for number in (1, 2, 3)]

    assert asked == ["node.disk_pressure", "node.disk_pressure", ""]
