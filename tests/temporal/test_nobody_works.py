"""Whoever waits for a run is told, once, that no worker works on it."""

# ruff: noqa: ASYNC110  what is waited for happens in another process, which sets no event here

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from runmend.runs import polling
from runmend.runs.polling import waiting_task
from runmend.runs.replaying import batch
from runmend.runs.replaying.batch import candidates, resume_all
from runmend.runs.terminal import Screen, follow
from runmend.runs.visibility import FAILED, Wanted
from tests.temporal.replays import Handle, short
from tests.world import PATIENCE, World, a_worker


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (polling, batch):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)


@asynccontextmanager
async def following(world: World, handle: Handle) -> AsyncIterator[io.StringIO]:
    """What is shown of a run while it is followed, as without a terminal; the run is ended at the end of the block."""
    shown = io.StringIO()
    with Screen(Console(file=shown, width=1000)) as screen:
        task = asyncio.create_task(follow(world.env.client, handle.id, handle.run_id or "", screen))
        yield shown
        await handle.terminate()
        await asyncio.wait_for(task, PATIENCE)


async def said(shown: io.StringIO) -> list[str]:
    """The lines that speak of workers, once there is one, and a while later."""
    async with asyncio.timeout(PATIENCE):
        while "worker" not in shown.getvalue():
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)
    return [line for line in shown.getvalue().splitlines() if "worker" in line]


async def test_where_no_worker_polls_it_is_said_once_with_the_task_queue(world: World) -> None:
    world.deploy()
    await world.until_broken()
    async with following(world, await world.start()) as shown:
        assert await said(shown) == [
            (
                f"No worker polls the task queue {world.settings.task_queue}; the run goes on when one does: "
                "`runmend worker`."
            )
        ]


async def test_where_the_worker_has_just_died_it_is_told_by_the_task_that_nobody_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal lists one that was killed for five minutes after its last poll."""

    async def listed(*_: object) -> int:
        await asyncio.sleep(0)
        return 1

    monkeypatch.setattr(polling, "workers_of", listed)
    world.deploy()
    await world.until_broken()
    async with following(world, await world.start()) as shown:
        [line] = await said(shown)
    assert line.startswith(f"No worker of the task queue {world.settings.task_queue} has taken the run's next task ")


async def test_a_worker_that_works_is_not_doubted(world: World) -> None:
    """A step that is put off until its next try waits for no worker."""
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", times=1000, status=503)
    async with a_worker(world):
        handle = await world.start()
        async with following(world, handle) as shown:
            await world.until(lambda: len(world.faults.sent("PATCH", "deployments/web")) >= 2)
            waits = []
            for _ in range(20):
                await asyncio.sleep(0.1)
                waits.append(waiting_task(await handle.describe()))
    assert waits.count("") >= 18, "a task may just be on its way"
    assert "worker" not in shown.getvalue()


async def test_a_batch_says_it_too(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", times=1000, status=503)
    async with a_worker(world):
        assert (await world.failed(await world.start(plan=short(world.plan)))).kind == "StepFailed"
    wanted, since = Wanted(outcomes=(FAILED,)), datetime.now(UTC) - timedelta(hours=1)
    async with asyncio.timeout(PATIENCE):
        while not (found := await candidates(world.env.client, world.settings, wanted, since)):
            await asyncio.sleep(0.1)
    told: list[str] = []
    shown = asyncio.create_task(resume_all(world.env.client, found, 5, told.append))
    async with asyncio.timeout(PATIENCE):
        while len(told) < 2:
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)
    shown.cancel()

    assert told[1].startswith("No worker ")
    assert f" the task queue {world.settings.task_queue}" in told[1]
    assert len(told) == 2
