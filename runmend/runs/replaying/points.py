"""Where a run that has ended can be taken up again, told by its history. Pure."""

from dataclasses import dataclass
from typing import Final

from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome
from runmend.runs.history import Activity, History

OBSERVE: Final = "observe"
SETTLE: Final = "settle"
_HOLD: Final = "hold"
_CHECK: Final = "check"
_REPORT: Final = "report"
_ALONE: Final = {
    "window": "the window alone would be the old run's, which has passed already",
    _HOLD: "the window alone would be the old run's, which has passed already",
    _CHECK: "the check alone would judge at once, after the old run's window, and prove nothing",
    _REPORT: "the report alone would tell the same once more",
}


class NotReplayed(PermanentError):
    """That run is not replayed."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a run is taken up: its history is kept to before `event_id`, the end of the workflow task that asked for
    `step`.

    `number` is the step's place in the workflow list, 0 for `observe` and `settle`. `keeps` names what keeps its
    result.
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


def points_of(history: History) -> tuple[Activity, ...]:
    """What a run can be taken up at: each activity's latest, in the order in which they began.

    What was asked for after a request to cancel is none: the request would come before it again.
    """
    latest: dict[tuple[bool, str], Activity] = {}
    for each in history.activities:
        if not each.is_own(_HOLD, _CHECK, _REPORT) and (
            history.cancelled_at is None or each.task < history.cancelled_at
        ):
            latest[each.own, each.name if each.own else each.activity_id] = each
    return tuple(sorted(latest.values(), key=lambda each: each.scheduled))


def where_to_resume(history: History) -> Point:
    """Where a run is resumed by default: at what it was about when it ended; verification begins anew with settle.

    Raises:
        NotReplayed: it is not resumed; why, and what to do instead.
    """
    _refuse(history)
    points = points_of(history)
    return _point(history, points[-1]) if points else _at_its_beginning(history)


def where_named(history: History, step: str) -> Point:
    """Where a run is resumed by a person's word: `observe`, an action's id or its number, or `settle`.

    Raises:
        NotReplayed: it is not resumed, or not there; why, and what to do instead.
    """
    _refuse(history)
    points = points_of(history)
    found = [each for each in points if _is_called(each, step)]
    if found:
        return _point(history, found[-1])
    if step in _ALONE:
        raise NotReplayed(f"{_ALONE[step]}; `--from settle` holds settle, window and check anew")
    if step == OBSERVE and not points:
        return _at_its_beginning(history)
    there = ", ".join(f"{each.number} {each.name}" if each.number else each.name for each in points)
    known = (
        f"it can be resumed at {there}"
        if there
        else "it had begun nothing; without --from it is resumed at its beginning"
    )
    raise NotReplayed(f"this run had not begun {step}; {known}")


def _refuse(history: History) -> None:
    if not history.ended:
        raise NotReplayed("the run is open")
    if history.ended == "completed":
        raise NotReplayed(
            "the run completed, so there is nothing to resume; `--again` starts a new one with the same plan and alerts"
        )
    if history.error == Outcome.REVERTED:
        raise NotReplayed(
            "the run ended Reverted: somebody has put its change back, and a resumed run would find that again; "
            "find out who and why, "
            "then `--again` starts a new one with the same plan and alerts"
        )


def _at_its_beginning(history: History) -> Point:
    if not history.start or (history.cancelled_at is not None and history.cancelled_at < history.start):
        raise NotReplayed(
            "the run had begun nothing when it ended; `--again` starts a new one with the same plan and alerts"
        )
    return Point(OBSERVE, history.start)


def _point(history: History, at: Activity) -> Point:
    kept = [each.name for each in history.activities if each.done is not None and each.done < at.task]
    return Point(at.name, at.task, at.number, tuple(dict.fromkeys(kept)))


def _is_called(each: Activity, step: str) -> bool:
    if step.isdecimal():
        return each.number == int(step) > 0
    return step in (each.name, each.activity_id) and (not each.own or step == each.name)
