"""A run is cancelled while its write is tried: the history says whether it was made."""

import asyncio
import re
import threading
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import CancelledError

from runmend.core.outcomes import Outcome
from runmend.plan.messages import ReportCall
from runmend.reports.report import render
from runmend.runs.timeline import progress_of
from runmend.worker.heartbeats import INTERVAL
from tests.builders import FALLBACK, MISSING
from tests.histories.playing import a_worker_with
from tests.temporal.support import quick
from tests.workflow.acts import Held, events_of, events_until, happens, outcome_of, results
from tests.workflow.scenes import patches
from tests.world import World, a_worker

LONG = 600
PATCH = ("PATCH", "deployments/web")


async def test_a_run_that_is_cancelled_while_it_writes_tells_in_its_history_what_it_wrote(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        with Held(world, *PATCH) as held:
            handle = await world.start()
            await happens(held.reached)
            await handle.cancel()
        told = await cancelled(handle)

    assert f"### What stands\n\n- container app: before `{MISSING}`, after `{FALLBACK}`; not proven\n" in told
    assert "### What was not done\n\n- settle\n- verification window\n- check\n" in told
    assert told.endswith(f"kubectl set image deployment/web app={MISSING} -n shop\n```")
    written = (await results(handle))["patch_image"]
    assert [(change["path"][-2], change["after"]) for change in written["changes"]] == [("app", FALLBACK)]
    assert world.images() == {"app": FALLBACK}
    assert "timer_started" not in await events_of(handle)


async def test_a_run_that_is_cancelled_while_its_worker_waits_for_the_write_is_cancelled_afterwards(
    world: World,
) -> None:
    """The worker has heard of the cancellation before the write is answered."""
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        with Held(world, *PATCH) as held:
            handle = await world.start()
            await happens(held.reached)
            await handle.cancel()
            await events_until(handle, "activity_task_cancel_requested")
        await cancelled(handle)

    assert (await results(handle))["patch_image"]["status"] == "done"


async def test_a_run_that_is_cancelled_before_its_step_writes_writes_nothing(world: World) -> None:
    """The step's worker hears of it with its next heartbeat, and asks before it writes."""
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("GET", "deployments/web", times=2, then=lambda _: None)  # of observing, and of the step before
    async with a_worker(world):
        with Held(world, "GET", "deployments/web") as held:
            handle = await world.start()
            await happens(held.reached)
            await handle.cancel()
            await events_until(handle, "activity_task_cancel_requested")
            await asyncio.sleep(2 * INTERVAL.total_seconds())
        await cancelled(handle)

    assert "patch_image" not in await results(handle)
    assert (patches(world), world.images()) == ([], {"app": MISSING})


async def test_a_run_that_is_cancelled_between_two_tries_of_its_write_makes_no_other(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, times=100, status=500)
    async with a_worker(world):
        handle = await world.start()
        await world.until(lambda: len(patches(world)) == 1)
        await handle.cancel()
        told = await cancelled(handle)

    assert "- patch_image may have written all the same: it was under way when the run was cancelled" in told
    assert len(patches(world)) == 1
    assert world.images() == {"app": MISSING}


async def test_a_run_that_is_cancelled_while_a_failing_write_is_under_way_is_cancelled(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        with Held(world, *PATCH, lose_answer=True) as held:
            handle = await world.start()
            await happens(held.reached)
            await handle.cancel()
            await events_until(handle, "activity_task_cancel_requested")
        await cancelled(handle)

    assert world.images() == {"app": FALLBACK}


async def test_a_run_that_is_cancelled_in_its_window_tells_why_in_its_report_and_on_its_target(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=LONG))
        await world.window(handle)
        await handle.cancel(reason="the shop is closed")
        told = await cancelled(handle)
    progress = await progress_of(world.env.client, handle.id, handle.result_run_id or "")
    events = [event for event in world.cluster.events("shop", "source=runmend") if event.object_name == "web"]

    assert "**cancelled by a person: the shop is closed**" in told
    assert "### What was not done\n\n- verification window\n- check\n" in told
    assert "`runmend replay shop/web` verifies the change" in told
    assert render(progress.result) == told
    said = {event.reason: event.message for event in events}  # they are listed by their names, in no order of time
    assert said.keys() == {"RemediationApplied", "RemediationCancelled"}
    assert said["RemediationCancelled"].startswith(
        "cancelled: cancelled by a person: the shop is closed (runbook RB_IMAGEPULL, "
    )


async def test_a_run_that_is_cancelled_without_a_reason_before_it_changed_anything_says_so(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        with Held(world, "GET", "deployments/web") as held:
            handle = await world.start()
            await happens(held.reached)
            await handle.cancel()
        told = await cancelled(handle)

    assert "**cancelled by a person, no reason given**" in told
    assert "### What stands\n\n- nothing was changed\n" in told
    assert "How to restore" not in told
    assert world.images() == {"app": MISSING}


async def test_a_cancellation_is_reported_when_a_worker_is_there_again(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=LONG))
        await world.window(handle)
    await handle.cancel(reason="nobody is here")
    async with a_worker(world):
        told = await cancelled(handle)

    assert "**cancelled by a person: nobody is here**" in told


class Reporter:
    """A report that is told by somebody else."""

    def __init__(self) -> None:
        self.token = b""
        self.reached = threading.Event()

    @activity.defn(name="runmend.report")
    def report(self, _: ReportCall) -> str:
        self.token = activity.info().task_token
        self.reached.set()
        activity.raise_complete_async()


async def test_a_run_that_is_cancelled_as_its_report_is_told_ends_as_it_would_have(world: World) -> None:
    """The worker hears of both at once."""
    world.deploy()
    await world.until_broken(count=2)
    reporter = Reporter()
    async with a_worker_with(world, reporter):
        handle = await world.start(plan=quick(world.plan))
        await happens(reporter.reached)
    await handle.cancel()
    await world.env.client.get_async_activity_handle(task_token=reporter.token).complete("told")
    async with a_worker(world):
        result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert await outcome_of(handle) == "resolved"


async def cancelled(handle: WorkflowHandle[Any, Any]) -> str:
    """The report of a run that must be cancelled."""
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    assert await outcome_of(handle) == "cancelled"
    found = (await handle.describe()).typed_search_attributes
    assert found.get(SearchAttributeKey.for_keyword("Reason")) == "cancelled"
    told: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert told.current_details.startswith("## ImagePullBackOff Remediation: cancelled")
    assert re.search(r"Began .* UTC, ended .* UTC", told.current_details)
    return told.current_details
