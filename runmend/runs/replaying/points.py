"""Where a run that has ended can be taken up again, told by its history. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from temporalio.api.history.v1 import HistoryEvent

from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome
from runmend.runs.timeline import OWN

OBSERVE: Final = "observe"
SETTLE: Final = "settle"
_CHECK: Final = "check"
_REPORT: Final = "report"
_ALONE: Final = {
    "window": "the window alone would be the old run's, which has passed already",
    _CHECK: "the check alone would judge at once, after the old run's window, and prove nothing",
    _REPORT: "the report alone would tell the same once more",
}
_ENDS: Final = frozenset({"completed", "failed", "canceled", "terminated", "timed_out"})


class NotReplayed(PermanentError):
    """That run is not replayed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An activity that a run began: one of the run's own (`observe`, `settle`, `check`, `report`), or a step by its action's id.

    `task` is the event in which the workflow task that asked for it was completed; `done` the event that brought its result.
    """

    name: str
    own: bool
    activity_id: str
    scheduled: int
    task: int
    done: int | None = None

    @property
    def number(self) -> int:
        """A step's place in the workflow list, from 1; 0 for the run's own."""
        return 0 if self.own else int(self.activity_id.partition("-")[0])

    def is_own(self, *names: str) -> bool:
        """Whether it is one of the run's own activities of these names."""
        return self.own and self.name in names


@dataclass(frozen=True, slots=True)
class Story:
    """The way that a run took.

    `start` is the event at which its very first workflow task can be done anew. `cancelled_at` is the event of a request to cancel it.
    `ended` says how it ended, as the event's name has it, empty while it is open; `error` is a failed run's error type.
    """

    begun: tuple[Begun, ...] = ()
    start: int = 0
    cancelled_at: int | None = None
    ended: str = ""
    error: str = ""

    @property
    def points(self) -> tuple[Begun, ...]:
        """What a run can be taken up at: each activity's latest, in the order in which they began.

        What was asked for after a request to cancel is none: the request would come before it again.
        """
        latest: dict[tuple[bool, str], Begun] = {}
        for each in self.begun:
            if not each.is_own(_CHECK, _REPORT) and (self.cancelled_at is None or each.task < self.cancelled_at):
                latest[each.own, each.activity_id if not each.own else each.name] = each
        return tuple(sorted(latest.values(), key=lambda each: each.scheduled))


@dataclass(frozen=True, slots=True)
class Point:
    """Where a run is taken up: its history is kept to before `event_id`, the end of the workflow task that asked for `step`.

    `number` is the step's place in the workflow list, 0 for `observe` and `settle`. `keeps` names what keeps its result.
    """

    step: str
    event_id: int
    number: int = 0
    keeps: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`settle: observe, get_events and patch_image keep their results`."""
        if not self.keeps:
            return f"{self.step}: nothing was done before it"
        *most, last = self.keeps
        names = f"{', '.join(most)} and {last}" if most else last
        return f"{self.step}: {names} {'keep their results' if most else 'keeps its result'}"


def read_story(events: Iterable[HistoryEvent]) -> Story:
    """What a history tells of the way that a run took."""
    begun: dict[int, Begun] = {}
    tasks: list[tuple[str, int]] = []
    cancelled_at, ended, error = None, "", ""
    for event in events:
        kind = str(event.WhichOneof("attributes") or "").removesuffix("_event_attributes")
        if kind == "activity_task_scheduled":
            begun[event.event_id] = _begun(event)
        elif kind == "activity_task_completed":
            of = event.activity_task_completed_event_attributes.scheduled_event_id
            first = begun[of]
            begun[of] = Begun(first.name, first.own, first.activity_id, first.scheduled, first.task, event.event_id)
        elif kind.startswith("workflow_task_"):
            tasks.append((kind.removeprefix("workflow_task_"), event.event_id))
        elif kind == "workflow_execution_cancel_requested":
            cancelled_at = cancelled_at or event.event_id
        elif (end := kind.removeprefix("workflow_execution_")) in _ENDS:
            ended = end
            error = event.workflow_execution_failed_event_attributes.failure.application_failure_info.type
    return Story(tuple(begun.values()), _start(tasks), cancelled_at, ended, error)


def where_to_resume(story: Story) -> Point:
    """Where a run is resumed by default: at what it was about when it ended; verification begins anew with settle.

    Raises:
        NotReplayed: it is not resumed; why, and what to do instead.
    """
    _refuse(story)
    points = story.points
    return _point(story, points[-1]) if points else _at_its_beginning(story)


def where_named(story: Story, step: str) -> Point:
    """Where a run is resumed by a person's word: `observe`, an action's id or its number, or `settle`.

    Raises:
        NotReplayed: it is not resumed, or not there; why, and what to do instead.
    """
    _refuse(story)
    points = story.points
    found = [each for each in points if _is_called(each, step)]
    if found:
        return _point(story, found[-1])
    if step in _ALONE:
        raise NotReplayed(f"{_ALONE[step]}; `--from settle` holds settle, window and check anew")
    if step == OBSERVE and not points:
        return _at_its_beginning(story)
    there = ", ".join(f"{each.number} {each.name}" if each.number else each.name for each in points)
    known = f"it can be resumed at {there}" if there else "it had begun nothing; without --from it is resumed at its beginning"
    raise NotReplayed(f"this run had not begun {step}; {known}")


def _refuse(story: Story) -> None:
    if not story.ended:
        raise NotReplayed("the run is open")
    if story.ended == "completed":
        raise NotReplayed("the run completed, so there is nothing to resume; `--again` starts a new one with the same plan and alerts")
    if story.error == Outcome.REVERTED:
        raise NotReplayed(
            "the run ended Reverted: somebody has put its change back, and a resumed run would find that again; find out who and why, "
            "then `--again` starts a new one with the same plan and alerts"
        )


def _at_its_beginning(story: Story) -> Point:
    if not story.start or (story.cancelled_at is not None and story.cancelled_at < story.start):
        raise NotReplayed("the run had begun nothing when it ended; `--again` starts a new one with the same plan and alerts")
    return Point(OBSERVE, story.start)


def _point(story: Story, at: Begun) -> Point:
    kept = [each.name for each in story.begun if each.done is not None and each.done < at.task]
    return Point(at.name, at.task, at.number, tuple(dict.fromkeys(kept)))


def _is_called(each: Begun, step: str) -> bool:
    if step.isdecimal():
        return each.number == int(step) > 0
    return step in (each.name, each.activity_id) and (not each.own or step == each.name)


def _begun(event: HistoryEvent) -> Begun:
    asked = event.activity_task_scheduled_event_attributes
    kind = asked.activity_type.name
    return Begun(kind.removeprefix(OWN), kind.startswith(OWN), asked.activity_id, event.event_id, asked.workflow_task_completed_event_id)


def _start(tasks: list[tuple[str, int]]) -> int:
    """The event at which the first workflow task can be done anew: its end, or where no worker has ended one, the one after its begin."""
    if completed := next(_of("completed", tasks), None):
        return completed
    before = next(_of("started", tasks), None) or next(_of("scheduled", tasks), None)
    return before + 1 if before else 0


def _of(kind: str, tasks: list[tuple[str, int]]) -> Iterator[int]:
    return (event_id for each, event_id in tasks if each == kind)
