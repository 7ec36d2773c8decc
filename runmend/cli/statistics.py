"""`runmend stats`: what the runs came to, by runbook and by target."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from runmend.cli.context import asking, counted, load_settings, temporal_client
from runmend.cli.listing import cell, table_of
from runmend.core.durations import took
from runmend.runs.statistics import Stats, Tally, count
from runmend.runs.terminal import console
from runmend.runs.visibility import Wanted, every

_TARGETS_SHOWN: Final = 10
_COUNTED: Final = (
    "RUNS",
    "RESOLVED",
    "NOT\nNEEDED",
    "RECOM-\nMENDED",
    "OBSERVED",
    "FAILED",
    "CAN-\nCELLED",
    "RUNNING",
    "MEDIAN\nTO FIX",
)
_OF_TARGET: Final = ("TROUBLE", "RESOLVED", "RECOMMENDED", "FAILED", "LAST (UTC)")
_LEAST_NAME: Final = 12


async def show_stats(wanted: Wanted, *, as_json: bool) -> int:
    """Print what the wanted runs of this installation's cluster came to."""
    settings = load_settings()
    client = await temporal_client()
    with asking():
        stats = count(await every(client, settings, wanted))
    if as_json:
        told = {"cluster": settings.cluster, "since": wanted.since.isoformat() if wanted.since else None} | _as_json(
            stats
        )
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    elif stats.total.runs:
        print_stats(console(), stats, settings.cluster, wanted.since)
    else:
        sys.stderr.write(f"no run of cluster {settings.cluster} matches\n")
    return 0


def print_stats(out: Console, stats: Stats, cluster: str, since: datetime | None) -> None:
    """The tables."""
    total, offenders = stats.total, len(stats.offenders)
    said = f"{counted(total.runs, 'run')} of cluster {cluster}"
    said += f" since {since.astimezone(UTC).strftime('%Y-%m-%d %H:%M UTC')}" if since else ""
    said += f", {total.replays} of them replays" if total.replays else ""
    _print(out, [Text(said)])
    tallies = (*stats.runbooks, total) if len(stats.runbooks) > 1 else stats.runbooks
    _print(out, _counting("RUNBOOK", _COUNTED, [(one.name, _counts(one)) for one in tallies], out.width))
    if total.failed:
        why = [
            (one.name, [cell(str(runs)), cell(reason)])
            for one in stats.runbooks
            for reason, runs in one.failed_by_reason.items()
        ]
        _print(out, _failures(why, out.width))
    if worst := [target for target in stats.targets if target.trouble][:_TARGETS_SHOWN]:
        _print(out, _counting("WORST TARGETS", _OF_TARGET, [(one.name, _troubles(one)) for one in worst], out.width))
        of_all = f"of {len(stats.targets)}"
        some = "targets" if offenders > 1 else "target"
        told = f"{offenders or 'no'} {some} {of_all} had more than one run with something to fix, or that failed"
        out.print(Text(told), soft_wrap=True)


def _counting(heading: str, headings: tuple[str, ...], lines: list[tuple[str, list[Text]]], width: int) -> list[Text]:
    """A table of names and their numbers; a name for which a terminal has no room is cut."""
    rows = [[Text(), *numbers] for _, numbers in lines]
    rest = max(line.cell_len for line in table_of(("", *headings), rows, right=len(headings), gap=1))
    named = [[_name(name, width - rest), *numbers] for name, numbers in lines]
    return table_of((heading, *headings), named, right=len(headings), gap=1)


def _failures(lines: list[tuple[str, list[Text]]], width: int) -> list[Text]:
    """Why runs failed; what is cut where a terminal has no room for it is the reason, and of a runbook's name more than
    half of the line.
    """
    named = [[_name(name, width // 2), runs, reason] for name, (runs, reason) in lines]
    left = max(len("RUNBOOK"), *(line[0].cell_len for line in named)) + len("  FAILED  ")
    for line in named:
        line[1].pad_left(len("FAILED") - line[1].cell_len)
    return table_of(("RUNBOOK", "FAILED", "WHY"), named, {2: max(width - left, _LEAST_NAME)})


def _name(name: str, room: int) -> Text:
    """A name of at most so many characters; what is kept is its end, which tells it from others."""
    room = max(room, _LEAST_NAME)
    return cell(name if len(name) <= room else f"…{name[1 - room :]}")


def _print(out: Console, lines: list[Text]) -> None:
    for line in lines:
        out.print(line, soft_wrap=True)
    out.print()


def _counts(tally: Tally) -> list[Text]:
    numbers = (
        tally.runs,
        tally.resolved,
        tally.not_needed,
        tally.recommended,
        tally.observed,
        tally.failed,
        tally.cancelled,
        tally.running,
    )
    return [*map(_number_cell, numbers), _fixed(tally)]


def _troubles(tally: Tally) -> list[Text]:
    numbers = (tally.trouble, tally.resolved, tally.recommended, tally.failed)
    last = tally.last.astimezone(UTC).strftime("%m-%d %H:%M") if tally.last else "-"
    return [*map(_number_cell, numbers), cell(last)]


def _number_cell(number: int) -> Text:
    return cell(str(number), "" if number else "dim")


def _fixed(tally: Tally) -> Text:
    return cell(took(tally.median_seconds)) if tally.median_seconds is not None else cell("-", "dim")


def _as_json(stats: Stats) -> dict[str, object]:
    return {
        "total": _tally(stats.total),
        "runbooks": [_tally(one) for one in stats.runbooks],
        "targets": [_tally(one) for one in stats.targets],
        "repeat_offenders": [one.name for one in stats.offenders],
    }


def _tally(tally: Tally) -> dict[str, object]:
    seconds = round(tally.median_seconds, 3) if tally.median_seconds is not None else None
    return asdict(tally) | {"median_seconds": seconds, "last": tally.last.isoformat() if tally.last else None}
