"""Where our errors become Temporal's: the one place that turns an error's kind into a retry decision.

Wraps every activity.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from runmend.core.errors import Forbidden, NotYet, PermanentError, TemporaryError, Throttled

RESULT_BYTES = 250_000
"""How many bytes a result may have as JSON: a run hands all of them on to its report, and ends with them."""
REFUSED = "refused"
REFUSALS = (1, 2, 4)
"""After how many seconds an activity is tried again that lacked a right to read."""


class BoundedResults(Interceptor):
    """Fails an activity whose result is too large, so that its run ends with a reason: else it could not end at all."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  the SDK's name
        """Look at what comes next."""
        return _Bounded(next)


class _Bounded(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401  the SDK's name, and whatever it returns
        result = await super().execute_activity(input)
        size = len(to_json(result))
        if size > RESULT_BYTES:
            raise ApplicationError(
                f"its result has {size} bytes, and at most {RESULT_BYTES} can be handed on; what it did stands",
                "result too large",
                type="StepFailed",
                non_retryable=True,
            )
        return result


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors as `ApplicationError`, under their own names, with their reason as the only detail.

    Waiting and being asked to slow down are no faults: they are not logged as such, and their delay is kept.

    Where the right to read is missing it is asked for again, `REFUSALS`: an API server that has just been started
    answers before it has read its roles. Every write follows a read, so a write that is refused is refused by a server
    that knows.
    """
    try:
        yield
    except Forbidden as error:
        again = put_off(REFUSED, REFUSALS) if error.may_not_read else None
        raise ApplicationError(
            str(error), error.reason, type=type(error).__name__, non_retryable=again is None, next_retry_delay=again
        ) from error
    except PermanentError as error:
        raise ApplicationError(str(error), error.reason, type=type(error).__name__, non_retryable=True) from error
    except TemporaryError as error:
        benign = (
            ApplicationErrorCategory.BENIGN
            if isinstance(error, (NotYet, Throttled))
            else ApplicationErrorCategory.UNSPECIFIED
        )
        raise ApplicationError(
            str(error), error.reason, type=type(error).__name__, next_retry_delay=error.delay, category=benign
        ) from error
    except ValidationError as error:
        # A value that is not what its model says, such as an input of another version of Runmend: no try of this worker
        # will read it.
        raise ApplicationError(
            f"a value cannot be read: {error}"[:500], "unreadable input", type="StepFailed", non_retryable=True
        ) from error


def put_off(why: str, delays: Sequence[int]) -> timedelta | None:
    """After how long this activity is to be tried again; None where that was done as often as there are delays, for
    this reason.

    How often that was is kept in the heartbeat's details: they alone go from one try to the next, and to another
    worker.

    Args:
        why: what is counted; each reason has a count of its own.
        delays: in seconds.
    """
    counts = _counts()
    if why != REFUSED:
        counts.pop(REFUSED, None)
    before = counts.get(why, 0)
    if before >= len(delays):
        return None
    activity.heartbeat(counts | {why: before + 1})
    return timedelta(seconds=delays[before])


def _counts() -> dict[str, int]:
    told = activity.info().heartbeat_details
    return dict(told[0]) if told else {}


def count_anew(*reasons: str) -> None:
    """Begin to count anew how often it was put off for these reasons: what counts is how often it came in a row.

    For a try that read, and will be followed.
    """
    counts = _counts()
    kept = {why: count for why, count in counts.items() if why not in reasons}
    if kept != counts:
        activity.heartbeat(kept)
