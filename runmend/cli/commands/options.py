"""What the options of several commands share: formats, help, filters."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from runmend.runs.visibility import Wanted

OUTPUT: Final = "text, or json for a script."
RUNBOOKS: Final = "The directory of runbooks, instead of RUNMEND_RUNBOOKS."


class Format(StrEnum):
    """How something is printed."""

    TEXT = "text"
    JSON = "json"


def wanted_runs(
    outcomes: list[str], runbook: str | None, target: str | None, namespace: str | None, since: str
) -> "Wanted":
    """The filters of `list`, `stats` and `replay --failed`.

    Raises:
        typer.BadParameter: one is empty, or not what it should be.
    """
    from runmend.core.durations import parse_since
    from runmend.runs.visibility import Wanted, check_outcome

    for name, value in (("--runbook", runbook), ("--target", target), ("--namespace", namespace)):
        if value is not None and not value.strip():
            # As a script's variable that is not set gives it: it must not mean all.
            raise typer.BadParameter(f"{name} is empty; leave it out for all")
    try:
        moment = parse_since(since, datetime.now(UTC)) if since else None
        return Wanted(
            tuple(check_outcome(outcome) for outcome in outcomes), runbook or "", namespace or "", target or "", moment
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def finish(command: Coroutine[None, None, int]) -> int:
    """Run a command's coroutine; its exit code."""
    return asyncio.run(command)
