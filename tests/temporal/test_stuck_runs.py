"""A run whose workflow task fails again and again is named, whoever looks."""

# ruff: noqa: ASYNC110  what is waited for happens in another process, which sets no event here

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.bridge import polling
from runmend.bridge.metrics import Metrics
from runmend.bridge.polling import Polling
from runmend.runs.timeline import progress_of
from runmend.runs.visibility import Wanted, newest, stuck
from tests.builders import an_alert
from tests.commands import run_command
from tests.world import PATIENCE, World

WORDS = "its workflow task fails: workflow worker unhandled failure"


@workflow.defn(dynamic=True)
class Broken:
    """Code that does not fit its runs."""

    @workflow.run
    async def run(self, _: Sequence[RawValue]) -> None:
        raise RuntimeError("nobody foresaw it")


@asynccontextmanager
async def broken_worker(world: World) -> AsyncIterator[None]:
    async with Worker(
        world.env.client,
        task_queue=world.settings.task_queue,
        workflows=[Broken],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def until_stuck(world: World) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await stuck(world.env.client, world.settings):
            await asyncio.sleep(0.2)


async def test_it_is_named_by_lists_by_show_and_by_the_bridges_metric(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(polling, "LOOK_AGAIN_SECONDS", 0.1)
    handle = await world.start((an_alert("web-1"),))
    other = await world.start((an_alert("api-1"),), target=world.target.model_copy(update={"name": "api"}))
    await other.terminate()
    assert await stuck(world.env.client, world.settings) == 0
    metrics = Metrics()
    watching = asyncio.create_task(Polling(world.env.client, world.settings, metrics).watch(asyncio.Event()))
    line = f'runmend_runs_stuck{{task_queue="{world.settings.task_queue}"}} '
    try:
        async with broken_worker(world):
            await until_stuck(world)
            async with asyncio.timeout(PATIENCE):
                while f"{line}1.0" not in metrics.text().decode():
                    await asyncio.sleep(0.1)
                while not (progress := await progress_of(world.env.client, handle.id, "")).problem:
                    await asyncio.sleep(0.2)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TEMPORAL_ADDRESS": world.env.client.service_client.config.target_host,
            "RUNMEND_CLUSTER": world.settings.cluster,
        }
        listed = await asyncio.to_thread(run_command, ("list",), env)
        told = await asyncio.to_thread(run_command, ("list", "--format", "json"), env)
        shown = await asyncio.to_thread(run_command, ("show", "shop/web"), env)
        await handle.terminate()
        async with asyncio.timeout(PATIENCE):
            while f"{line}0.0" not in metrics.text().decode():
                await asyncio.sleep(0.1)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    assert progress.problem.startswith("its workflow task fails, try ")
    assert progress.problem.endswith(": nobody foresaw it")
    (row,) = [line for line in listed.stdout.splitlines() if "shop/web" in line]
    assert row.startswith("running, stuck ")
    assert row.endswith(WORDS)
    assert {each["target"]: each["problem"] for each in json.loads(told.stdout)} == {
        "Deployment shop/web": WORDS,
        "Deployment shop/api": "",
    }
    (said,) = [line for line in shown.stdout.splitlines() if line.startswith("Stuck: its workflow task fails, try ")]
    assert said.endswith(": nobody foresaw it")
    assert "`temporal workflow terminate` gives it up" in shown.stdout


async def test_a_run_that_has_ended_is_stuck_no_more(world: World) -> None:
    handle = await world.start((an_alert("web-1"),))
    async with broken_worker(world):
        await until_stuck(world)
    await handle.terminate()
    async with asyncio.timeout(PATIENCE):
        while await stuck(world.env.client, world.settings):
            await asyncio.sleep(0.1)

    (row,) = await newest(world.env.client, world.settings, Wanted(), 10)
    assert row.problem == ""
