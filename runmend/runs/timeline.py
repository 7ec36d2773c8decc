"""Where a run stands, told by its history and its pending activities, so that no worker has to answer.

Called by `runmend show`, `runmend run --wait` and the demo.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from temporalio.api.common.v1 import Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.converter import DataConverter

from runmend.core.durations import took
from runmend.core.outcomes import Outcome
from runmend.images.references import short_name
from runmend.plan.criteria import Status
from runmend.plan.memo import REPLAYS
from runmend.plan.messages import (
    JOIN_SIGNAL,
    Checked,
    Joining,
    Observation,
    ReportCall,
    RunInput,
    RunResult,
    Settled,
    StepResult,
)
from runmend.plan.plan import Plan
from runmend.plan.reasons import NO_REASON
from runmend.reports.report import duration, outcome_line
from runmend.runs.history import Activity, History, Timer, decoded, innermost, read_history
from runmend.runs.polling import failing_task, waiting_task

CALL_SECONDS: Final = timedelta(seconds=10)
WINDOW: Final = "verification window"
HOLD: Final = "hold"
_Value = TypeVar("_Value")


class State(StrEnum):
    """How far a phase has come."""

    PLANNED = "planned"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Phase:
    """One thing that a run does: an activity, or its window. `says` is its result in words, or what it waits for."""

    name: str
    state: State
    says: str = ""
    attempt: int = 1
    kept: bool = False
    """Done by the run that this one resumes; it was not done again."""


@dataclass(slots=True)
class Progress:
    """A run as its history tells it. `result` is complete where the run has ended by itself."""

    workflow_id: str
    run_id: str
    status: WorkflowExecutionStatus
    plan: Plan
    result: RunResult
    started: datetime
    """Of a run that resumes another: when it was taken up."""
    closed_at: datetime | None = None
    resumes: str = ""
    """The run id of the run that this one resumes: it has that one's history up to a point, and goes on from there."""
    resumed_as: str = ""
    """The run id of the run that resumes this one; the last, where there are more."""
    replays: str = ""
    """The run id of the run whose work this one was started to do again."""
    task_queue: str = ""
    waiting: str = ""
    """The task that waits to be taken by a worker, as `waiting_task` names it; empty where none does."""
    problem: str = ""
    """Why it cannot go on: its workflow task has failed more than once. Empty where it has not."""
    phases: list[Phase] = field(default_factory=list)
    events: int = 0
    """History events, those of skipped time left out."""
    skipping: tuple[str, ...] = ()
    """The names of those."""
    activities: int = 0

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.status is not WorkflowExecutionStatus.RUNNING

    @property
    def completed(self) -> bool:
        """Whether it ended well: resolved, not needed, recommended, or observed."""
        return self.closed and self.result.outcome is not None and self.result.outcome.completes

    @property
    def seconds(self) -> float:
        """How long it took; so far, where it runs."""
        return ((self.closed_at or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def resumed_at(self) -> str:
        """The name of the first thing that a run which resumes another does itself; empty where there is none yet."""
        return next((phase.name for phase in self.phases if not phase.kept), "") if self.resumes else ""

    def note(self, **known: Any) -> None:  # noqa: ANN401  fields of RunResult
        """Add to the result what the history says."""
        self.result = self.result.model_copy(update=known)

    def phase(self, name: str) -> Phase | None:
        """The latest phase of a name."""
        return next((phase for phase in reversed(self.phases) if phase.name == name), None)


async def progress_of(client: Client, workflow_id: str, run_id: str) -> Progress:
    """Read a run: one describe, and its history.

    Raises:
        NotARun: it is a workflow of somebody else's, or of another version of Runmend.
        RPCError: Temporal does not answer, or does not have it.
    """
    handle = client.get_workflow_handle(workflow_id, run_id=run_id or None)
    described = await handle.describe(rpc_timeout=CALL_SECONDS)
    handle = client.get_workflow_handle(workflow_id, run_id=described.run_id)
    history = read_history((await handle.fetch_history(rpc_timeout=CALL_SECONDS)).events)
    progress = await _Reading(client.data_converter, described, history).progress()
    if REPLAYS in described.raw_info.memo.fields:
        progress.replays = str(await described.memo_value(REPLAYS))
    return progress


class _Reading:
    """Makes a run's progress of its history and its description."""

    def __init__(self, converter: DataConverter, described: WorkflowExecutionDescription, history: History) -> None:
        self._converter = converter
        self._described = described
        self._history = history
        self._broken = ""
        """Why the last window ended early; empty where it did not."""

    async def progress(self) -> Progress:
        described, history = self._described, self._history
        given = await self._decoded(history.given, RunInput)
        plan, status = given.plan, described.status or WorkflowExecutionStatus.RUNNING
        result = RunResult.begun(given, history.began or described.start_time)
        progress = Progress(
            described.id, described.run_id, status, plan, result, described.start_time, described.close_time
        )
        progress.resumed_as = described.raw_description.workflow_extended_info.reset_run_id
        progress.resumes = history.resumes
        progress.task_queue, progress.waiting = described.task_queue, waiting_task(described)
        progress.problem = failing_task(described, history.task_failures)
        progress.events, progress.activities = history.events, len(history.activities)
        progress.skipping = tuple(history.skipping)
        for each in history.did:
            if isinstance(each, Activity) and each.is_own(HOLD):
                # It is part of the window, and is told there.
                await self._watched(progress, each)
                continue
            phase = await self._activity(progress, each) if isinstance(each, Activity) else self._window(progress, each)
            phase.kept = phase.state is State.DONE and (each.closed or 0) < history.reset
            progress.phases.append(phase)
        await self._join(progress)
        if history.end is not None:
            await self._end(progress, history.end)
        if not progress.closed:
            progress.phases.extend(_planned(progress))
        return progress

    async def _activity(self, progress: Progress, activity: Activity) -> Phase:
        phase = Phase(_named(progress.plan, activity), State.DOING, attempt=activity.attempt)
        if activity.result is not None:
            phase.state, phase.says = State.DONE, await self._result_of(progress, activity.name, activity.result)
        elif activity.failure is not None:
            phase.state, phase.says = State.FAILED, activity.failure.message
            if not (activity.own or activity.cancelled):
                progress.note(failed_step=phase.name)
        else:
            # Its tries are no events yet.
            pending = {each.activity_id: each for each in self._described.raw_description.pending_activities}
            if now := pending.get(activity.activity_id):
                phase.attempt, phase.says = max(now.attempt, 1), _last_failure(now)
        return phase

    async def _result_of(self, progress: Progress, name: str, payloads: Payloads) -> str:
        """Keep an activity's result, and say it."""
        result = progress.result
        match name:
            case "observe":
                seen = await self._decoded(payloads, Observation)
                progress.note(observation=seen)
                return _observed(seen)
            case "settle":
                settled = await self._decoded(payloads, Settled)
                progress.note(settled=settled.summary)
                return settled.summary
            case "check":
                checked = await self._decoded(payloads, Checked)
                progress.note(verdicts=checked.verdicts, remarks=(*result.remarks, *checked.remarks))
                return ", ".join(_counted(checked)) or "no criteria"
            case "report":
                return ""
            case _:
                step = await self._decoded(payloads, StepResult)
                progress.note(steps=(*result.steps, step))
                return _step_summary(step)

    async def _watched(self, progress: Progress, watcher: Activity) -> None:
        """Keep what ended a window early; of several, as a run that was resumed has them, the last."""
        self._broken = ""
        if watcher.result is not None:
            checked = await self._decoded(watcher.result, Checked)
            progress.note(verdicts=checked.verdicts, remarks=(*progress.result.remarks, *checked.remarks))
            self._broken = checked.reverted or checked.failure or ""

    def _window(self, progress: Progress, timer: Timer) -> Phase:
        if timer.closed is None and not self._broken:
            return Phase(WINDOW, State.DOING, to_go(timer, datetime.now(UTC)))
        if not timer.fired:
            return Phase(WINDOW, State.FAILED, self._broken or "cancelled")
        progress.note(window_seconds=progress.plan.window_seconds)
        return Phase(WINDOW, State.DONE, f"held for {duration(progress.plan.window_seconds)}")

    async def _join(self, progress: Progress) -> None:
        for name, payloads in self._history.signals:
            joining = await self._decoded(payloads, Joining) if name == JOIN_SIGNAL else None
            if joining and joining.runbook_id == progress.result.runbook_id:
                known = {alert.episode for alert in progress.result.alerts}
                progress.note(
                    alerts=(*progress.result.alerts, *(alert for alert in joining.alerts if alert.episode not in known))
                )

    async def _end(self, progress: Progress, end: HistoryEvent) -> None:
        match self._history.ended:
            case "completed":
                progress.result = await self._decoded(
                    end.workflow_execution_completed_event_attributes.result, RunResult
                )
            case "failed":
                await self._failed(progress, end.workflow_execution_failed_event_attributes.failure)
            case "canceled":
                progress.result = await self._cancelled(progress, end)
            case "terminated":
                why = end.workflow_execution_terminated_event_attributes.reason or NO_REASON
                progress.result = self._cut_off(progress, end, f"terminated: {why}")
            case _:
                progress.result = self._cut_off(progress, end, "the workflow's own time was spent")
        if progress.result.ended is None:
            progress.note(ended=_when(end))
        if (phase := progress.phase("report")) is not None:
            phase.says = outcome_line(progress.result)

    async def _cancelled(self, progress: Progress, end: HistoryEvent) -> RunResult:
        """What a cancelled run gave to its report; where it came to none, what its history tells."""
        report = next((each for each in self._history.activities if each.is_own("report")), None)
        if report and report.given:
            return (await self._decoded(report.given, ReportCall)).result
        return progress.result.cancelled(progress.plan, self._history.cancelled_why, _when(end))

    @staticmethod
    def _cut_off(progress: Progress, end: HistoryEvent, summary: str) -> RunResult:
        """Of a run that Temporal ended: it could report nothing itself."""
        return progress.result.cancelled(progress.plan, "", _when(end)).model_copy(update={"summary": summary})

    async def _failed(self, progress: Progress, failure: Failure) -> None:
        """A failed run's result is its failure's first detail; without one, what the failure says."""
        details = failure.application_failure_info.details
        if details.payloads:
            progress.result = await self._decoded(details, RunResult)
        else:
            kind = failure.application_failure_info.type or "error"
            progress.note(outcome=Outcome.STEP_FAILED, summary=f"{kind}: {failure.message}")

    async def _decoded(self, payloads: Payloads | None, kind: type[_Value]) -> _Value:
        return await decoded(self._converter, self._described, payloads, kind)


def to_go(timer: Timer, now: datetime) -> str:
    """`4m 31s of 5 minutes to go, until 14:05:10 UTC`: as it is seen here, for whoever waits for it."""
    ends = timer.began + timedelta(seconds=timer.seconds)
    left = min(max((ends - now).total_seconds(), 0), timer.seconds)
    return f"{took(left)} of {duration(timer.seconds)} to go, until {ends:%H:%M:%S} UTC"


def _when(end: HistoryEvent) -> datetime:
    return end.event_time.ToDatetime(tzinfo=UTC)


def _named(plan: Plan, activity: Activity) -> str:
    """What an activity is called: of an action with several commands, by its command."""
    of_plan = not activity.own and 0 < activity.number <= len(plan.steps)
    step = plan.steps[activity.number - 1] if of_plan else None
    return step.named if step and step.action_id == activity.name else activity.name


def _planned(progress: Progress) -> Iterator[Phase]:
    plan, seen = progress.plan, {phase.name for phase in progress.phases}
    names = ["observe", *(step.named for step in plan.steps)]
    names += ["settle", WINDOW, "check"] if plan.changes else []
    return (Phase(name, State.PLANNED) for name in (*names, "report") if name not in seen)


def _observed(seen: Observation) -> str:
    if seen.problem_gone:
        return seen.problem_gone
    # Pods of older revisions may serve beside those that were looked at.
    of_all = f"of {seen.pod_count} pods" + (" of the current revision" if (seen.revision or 1) > 1 else "")
    return "; ".join(f"{one.named} waits ({one.reason}) in {len(one.pods)} {of_all}" for one in seen.affected)


def _step_summary(step: StepResult) -> str:
    """A step's summary; its changes with the images' short names, as the report has the long ones."""
    text = step.summary
    for image in (image for change in step.changes if change.of_image for image in (change.before, change.after)):
        if isinstance(image, str):
            text = text.replace(image, short_name(image))
    return text


def _counted(checked: Checked) -> Iterator[str]:
    for status in Status:
        number = sum(verdict.status is status for verdict in checked.verdicts)
        if number:
            yield f"{number} {'criterion' if number == 1 else 'criteria'} {status}"


def _last_failure(pending: PendingActivityInfo) -> str:
    if not pending.HasField("last_failure"):
        return ""
    failure = innermost(pending.last_failure)
    kind = failure.application_failure_info.type
    return failure.message if kind in ("", "NotYet") else f"{kind}: {failure.message}"
