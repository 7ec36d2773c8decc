"""How the workflow calls an activity: for how long, how often it is tried again, and what its failure is to the
run.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from runmend.core.outcomes import Outcome
    from runmend.reports.static_details import SUMMARY_BYTES, cut
    from workflows.failures import failure_of

QUICK = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(seconds=10)
)
STEADY = RetryPolicy(initial_interval=timedelta(seconds=2), backoff_coefficient=1)
HEARTBEAT = timedelta(seconds=5)
"""After how long without a heartbeat an activity's worker counts as dead; workers send one every second."""


def tried_again(retries: int | None) -> RetryPolicy:
    """The policy of a step that is tried again so often at most; as often as its time allows where None."""
    return QUICK if retries is None else replace(QUICK, maximum_attempts=retries + 1)


async def perform(  # noqa: PLR0913  the options of an activity
    name: str,
    call: Any,  # noqa: ANN401  whatever the activity takes
    result_type: type[Any],
    otherwise: Outcome,
    *,
    summary: str,
    seconds: tuple[int, int],
    activity_id: str | None = None,
    retry: RetryPolicy = QUICK,
    finish: bool = False,
) -> Any:  # noqa: ANN401  the result type's value
    """An activity, its failure turned into the run's.

    Args:
        name: the activity's type.
        call: its input.
        result_type: what it returns.
        otherwise: the outcome, where the failure does not name one itself.
        summary: what the Web UI shows.
        seconds: for one try, and for all.
        activity_id: for a step, so that a reset finds it.
        retry: when to try again.
        finish: a write that has begun is waited for when the run is cancelled, so that the history says whether it
            was made.
    """
    try:
        result = await workflow.execute_activity(
            name,
            call,
            result_type=result_type,
            summary=cut(summary, SUMMARY_BYTES),
            activity_id=activity_id,
            start_to_close_timeout=timedelta(seconds=seconds[0]),
            schedule_to_close_timeout=timedelta(seconds=seconds[1]),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=retry,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
            if finish
            else workflow.ActivityCancellationType.TRY_CANCEL,
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        end_if_cancelled()
        raise failure_of(error, otherwise) from error
    return result


def end_if_cancelled() -> None:
    """End the run here if it was cancelled.

    A cancellation counts as delivered once an activity was told of it: one that is waited for ends as if nothing had
    been. Called once its result is noted, so that the report has it.
    """
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError
