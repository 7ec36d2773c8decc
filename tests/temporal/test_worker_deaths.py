"""Worker processes die and are stopped in the middle of a run; another takes over."""

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from runmend.core.outcomes import Outcome
from tests.builders import FALLBACK, MISSING
from tests.temporal.support import WorkerProcess, quick
from tests.workflow.acts import Held, events_of, happens, results, revisions
from tests.workflow.scenes import patches
from tests.world import World

PATCH = ("PATCH", "deployments/web")
RECOVERY = 10.0
"""Seconds from a worker's death to what its run does next: 5 without a heartbeat, 1 until the next try, and 2 in which
the next task waits for the worker that had the last one."""
TAKEN_OVER = 30.0
pytestmark = pytest.mark.slow


async def after(handle: WorkflowHandle[Any, Any], death: datetime) -> list[tuple[str, float]]:
    """What has happened in a run since a worker's death, each with how many seconds after it."""
    events = (await handle.fetch_history()).events
    times = [(str(event.WhichOneof("attributes")), event.event_time.ToDatetime(tzinfo=UTC)) for event in events]
    return [
        (kind.removesuffix("_event_attributes"), (when - death).total_seconds()) for kind, when in times if when > death
    ]


async def test_a_worker_that_is_killed_between_its_write_and_its_word_of_it_has_written_once(
    world: World, tmp_path: Path
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    plan = quick(world.plan, try_seconds=60)
    async with WorkerProcess(world, tmp_path / "kubeconfig") as worker:
        with Held(world, *PATCH) as held:
            handle = await world.start(plan=plan)
            await happens(held.reached)
            async with WorkerProcess(world, tmp_path / "kubeconfig"):
                death = datetime.now(UTC)
                assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
                result = await world.completed(handle, TAKEN_OVER)

    assert (result.outcome, result.steps[1].recovered) == (Outcome.RESOLVED, True)
    assert (len(patches(world)), revisions(world), world.images()) == (1, 2, {"app": FALLBACK})
    went_on = next(seconds for kind, seconds in await after(handle, death) if kind == "activity_task_scheduled")
    assert went_on < RECOVERY, await after(handle, death)
    scheduled = [event.activity_task_scheduled_event_attributes for event in (await handle.fetch_history()).events]
    watched = [each.heartbeat_timeout.ToSeconds() for each in scheduled if each.activity_id]
    assert watched == [5] * 7, "every activity's worker is watched, the report's too"


async def test_a_look_into_the_window_is_made_again_by_another_worker(world: World, tmp_path: Path) -> None:
    """The worker dies in the look that has seen what somebody put back."""
    world.deploy()
    await world.until_broken(count=2)
    looks = {"RUNMEND_LOOK_SECONDS": "2"}
    async with WorkerProcess(world, tmp_path / "kubeconfig", **looks) as worker:
        handle = await world.start(plan=quick(world.plan, window=60))
        await world.window(handle)
        world.set_image("app", MISSING, manager="argocd-controller")
        with Held(world, "GET", "deployments/web") as held:
            await happens(held.reached)
            await worker.end(signal.SIGKILL)
    async with WorkerProcess(world, tmp_path / "kubeconfig", **looks):
        failed = await world.failed(handle)

    assert failed.kind == "Reverted"
    assert "now, by field manager 'argocd-controller'" in failed.message
    assert failed.result.window_ended_early
    assert (len(patches(world)), (await events_of(handle)).count("activity_task_scheduled")) == (1, 6)


async def test_a_worker_that_is_told_to_stop_finishes_its_write_and_ends_with_0(world: World, tmp_path: Path) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with WorkerProcess(world, tmp_path / "kubeconfig") as worker:
        with Held(world, *PATCH) as held:
            handle = await world.start(plan=quick(world.plan, try_seconds=20))
            await happens(held.reached)
            worker.tell(signal.SIGTERM)
        assert await worker.ended() == 0
    written = (await results(handle))["patch_image"]

    assert (written["status"], written["recovered"]) == ("done", False)
    assert len(patches(world)) == 1
    await handle.terminate()
