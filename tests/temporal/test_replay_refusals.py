"""Which runs are not resumed, and what is said of them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runmend.core.settings import Settings
from runmend.runs.history import NotARun
from runmend.runs.replaying.points import NotReplayed
from runmend.runs.replaying.reading import refuse_unless_latest
from runmend.worker.assembly import THREADS, build_worker
from tests.builders import FALLBACK, GOOD, MISSING, an_alert
from tests.temporal.replays import PATCH, broken, failed_at_its_write, past_of, point_of, resumed, short
from tests.workflow.acts import Held, events_of, events_until, happens, hold_settle
from tests.world import Offline, World, a_worker


async def test_a_run_that_resolved_is_not_resumed(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        handle = await world.start(plan=short(world.plan))
        await world.completed(handle)

    with pytest.raises(NotReplayed, match="the run completed, so there is nothing to resume; `--again` starts"):
        await resumed(world, handle)


async def test_a_run_whose_change_was_put_back_is_not_resumed(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        handle = await world.start(plan=short(world.plan, window=2))
        await world.window(handle)
        world.set_image("app", GOOD)
        assert (await world.failed(handle)).kind == "Reverted"

    with pytest.raises(NotReplayed, match="ended Reverted"):
        await resumed(world, handle, "settle")
    assert world.images() == {"app": GOOD}


async def test_of_an_open_run_it_is_said_what_it_waits_for(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        written = hold_settle(world)
        handle = await world.start(plan=short(world.plan))
        await happens(written)
        await events_until(handle, "activity_task_completed")
        await world.until(lambda: len(world.faults.sent("GET", "deployments/web")) > 4)
        with pytest.raises(
            NotReplayed, match=r"shop/Deployment/web@\S+ is open: settle, try \d+: ServerError: .*held by the test"
        ):
            await past_of(world, handle)
        world.faults.clear()
        await world.window(handle)
        await world.completed(handle)


async def test_of_an_open_run_in_its_window_that_is_said(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        handle = await world.start(plan=short(world.plan, window=3600))
        await world.window(handle)

        with pytest.raises(
            NotReplayed, match=r"is open: verification window: (59m \d\ds|1h 00m) of 1 hour to go, until "
        ):
            await past_of(world, handle)
        await handle.terminate()


async def test_of_an_open_run_without_a_worker_that_is_said(world: World) -> None:
    await broken(world)
    handle = await world.start()

    with pytest.raises(NotReplayed, match="is open: it waits for a worker"):
        await past_of(world, handle)
    await handle.terminate()


async def test_of_an_open_run_whose_workflow_task_fails_the_remedy_is_said_and_helps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broken(world)

    def faulty(*_: object) -> str:
        raise KeyError("affected")

    # Without Temporal's sandbox, as workers run: it would load the workflow's modules anew, without the fault.
    threads = ThreadPoolExecutor(max_workers=THREADS)
    async with build_worker(world.env.client, world.cluster, world.settings, threads, Offline()):
        with monkeypatch.context() as patched:
            patched.setattr("runmend.reports.current_details.step_summary", faulty)
            handle = await world.start(plan=short(world.plan))
            while (await handle.describe()).raw_description.pending_workflow_task.attempt < 2:  # noqa: ASYNC110  no event tells of it
                await asyncio.sleep(0.1)
            with pytest.raises(
                NotReplayed,
                match=r"its workflow task fails, try \d+ \('affected'\); deploy a fixed worker, and the run goes "
                r"on by itself",
            ):
                await past_of(world, handle)
        await world.completed(handle, 60)

    assert "workflow_task_failed" in await events_of(handle)
    assert world.images() == {"app": FALLBACK}


async def test_a_run_that_is_not_its_targets_latest_is_not_resumed(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        past = await past_of(world, handle)
        with Held(world, *PATCH) as held:
            later = await world.start((an_alert("web-1"),), plan=short(world.plan))
            await happens(held.reached)
            with pytest.raises(
                NotReplayed, match=rf"is not the latest run of Deployment shop/web: {later.run_id} is open: patch_image"
            ):
                await refuse_unless_latest(world.env.client, past)
        await world.completed(later)

    with pytest.raises(
        NotReplayed, match=rf"{later.run_id} \(completed\) came after it; `--again` does this one again"
    ):
        await refuse_unless_latest(world.env.client, past)


@pytest.mark.parametrize("step", ["window", "check", "report", "settle"])
async def test_a_step_that_proves_nothing_or_had_not_begun_is_refused(world: World, step: str) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)

    with pytest.raises(
        NotReplayed,
        match="`--from settle`" if step != "settle" else "had not begun settle; it can be resumed at observe, 1 ",
    ):
        await point_of(world, handle, step)


async def test_a_run_of_another_clusters_queue_is_refused_with_both_names(world: World) -> None:
    await broken(world)
    handle = await world.start()
    await handle.terminate()
    elsewhere = replace(world, settings=Settings(cluster="elsewhere"))

    with pytest.raises(NotReplayed) as refused:
        await past_of(elsewhere, handle)

    mine = world.settings.cluster
    assert str(refused.value) == (
        f"{handle.id} is a run of cluster {mine} (task queue runmend-{mine}), and this installation's is elsewhere "
        "(task queue runmend-elsewhere); set RUNMEND_CLUSTER"
    )


@pytest.mark.parametrize("ours", [True, False])
async def test_a_workflow_of_somebody_elses_is_refused(world: World, client: Client, ours: bool) -> None:  # noqa: FBT001
    queue = world.settings.task_queue if ours else "theirs"
    handle = await client.start_workflow("Theirs", {"a": 1}, id=f"theirs-{world.settings.cluster}", task_queue=queue)
    await handle.terminate()

    with pytest.raises(NotARun, match=r"theirs-.* \(workflow type Theirs.*\) is not a run of"):
        await past_of(world, handle)


@pytest.mark.slow
async def test_a_run_whose_retention_has_passed_is_said_to_be_gone(world: World, client: Client) -> None:
    """Deleted, as Temporal does it then; the development server takes half a minute for that."""
    await broken(world)
    handle = await world.start()
    await handle.terminate()
    execution = WorkflowExecution(workflow_id=handle.id, run_id=handle.run_id or "")
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    )
    async with asyncio.timeout(90):
        while await _there(client, execution):  # noqa: ASYNC110  no event tells of it
            await asyncio.sleep(0.2)

    with pytest.raises(
        NotReplayed,
        match=r"Temporal does not have .* any more: a closed run is kept for the namespace's retention; `runmend",
    ):
        await past_of(world, handle)
    assert world.images() == {"app": MISSING}


async def _there(client: Client, execution: WorkflowExecution) -> bool:
    try:
        await client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
