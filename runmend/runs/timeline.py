"""Where a run stands, told by its history and its pending activities, so that no worker has to answer.

Called by `runmend show`, `runmend run --wait` and the demo.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.converter import DataConverter

from runmend.core.errors import PermanentError
from runmend.core.modes import strictest
from runmend.core.outcomes import Outcome
from runmend.images.references import short_name
from runmend.plan.criteria import Status
from runmend.plan.messages import JOIN_SIGNAL, REPLAYS, Checked, Joining, Observation, RunInput, RunResult, Settled, StepResult
from runmend.plan.plan import Plan
from runmend.reports.report import duration, outcome_line

CALL_SECONDS: Final = timedelta(seconds=10)
OWN: Final = "runmend."
WINDOW: Final = "verification window"
SHORT_RUN: Final = 8
"""A run id is shown by its end: its beginning is a time, which neighbours share."""
_SKIPPING: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    }
)
_RESET: Final = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
_Value = TypeVar("_Value")


class NotARun(PermanentError):
    """That workflow is not a run of Runmend."""


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
    phases: list[Phase] = field(default_factory=list)
    events: int = 0
    """History events, those of skipped time left out."""
    activities: int = 0

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.status is not WorkflowExecutionStatus.RUNNING

    @property
    def completed(self) -> bool:
        """Whether it ended well: resolved, not needed, or recommended."""
        return self.closed and self.result.outcome is not None and self.result.outcome.completes

    @property
    def seconds(self) -> float:
        """How long it took; so far, where it runs."""
        return ((self.closed_at or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def resumed_at(self) -> str:
        """The name of the first thing that a run which resumes another does itself; empty where there is none yet."""
        return next((phase.name for phase in self.phases if not phase.kept), "") if self.resumes else ""

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
    history = await handle.fetch_history(rpc_timeout=CALL_SECONDS)
    reading = _Reading(client.data_converter, described)
    for event in history.events:
        await reading.take(event)
    progress = reading.end(described)
    if REPLAYS in described.raw_info.memo.fields:
        progress.replays = str(await described.memo_value(REPLAYS))
    return progress


class _Reading:
    """Takes a history's events in their order."""

    def __init__(self, converter: DataConverter, described: WorkflowExecutionDescription) -> None:
        self._converter = converter
        self._described = described
        self._progress: Progress | None = None
        self._scheduled: dict[int, Phase] = {}
        self._ids: dict[str, Phase] = {}

    async def take(self, event: HistoryEvent) -> None:
        name = event.WhichOneof("attributes")
        attributes: Any = getattr(event, name) if name else None
        kind = str(name or "").removesuffix("_event_attributes")
        if kind == "workflow_execution_started":
            self._begin(await self._decoded(attributes.input, RunInput), _when(event))
        if event.event_type not in _SKIPPING:
            self._so_far.events += 1
        if kind.startswith("activity_task"):
            await self._activity(event.event_id, kind.removeprefix("activity_task_"), attributes)
        elif kind.startswith("timer"):
            self._timer(kind, attributes)
        elif kind.startswith("workflow_execution"):
            await self._execution(kind.removeprefix("workflow_execution_"), attributes, _when(event))
        elif kind == "workflow_task_failed" and attributes.cause == _RESET:
            self._resume(attributes.base_run_id)

    def end(self, described: WorkflowExecutionDescription) -> Progress:
        """Add what is no event yet: the tries of the activities that are under way, and what is still to come."""
        for pending in described.raw_description.pending_activities:
            if phase := self._ids.get(pending.activity_id):
                phase.attempt = max(pending.attempt, 1)
                phase.says = _last_failure(pending) or phase.says
        if not self._so_far.closed:
            self._so_far.phases.extend(self._planned())
        return self._so_far

    @property
    def _so_far(self) -> Progress:
        if self._progress is None:
            raise NotARun(f"{self._described.id} has a history that does not begin with its start")
        return self._progress

    def _begin(self, given: RunInput, began: datetime) -> None:
        plan = given.plan
        result = RunResult(
            runbook_id=plan.runbook_id,
            title=plan.title,
            sha256=plan.sha256,
            target=given.target,
            alerts=given.alerts,
            mode=strictest(plan.mode, given.options.mode),
            began=began,
        )
        described = self._described
        status = described.status or WorkflowExecutionStatus.RUNNING
        self._progress = Progress(described.id, described.run_id, status, plan, result, described.start_time, described.close_time)
        self._progress.resumed_as = described.raw_description.workflow_extended_info.reset_run_id

    def _resume(self, run_id: str) -> None:
        """A reset: what stands in the history before it was done by another run. Of several, the last made this run."""
        self._so_far.resumes = run_id
        for phase in self._so_far.phases:
            phase.kept = phase.state is State.DONE

    def _note(self, **known: Any) -> None:  # noqa: ANN401  fields of RunResult
        self._so_far.result = self._so_far.result.model_copy(update=known)

    async def _activity(self, event_id: int, kind: str, attributes: Any) -> None:  # noqa: ANN401  one of a dozen messages
        if kind == "scheduled":
            phase = Phase(attributes.activity_type.name.removeprefix(OWN), State.DOING)
            self._so_far.activities += 1
            self._so_far.phases.append(phase)
            self._scheduled[event_id] = self._ids[attributes.activity_id] = phase
            return
        phase = self._scheduled[attributes.scheduled_event_id]
        match kind:
            case "started":
                phase.attempt = attributes.attempt
            case "completed":
                phase.state = State.DONE
                phase.says = await self._result_of(phase.name, attributes.result)
            case "failed" | "timed_out":
                phase.state = State.FAILED
                phase.says = _innermost(attributes.failure).message
                self._note_failed(phase)
            case "canceled":
                phase.state, phase.says = State.FAILED, "cancelled"
                self._note_failed(phase)

    def _note_failed(self, phase: Phase) -> None:
        if phase.name in {step.action_id for step in self._so_far.plan.steps}:
            self._note(failed_step=phase.name)

    async def _result_of(self, name: str, payloads: Payloads) -> str:
        """Keep an activity's result, and say it."""
        result = self._so_far.result
        match name:
            case "observe":
                seen = await self._decoded(payloads, Observation)
                self._note(observation=seen)
                return _observed(seen)
            case "settle":
                settled = await self._decoded(payloads, Settled)
                self._note(settled=settled.summary)
                return settled.summary
            case "check":
                checked = await self._decoded(payloads, Checked)
                self._note(verdicts=checked.verdicts, remarks=(*result.remarks, *checked.remarks))
                return ", ".join(_counted(checked)) or "no criteria"
            case "report":
                return ""
            case _:
                step = await self._decoded(payloads, StepResult)
                self._note(steps=(*result.steps, step))
                return _step_summary(step)

    def _timer(self, kind: str, attributes: Any) -> None:  # noqa: ANN401  one of a dozen messages
        plan = self._so_far.plan
        if kind == "timer_started":
            seconds = attributes.start_to_fire_timeout.ToSeconds()
            self._so_far.phases.append(Phase(WINDOW, State.DOING, f"it must hold for {duration(seconds)}"))
        elif (phase := self._so_far.phase(WINDOW)) is not None:
            phase.state = State.DONE if kind == "timer_fired" else State.FAILED
            phase.says = f"held for {duration(plan.window_seconds)}" if kind == "timer_fired" else "cancelled"
            if kind == "timer_fired":
                self._note(window_seconds=plan.window_seconds)

    async def _execution(self, kind: str, attributes: Any, when: datetime) -> None:  # noqa: ANN401  one of a dozen messages
        match kind:
            case "signaled" if attributes.signal_name == JOIN_SIGNAL:
                self._join(await self._decoded(attributes.input, Joining))
            case "completed":
                self._so_far.result = await self._decoded(attributes.result, RunResult)
            case "failed":
                await self._failed(attributes.failure)
            case "canceled":
                self._note(outcome=Outcome.CANCELLED, summary="cancelled")
            case "terminated":
                self._note(outcome=Outcome.CANCELLED, summary=f"terminated: {attributes.reason or 'no reason given'}")
            case "timed_out":
                self._note(outcome=Outcome.CANCELLED, summary="the workflow's own time was spent")
            case _:
                return
        if kind == "signaled":
            return
        if self._so_far.result.ended is None:
            self._note(ended=when)
        if (phase := self._so_far.phase("report")) is not None:
            phase.says = outcome_line(self._so_far.result)

    def _join(self, joining: Joining) -> None:
        result = self._so_far.result
        if joining.runbook_id == result.runbook_id:
            known = {alert.episode for alert in result.alerts}
            self._note(alerts=(*result.alerts, *(alert for alert in joining.alerts if alert.episode not in known)))

    async def _failed(self, failure: Failure) -> None:
        """A failed run's result is its failure's first detail; without one, what the failure says."""
        details = failure.application_failure_info.details
        if details.payloads:
            self._so_far.result = await self._decoded(details, RunResult)
        else:
            kind = failure.application_failure_info.type or "error"
            self._note(outcome=Outcome.STEP_FAILED, summary=f"{kind}: {failure.message}")

    async def _decoded(self, payloads: Payloads, kind: type[_Value]) -> _Value:
        return await decoded(self._converter, self._described, payloads, kind)

    def _planned(self) -> Iterator[Phase]:
        plan, seen = self._so_far.plan, {phase.name for phase in self._so_far.phases}
        names = ["observe", *(step.action_id for step in plan.steps)]
        names += ["settle", WINDOW, "check"] if plan.changes else []
        return (Phase(name, State.PLANNED) for name in (*names, "report") if name not in seen)


async def decoded(converter: DataConverter, described: WorkflowExecutionDescription, payloads: Payloads, kind: type[_Value]) -> _Value:
    """A value out of a run's history.

    Raises:
        NotARun: it is none of that kind, so the workflow is somebody else's, or of another version of Runmend.
    """
    named = f"{described.id} (workflow type {described.workflow_type})"
    try:
        [value, *_] = await converter.decode(payloads.payloads, [kind])
    except (ValueError, RuntimeError, TypeError) as error:
        raise NotARun(f"{named} is not a run of this Runmend, its {kind.__name__} cannot be read: {_first(error)}") from error
    if not isinstance(value, kind):
        raise NotARun(f"{named} is not a run of Runmend")
    return value


def _when(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)


def _observed(seen: Observation) -> str:
    if seen.problem_gone:
        return seen.problem_gone
    # Pods of older revisions may serve beside those that were looked at.
    of_all = f"of {seen.pod_count} pods" + (" of the current revision" if (seen.revision or 1) > 1 else "")
    return "; ".join(
        f"{'init ' if one.init else ''}container {one.container} waits ({one.reason}) in {len(one.pods)} {of_all}" for one in seen.affected
    )


def _step_summary(step: StepResult) -> str:
    """A step's summary; its changes with the images' short names, as the report has the long ones."""
    text = step.summary
    for change in step.changes:
        text = text.replace(change.before, short_name(change.before)).replace(change.after, short_name(change.after))
    return text


def _counted(checked: Checked) -> Iterator[str]:
    for status in Status:
        number = sum(verdict.status is status for verdict in checked.verdicts)
        if number:
            yield f"{number} {'criterion' if number == 1 else 'criteria'} {status}"


def _last_failure(pending: PendingActivityInfo) -> str:
    if not pending.HasField("last_failure"):
        return ""
    failure = _innermost(pending.last_failure)
    kind = failure.application_failure_info.type
    return failure.message if kind in ("", "NotYet") else f"{kind}: {failure.message}"


def _innermost(failure: Failure) -> Failure:
    """The failure that says most: below what wraps it, the first that an application raised."""
    found = failure
    while not found.HasField("application_failure_info") and found.HasField("cause"):
        found = found.cause
    return found


def _first(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
