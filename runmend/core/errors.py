"""The errors of a run. A class says whether another try can help; `activities.boundary` alone turns them into
Temporal's.

An error's docstring is its default message.
"""

import re
from datetime import timedelta

_MAY_NOT_READ = re.compile(r'is forbidden: User ".*" cannot (get|list) resource ')


class RunmendError(Exception):
    """Runmend could not do what it was asked.

    `reason` says it in a few words without a name in them, so that runs that ended for the same one are counted
    together.
    """

    reason: str = ""

    def __init__(self, message: str | None = None, *, reason: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])
        self.reason = reason or self.reason


class PermanentError(RunmendError):
    """Another try would end the same way."""


class TemporaryError(RunmendError):
    """Another try may succeed, after `delay` where the other side named one."""

    def __init__(
        self, message: str | None = None, *, delay: timedelta | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.delay = delay


class NotYet(TemporaryError):
    """What is waited for has not come; not a fault, so it is neither logged nor counted as one."""


# What the Kubernetes API answered. The names are those that a reader of a failed activity sees.


class Throttled(TemporaryError):
    """The API server asks to slow down (429, or 503 that says for how long)."""

    reason = "the API server asks to slow down"


class HeldByBudget(TemporaryError):
    """A PodDisruptionBudget does not let a pod be evicted now (429)."""

    reason = "a PodDisruptionBudget holds a pod"


class Conflict(TemporaryError):
    """The object changed since it was read (409)."""

    reason = "changed by others meanwhile"


class ServerError(TemporaryError):
    """The API server failed (5xx)."""

    reason = "the API server failed"


class Unreachable(TemporaryError):
    """The API server did not answer."""

    reason = "the API server did not answer"


class NotFound(PermanentError):
    """The object does not exist (404)."""

    reason = "not found"


class Forbidden(PermanentError):
    """The API server does not let us (401, 403)."""

    reason = "forbidden"

    @property
    def may_not_read(self) -> bool:
        """Whether the account lacks the right to read, in the API server's words: one just started says so before it
        knows.
        """
        return _MAY_NOT_READ.search(str(self)) is not None


class Invalid(PermanentError):
    """The API server does not accept the request (400, 415, 422)."""

    reason = "not accepted by the API server"


# How a run fails.


class PreconditionFailed(PermanentError):
    """Nothing was written: the object may not be changed so."""


class StepFailed(PermanentError):
    """Observing, or a step, could not do its work."""


class Reverted(PermanentError):
    """This run's change no longer stands."""


class VerificationFailed(PermanentError):
    """The change stands, and the problem is not gone."""
