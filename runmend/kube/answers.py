"""An answer of the API server that is not a success, as one of our own errors."""

import json
from datetime import timedelta
from typing import Any, Final

from runmend.core.errors import (
    Conflict,
    Forbidden,
    HeldByBudget,
    Invalid,
    NotFound,
    PermanentError,
    RunmendError,
    ServerError,
    TemporaryError,
    Throttled,
)
from runmend.kube.refusals import refused_by

Json = dict[str, Any]
LONGEST_TEXT: Final = 500
WAITS: Final = "before a write it waits for admission webhooks, and does not say for which"
_OUT_OF_TIME: Final = "request did not complete within requested timeout"
"""What the API server says when its own time for a request is over (504)."""


class AlreadyExists(PermanentError):
    """There is an object of that name (409)."""

    reason = "already there"


class Expired(TemporaryError):
    """The API server does not know any more what a list held when it was begun (410)."""


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text in one line, not longer than `longest` characters: it may come from anywhere and goes into a history."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def parsed(data: bytes | None) -> Json | None:
    """An answer's JSON object; None where it is none."""
    try:
        found = json.loads(data or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def error_for(status: int, body: Json | None, retry_after: str | None, subject: str) -> RunmendError:
    """The error for an answer of the API server that is not a success."""
    said = body.get("message") if body else None
    message = f"{subject}: {status}: {cut(str(said))}" if said else f"{subject}: {status}"
    delay = (
        timedelta(seconds=min(int(retry_after), 60))
        if retry_after and retry_after.isascii() and retry_after.isdigit()
        else None
    )
    if special := _special(status, body, message):
        return special
    refused = f"refused: {kind}" if (kind := refused_by(str(said))) else None
    if status in _ERRORS:
        return _ERRORS[status](message, reason="not authenticated" if status == 401 else refused)  # noqa: PLR2004
    if _OUT_OF_TIME in str(said) and subject.startswith("PATCH "):
        return ServerError(f"{message}; {WAITS}", reason="a write took too long")
    match status:
        case 429 | 503 if delay or status == 429:  # noqa: PLR2004  a 503 that does not say for how long is an error
            return Throttled(message, delay=delay)
        case _ if status >= 500:  # noqa: PLR2004
            return ServerError(message, delay=delay, reason=refused)
        case _:
            return Invalid(message, reason=refused)


def _special(status: int, body: Json | None, message: str) -> RunmendError | None:
    """The error where a status has more than one meaning, and this is not the common one."""
    if status == 409 and body and body.get("reason") == "AlreadyExists":  # noqa: PLR2004  the other 409 is a conflict
        return AlreadyExists(message)
    if status == 429 and (budget := _budget(body)):  # noqa: PLR2004  the other 429 asks to slow down
        return HeldByBudget(budget)
    return None


def _budget(body: Json | None) -> str:
    """What the API server says of the budget that holds a pod; empty where it is none that does."""
    details = (body or {}).get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    said = [
        cut(str(cause.get("message", "")))
        for cause in causes or ()
        if isinstance(cause, dict) and cause.get("reason") == "DisruptionBudget"
    ]
    return "; ".join(said)


_ERRORS: dict[int, type[RunmendError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Expired}
