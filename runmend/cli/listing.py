"""`runmend list`, and how a run is found by what a person would call it."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Final

from rich.text import Text
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runmend.cli.context import NotFoundHere, asking, load_settings, temporal_client
from runmend.core.durations import took
from runmend.core.kinds import is_in_no_namespace
from runmend.core.outcomes import Outcome, in_words
from runmend.core.settings import Settings
from runmend.runs.terminal import console
from runmend.runs.timeline import CALL_SECONDS
from runmend.runs.visibility import RUNNING, Row, Wanted, newest, rows

LOOKED_THROUGH: Final = 1000
"""How many of the newest runs are looked through for a part of a target's name."""
_NAMED: Final = 5
_STYLES: Final = {
    Outcome.RESOLVED: "green",
    Outcome.NOT_NEEDED: "green",
    Outcome.RECOMMENDED: "yellow",
    Outcome.OBSERVED: "yellow",
    RUNNING: "cyan",
}
STUCK: Final = f"{RUNNING}, stuck"
_LEAST_REASON: Final = 30
_GAP: Final = 2


async def show_list(wanted: Wanted, *, limit: int, as_json: bool) -> int:
    """Print the runs of this installation's cluster that are wanted, the newest first."""
    settings = load_settings()
    client = await temporal_client()
    with asking():
        found = await newest(client, settings, wanted, limit)
    if as_json:
        sys.stdout.write(json.dumps([_as_json(row) for row in found], indent=2, ensure_ascii=False) + "\n")
    elif found:
        out = console()
        for line in _table(found, out.width):
            out.print(line, soft_wrap=True)
    else:
        none = f"no run yet in cluster {settings.cluster}; an alert starts one, or `runmend run`"
        sys.stderr.write(f"{none}\n" if wanted == Wanted() else f"no run of cluster {settings.cluster} matches\n")
    return 0


async def find_run(client: Client, settings: Settings, called: str, *, exact: bool = False) -> tuple[str, str]:
    """The workflow id and run id that a person means: `shop/web`, `web`, a workflow id; with `@` and a part of the run
    id, an older run.

    Args:
        client: where it is looked for.
        settings: whose runs they are.
        called: what the person says.
        exact: whether the name must be the whole one; for what changes something. Otherwise a part of it will do.

    Raises:
        NotFoundHere: there is none, or more than one target fits.
        NoWorkerYet: Temporal does not know the search attributes.
        TemporalSays: Temporal does not answer.
    """
    where, _, run = called.partition("@")
    if not where:
        raise NotFoundHere("RUN is empty; name a target such as shop/web, or what `runmend list` prints")
    with asking():
        if where.count("/") > 1 and (known := await _described(client, where, run)):
            return known
        found = await _called(client, settings, where, run)
    whole = [row for row in found if where in (row.workflow_id, row.short, row.short.partition("/")[2])]
    if exact and found and not whole:
        names = list(dict.fromkeys(row.short for row in found))[:_NAMED]
        raise NotFoundHere(
            f"no run of exactly {where}; there is {', '.join(names)}: use one of these names as it stands"
        )
    chosen = whole or found
    targets = list(dict.fromkeys(row.workflow_id for row in chosen))
    if not targets:
        raise NotFoundHere(
            f"no run of {called} among the newest {LOOKED_THROUGH} of cluster {settings.cluster}; `runmend list` "
            "shows what there is"
        )
    if len(targets) > 1:
        more = f" and {len(targets) - _NAMED} more" if len(targets) > _NAMED else ""
        raise NotFoundHere(f"{called} may be any of {', '.join(targets[:_NAMED])}{more}; name one of them")
    return chosen[0].workflow_id, chosen[0].run_id


async def _called(client: Client, settings: Settings, where: str, run: str) -> list[Row]:
    """The runs that may be meant: of the namespace's newest where one is named, else of the newest of all."""
    namespace, slash, _ = where.partition("/")
    queries = [Wanted().query(settings)]
    if slash:
        try:
            named = Wanted(target=where) if is_in_no_namespace(namespace) else Wanted(namespace=namespace)
            queries.insert(0, named.query(settings))
        except ValueError as error:
            raise NotFoundHere(str(error)) from error
    for query in queries:
        if found := [row async for row in rows(client, query, limit=LOOKED_THROUGH) if row.is_called(where, run)]:
            return found
    return []


async def _described(client: Client, workflow_id: str, run: str) -> tuple[str, str] | None:
    """A run by its workflow id, None where there is none, or the run id is only a part of one."""
    try:
        found = await client.get_workflow_handle(workflow_id, run_id=run or None).describe(rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            return None
        raise
    return found.id, found.run_id


def cell(text: str, style: str = "") -> Text:
    """A text from outside as a cell: in one line, and nothing in it that a terminal would obey."""
    return Text("".join(char if char.isprintable() else "?" for char in text), style)


def table_of(
    headings: Sequence[str],
    lines: Sequence[Sequence[Text]],
    fits: Mapping[int, int] | None = None,
    right: int = 0,
    gap: int = _GAP,
) -> list[Text]:
    """A plain table, line by line.

    Args:
        headings: of the columns; one of several lines stands on the last of them.
        lines: the cells.
        fits: how wide a column may be, by its number; a longer cell is cut. The others are as wide as their widest.
        right: how many columns at the end are of numbers, and stand to the right.
        gap: how many spaces stand between two columns.
    """
    parts = [heading.split("\n") for heading in headings]
    deep = max(map(len, parts))
    heads = zip(*([""] * (deep - len(part)) + part for part in parts), strict=True)
    rows = [*([Text(part, "dim") for part in head] for head in heads), *lines]
    widths = [max(row[number].cell_len for row in rows) for number in range(len(headings))]
    widths = [min(width, (fits or {}).get(number, width)) for number, width in enumerate(widths)]
    numbers = range(len(headings) - right, len(headings))
    table = []
    for row in rows:
        line = Text()
        for number, (text, width) in enumerate(zip(row, widths, strict=True)):
            shown = text.copy()
            shown.truncate(width, overflow="ellipsis")
            room = " " * (width - shown.cell_len)
            line.append_text(Text.assemble(room, shown) if number in numbers else Text.assemble(shown, room))
            line.append(" " * gap)
        line.rstrip()
        table.append(line)
    return table


def _table(found: Sequence[Row], width: int) -> list[Text]:
    """The list, a line for each run; two where there is no room for the reasons. What `show` takes is never cut."""
    lines = [
        [
            _outcome(row),
            cell(row.called),
            cell(row.started.astimezone(UTC).strftime("%m-%d %H:%M")),
            cell(took(row.seconds)),
        ]
        for row in found
    ]
    headings = ("OUTCOME", "RUN", "STARTED (UTC)", "TOOK")
    more = [[cell(row.kind), cell(row.runbook_id)] for row in found]
    table = table_of((*headings, "KIND", "RUNBOOK"), [[*line, *rest] for line, rest in zip(lines, more, strict=True)])
    reasons = [cell(row.problem or row.reason) for row in found]
    left = max(line.cell_len for line in table) + _GAP
    longest = max(len("REASON"), *(reason.cell_len for reason in reasons))
    if width - left >= min(_LEAST_REASON, longest):
        ends = [Text("REASON", "dim"), *reasons]
        return [_beside(line, end, left, width) for line, end in zip(table, ends, strict=True)]
    first, *rest = table_of(headings, lines)
    for line, row in zip(rest, found, strict=True):
        reason = row.problem or row.reason
        why = cell(f"  {row.kind}, {row.runbook_id}" + (f": {reason}" if reason else ""), "dim")
        why.truncate(width, overflow="ellipsis")
        line.append("\n").append_text(why)
    return [first, *rest]


def _beside(line: Text, end: Text, left: int, width: int) -> Text:
    """A line with another text at its end, as much of it as there is room for."""
    end.truncate(width - left, overflow="ellipsis")
    whole = Text.assemble(line, " " * (left - line.cell_len), end)
    whole.rstrip()
    return whole


def _outcome(row: Row) -> Text:
    """An outcome; of a resolved run also how many criteria nobody has checked."""
    if row.problem:
        return cell(STUCK, "red")
    if row.unverified:
        return cell(f"{row.outcome}, {row.unverified} unverified", "yellow")
    return cell(in_words(row.outcome), _STYLES.get(row.outcome, "red"))


def _as_json(row: Row) -> dict[str, str | float | bool | None]:
    told = asdict(row)
    ended = row.ended.isoformat() if row.ended else None
    return told | {
        "started": row.started.isoformat(),
        "ended": ended,
        "seconds": round(row.seconds, 3),
        "unverified": row.unverified,
    }
