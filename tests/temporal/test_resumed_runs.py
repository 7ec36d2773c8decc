"""What is told of runs that were reset, and of those that go on from there: a reset run's history begins with
another's."""

import asyncio
import io
from typing import Any

import pytest
from rich.console import Console
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from runmend.core.outcomes import Outcome
from runmend.plan.memo import REPLAYS
from runmend.plan.messages import RunInput
from runmend.runs.terminal import Screen, follow
from runmend.runs.timeline import WINDOW, Progress, State, progress_of
from tests.builders import an_alert
from tests.temporal.support import id_of, quick, reset
from tests.world import World, a_worker

WHOLE = ["observe", "get_pod_events", "patch_image", "settle", WINDOW, "check", "report"]


async def told(client: Client, handle: WorkflowHandle[Any, Any]) -> Progress:
    assert handle.run_id
    return await progress_of(client, handle.id, handle.run_id)


def kept(progress: Progress) -> list[str]:
    return [phase.name for phase in progress.phases if phase.kept]


async def a_failed_run(world: World) -> WorkflowHandle[Any, Any]:
    """One whose write needed two tries, and whose Deployment was scaled to nothing in the window."""
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", status=500)
    handle = await world.start(plan=quick(world.plan, window=2))
    await world.window(handle)
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 0}})
    assert (await world.failed(handle)).kind == "VerificationFailed"
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 2}})
    await world.until_running(2)
    return handle


async def test_a_run_that_was_reset_stays_failed_and_names_its_successor_which_names_it(
    world: World, client: Client
) -> None:
    async with a_worker(world):
        first = await a_failed_run(world)
        second = await reset(first, await id_of(first, "runmend.settle"), client)
        await world.completed(second)
    before, after = await told(client, first), await told(client, second)

    assert (before.status, before.result.outcome) == (WorkflowExecutionStatus.FAILED, Outcome.VERIFICATION_FAILED)
    assert (before.resumes, before.resumed_as, kept(before)) == ("", second.run_id, [])
    assert (after.resumes, after.resumed_as) == (first.run_id, "")
    assert after.result.outcome is Outcome.RESOLVED


async def test_what_was_kept_is_told_apart_from_what_was_done_again(world: World, client: Client) -> None:
    async with a_worker(world):
        first = await a_failed_run(world)
        second = await reset(first, await id_of(first, "runmend.settle"), client)
        await world.completed(second)
    before, after = await told(client, first), await told(client, second)

    assert [phase.name for phase in after.phases] == WHOLE
    assert {phase.state for phase in after.phases} == {State.DONE}
    assert (kept(after), after.resumed_at) == (WHOLE[:3], "settle")
    patched = after.phase("patch_image")
    assert patched is not None
    assert patched.attempt == 2
    assert [phase.says for phase in after.phases[:3]] == [phase.says for phase in before.phases[:3]]
    assert after.result.steps == before.result.steps
    assert after.result.began == before.result.began
    assert before.closed_at is not None
    assert after.started > before.closed_at
    assert after.seconds < (after.closed_at or after.started).timestamp() - before.started.timestamp()


async def test_a_reset_of_a_reset_names_the_run_that_it_was_made_from(world: World, client: Client) -> None:
    async with a_worker(world):
        first = await a_failed_run(world)
        second = await reset(first, await id_of(first, "runmend.settle"), client)
        await world.completed(second)
        third = await reset(second, await id_of(second, "runmend.check"), client)
        await world.completed(third)
        fourth = await reset(third, "02-patch_image", client)
        await world.completed(fourth)
    runs = [await told(client, handle) for handle in (first, second, third, fourth)]

    assert [run.resumes for run in runs] == ["", first.run_id, second.run_id, third.run_id]
    assert [run.resumed_as for run in runs] == [second.run_id, third.run_id, fourth.run_id, ""]
    assert [run.resumed_at for run in runs] == ["", "settle", "check", "patch_image"]
    for run in runs[1:]:
        assert [phase.name for phase in run.phases] == WHOLE
        assert (run.activities, run.result.outcome) == (7, Outcome.RESOLVED)
    assert [step.recovered for step in runs[3].result.steps] == [False, True]


async def test_a_run_that_is_reset_while_it_is_open_is_terminated_and_its_successor_is_told_so_far(
    world: World, client: Client
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        first = await world.start(plan=quick(world.plan, window=300))
        await world.window(first)
        second = await reset(first, await id_of(first, "runmend.settle"), client)
        await world.window(second)
        before, after = await told(client, first), await told(client, second)
        await second.terminate()

    assert (before.status, before.resumed_as) == (WorkflowExecutionStatus.TERMINATED, second.run_id)
    assert before.result.summary == "terminated: a test"
    assert before.result.ended == before.closed_at
    states = {phase.name: phase.state for phase in after.phases}
    assert (states["settle"], states[WINDOW], states["check"]) == (State.DONE, State.DOING, State.PLANNED)


async def test_a_run_that_is_reset_while_it_is_followed_is_followed_on(world: World, client: Client) -> None:
    said = io.StringIO()
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        first = await world.start(plan=quick(world.plan, window=4))
        with Screen(Console(file=said, width=200)) as screen:
            following = asyncio.create_task(follow(client, first.id, first.run_id or "", screen))
            await world.window(first)
            second = await reset(first, await id_of(first, "runmend.settle"), client)
            end = await following

    assert (end.run_id, end.result.outcome) == (second.run_id, Outcome.RESOLVED)
    before, _, after = said.getvalue().partition(
        f"The run was reset meanwhile; it goes on as {first.id}@{second.run_id}.\n"
    )
    assert "patch_image" in before
    assert "report" not in before
    assert [line.split()[1] for line in after.splitlines() if "✓" in line] == [
        "settle",
        "verification",
        "check",
        "report",
    ]


async def test_a_closed_run_is_not_followed_into_its_successor(world: World, client: Client) -> None:
    async with a_worker(world):
        first = await a_failed_run(world)
        second = await reset(first, await id_of(first, "runmend.settle"), client)
        await world.completed(second)
    with Screen(Console(file=io.StringIO())) as screen:
        end = await follow(client, first.id, first.run_id or "", screen)

    assert (end.run_id, end.completed) == (first.run_id, False)


@pytest.mark.parametrize("memo", [None, {REPLAYS: "a-run-id"}])
async def test_a_replay_names_the_run_whose_work_it_does_again(
    world: World, client: Client, memo: dict[str, str] | None
) -> None:
    given = RunInput(plan=world.plan, target=world.target, alerts=(an_alert("web-1"),))
    handle = await client.start_workflow(
        world.plan.runbook_id, given, id=world.target.workflow_id, task_queue=world.settings.task_queue, memo=memo
    )
    progress = await progress_of(client, handle.id, "")
    await handle.terminate()

    assert progress.replays == (memo or {}).get(REPLAYS, "")
    assert progress.resumes == progress.resumed_at == ""
