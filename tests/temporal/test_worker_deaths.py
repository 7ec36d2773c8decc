"""Worker processes die and are stopped in the middle of a run; another takes over."""

import signal
from pathlib import Path

import pytest

from runmend.core.outcomes import Outcome
from tests.builders import FALLBACK
from tests.temporal.support import WorkerProcess, quick
from tests.workflow.acts import Held, happens, results, revisions
from tests.workflow.scenes import patches
from tests.world import World

PATCH = ("PATCH", "deployments/web")
TAKEN_OVER = 60.0
"""Seconds: a server offers a run's next task to the worker that had it for 10 s, before any other gets it."""
pytestmark = pytest.mark.slow


async def test_a_worker_that_is_killed_between_its_write_and_its_word_of_it_has_written_once(
    world: World, tmp_path: Path
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with WorkerProcess(world, tmp_path / "kubeconfig") as worker:
        with Held(world, *PATCH) as held:
            handle = await world.start(plan=quick(world.plan))
            await happens(held.reached)
            assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
    async with WorkerProcess(world, tmp_path / "kubeconfig"):
        result = await world.completed(handle, TAKEN_OVER)

    assert (result.outcome, result.steps[1].recovered) == (Outcome.RESOLVED, True)
    assert (len(patches(world)), revisions(world), world.images()) == (1, 2, {"app": FALLBACK})


async def test_a_window_outlives_the_worker_that_began_it(world: World, tmp_path: Path) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with WorkerProcess(world, tmp_path / "kubeconfig") as worker:
        handle = await world.start(plan=quick(world.plan, window=2))
        await world.window(handle)
        await worker.end(signal.SIGKILL)
    async with WorkerProcess(world, tmp_path / "kubeconfig"):
        result = await world.completed(handle, TAKEN_OVER)

    assert (result.outcome, result.window_seconds) == (Outcome.RESOLVED, 2)
    assert (len(patches(world)), revisions(world)) == (1, 2)


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
