"""What docs/changing-workflows.md says of runs whose code changes under them, on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from runmend.cli.replaying_locally import replay_locally
from runmend.core.outcomes import Outcome
from runmend.runs.compatibility import fit, read_exported
from runmend.worker.assembly import build_worker
from tests.histories.changes import changed
from tests.runs import until_tried
from tests.temporal.support import TEMPORAL, id_of, quick, reset
from tests.workflow.acts import events_until
from tests.workflow.scenes import patches
from tests.world import PATIENCE, Offline, World, a_worker

PAUSED = (
    r"^( +)(text: str = await workflow\.execute_activity\(\n)",
    r"\1await workflow.sleep(timedelta(seconds=1))\n\g<0>",
)
PATCHED = (PAUSED[0], r'\1if workflow.patched("a-pause"):\n\1    await workflow.sleep(timedelta(seconds=1))\n\g<0>')
DEPRECATED = (PAUSED[0], r'\1workflow.deprecate_patch("a-pause")\n\1await workflow.sleep(timedelta(seconds=1))\n\g<0>')
OF_TOMORROW = (
    r"^( +)SettleCall\(\n((?:\1 .*\n)*)\1\),$",
    r'\1SettleCall(\n\2\1).model_dump(mode="json") | {"of_tomorrow": 1},',
)
NO_WINDOW = (r"^ +await self\._window\(.*\n", "")


@asynccontextmanager
async def a_worker_of(world: World, *change: tuple[str, str]) -> AsyncIterator[None]:
    """A worker with another workflow."""
    with ThreadPoolExecutor(max_workers=32) as threads:
        with patch("runmend.worker.assembly.Remediation", changed(*change)):
            worker = build_worker(world.env.client, world.cluster, world.settings, threads, Offline())
        async with worker:
            yield


async def open_in_its_window(world: World, window: int = 3) -> WorkflowHandle[Any, Any]:
    """A run of today's code whose worker went while its window was held."""
    world.deploy(replicas=1)
    await world.until_broken()
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=window))
        await world.window(handle)
    return handle


async def test_a_run_under_code_that_does_not_fit_stands_still_and_goes_on_when_the_code_fits_again(
    world: World,
) -> None:
    handle = await open_in_its_window(world)
    async with a_worker_of(world, NO_WINDOW):
        await events_until(handle, "workflow_task_failed")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    async with a_worker(world):
        result = await world.completed(handle, 60)

    assert (result.outcome, len(patches(world))) == (Outcome.RESOLVED, 1)


async def test_a_run_goes_on_under_a_patch_whose_marker_it_gets_and_the_server_can_be_asked_for_it(
    world: World,
) -> None:
    handle = await open_in_its_window(world)
    await until_listed(world, "TemporalChangeVersion IS NULL", 1)
    async with a_worker_of(world, PATCHED):
        assert (await world.completed(handle, 60)).outcome is Outcome.RESOLVED
    history = await handle.fetch_history()

    assert (await fit(history, workflow=changed(PATCHED))).problem is None
    assert (await fit(history, workflow=changed(DEPRECATED))).problem is None
    problem = (await fit(history)).problem
    assert problem is not None
    assert problem.event is not None
    assert "MarkerRecorded" in problem.event

    await until_listed(world, "TemporalChangeVersion = 'a-pause'", 1)
    await until_listed(world, "TemporalChangeVersion IS NULL", 0)


async def until_listed(world: World, condition: str, count: int) -> None:
    """Wait until the server counts so many runs of this world: what it knows of a run that has just ended comes a
    moment later."""
    query = f"TaskQueue = '{world.settings.task_queue}' AND ExecutionStatus IN ('Running', 'Completed') AND {condition}"
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while (counted := (await world.env.client.count_workflows(query)).count) != count:
        assert asyncio.get_running_loop().time() < deadline, f"{counted} runs where {condition}"
        await asyncio.sleep(0.1)


async def test_an_older_worker_tries_an_activity_with_an_input_of_tomorrow_in_vain(world: World) -> None:
    """So a newer one that polls beside it may take it up."""
    world.deploy(replicas=1)
    await world.until_broken()
    async with a_worker_of(world, OF_TOMORROW):
        handle = await world.start(plan=quick(world.plan))
        await until_tried(handle, "Failed decoding arguments", PATIENCE)
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_a_run_that_ended_before_the_patch_is_resumed_under_it(world: World, client: Client) -> None:
    handle = await open_in_its_window(world, window=2)
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 0}})
    async with a_worker(world):
        assert (await world.failed(handle)).kind == "VerificationFailed"
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 1}})
    await world.until_running(1)
    async with a_worker_of(world, PATCHED):
        again = await reset(handle, await id_of(handle, "runmend.settle"), client)
        assert (await world.completed(again, 60)).outcome is Outcome.RESOLVED

    assert "marker_recorded" in await events_until(again, "workflow_execution_completed")


async def test_a_run_and_what_the_temporal_command_exports_of_it_are_replayed_locally(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = await open_in_its_window(world, window=600)
    address = world.env.client.service_client.config.target_host
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("RUNMEND_CLUSTER", world.settings.cluster)
    before = len((await handle.fetch_history()).events)

    assert await replay_locally(handle.id) == 0
    assert (
        f"replays as far as it goes: {handle.id}, RB_IMAGEPULL: {before} events, still open" in capsys.readouterr().out
    )

    argv = (TEMPORAL, "workflow", "show", "-w", handle.id, "-o", "json", "--address", address)
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    exported, _ = await process.communicate()
    (tmp_path / "run.json").write_bytes(exported)
    assert len(json.loads(exported)["events"]) == before
    assert (await fit(read_exported(tmp_path / "run.json"))).problem is None
    assert len((await handle.fetch_history()).events) == before
