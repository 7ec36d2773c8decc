"""`runmend stats`: what the runs came to, by runbook and by target."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
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
_COUNTED: Final = ("RUNS", "RESOLVED", "NOT NEEDED", "RECOMMENDED", "FAILED", "CANCELLED", "RUNNING", "MEDIAN TO FIX")
_OF_TARGET: Final = ("TROUBLE", "RUNS", "RESOLVED", "RECOMMENDED", "FAILED", "MEDIAN TO FIX", "LAST")


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
    said += f" since {since.astimezone().strftime('%Y-%m-%d %H:%M')}" if since else ""
    said += f", {total.replays} of them replays" if total.replays else ""
    _print(out, [Text(said)])
    tallies = (*stats.runbooks, total) if len(stats.runbooks) > 1 else stats.runbooks
    _print(
        out, table_of(("RUNBOOK", *_COUNTED), [[cell(one.name), *_counts(one)] for one in tallies], right=len(_COUNTED))
    )
    if total.failed:
        why = [
            [cell(one.name), cell(str(runs).rjust(len("FAILED"))), cell(reason)]
            for one in stats.runbooks
            for reason, runs in one.failed_by_reason.items()
        ]
        _print(out, table_of(("RUNBOOK", "FAILED", "WHY"), why))
    if worst := [target for target in stats.targets if target.trouble][:_TARGETS_SHOWN]:
        _print(
            out,
            table_of(
                ("WORST TARGETS", *_OF_TARGET),
                [[cell(one.name), *_troubles(one)] for one in worst],
                right=len(_OF_TARGET),
            ),
        )
        of_all = f"of {counted(len(stats.targets), 'target')}"
        told = f"{offenders} {of_all} had something to fix, or failed, twice or more"
        out.print(Text(told if offenders else f"none {of_all} had something to fix, or failed, twice"), soft_wrap=True)


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
        tally.failed,
        tally.cancelled,
        tally.running,
    )
    return [*map(_number_cell, numbers), _fixed(tally)]


def _troubles(tally: Tally) -> list[Text]:
    numbers = (tally.trouble, tally.runs, tally.resolved, tally.recommended, tally.failed)
    last = tally.last.astimezone().strftime("%m-%d %H:%M") if tally.last else "-"
    return [*map(_number_cell, numbers), _fixed(tally), cell(last)]


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
