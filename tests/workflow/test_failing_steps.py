"""What a runbook says of steps that fail, and of what earlier steps came to; a problem that it names itself."""

import pytest

from runmend.core.outcomes import Outcome
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.builders import FALLBACK, SEED
from tests.workflow.scenes import nothing_written, patches
from tests.world import World

READ = "  - action_id: get_pod_events\n"
CHANGE = "  - action_id: patch_image\n"
TITLE = "title: ImagePullBackOff Remediation\n"
REQUIRES = "  - Requires: `namespace`, `pod` labels\n"
OWNED = "  - Pod must be owned by a Deployment\n"
PATCH = ("PATCH", "deployments/web")


def plan_of(*replacements: tuple[str, str]) -> Plan:
    text = SEED.read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return compile_runbook(text.encode(), "RB_FAILING.md").plan


@pytest.fixture
async def broken(world: World) -> World:
    world.deploy(replicas=1)
    await world.until_broken()
    return world


async def test_a_step_that_may_fail_is_in_the_result_and_later_gates_can_ask_for_it(broken: World) -> None:
    plan = plan_of(
        (READ, f"{READ}    on_error: continue\n    output: look\n"),
        (CHANGE, f"{CHANGE}    when: look.failed\n"),
        (REQUIRES, f"{REQUIRES}  - Pod must be owned by a StatefulSet\n"),
    )
    handle = await broken.start(plan=plan)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert (result.steps[0].status, result.steps[0].summary) == (
        "failed",
        "the pod must be owned by a StatefulSet, and the target is Deployment shop/web",
    )
    assert (result.steps[1].status, result.failed_step) == ("done", None)
    assert broken.images() == {"app": FALLBACK}


async def test_a_gate_that_asks_an_earlier_step_says_what_it_came_to(broken: World) -> None:
    failed = await broken.failed(
        await broken.start(plan=plan_of((CHANGE, f"{CHANGE}    when: get_pod_events.failed\n")))
    )

    assert failed.kind == "Unhandled"
    assert failed.message.endswith(
        "patch_image: its gate does not hold: get_pod_events.failed is false (done, confirmed)"
    )
    assert nothing_written(broken)


async def test_a_step_is_tried_again_as_often_as_the_workflow_says(broken: World) -> None:
    broken.faults.add(*PATCH, times=9, status=500)
    failed = await broken.failed(await broken.start(plan=plan_of((CHANGE, f"{CHANGE}    retries: 1\n"))))

    assert (failed.kind, failed.result.failed_step) == ("StepFailed", "patch_image")
    assert len(patches(broken)) == 2


async def test_where_every_change_failed_and_was_passed_over_the_run_has_failed(broken: World) -> None:
    plan = plan_of((CHANGE, f"{CHANGE}    on_error: continue\n"), (OWNED, f"{OWNED}  - `workload.replicas > 5`\n"))
    failed = await broken.failed(await broken.start(plan=plan))

    assert failed.kind == "StepFailed"
    assert failed.message == (
        "nothing was changed; patch_image: the condition '`workload.replicas > 5`' (line 48) does not hold: "
        "workload.replicas is 1"
    )
    assert nothing_written(broken)


async def test_what_may_have_been_written_is_verified_though_its_step_failed(broken: World) -> None:
    broken.faults.add(*PATCH, lose_answer=True)
    plan = plan_of((CHANGE, f"{CHANGE}    on_error: continue\n    retries: 0\n"))
    handle = await broken.start(plan=plan)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert (result.outcome, result.uncertain_step, result.steps[1].status) == (
        Outcome.RESOLVED,
        "patch_image",
        "failed",
    )
    assert result.summary == "patch_image may have written; it held for 5 minutes"
    assert any("patch_image may have written all the same" in remark for remark in result.remarks)
    assert broken.images() == {"app": FALLBACK}


async def test_a_problem_that_is_not_there_needs_nothing(broken: World) -> None:
    result = await broken.completed(
        await broken.start(plan=plan_of((TITLE, f"{TITLE}problem: workload.replicas > 5\n")))
    )

    assert result.outcome is Outcome.NOT_NEEDED
    assert result.summary == "there is no problem: workload.replicas is 1"
    assert nothing_written(broken)


async def test_a_target_of_another_kind_is_not_touched(broken: World) -> None:
    failed = await broken.failed(await broken.start(plan=plan_of((TITLE, f"{TITLE}target: StatefulSet\n"))))

    assert failed.kind == "PreconditionFailed"
    assert failed.message == "RB_IMAGEPULL is for a StatefulSet, and the target is Deployment shop/web"
