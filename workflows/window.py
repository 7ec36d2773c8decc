"""The verification window: a durable timer, and beside it `runmend.hold`, which ends it where the fix does not hold."""

import asyncio
from datetime import timedelta
from typing import NamedTuple

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from runmend.core.outcomes import Outcome
    from runmend.plan.messages import CheckCall, Checked
    from workflows.calling import HEARTBEAT
    from workflows.failures import failure_of

UNHURRIED = RetryPolicy(
    initial_interval=timedelta(seconds=5), backoff_coefficient=2, maximum_interval=timedelta(seconds=30)
)
AFTER_ALL_ELSE = Priority(priority_key=5)
"""Looks are many where many windows are open, and can wait: what would change something goes first."""
LONGER = timedelta(hours=2)
"""By how much a watcher could outlast its window, which ends it: more than its longest wait, so that a try is never
left out for lack of time."""


class Window(NamedTuple):
    """What came of it: what broke, None where nothing did; and why nobody watched it to its end, where nobody did."""

    broken: Checked | None = None
    unwatched: str = ""


async def window(call: CheckCall, length: timedelta, summary: str) -> Window:
    """Let the window pass; shorter where something breaks.

    A watcher that cannot do its work breaks nothing: the check judges in the end.

    Args:
        call: what is watched.
        length: how long it lasts.
        summary: what the Web UI shows of its timer.
    """
    watcher = workflow.start_activity(
        "runmend.hold",
        call,
        result_type=Checked,
        summary="watch over the window",
        start_to_close_timeout=timedelta(seconds=30),
        schedule_to_close_timeout=length + LONGER,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=UNHURRIED,
        priority=AFTER_ALL_ELSE,
    )
    # Nobody waits for it once the window is over.
    watcher.add_done_callback(lambda done: done.cancelled() or done.exception())
    timer = asyncio.create_task(workflow.sleep(length, summary=summary))
    try:
        passed = await _passed(timer, watcher)
    except asyncio.CancelledError:
        # No `finally`: it would run, too, when a worker forgets the run, and commands can be given no more.
        timer.cancel()
        watcher.cancel()
        raise
    timer.cancel()
    watcher.cancel()
    return passed


async def _passed(timer: asyncio.Task[None], watcher: workflow.ActivityHandle[Checked]) -> Window:
    await workflow.wait([timer, watcher], return_when=asyncio.FIRST_COMPLETED)
    if timer.done():
        # Whatever the watcher says now as well: a window that is over is the check's.
        return Window()
    try:
        return Window(broken=watcher.result())
    except ActivityError as error:
        why = failure_of(error, Outcome.VERIFICATION_FAILED).message
    await timer
    return Window(unwatched=why)
