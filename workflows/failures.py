"""From a failed activity to how the run failed: the errors that name an outcome keep it, the others take their
place's.
"""

from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError  # noqa: A004  Temporal's own

from runmend.core.outcomes import Outcome

_NAMED = {outcome.value: outcome for outcome in Outcome if not outcome.completes and outcome is not Outcome.CANCELLED}


class RunFailed(Exception):
    """The run ends under a failing outcome; raised and caught within the workflow.

    `reason` says why in a few words without a name in them. `spent`: the time was spent without an answer that settles
    the matter, so a write may have been made.
    """

    def __init__(self, outcome: Outcome, message: str, reason: str, *, spent: bool = False) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.reason = reason
        self.spent = spent


def failure_of(error: ActivityError, otherwise: Outcome) -> RunFailed:
    """The run's failure for an activity's: its innermost words, and what it waited for where its time was spent."""
    last = _innermost(error)
    spent = error.retry_state in (RetryState.TIMEOUT, RetryState.MAXIMUM_ATTEMPTS_REACHED) or isinstance(
        error.cause, TimeoutError
    )
    if isinstance(last, ApplicationError):
        kind = last.type or "error"
        reason = _reason_of(last) or kind
        if kind in _NAMED:
            return RunFailed(_NAMED[kind], last.message, reason)
        said = last.message if kind == "NotYet" else f"{kind}: {last.message}"
        told = f"{_named(error)} spent its time: {said}" if spent else f"{_named(error)}: {said}"
        return RunFailed(otherwise, told, reason, spent=spent)
    if spent:
        return RunFailed(
            otherwise, f"{_named(error)} spent its time and gave no answer", "no answer in time", spent=True
        )
    return RunFailed(otherwise, f"{_named(error)}: {last}", type(last).__name__)


def _reason_of(error: ApplicationError) -> str:
    """The reason that our own errors carry, empty for one of somebody else's."""
    detail = next(iter(error.details), "")
    return detail if isinstance(detail, str) else ""


def _named(error: ActivityError) -> str:
    return error.activity_type.removeprefix("runmend.")


def _innermost(error: ActivityError) -> BaseException:
    """The failure that says most: the last try's, below a timeout's."""
    found: BaseException = error
    while found.__cause__ is not None:
        found = found.__cause__
        if isinstance(found, ApplicationError):
            return found
    return found
