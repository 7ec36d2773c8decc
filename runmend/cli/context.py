"""What every command needs: settings, a Temporal client, and Temporal's errors in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runmend.core.errors import PermanentError, TemporaryError
from runmend.core.settings import PREFIX, Settings, check_names

_MESSAGE_SHOWN: Final = 300


class Misconfigured(PermanentError):
    """A setting cannot be used."""


class NotWritten(PermanentError):
    """A file that a command was asked to write cannot be, or there is one."""


class NotFoundHere(PermanentError):
    """What was asked for is not there."""


class TemporalSays(TemporaryError):
    """Temporal did not do what it was asked."""


def load_settings(*, runbooks: Path | None = None) -> Settings:
    """The installation's settings.

    Raises:
        Misconfigured: one of them cannot be used; which, and why.
        UnknownSetting: a variable looks like one and is none.
    """
    check_names(os.environ)
    try:
        return Settings(runbooks=runbooks) if runbooks else Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = f"{PREFIX}{'_'.join(str(part) for part in first['loc']).upper()}"
        says = first["msg"].removeprefix("Value error, ")
        raise Misconfigured(f"{name}={first['input']!s:.80}: {says}; docs/settings.md says what it may be") from error
    except SettingsError as error:
        raise Misconfigured(f"{error}; docs/settings.md says what each setting may be") from error


async def temporal_client() -> Client:
    """A client by TEMPORAL_* variables and profiles.

    Raises:
        RunmendError: Temporal cannot be reached, or the profile cannot be read.
    """
    from runmend.runs.connection import connect  # noqa: PLC0415  brings the worker with it

    return await connect()


def counted(number: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def asking() -> Iterator[None]:
    """Turn what Temporal answers into one line.

    Raises:
        TemporalSays: it did not do what it was asked.
    """
    try:
        yield
    except RPCError as error:
        hint = "is TEMPORAL_ADDRESS right?"
        if error.status is RPCStatusCode.NOT_FOUND:
            hint = "is TEMPORAL_NAMESPACE right?"
        elif error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
            hint = "is TEMPORAL_API_KEY right?"
        elif error.status is RPCStatusCode.INVALID_ARGUMENT:
            hint = "search attributes are registered when a worker starts"
        raise TemporalSays(f"Temporal says {error.status.name}: {error.message[:_MESSAGE_SHOWN]}; {hint}") from error
