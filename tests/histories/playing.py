"""What playing a kind of run takes: a broken Deployment, a run that is waited for, plans in a hurry, reports that fail
or wait."""

import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeAlias
from unittest.mock import patch

from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from runmend.core.outcomes import Outcome
from runmend.plan.messages import ReportCall, RunResult
from runmend.plan.plan import Plan
from runmend.worker.assembly import build_worker
from tests.temporal.support import quick
from tests.world import PATIENCE, Offline, World, a_worker

Handle: TypeAlias = WorkflowHandle[Any, Any]

LONG: Final = 5
"""Seconds of a window in which something happens."""


async def broken(world: World, **how: Any) -> None:
    """A Deployment of one pod that cannot be pulled; `how` is `deploy`'s."""
    world.deploy(**({"replicas": 1} | how))
    await world.until_broken()


async def ended(world: World, handle: Handle, outcome: Outcome) -> Handle:
    """The run, once it has ended so."""
    end = await world.end(handle)
    assert (end.outcome if isinstance(end, RunResult) else end.kind) == outcome.value, end
    return handle


async def failure_of(handle: Handle) -> BaseException | None:
    """Why Temporal says that a run has failed, once it has ended."""
    try:
        await handle.result()
    except WorkflowFailureError as error:
        return error.cause
    return None


async def cancelled(handle: Handle) -> Handle:
    """The run, once it has ended as cancelled."""
    failure = await failure_of(handle)
    assert isinstance(failure, CancelledError), repr(failure)
    return handle


async def in_window(world: World, *, window: int = LONG) -> Handle:
    """A run whose window has just begun."""
    await broken(world)
    handle = await world.start(plan=quick(world.plan, window=window))
    await world.window(handle)
    return handle


def hurried(plan: Plan) -> Plan:
    """The plan with steps that have two seconds in all, and one for a try."""
    hurry = {"try_seconds": 1, "budget_seconds": 2}
    return plan.model_copy(update={"steps": tuple(step.model_copy(update=hurry) for step in plan.steps)})


class RefusingReporter:
    """A report that fails."""

    @activity.defn(name="runmend.report")
    def report(self, call: ReportCall) -> str:
        raise ApplicationError(f"no report of {call.result.outcome}", non_retryable=True)


class HeldReporter:
    """A report that waits until it is told to go on."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    @activity.defn(name="runmend.report")
    def report(self, call: ReportCall) -> str:
        self.reached.set()
        self.go.wait(PATIENCE)
        return f"held: {call.result.outcome}"


@asynccontextmanager
async def a_worker_that_looks(world: World) -> AsyncIterator[None]:
    """A worker that looks into windows every second."""
    async with a_worker(replace(world, settings=world.settings.model_copy(update={"look_seconds": 1}))):
        yield


@asynccontextmanager
async def a_worker_with(world: World, reporter: object) -> AsyncIterator[None]:
    """A worker that reports in its own way."""
    with ThreadPoolExecutor(max_workers=32) as threads:
        with patch("runmend.worker.assembly.Reporter", lambda *_: reporter):
            worker = build_worker(world.env.client, world.cluster, world.settings, threads, Offline())
        async with worker:
            yield
