"""Which runs there are, asked of Temporal's visibility store: one row for each, by filters that the store applies where
it can.

Called by `runmend list`, `runmend stats` and whatever finds a run by its name.

The store answers open runs first, the latest started at the top, then closed ones, the latest closed at the top; a page
begins behind the last row of the page before. It takes no other order, so the newest by their start are chosen here.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from runmend.alerts.alert import Target
from runmend.core.errors import TemporaryError
from runmend.core.kinds import is_in_no_namespace
from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.plan.attributes import KUBE_NAMESPACE, OUTCOME, REASON, unverified_in
from runmend.plan.memo import REPLAYS

PAGE: Final = 1000
"""Rows of a page; no server gives more."""
_LEAST_PAGE: Final = 100
CALL_SECONDS: Final = timedelta(seconds=30)
OVERLAP: Final = timedelta(minutes=5)
"""How much this clock may differ from the server's, and how late the store may learn of an end, for every run to be
counted."""
RUNNING: Final = "running"
FAILED: Final = "failed"
TIMED_OUT: Final = "timed out"
TERMINATED: Final = "terminated"
_OUTCOME: Final = SearchAttributeKey.for_keyword(OUTCOME)
_REASON: Final = SearchAttributeKey.for_keyword(REASON)
_PROBLEMS: Final = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
"""What Temporal itself says of an open run whose workflow task has failed, or was not done in time, several times in a
row; from server 1.30 on."""
_BY_ITSELF: Final = "ExecutionStatus IN ('Completed', 'Failed')"
_OPEN: Final = "ExecutionStatus = 'Running'"
_CLOSED: Final = "ExecutionStatus != 'Running'"
# A person's cancelling or terminating is no failure: the bridge takes it so too.
_NAMED: Final = {
    RUNNING: _OPEN,
    FAILED: "ExecutionStatus IN ('Failed', 'TimedOut')",
    Outcome.CANCELLED.value: "ExecutionStatus = 'Canceled'",
    TIMED_OUT: "ExecutionStatus = 'TimedOut'",
    TERMINATED: "ExecutionStatus = 'Terminated'",
}
OUTCOMES: Final = tuple(dict.fromkeys([*(outcome.value for outcome in Outcome), *_NAMED]))
"""What a list can be filtered by."""
_SHORT_RUN: Final = 8
_REFUSED: Final = "'\"\\"


class NoWorkerYet(TemporaryError):
    """No worker has ever started on this Temporal, so it does not know what runs are searched by."""


@dataclass(frozen=True, slots=True)
class Row:
    """A run, as the store knows it. `outcome` is `running`, an outcome, or how Temporal ended it."""

    outcome: str
    target: str
    runbook_id: str
    reason: str
    started: datetime
    ended: datetime | None
    workflow_id: str
    run_id: str
    replay: bool = False
    """Whether it was started as the replay of another run. One that was resumed in place is not told from others
    here."""
    problem: str = ""
    """Why it cannot go on: its workflow task fails again and again. Empty where it does not, or the server does not
    tell."""

    @property
    def unverified(self) -> int:
        """How many criteria of a resolved run could not be checked."""
        return unverified_in(self.reason) if self.outcome == Outcome.RESOLVED else 0

    @property
    def short(self) -> str:
        """`shop/web`, `Node/worker-1`."""
        target = Target.of(self.workflow_id)
        return target.short if target else self.workflow_id.rpartition("/")[2]

    @property
    def kind(self) -> str:
        """`Deployment`; empty where the workflow id names none."""
        return self.target.rpartition(" ")[0]

    @property
    def called(self) -> str:
        """`shop/web@d1cbeea2`: what `runmend show` takes for this run."""
        return f"{self.short}@{short_run(self.run_id)}"

    @property
    def seconds(self) -> float:
        """How long it took; so far, where it runs."""
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    def is_called(self, where: str, run: str) -> bool:
        """Whether a person may mean this run: a part of its target's name, and a part of its run id where one is
        given.
        """
        if run and not (self.run_id.startswith(run) or self.run_id.endswith(run)):
            return False
        return where.lower() in self.short.lower() or where in self.workflow_id


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; an empty part asks for nothing in particular.

    `outcomes` are of `OUTCOMES`. `target` is a workflow id, `Deployment shop/web`, `shop/web`, `Node/worker-1` or
    `shop/`; without a slash it is a part of a namespace's or a target's name.

    Raises:
        ValueError: a value cannot stand in a query, or has a wildcard in it, which the store would take for a
            character.
    """

    outcomes: tuple[str, ...] = ()
    runbook: str = ""
    namespace: str = ""
    target: str = ""
    since: datetime | None = None

    def __post_init__(self) -> None:
        for text in (self.runbook, self.namespace, self.target):
            quoted(text)
            if any(char in text for char in "*?%"):
                raise ValueError(
                    f"{text!r} has a wildcard in it; names are whole, and a target may be a part of a name"
                )

    def query(self, settings: Settings) -> str:
        """The visibility query of all that the store can look at itself, for the runs of an installation's cluster."""
        return " AND ".join(self._conditions(settings))

    def fits(self, row: Row) -> bool:
        """Whether a row that the store gave is wanted: a part of a name is looked for here."""
        if self._workflow_id(""):
            return True
        namespace, _, name = self.target.rpartition("/")
        return name in ("", row.short.rpartition("/")[2]) if namespace else name.lower() in row.short.lower()

    def _conditions(self, settings: Settings) -> Iterator[str]:
        yield f"TaskQueue = {quoted(settings.task_queue)}"
        if self.outcomes:
            yield f"({' OR '.join(_outcome_condition(outcome) for outcome in dict.fromkeys(self.outcomes))})"
        if self.runbook:
            yield f"WorkflowType = {quoted(self.runbook)}"
        if self.namespace:
            yield f"{KUBE_NAMESPACE} = {quoted(self.namespace)}"
        if workflow_id := self._workflow_id(settings.cluster):
            yield f"WorkflowId = {quoted(workflow_id)}"
        elif (namespace := self.target.rpartition("/")[0]) and not is_in_no_namespace(namespace):
            yield f"{KUBE_NAMESPACE} = {quoted(namespace)}"
        if self.since:
            yield f"StartTime >= {_moment(self.since)}"

    def _workflow_id(self, cluster: str) -> str:
        """The one that `target` names, empty where it is only a part of names."""
        kind, _, rest = self.target.partition(" ")
        if kind and "/" in rest:
            namespace, _, name = rest.partition("/")
            return Target(cluster=cluster, namespace=namespace, kind=kind, name=name).workflow_id
        kind, _, name = self.target.replace(" ", "/", 1).partition("/")
        if name and "/" not in name and is_in_no_namespace(kind):
            return Target(cluster=cluster, kind=kind, name=name).workflow_id
        return self.target if Target.of(self.target) else ""


def short_run(run_id: str) -> str:
    """The part of a run id by which a run is named: its end, for its beginning is a time, which neighbours share."""
    return run_id[-_SHORT_RUN:]


def quoted(text: str) -> str:
    """A string of the store's query language.

    Raises:
        ValueError: it has a character in it that not every store reads as it was meant. SQLite's finds nothing with a
            backslash or a double quote in it, or with a quote at an end of it; and no name of Kubernetes or of a
            runbook has any of them.
    """
    if not text.isprintable() or any(char in text for char in _REFUSED):
        raise ValueError(f"{text!r} cannot be looked for: leave out quotes, backslashes and control characters")
    return f"'{text}'"


def check_outcome(text: str) -> str:
    """An outcome as a person writes it, in any case, with spaces or hyphens, as `OUTCOMES` has it.

    Raises:
        ValueError: it is none; the message has them all.
    """
    for outcome in OUTCOMES:
        if _plainly(text) == _plainly(outcome):
            return outcome
    raise ValueError(f"{text!r} is not an outcome; the outcomes are {', '.join(OUTCOMES)}")


async def newest(
    client: Client, settings: Settings, wanted: Wanted, limit: int, page_size: int | None = None
) -> list[Row]:
    """The runs that were started last, the newest first.

    Open runs come from the store in this order. Closed ones come by their end: once the one that is read ended before
    the oldest of those that are kept had started, all that would follow are older still.

    Raises:
        NoWorkerYet: Temporal does not know the search attributes.
        RPCError: it does not answer.
    """
    query, page = wanted.query(settings), page_size or max(_LEAST_PAGE, min(2 * limit, PAGE))
    kept: dict[str, Row] = {}
    async for row in rows(client, f"{query} AND {_OPEN}", page):
        if wanted.fits(row):
            kept[row.run_id] = row
        if len(kept) == limit:
            break
    oldest = min(row.started for row in kept.values()) if len(kept) == limit else None
    async for row in rows(client, f"{query} AND {_CLOSED}", page):
        if oldest is not None and row.ended is not None and row.ended < oldest:
            break
        if wanted.fits(row):
            kept[row.run_id] = row
        if len(kept) >= 2 * limit:
            newer = _by_start(kept.values())[:limit]
            kept, oldest = {one.run_id: one for one in newer}, newer[-1].started
    return _by_start(kept.values())[:limit]


async def every(client: Client, settings: Settings, wanted: Wanted, page_size: int = PAGE) -> list[Row]:
    """All runs, each once, whatever starts or ends meanwhile; in no certain order.

    First those that had ended before the reading began: they change no more. Then those that are open, and with them
    all that ended a while before and since, so that one that ends between the two readings is in the second; of a run
    that is in both, or that the second reading met twice, the one that has ended is kept. A run that starts meanwhile
    may be among them or not.

    Raises:
        NoWorkerYet: Temporal does not know the search attributes.
        RPCError: it does not answer.
    """
    query, begun = wanted.query(settings), datetime.now(UTC)
    ended = f"{query} AND {_CLOSED} AND CloseTime <= {_moment(begun)}"
    others = f"{query} AND ({_OPEN} OR CloseTime > {_moment(begun - OVERLAP)})"
    found: dict[str, Row] = {}
    for part in (ended, others):
        async for row in rows(client, part, page_size):
            if wanted.fits(row) and (row.ended is not None or row.run_id not in found):
                found[row.run_id] = row
    return list(found.values())


async def stuck(client: Client, settings: Settings) -> int | None:
    """How many open runs of an installation's cluster cannot go on, because their workflow task fails; None where
    Temporal does not say, or is of a version that does not tell.
    """
    query = f"TaskQueue = {quoted(settings.task_queue)} AND {_OPEN} AND {_PROBLEMS.name} IS NOT NULL"
    try:
        return (await client.count_workflows(query, rpc_timeout=CALL_SECONDS)).count
    except RPCError:
        return None


async def rows(client: Client, query: str, page_size: int = PAGE, limit: int | None = None) -> AsyncIterator[Row]:
    """What the store gives for a query, in its order.

    Raises:
        NoWorkerYet: Temporal does not know the search attributes.
        RPCError: it does not answer.
    """
    with _registered():
        async for run in client.list_workflows(query, page_size=page_size, limit=limit, rpc_timeout=CALL_SECONDS):
            yield row_of(run)


def row_of(run: WorkflowExecution) -> Row:
    """A run as one row."""
    status = run.status or WorkflowExecutionStatus.RUNNING
    return Row(
        outcome=_outcome_in_words(status, run.typed_search_attributes.get(_OUTCOME)),
        target=str(Target.of(run.id) or run.id),
        runbook_id=run.workflow_type,
        reason=run.typed_search_attributes.get(_REASON) or "",
        started=run.start_time,
        ended=run.close_time,
        workflow_id=run.id,
        run_id=run.run_id,
        problem=_problem(run.typed_search_attributes.get(_PROBLEMS) or ()) if run.close_time is None else "",
        replay=REPLAYS in run.raw_info.memo.fields,
    )


def _problem(told: Iterable[str]) -> str:
    """What Temporal tells as `category=WorkflowTaskFailed`, `cause=WorkflowTaskFailedCausePayloadsTooLarge`, in words:
    `its workflow task fails: payloads too large`.
    """
    parts = dict(part.partition("=")[::2] for part in told)
    if not parts:
        return ""
    cause = parts.get("cause", "").removeprefix("WorkflowTaskFailedCause")
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", cause).lower()
    timed_out = parts.get("category") == "WorkflowTaskTimedOut"
    what = "its workflow task is not done in time" if timed_out else "its workflow task fails"
    return f"{what}: {words}" if words and not timed_out else what


def _outcome_in_words(status: WorkflowExecutionStatus, outcome: str | None) -> str:
    match status:
        case WorkflowExecutionStatus.RUNNING:
            return RUNNING
        case WorkflowExecutionStatus.COMPLETED | WorkflowExecutionStatus.FAILED:
            return outcome or status.name.lower()
        case WorkflowExecutionStatus.CANCELED:
            return Outcome.CANCELLED.value
        case _:
            return status.name.lower().replace("_", " ")


def _outcome_condition(outcome: str) -> str:
    if condition := _NAMED.get(outcome):
        return condition
    return f"({_BY_ITSELF} AND {OUTCOME} = {quoted(Outcome(outcome).value)})"


def _by_start(found: Iterable[Row]) -> list[Row]:
    return sorted(found, key=lambda row: (row.started, row.run_id), reverse=True)


def _moment(moment: datetime) -> str:
    return f"'{moment.astimezone(UTC).isoformat(timespec='microseconds')}'"


def _plainly(text: str) -> str:
    return "".join(char for char in text.lower() if char not in " -_")


@contextmanager
def _registered() -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT and "invalid search attribute" in error.message:
            name = error.message.rpartition(" ")[2]
            raise NoWorkerYet(
                f"Temporal does not know the search attribute {name}; start a worker, which registers it"
            ) from error
        raise
