"""How runs end whose runbook cannot be checked whole, only reads, or cannot be read at all."""

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from runmend.core.outcomes import Outcome
from runmend.plan.attributes import unverified_in
from runmend.plan.criteria import Status
from runmend.plan.messages import Options, RunInput
from runmend.plan.plan import Plan
from runmend.reports.report import outcome_line, render
from tests.builders import GOOD, MISSING, an_alert
from tests.workflow.acts import reason_of
from tests.workflow.scenes import a_runbook, nothing_written
from tests.world import World

SUCCESS = "- Container starts successfully"


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (a_runbook((SUCCESS, f"{SUCCESS}\n- The customers are happy")), "resolved, 1 criterion unverified"),
        (
            a_runbook(
                (SUCCESS, "- The customers are happy"), ("- Pod transitions", "- The shop is full\n- Pod transitions")
            ),
            "resolved, 2 criteria unverified",
        ),
    ],
    ids=["one", "two"],
)
async def test_a_criterion_that_cannot_be_read_is_unverified_and_never_passed(
    world: World, plan: Plan, says: str
) -> None:
    world.deploy(replicas=1)
    await world.until_broken()

    handle = await world.start(plan=plan)
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert outcome_line(result) == says
    number = int(says.split()[1])
    assert await reason_of(handle) == f"image not found; {says.removeprefix('resolved, ')}"
    assert unverified_in(await reason_of(handle)) == number
    (happy,) = [verdict for verdict in result.verdicts if verdict.text == "The customers are happy"]
    assert (happy.status, happy.evidence) == (Status.UNVERIFIED, "not understood, so not checked")
    assert f"? The customers are happy (line {happy.line}): unverified: not understood, so not checked" in render(
        result
    )


async def test_a_runbook_that_only_reads_ends_observed_with_what_it_found(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()

    result = await world.completed(await world.start(plan=a_runbook(("  - action_id: patch_image\n", ""))))

    (step,) = result.steps
    assert result.outcome is Outcome.OBSERVED
    assert result.summary == f"this runbook only reads; what it found is for a person to act on: {step.summary}"
    assert (step.action_id, step.confirmed) == ("get_pod_events", True)
    (pulled,) = [line for line in step.findings if f'Failed to pull image "{MISSING}"' in line]
    assert pulled.startswith("Warning Failed (1x) Pod web-")
    assert "### What was read" in render(result)
    assert nothing_written(world)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("kubectl describe pod {pod} -n {namespace}", "container app: waiting ("),
        ("kubectl get pods -n {namespace} -l app={deployment}", "Pending, app waits ("),
        ("kubectl rollout status deployment/{deployment} -n {namespace} --watch=false", ""),
    ],
)
async def test_what_a_command_has_read_is_in_the_result(world: World, command: str, said: str) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    events = "kubectl get events -n {namespace} --field-selector involvedObject.name={pod}"
    plan = a_runbook(("  - action_id: patch_image\n", ""), (f"**command**: `{events}`", f"**command**: `{command}`"))

    result = await world.completed(await world.start(plan=plan))

    (step,) = result.steps
    assert result.outcome is Outcome.OBSERVED
    assert any(said in line for line in step.findings) or not said
    assert ("Deployment shop/web: not rolled out" in step.summary) is not bool(said)
    assert nothing_written(world)


async def test_a_runbook_that_only_reads_has_nothing_to_say_of_a_healthy_target(world: World) -> None:
    world.deploy(replicas=1, images={"app": GOOD})
    await world.until_running(1)

    result = await world.completed(await world.start(plan=a_runbook(("  - action_id: patch_image\n", ""))))

    assert result.outcome is Outcome.NOT_NEEDED


@pytest.mark.parametrize(
    "wrong",
    [{"schema_version": 2}, {"steps": "none"}, {"colour": "green"}],
    ids=["another version", "a wrong type", "an unknown field"],
)
async def test_an_input_that_cannot_be_read_fails_the_run_and_does_not_hang(
    world: World, wrong: dict[str, object]
) -> None:
    given = RunInput(plan=world.plan, target=world.target, alerts=(an_alert("web-1"),), options=Options()).model_dump(
        mode="json"
    )
    given["plan"] |= wrong

    handle = await world.env.client.start_workflow(
        "RB_IMAGEPULL", given, id=world.target.workflow_id, task_queue=world.settings.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "ValidationError"
    assert next(iter(wrong)) in cause.message
