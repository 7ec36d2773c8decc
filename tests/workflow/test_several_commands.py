"""An action with several commands: each is done once and in order, and the rest is left where one of them fails."""

import pytest

from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.messages import Options, RunResult
from runmend.plan.notes import notes_in
from runmend.plan.plan import Plan
from runmend.reports.report import render
from tests.builders import FALLBACK, MISSING, SEED
from tests.workflow.acts import revisions
from tests.workflow.scenes import a_runbook, patched, patches
from tests.world import World

PATCH = ("PATCH", "deployments/web")
FIRST = next(line for line in SEED.read_text().splitlines() if line.startswith("- **command**: `kubectl patch"))
SET_ENV = "kubectl set env deployment/{deployment} -n {namespace} -c {container} MODE=fallback"
LOOK = "kubectl describe deployment {deployment} -n {namespace}"
SERVING = Options(protect_serving=False)
"""What the first command changes may serve before the second looks, and a change of its environment is a risk then."""
SCALE = "kubectl scale deployment {deployment} -n {namespace} --replicas="


def plan_of(*more: str, before: tuple[str, ...] = (), workflow: str = "") -> Plan:
    """The seed, whose change is followed by more commands."""
    first = FIRST.partition("`")[2].rstrip("`")
    commands = "\n".join(("  " + command) for command in (*before, first, *more))
    entry = "  - action_id: patch_image\n"
    return a_runbook((FIRST, f"- **command**:\n  ```bash\n{commands}\n  ```"), (entry, entry + workflow))


def named(result: RunResult) -> list[tuple[str, str]]:
    return [(step.named, step.status.value) for step in result.steps]


@pytest.fixture
async def broken(world: World) -> World:
    world.deploy(replicas=2)
    await world.until_broken(count=2)
    return world


async def test_all_are_done_in_order_each_with_its_own_note(broken: World) -> None:
    plan = plan_of(SET_ENV, LOOK)
    handle = await broken.start(plan=plan, options=SERVING)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert named(result) == [
        ("get_pod_events", "done"),
        ("patch_image, command 1", "done"),
        ("patch_image, command 2", "done"),
        ("patch_image, command 3", "done"),
    ]
    assert [change.named for change in result.changes] == ["container app", "container app env"]
    assert revisions(broken) == 3
    item = broken.cluster.read("Deployment", "shop", "web")
    assert [note.step for note in notes_in(item["metadata"]["annotations"])] == ["02-patch_image", "03-patch_image"]
    assert "patch_image, command 2: done" in render(result)
    assert result.summary.count("changed container app") == 2


@pytest.mark.parametrize("number", [1, 2])
async def test_a_command_whose_answer_was_lost_is_not_done_again_nor_is_the_one_before_it(
    broken: World, number: int
) -> None:
    if number == 2:
        # Each answer, because the first may be that the Deployment has changed meanwhile.
        broken.faults.add(*PATCH, then=lambda _: broken.faults.add(*PATCH, times=10, lose_answer=True))
    else:
        broken.faults.add(*PATCH, lose_answer=True)
    handle = await broken.start(plan=plan_of(SET_ENV), options=SERVING)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert [step.recovered for step in result.steps[1:]] == [number == 1, number == 2]
    assert (revisions(broken), broken.images()) == (3, {"app": FALLBACK})


async def test_where_the_second_fails_the_report_says_what_was_changed_and_what_not(broken: World) -> None:
    broken.faults.add(*PATCH, then=lambda _: broken.faults.add(*PATCH, times=100, status=403))
    failed = await broken.failed(await broken.start(plan=plan_of(SET_ENV, LOOK), options=SERVING))

    assert failed.kind == Outcome.STEP_FAILED
    assert named(failed.result) == [("get_pod_events", "done"), ("patch_image, command 1", "done")]
    assert failed.result.failed_step == "patch_image, command 2"
    assert [(change.before, change.after) for change in failed.result.changes] == [(MISSING, FALLBACK)]
    said = render(failed.result)
    assert "3. patch_image, command 2: failed" in said
    assert "How to restore what was there" in said
    assert broken.images() == {"app": FALLBACK}


async def test_where_a_run_goes_on_after_a_failure_the_rest_of_the_action_is_left(broken: World) -> None:
    broken.faults.add(*PATCH, then=lambda _: broken.faults.add(*PATCH, times=100, status=403))
    plan = plan_of(SET_ENV, LOOK, workflow="    on_error: continue\n")
    handle = await broken.start(plan=plan, options=SERVING)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert named(result)[2:] == [("patch_image, command 2", "failed"), ("patch_image, command 3", "skipped")]
    assert (result.steps[3].summary, result.steps[3].reason) == (
        "command 2 was not done",
        "an earlier command was not done",
    )


async def test_two_commands_may_change_the_same_value_and_the_last_one_stands(broken: World) -> None:
    handle = await broken.start(plan=plan_of(f"{SCALE}3", f"{SCALE}1"), options=SERVING)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    of_replicas = [(change.before, change.after) for change in result.changes if change.path == ("spec", "replicas")]
    assert of_replicas == [(2, 3), (3, 1)]
    assert patched(patches(broken)[-1]) == {"/spec/replicas": 1}


RESTART = "kubectl rollout restart deployment/{deployment} -n {namespace}"
UNDO = "kubectl rollout undo deployment/{deployment} -n {namespace} --to-revision=2"


@pytest.mark.parametrize("more", [(RESTART, UNDO), (SET_ENV, UNDO)], ids=["restart", "set env"])
async def test_what_the_run_undoes_itself_is_nobody_elses_undoing(broken: World, more: tuple[str, ...]) -> None:
    handle = await broken.start(plan=plan_of(*more), options=SERVING)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert [step.status for step in result.steps[1:]] == ["done"] * 3


async def test_what_an_action_asks_is_not_asked_again_once_it_has_begun(broken: World) -> None:
    plan = plan_of(SET_ENV, before=(f"{SCALE}3",), workflow="    when: workload.replicas == 2\n")
    handle = await broken.start(plan=plan, options=SERVING)
    await broken.window(handle)
    await broken.skip()
    result = await broken.completed(handle)

    assert named(result)[1:] == [(f"patch_image, command {number}", "done") for number in (1, 2, 3)]


async def test_a_gate_that_does_not_hold_leaves_all_of_them(broken: World) -> None:
    plan = plan_of(SET_ENV, workflow="    when: workload.replicas == 9\n")
    failed = await broken.failed(await broken.start(plan=plan, options=SERVING))

    assert failed.kind == Outcome.UNHANDLED
    assert "its gate does not hold: workload.replicas is 2" in failed.message
    assert named(failed.result)[1:] == [
        ("patch_image, command 1", "skipped"),
        ("patch_image, command 2", "skipped"),
    ]
    assert not patches(broken)


async def test_in_the_mode_recommend_each_of_them_is_recommended(broken: World) -> None:
    handle = await broken.start(plan=plan_of(LOOK, SET_ENV), options=Options(mode=Mode.RECOMMEND))
    result = await broken.completed(handle)

    assert result.outcome is Outcome.RECOMMENDED
    assert named(result)[1:] == [
        ("patch_image, command 1", "recommended"),
        ("patch_image, command 2", "skipped"),
        ("patch_image, command 3", "recommended"),
    ]
    assert "and then: the mode is recommend; would change container app env" in result.summary
    assert "And then:" in render(result)
    assert not patches(broken)


async def test_where_the_first_is_left_to_a_person_the_others_are_too(world: World) -> None:
    world.deploy(replicas=2, images={"app": "registry.example/app:1"})
    await world.until_running(2)
    world.set_image("app", MISSING)
    await world.until_broken()
    result = await world.completed(await world.start(plan=plan_of(f"{SCALE}3")))

    assert result.outcome is Outcome.RECOMMENDED
    assert named(result)[1:] == [
        ("patch_image, command 1", "recommended"),
        ("patch_image, command 2", "recommended"),
    ]
    assert not patches(world)
