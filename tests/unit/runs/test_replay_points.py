"""Where a run is taken up again, by histories of every way that a run takes."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from runmend.runs.history import read_history
from runmend.runs.replaying.points import NotReplayed, Point, points_of, where_named, where_to_resume

OWN = ("observe", "settle", "check", "report")
WAY = ("observe", "get_events", "patch_image", "settle", "check")
IDS = {"get_events": "01-get_events", "patch_image": "02-patch_image"}


@dataclass
class Writer:
    """Writes a history as a run's worker and Temporal do: each activity between two workflow tasks."""

    events: list[HistoryEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add("workflow_execution_started")
        self.add("workflow_execution_signaled", signal_name="alerts")

    @property
    def last(self) -> int:
        return len(self.events)

    def add(self, kind: str, **attributes: Any) -> int:
        event = HistoryEvent(event_id=self.last + 1, event_type=EventType.Value(f"EVENT_TYPE_{kind.upper()}"))
        filled = getattr(event, f"{kind}_event_attributes")
        filled.SetInParent()
        for name, value in attributes.items():
            setattr(filled, name, value)
        self.events.append(event)
        return self.last

    def task(self) -> int:
        """A workflow task; the event of its end."""
        self.add("workflow_task_scheduled")
        self.add("workflow_task_started")
        return self.add("workflow_task_completed")

    def asked(self, name: str, task: int) -> int:
        """An activity that a workflow task asked for."""
        event_id = self.add("activity_task_scheduled", workflow_task_completed_event_id=task)
        attributes = self.events[-1].activity_task_scheduled_event_attributes
        attributes.activity_type.name = f"runmend.{name}" if name in OWN else name
        attributes.activity_id = IDS.get(name, str(event_id))
        return event_id

    def does(self, name: str, end: str = "completed") -> int:
        """An activity from its workflow task to its end; the task's."""
        task = self.task()
        if name == "window":
            started = self.add("timer_started", workflow_task_completed_event_id=task)
            self.add("timer_fired", started_event_id=started)
            return task
        scheduled = self.asked(name, task)
        if end:
            begun = self.add("activity_task_started", scheduled_event_id=scheduled)
            self.add(f"activity_task_{end}", scheduled_event_id=scheduled, started_event_id=begun)
        return task

    def fails(self, kind: str) -> "Writer":
        """The run's end under an error's type, after its report."""
        self.does("report")
        self.task()
        self.add("workflow_execution_failed")
        self.events[-1].workflow_execution_failed_event_attributes.failure.application_failure_info.type = kind
        return self

    def ends(self, kind: str) -> "Writer":
        self.add(f"workflow_execution_{kind}")
        return self

    def point(self, step: str = "") -> Point:
        story = read_history(self.events)
        return where_named(story, step) if step else where_to_resume(story)


def a_run(*done: str, failed: str = "") -> tuple[Writer, dict[str, int]]:
    """A run that did these, and failed at the last; and the ends of their workflow tasks."""
    writer = Writer()
    tasks = {name: writer.does(name) for name in done}
    if failed:
        tasks[failed] = writer.does(failed, "failed")
    return writer, tasks


@pytest.mark.parametrize("kind", ["StepFailed", "PreconditionFailed"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_step_that_failed_is_where_the_run_is_resumed(kind: str, place: int) -> None:
    writer, tasks = a_run(*WAY[:place], failed=WAY[place])

    point = writer.fails(kind).point()

    assert (point.step, point.event_id, point.number, point.keeps) == (
        WAY[place],
        tasks[WAY[place]],
        place,
        WAY[:place],
    )


def test_a_run_that_failed_in_its_check_is_resumed_at_settle() -> None:
    writer, tasks = a_run("observe", "get_events", "patch_image", "settle", "window", "check")

    point = writer.fails("VerificationFailed").point()

    assert (point.step, point.event_id) == ("settle", tasks["settle"])
    assert point.words == "settle: observe, get_events and patch_image keep their results"


@pytest.mark.parametrize("place", ["settle", "check"])
def test_a_run_whose_verification_broke_is_resumed_at_settle(place: str) -> None:
    done = WAY[: WAY.index(place)]
    writer, tasks = a_run(*done, failed=place)

    assert writer.fails("VerificationFailed").point().event_id == tasks["settle"]


@pytest.mark.parametrize("end", ["canceled", "terminated", "timed_out"])
@pytest.mark.parametrize(
    ("done", "at", "step"),
    [
        ((), "", "observe"),
        ((), "observe", "observe"),
        (WAY[:2], "patch_image", "patch_image"),
        (WAY[:3], "settle", "settle"),
    ],
)
def test_a_run_that_was_ended_is_resumed_where_it_stood(done: tuple[str, ...], at: str, step: str, end: str) -> None:
    writer, tasks = a_run(*done)
    started = writer.does(at, "") if at else writer.task()

    assert writer.ends(end).point() == Point(step, started, IDS_TO_NUMBER.get(step, 0), done)
    assert tasks.keys() == set(done)


IDS_TO_NUMBER = {"get_events": 1, "patch_image": 2}


def test_a_run_that_was_ended_in_its_window_is_resumed_at_settle() -> None:
    writer, tasks = a_run(*WAY[:4])
    writer.add("timer_started", workflow_task_completed_event_id=writer.task())

    assert writer.ends("terminated").point().event_id == tasks["settle"]


def test_a_run_that_no_worker_ever_took_is_resumed_at_its_beginning() -> None:
    writer = Writer()
    writer.add("workflow_task_scheduled")
    writer.ends("timed_out")

    assert writer.point() == writer.point("observe") == Point("observe", 4)
    assert writer.point().words == "observe: nothing was done before it"


def test_a_run_that_was_cancelled_after_a_step_is_resumed_at_that_step_for_the_request_came_after_it() -> None:
    writer, tasks = a_run("observe", "get_events")
    tasks["patch_image"] = writer.task()
    scheduled = writer.asked("patch_image", tasks["patch_image"])
    writer.add("workflow_execution_cancel_requested")
    writer.task()
    begun = writer.add("activity_task_started", scheduled_event_id=scheduled)
    writer.add("activity_task_completed", scheduled_event_id=scheduled, started_event_id=begun)
    writer.task()

    assert writer.ends("canceled").point().event_id == tasks["patch_image"]


def test_a_run_that_was_cancelled_before_it_began_is_not_resumed() -> None:
    writer = Writer()
    writer.add("workflow_execution_cancel_requested")
    writer.task()

    with pytest.raises(NotReplayed, match="had begun nothing when it ended; `--again`"):
        writer.ends("canceled").point()


@pytest.mark.parametrize("step", ["", "observe", "settle"])
def test_a_run_that_completed_is_not_resumed(step: str) -> None:
    writer, _ = a_run(*WAY[:4], "window", "check", "report")

    with pytest.raises(
        NotReplayed, match="the run completed, so there is nothing to resume; `--again` starts a new one"
    ):
        writer.ends("completed").point(step)


@pytest.mark.parametrize("step", ["", "observe", "settle"])
def test_a_run_that_was_reverted_is_not_resumed(step: str) -> None:
    writer, _ = a_run(*WAY[:4], "window", "check")

    with pytest.raises(NotReplayed, match=r"ended Reverted: .* `--again` starts a new one"):
        writer.fails("Reverted").point(step)


@pytest.mark.parametrize(
    ("called", "step"),
    [
        ("observe", "observe"),
        ("get_events", "get_events"),
        ("1", "get_events"),
        ("patch_image", "patch_image"),
        ("2", "patch_image"),
        ("02-patch_image", "patch_image"),
        ("settle", "settle"),
    ],
)
def test_a_step_is_named_by_its_id_or_its_number(called: str, step: str) -> None:
    writer, tasks = a_run(*WAY)

    assert writer.fails("VerificationFailed").point(called).event_id == tasks[step]


@pytest.mark.parametrize("step", ["window", "check", "report"])
def test_what_would_prove_nothing_alone_is_refused(step: str) -> None:
    writer, _ = a_run(*WAY[:4], "window", "check")

    with pytest.raises(NotReplayed, match=r"alone would .*; `--from settle` holds settle, window and check anew"):
        writer.fails("VerificationFailed").point(step)


@pytest.mark.parametrize("step", ["settle", "3", "0", "nothing"])
def test_a_step_that_had_not_begun_is_refused_with_those_that_had(step: str) -> None:
    writer, _ = a_run("observe", "get_events", failed="patch_image")

    with pytest.raises(
        NotReplayed, match=f"had not begun {step}; it can be resumed at observe, 1 get_events, 2 patch_image$"
    ):
        where_named(read_history(writer.fails("StepFailed").events), step)


def test_of_a_run_that_looked_twice_the_second_look_is_taken() -> None:
    writer, first = a_run("observe", "get_events", "patch_image")
    second = {"observe": writer.does("observe"), "get_events": writer.does("get_events", "failed")}
    writer.fails("StepFailed")

    assert writer.point().event_id == second["get_events"]
    assert writer.point("observe").event_id == second["observe"]
    assert writer.point("get_events").event_id == second["get_events"] > first["patch_image"]


def test_of_a_workflow_task_that_asked_for_several_things_all_are_done_anew() -> None:
    writer, _ = a_run("observe")
    task = writer.task()
    writer.add("workflow_properties_modified", workflow_task_completed_event_id=task)
    scheduled = writer.asked("get_events", task)
    writer.add("activity_task_failed", scheduled_event_id=scheduled)

    assert writer.fails("StepFailed").point() == Point("get_events", task, 1, ("observe",))


Moves = st.lists(st.sampled_from([*WAY, "window", "signal", "empty"]), max_size=12)


@given(
    moves=Moves,
    failing=st.sampled_from(WAY),
    end=st.sampled_from(["StepFailed", "VerificationFailed", "canceled", "terminated"]),
)
def test_every_point_is_before_what_failed_and_after_all_that_is_kept(moves: list[str], failing: str, end: str) -> None:
    writer, failed_at = a_history(moves, failing, end)
    story = read_history(writer.events)
    done = {each.scheduled: each for each in story.activities if each.done}

    points = [where_to_resume(story), *(where_named(story, each.name) for each in points_of(story))]
    assert points[0].event_id <= failed_at
    for point in points:
        assert writer.events[point.event_id - 1].event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        kept = [each for each in done.values() if each.done is not None and each.done < point.event_id]
        assert {each.name for each in kept} == set(point.keeps)
        assert all(each.scheduled < point.event_id for each in kept)
        assert not [each for each in story.activities if each.scheduled < point.event_id and each not in kept], (
            "half done at the point"
        )


def a_history(moves: list[str], failing: str, end: str) -> tuple[Writer, int]:
    """Any order of activities, windows, signals and empty workflow tasks, then one that fails; with the event that
    asked for it."""
    writer = Writer()
    for move in moves:
        if move == "signal":
            writer.add("workflow_execution_signaled", signal_name="alerts")
        elif move == "empty":
            writer.task()
        else:
            writer.does(move)
    writer.does(failing, "" if end in ("canceled", "terminated") else "failed")
    scheduled = max(each.scheduled for each in read_history(writer.events).activities)
    if end in ("canceled", "terminated"):
        if end == "canceled":
            writer.add("workflow_execution_cancel_requested")
            writer.task()
        return writer.ends(end), scheduled
    return writer.fails(end), scheduled
