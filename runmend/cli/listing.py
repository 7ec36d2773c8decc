"""`runmend list`, and how a run is found by what a person would call it."""

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from runmend.cli.surroundings import NotFoundHere, asking, load_settings, temporal_client
from runmend.progress import CALL_SECONDS
from runmend.run import OUTCOME, Outcome
from runmend.settings import Settings
from runmend.terminal import console

LOOKED_THROUGH: Final = 1000
"""How many of the newest runs are looked through for a part of a target's name."""
SHORT_RUN: Final = 8
"""A run id is shown by its end: its beginning is a time, which neighbours share."""
_OUTCOME: Final = SearchAttributeKey.for_keyword(OUTCOME)
_FAILED: Final = "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')"
_NAMED: Final = 5
_STYLES: Final = {Outcome.RESOLVED: "green", Outcome.NOT_NEEDED: "green", Outcome.RECOMMENDED: "yellow", "running": "cyan"}


@dataclass(frozen=True, slots=True)
class Row:
    """A run, as the list shows it. `outcome` is `running`, an outcome, or how Temporal ended it."""

    outcome: str
    target: str
    runbook_id: str
    started: datetime
    ended: datetime | None
    workflow_id: str
    run_id: str

    @property
    def short(self) -> str:
        """`shop/web`."""
        parts = self.workflow_id.split("/")
        return f"{parts[-3]}/{parts[-1]}" if len(parts) > 3 else parts[-1]  # noqa: PLR2004  cluster, namespace, kind, name

    @property
    def seconds(self) -> float:
        """How long it took; so far, where it runs."""
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    def is_called(self, where: str, run: str) -> bool:
        """Whether a person may mean this run: a part of its target's name, and a part of its run id where one is given."""
        if run and not (self.run_id.startswith(run) or self.run_id.endswith(run)):
            return False
        return where.lower() in self.short.lower() or where in self.workflow_id


async def show_list(*, target: str, failed: bool, limit: int, as_json: bool) -> int:
    """Print the recent runs of this installation's cluster, the newest first."""
    settings = load_settings()
    client = await temporal_client()
    rows: list[Row] = []
    with asking():
        async for row in _rows(client, settings, _FAILED if failed else "", LOOKED_THROUGH if target else limit):
            if row.is_called(target, ""):
                rows.append(row)
            if len(rows) == limit:
                break
    if as_json:
        sys.stdout.write(json.dumps([_told(row) for row in rows], indent=2) + "\n")
    elif rows:
        console().print(_table(rows))
    else:
        none = f"no run yet in cluster {settings.cluster}; an alert starts one, or `runmend run`"
        sys.stderr.write(f"no run of cluster {settings.cluster} matches\n" if target or failed else f"{none}\n")
    return 0


async def find_run(client: Client, settings: Settings, called: str) -> tuple[str, str]:
    """The workflow id and run id that a person means: `shop/web`, `web`, a workflow id; with `@` and a part of the run id, an older run.

    Raises:
        NotFoundHere: there is none, or more than one target fits.
        TemporalSays: Temporal does not answer.
    """
    where, _, run = called.partition("@")
    with asking():
        if where.count("/") > 1 and (known := await _described(client, where, run)):
            return known
        rows = [row async for row in _rows(client, settings, "", LOOKED_THROUGH) if row.is_called(where, run)]
    exact = [row for row in rows if where in (row.workflow_id, row.short, row.short.partition("/")[2])]
    chosen = exact or rows
    targets = list(dict.fromkeys(row.workflow_id for row in chosen))
    if not targets:
        raise NotFoundHere(
            f"no run of {called} among the newest {LOOKED_THROUGH} of cluster {settings.cluster}; `runmend list` shows what there is"
        )
    if len(targets) > 1:
        more = f" and {len(targets) - _NAMED} more" if len(targets) > _NAMED else ""
        raise NotFoundHere(f"{called} may be any of {', '.join(targets[:_NAMED])}{more}; name one of them")
    return chosen[0].workflow_id, chosen[0].run_id


async def _described(client: Client, workflow_id: str, run: str) -> tuple[str, str] | None:
    """A run by its workflow id, None where there is none, or the run id is only a part of one."""
    try:
        found = await client.get_workflow_handle(workflow_id, run_id=run or None).describe(rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            return None
        raise
    return found.id, found.run_id


async def _rows(client: Client, settings: Settings, condition: str, limit: int) -> AsyncIterator[Row]:
    query = f"TaskQueue = '{settings.task_queue}'" + (f" AND {condition}" if condition else "")
    async for run in client.list_workflows(query, limit=limit, rpc_timeout=CALL_SECONDS):
        yield _row(run)


def _row(run: WorkflowExecution) -> Row:
    status = run.status or WorkflowExecutionStatus.RUNNING
    outcome = run.typed_search_attributes.get(_OUTCOME)
    if status is WorkflowExecutionStatus.RUNNING:
        said = "running"
    elif status in (WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED):
        said = outcome or status.name.lower()
    else:
        said = {"CANCELED": "cancelled", "TIMED_OUT": "timed out"}.get(status.name, status.name.lower())
    parts = run.id.split("/")
    target = f"{parts[-2]} {parts[-3]}/{parts[-1]}" if len(parts) == 4 else run.id  # noqa: PLR2004  cluster, namespace, kind, name
    return Row(said, target, run.workflow_type, run.start_time, run.close_time, run.id, run.run_id)


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("OUTCOME", "TARGET", "RUNBOOK", "STARTED", "TOOK", "RUN"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(
            Text(row.outcome, _STYLES.get(row.outcome, "red")),
            row.target,
            row.runbook_id,
            row.started.astimezone().strftime("%Y-%m-%d %H:%M"),
            _took(row.seconds),
            f"{row.short}@{row.run_id[-SHORT_RUN:]}",
        )
    return table


def _took(seconds: float) -> str:
    whole = max(round(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def _told(row: Row) -> dict[str, str | float | None]:
    told = asdict(row)
    ended = row.ended.isoformat() if row.ended else None
    return told | {"started": row.started.isoformat(), "ended": ended, "seconds": round(row.seconds, 3)}
