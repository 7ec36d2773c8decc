"""A run is taken back to a step, and its history is replayed."""

import json

from temporalio.client import Client
from temporalio.worker import Replayer

from runmend.core.outcomes import Outcome
from runmend.plan.notes import NOTES
from runmend.runs.converter import data_converter
from tests.temporal.support import id_of, quick, reset
from tests.workflow.acts import results, revisions
from tests.workflow.scenes import patches
from tests.workflow.test_several_commands import RESTART, SCALE, SERVING, UNDO, plan_of
from tests.world import World, a_worker
from workflows.remediation import Remediation


async def test_a_run_that_is_reset_to_its_write_takes_the_result_from_the_annotation(
    world: World, client: Client
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan))
        first = await world.completed(handle)
        again = await reset(handle, "02-patch_image", client)
        second = await world.completed(again)

    (note,) = json.loads(world.cluster.deployment("shop", "web").annotations[NOTES])
    assert again.run_id != handle.run_id == note["run"]
    assert [step.recovered for step in first.steps] == [False, False]
    assert [step.recovered for step in second.steps] == [False, True]
    assert (second.outcome, second.steps[1].changes) == (Outcome.RESOLVED, first.steps[1].changes)
    assert (len(patches(world)), revisions(world)) == (1, 2)


async def test_a_run_that_is_reset_to_before_many_commands_does_none_of_them_again(
    world: World, client: Client
) -> None:
    """Each is found by its own note, also where a later one of the run has changed the same again."""
    world.deploy()
    await world.until_broken(count=2)
    replicas = [f"{SCALE}{number}" for number in (3, 4, 3, 4, 3, 2)]
    plan = quick(plan_of(*replicas, RESTART, UNDO))
    async with a_worker(world):
        handle = await world.start(plan=plan, options=SERVING)
        first = await world.completed(handle)
        written, left = len(patches(world)), revisions(world)
        again = await reset(handle, "02-patch_image", client)
        second = await world.completed(again)

    assert [step.recovered for step in second.steps] == [False, *[True] * 9]
    assert (len(patches(world)), revisions(world)) == (written, left)
    assert (first.outcome, second.outcome) == (Outcome.RESOLVED, Outcome.RESOLVED)


async def test_a_failed_run_that_is_reset_to_settle_holds_its_window_anew(world: World, client: Client) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=2))
        await world.window(handle)
        world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 0}})
        assert (await world.failed(handle)).kind == "VerificationFailed"
        world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 2}})
        await world.until_running(2)
        again = await reset(handle, await id_of(handle, "runmend.settle"), client)
        await world.window(again)
        result = await world.completed(again)

    assert (result.outcome, result.window_seconds) == (Outcome.RESOLVED, 2)
    assert (await results(again))["runmend.settle"] != (await results(handle))["runmend.settle"]


async def test_a_recorded_history_has_54_events_and_replays(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan))
        await world.completed(handle)

    replayer = Replayer(workflows=[Remediation], data_converter=data_converter)
    history = await handle.fetch_history()
    await replayer.replay_workflow(history)
    assert len(history.events) == 54
