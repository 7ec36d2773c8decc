"""Runs that failed together, after an outage, are resumed together: which, and a few at a time.

Interrupted and started again it resumes none twice: a run that was resumed is not its target's latest any more, and its
successor is left to a person, who names it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError

from runmend.core.errors import RunmendError
from runmend.core.settings import Settings
from runmend.reports.report import outcome_line
from runmend.runs.history import NotARun
from runmend.runs.polling import PATIENCE_SECONDS, Absence, waiting_task
from runmend.runs.replaying.points import NotReplayed, Point, where_to_resume
from runmend.runs.replaying.reading import (
    Past,
    check_queue,
    describe,
    is_replay,
    read_described,
    refuse_unless_good,
)
from runmend.runs.replaying.resuming import resume
from runmend.runs.signing import keys_of
from runmend.runs.timeline import CALL_SECONDS, Progress, progress_of
from runmend.runs.visibility import Row, Wanted, rows

_READ_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """A failed run, and where it would be resumed; or why it is not."""

    row: Row
    past: Past | None = None
    point: Point | None = None
    why_not: str = ""


@dataclass(slots=True)
class Tally:
    """What became of the runs of a batch; `refused` are those that turned out to be no longer resumable."""

    resumed: int = 0
    failed: int = 0
    refused: int = 0
    by_outcome: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: str, *, completed: bool) -> None:
        """Count a run that was resumed and has ended."""
        self.by_outcome[outcome] = self.by_outcome.get(outcome, 0) + 1
        self.failed += not completed

    @property
    def words(self) -> str:
        """`3 resumed (2 resolved, 1 VerificationFailed), 1 not resumed`."""
        ended = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.by_outcome.items()))
        return f"{self.resumed} resumed" + (f" ({ended})" if ended else "") + f", {self.refused} not resumed"

    @property
    def all_completed(self) -> bool:
        """Whether every run of the batch was resumed and completed."""
        return not self.failed and not self.refused


async def candidates(client: Client, settings: Settings, wanted: Wanted, since: datetime) -> list[Candidate]:
    """The wanted runs that ended since then, the one that ended last first; whether and where each would be resumed.

    Raises:
        NoWorkerYet: Temporal does not know the search attributes.
        RPCError: Temporal does not answer.
    """
    query = f"{wanted.query(settings)} AND CloseTime >= '{since.astimezone(UTC).isoformat(timespec='microseconds')}'"
    found = {row.run_id: row async for row in rows(client, query) if wanted.fits(row)}
    few = asyncio.Semaphore(_READ_AT_ONCE)

    async def read(row: Row) -> Candidate:
        async with few:
            return await _candidate(client, settings, row)

    return list(await asyncio.gather(*(read(row) for row in found.values())))


async def _candidate(client: Client, settings: Settings, row: Row) -> Candidate:
    try:
        latest = await describe(client, row.workflow_id, "")
        check_queue(latest, settings)
        if latest.run_id != row.run_id:
            how = "open" if latest.status is WorkflowExecutionStatus.RUNNING else "closed"
            return Candidate(row, why_not=f"not its target's latest run, which is {latest.run_id} ({how})")
        if await is_replay(latest):
            return Candidate(row, why_not="itself a replay; name it to resume it once more")
        past = await read_described(client, latest)
        refuse_unless_good(past, keys_of(settings))
        return Candidate(row, past, where_to_resume(past.history))
    except (NotReplayed, NotARun) as error:
        return Candidate(row, why_not=str(error))


async def resume_all(client: Client, chosen: list[Candidate], at_once: int, tell: Callable[[str], None]) -> Tally:
    """Resume runs, at most `at_once` of them open at once: a successor has ended before the next one is begun.

    Its end, not its settling, because the next run's target may hang on the same node, registry or quota, and whether
    the fix holds is what the window says.

    Args:
        client: where they are.
        chosen: those of `candidates` that have a point.
        at_once: how many are open at once at most.
        tell: takes a line of progress.
    """
    few, tally, absence = asyncio.Semaphore(at_once), Tally(), Absence(client)

    async def one(candidate: Candidate, past: Past, point: Point) -> None:
        async with few:
            short = candidate.row.short
            try:
                run_id = await resume(client, past, point)
            except (RunmendError, RPCError) as error:
                tally.refused += 1
                tell(f"{short}: not resumed: {_why(error)}")
                return
            tally.resumed += 1
            tell(f"{short}: resumed at {point.step} ({tally.resumed} of {len(chosen)}): {past.workflow_id}@{run_id}")
            try:
                progress = await _ended(client, past.workflow_id, run_id, absence, tell)
            except (RunmendError, RPCError) as error:
                tally.count("unknown", completed=False)
                tell(f"{short}: resumed, and cannot be followed: {_why(error)}")
                return
            tally.count(outcome_line(progress.result), completed=progress.completed)
            tell(f"{short}: {outcome_line(progress.result)}: {progress.result.summary}")

    async with asyncio.TaskGroup() as group:
        for candidate in chosen:
            if candidate.past and candidate.point:
                group.create_task(one(candidate, candidate.past, candidate.point))
    return tally


def _why(error: RunmendError | RPCError) -> str:
    return f"Temporal says {error.status.name}: {error.message}" if isinstance(error, RPCError) else str(error)


async def _ended(
    client: Client, workflow_id: str, run_id: str, absence: Absence, tell: Callable[[str], None]
) -> Progress:
    """How a run has ended, once it has; a later run of its target is not waited for. Where no worker works on it, that
    is told.
    """
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    ending = asyncio.create_task(handle.result(follow_runs=False))
    try:
        while not ending.done():
            with suppress(RPCError):
                described = await handle.describe(rpc_timeout=CALL_SECONDS)
                if nobody := await absence.look(run_id, described.task_queue, waiting_task(described)):
                    tell(nobody)
            await asyncio.wait([ending], timeout=PATIENCE_SECONDS)
        with suppress(WorkflowFailureError):
            await ending
    finally:
        ending.cancel()
    return await progress_of(client, workflow_id, run_id)
