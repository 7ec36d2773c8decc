"""How tests watch a run by its history, and how it ended."""

import asyncio
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from runmend.plan.messages import RunResult

WINDOW = "window"
_CLOSED = (
    "workflow_execution_completed",
    "workflow_execution_failed",
    "workflow_execution_terminated",
    "workflow_execution_timed_out",
)


@dataclass
class Failed:
    """How a run failed: the error's type, its words, and the evidence."""

    kind: str
    message: str
    result: RunResult

    @property
    def what(self) -> str:
        """The message, without when in its window that was."""
        return self.message.rpartition(" into the window: ")[2]


async def phases(handle: WorkflowHandle[Any, Any]) -> tuple[list[str], bool]:
    """The activities that were begun, by type, with "window" for the timer, in their order; and whether the run is
    closed."""
    begun, closed = [], False
    async for event in handle.fetch_history_events():
        kind = (event.WhichOneof("attributes") or "").removesuffix("_event_attributes")
        if kind == "activity_task_scheduled":
            begun.append(event.activity_task_scheduled_event_attributes.activity_type.name)
        elif kind == "timer_started":
            begun.append(WINDOW)
        closed = closed or kind in _CLOSED
    return begun, closed


async def until(handle: WorkflowHandle[Any, Any], phase: str, patience: float) -> None:
    """Wait until a phase of a run has begun, by an activity's type or "window"."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        begun, closed = await phases(handle)
        if phase in begun:
            return
        assert not closed, f"the run ended before {phase}: {await end(handle, patience)}"
        assert asyncio.get_running_loop().time() < deadline, f"{phase} not within {patience} s; so far {begun}"
        await asyncio.sleep(0.1)


async def until_tried(handle: WorkflowHandle[Any, Any], words: str, patience: float) -> None:
    """Wait until a try of the activity that a run waits for has failed with these words."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        pending = (await handle.describe()).raw_description.pending_activities
        if any(words in each.last_failure.message for each in pending):
            return
        assert asyncio.get_running_loop().time() < deadline, f"no try failed with {words!r}: {pending}"
        await asyncio.sleep(0.1)


async def end(handle: WorkflowHandle[Any, Any], patience: float) -> RunResult | Failed:
    """How a run ended; waits for it in real time, `patience` seconds at most."""
    try:
        return RunResult.model_validate(await asyncio.wait_for(handle.result(), patience))
    except WorkflowFailureError as error:
        cause = error.cause
    assert isinstance(cause, ApplicationError), repr(cause)
    return Failed(cause.type or "", cause.message, RunResult.model_validate(cause.details[0]))
