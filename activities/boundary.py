"""Where our errors become Temporal's: the one place that turns an error's kind into a retry decision. Wraps every activity."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from runmend.errors import NotYet, PermanentError, TemporaryError, Throttled


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors as `ApplicationError`, under their own names.

    Waiting and being asked to slow down are no faults: they are not logged as such, and their delay is kept.
    """
    try:
        yield
    except PermanentError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
    except TemporaryError as error:
        benign = ApplicationErrorCategory.BENIGN if isinstance(error, (NotYet, Throttled)) else ApplicationErrorCategory.UNSPECIFIED
        raise ApplicationError(str(error), type=type(error).__name__, next_retry_delay=error.delay, category=benign) from error
    except ValidationError as error:
        # A value that is not what its model says, such as an input of another version of Runmend: no try of this worker will read it.
        raise ApplicationError(f"a value cannot be read: {error}"[:500], type="StepFailed", non_retryable=True) from error
