"""A run's history, read once: what it was given, what it did in which order, and how it ended.

Pure: payloads are decoded by whoever needs them. The one reader of histories: `timeline` tells from it where a run
stands, and `replaying` where it can be taken up again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionDescription
from temporalio.converter import DataConverter

from runmend.core.errors import PermanentError

OWN: Final = "runmend."
"""What the types of a run's own activities begin with; a step's type is its action's id."""
_ENDS: Final = frozenset({"completed", "failed", "canceled", "terminated", "timed_out"})
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


@dataclass(slots=True)
class Activity:
    """An activity that a run began: one of the run's own (`observe`, `settle`, `check`, `report`), or a step by its
    action's id.

    `scheduled` is the event that began it, `task` the one in which the workflow task that asked for it was completed,
    `closed` the one that ended it, None while it is under way. Of `result` and `failure` at most one is there;
    `given` is its input.
    """

    name: str
    own: bool
    activity_id: str
    scheduled: int
    task: int
    attempt: int = 1
    closed: int | None = None
    result: Payloads | None = None
    failure: Failure | None = None
    cancelled: bool = False
    given: Payloads | None = None

    @property
    def done(self) -> int | None:
        """The event that brought its result; None where there is none."""
        return self.closed if self.result is not None else None

    @property
    def number(self) -> int:
        """A step's place in the workflow list, from 1; 0 for the run's own."""
        return 0 if self.own else int(self.activity_id.partition("-")[0])

    def is_own(self, *names: str) -> bool:
        """Whether it is one of the run's own activities of these names."""
        return self.own and self.name in names


@dataclass(slots=True)
class Timer:
    """The verification window; `began` by the server's clock. `closed` is the event at which it fired or was cancelled,
    None while it lasts.
    """

    seconds: int
    began: datetime
    closed: int | None = None
    fired: bool = False


@dataclass(slots=True)
class History:
    """What a history tells.

    `given` is the run's input, None where the events do not begin with its start, `headers` what came beside it, and
    `signals` what came later, by
    name: both still encoded. `did` holds activities and timers in the order in which they began. `start` is the event
    at which its very first workflow task can be done anew. `reset` is the event at which another run, `resumes`, was
    taken up; of several the last. `cancelled_at` is the event that asked for its cancellation, `cancelled_why` the
    reason that was given with it. `task_failures` says why workflow tasks failed. `ended` says how it ended, as the
    event's name has it, empty while it is open, and `end` is that event. `events` leaves out those of skipped time,
    whose names are in `skipping`.
    """

    given: Payloads | None = None
    headers: dict[str, Payload] = field(default_factory=dict)
    began: datetime | None = None
    did: list[Activity | Timer] = field(default_factory=list)
    signals: list[tuple[str, Payloads]] = field(default_factory=list)
    start: int = 0
    reset: int = 0
    resumes: str = ""
    cancelled_at: int | None = None
    cancelled_why: str = ""
    task_failures: list[str] = field(default_factory=list)
    ended: str = ""
    end: HistoryEvent | None = None
    events: int = 0
    skipping: list[str] = field(default_factory=list)

    @property
    def activities(self) -> list[Activity]:
        """What was begun, but for timers."""
        return [each for each in self.did if isinstance(each, Activity)]

    @property
    def error(self) -> str:
        """A failed run's error type; empty of any other."""
        return (
            self.end.workflow_execution_failed_event_attributes.failure.application_failure_info.type
            if self.end
            else ""
        )


def read_history(events: Iterable[HistoryEvent]) -> History:
    """Read the events of one run, from its first."""
    history = History()
    activities: dict[int, Activity] = {}
    timers: dict[int, Timer] = {}
    tasks: list[tuple[str, int]] = []
    for event in events:
        if event.event_type in _SKIPPING:
            event_name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
            history.skipping.append(event_name.title().replace("_", ""))
        else:
            history.events += 1
        name = event.WhichOneof("attributes") or ""
        attributes: Any = getattr(event, name) if name else None
        kind = str(name).removesuffix("_event_attributes")
        if kind.startswith("activity_task"):
            _take_activity(history, activities, event.event_id, kind.removeprefix("activity_task_"), attributes)
        elif kind.startswith("timer"):
            _take_timer(history, timers, event, kind.removeprefix("timer_"), attributes)
        elif kind.startswith("workflow_task"):
            tasks.append((kind.removeprefix("workflow_task_"), event.event_id))
            if kind == "workflow_task_failed":
                _take_failed_task(history, event.event_id, attributes)
        elif kind.startswith("workflow_execution"):
            _take_execution(history, event, kind.removeprefix("workflow_execution_"), attributes)
    history.start = _start(tasks)
    return history


async def decoded(
    converter: DataConverter, described: WorkflowExecutionDescription, payloads: Payloads | None, kind: type[_Value]
) -> _Value:
    """A value out of a run's history.

    Raises:
        NotARun: it is none of that kind, so the workflow is somebody else's, or of another version of Runmend.
    """
    named = f"{described.id} (workflow type {described.workflow_type})"
    if payloads is None:
        raise NotARun(f"{named} has a history that does not begin with its start")
    try:
        [value, *_] = await converter.decode(payloads.payloads, [kind])
    except (ValueError, RuntimeError, TypeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise NotARun(f"{named} is not a run of this Runmend, its {kind.__name__} cannot be read: {first}") from error
    if not isinstance(value, kind):
        raise NotARun(f"{named} is not a run of Runmend")
    return value


def innermost(failure: Failure) -> Failure:
    """The failure that says most: below what wraps it, the first that an application raised."""
    found = failure
    while not found.HasField("application_failure_info") and found.HasField("cause"):
        found = found.cause
    return found


def _take_activity(history: History, known: dict[int, Activity], event_id: int, kind: str, attributes: Any) -> None:  # noqa: ANN401  a message
    if kind == "scheduled":
        name = attributes.activity_type.name
        task = attributes.workflow_task_completed_event_id
        known[event_id] = begun = Activity(
            name.removeprefix(OWN),
            name.startswith(OWN),
            attributes.activity_id,
            event_id,
            task,
            given=attributes.input,
        )
        history.did.append(begun)
        return
    activity = known[attributes.scheduled_event_id]
    match kind:
        case "started":
            activity.attempt = attributes.attempt
        case "completed":
            activity.closed, activity.result = event_id, attributes.result
        case "failed" | "timed_out":
            activity.closed, activity.failure = event_id, innermost(attributes.failure)
        case "canceled":
            activity.closed, activity.failure, activity.cancelled = event_id, Failure(message="cancelled"), True


def _take_timer(history: History, known: dict[int, Timer], event: HistoryEvent, kind: str, attributes: Any) -> None:  # noqa: ANN401  a message
    if kind == "started":
        seconds = attributes.start_to_fire_timeout.ToSeconds()
        known[event.event_id] = timer = Timer(seconds, event.event_time.ToDatetime(tzinfo=UTC))
        history.did.append(timer)
    else:
        known[attributes.started_event_id].closed = event.event_id
        known[attributes.started_event_id].fired = kind == "fired"


def _take_execution(history: History, event: HistoryEvent, kind: str, attributes: Any) -> None:  # noqa: ANN401  a message
    match kind:
        case "started":
            history.given, history.began = attributes.input, event.event_time.ToDatetime(tzinfo=UTC)
            history.headers = dict(attributes.header.fields)
        case "signaled":
            history.signals.append((attributes.signal_name, attributes.input))
        case "cancel_requested":
            if history.cancelled_at is None:
                history.cancelled_at, history.cancelled_why = event.event_id, attributes.cause
        case _ if kind in _ENDS:
            history.ended, history.end = kind, event


def _take_failed_task(history: History, event_id: int, attributes: Any) -> None:  # noqa: ANN401  a message
    """A workflow task that failed, or a reset, which stands in the history of the run that it made as such a failure
    too.
    """
    if attributes.cause == _RESET:
        history.reset, history.resumes = event_id, attributes.base_run_id
    else:
        history.task_failures.append(attributes.failure.message)


def _start(tasks: Iterable[tuple[str, int]]) -> int:
    """The event at which the first workflow task can be done anew: its end, or where no worker has ended one, the one
    after its begin.
    """
    known = list(tasks)

    def of(kind: str) -> Iterator[int]:
        return (event_id for each, event_id in known if each == kind)

    if completed := next(of("completed"), None):
        return completed
    before = next(of("started"), None) or next(of("scheduled"), None)
    return before + 1 if before else 0
