"""A history's events, and the commands that workflow code gives in their place, in words; and where the two differ."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

_EVENT_OF: Final = {
    "schedule_activity": "activity_task_scheduled",
    "request_cancel_activity": "activity_task_cancel_requested",
    "start_timer": "timer_started",
    "cancel_timer": "timer_canceled",
    "set_patch_marker": "marker_recorded",
    "upsert_workflow_search_attributes": "upsert_workflow_search_attributes",
    "modify_workflow_properties": "workflow_properties_modified",
    "start_child_workflow_execution": "start_child_workflow_execution_initiated",
    "signal_external_workflow_execution": "signal_external_workflow_execution_initiated",
    "continue_as_new_workflow_execution": "workflow_execution_continued_as_new",
    "complete_workflow_execution": "workflow_execution_completed",
    "fail_workflow_execution": "workflow_execution_failed",
    "cancel_workflow_execution": "workflow_execution_canceled",
}
"""Which event a command becomes. Others leave none: answers to queries."""
ENDS: Final = frozenset({"complete_workflow_execution", "fail_workflow_execution", "cancel_workflow_execution"})
_MAY_LEAVE_NONE: Final = frozenset({"request_cancel_activity", "cancel_timer", "set_patch_marker"})
"""Commands that leave no event where there is nothing to cancel, or to mark."""
_PATCHES: Final = "TemporalChangeVersion"
"""The search attribute that the SDK itself writes beside a patch's marker."""
_VERBS: Final = {
    "activity_task_cancel_requested": "an activity's cancellation",
    "timer_canceled": "a timer's cancellation",
    "workflow_execution_completed": "the run's completion",
    "workflow_execution_failed": "the run's failure",
    "workflow_execution_canceled": "the run's end as cancelled",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event that the code does not match, None where the code goes on after the last.

    And what it does, by its number.
    """

    event: HistoryEvent | None
    command: int | None


def kind_of(event: HistoryEvent) -> str:
    """`activity_task_scheduled`."""
    return str(event.WhichOneof("attributes") or "").removesuffix("_event_attributes")


def command_kind(command: WorkflowCommand) -> str:
    """`schedule_activity`."""
    return str(command.WhichOneof("variant") or "")


def named(event: HistoryEvent) -> str:
    """The event's type as the Web UI names it: `ActivityTaskScheduled`."""
    return "".join(part.title() for part in EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").split("_"))


def event_in_words(event: HistoryEvent) -> str:
    """`event 17, ActivityTaskScheduled at 2026-11-23 08:57:36 UTC: activity runmend.settle, id 4`."""
    when = event.event_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")
    attributes: Any = getattr(event, f"{kind_of(event)}_event_attributes", None)
    match kind_of(event):
        case "activity_task_scheduled":
            what = f"activity {attributes.activity_type.name}, id {attributes.activity_id}"
        case "timer_started":
            what = _timer(attributes.start_to_fire_timeout.ToTimedelta().total_seconds(), attributes.timer_id)
        case "upsert_workflow_search_attributes":
            what = _listed("search attribute", attributes.search_attributes.indexed_fields)
        case "workflow_properties_modified":
            what = _listed("memo", attributes.upserted_memo.fields)
        case "marker_recorded":
            what = f"marker {attributes.marker_name}"
        case kind:
            what = _VERBS.get(kind, "")
    return f"event {event.event_id}, {named(event)} at {when}" + (f": {what}" if what else "")


def command_in_words(command: WorkflowCommand) -> str:
    """What the code does: `activity runmend.settle, id 4`."""
    attributes: Any = getattr(command, command_kind(command), None)
    match command_kind(command):
        case "schedule_activity":
            what = f"activity {attributes.activity_type}, id {attributes.activity_id}"
        case "start_timer":
            what = _timer(attributes.start_to_fire_timeout.ToTimedelta().total_seconds(), attributes.seq)
        case "upsert_workflow_search_attributes":
            what = _listed("search attribute", attributes.search_attributes.indexed_fields)
        case "modify_workflow_properties":
            what = _listed("memo", attributes.upserted_memo.fields)
        case "set_patch_marker":
            what = f"marker of the patch {attributes.patch_id}"
        case "fail_workflow_execution":
            what = f"the run's failure: {attributes.failure.message.partition(chr(10))[0]:.200}"
        case kind:
            what = _VERBS.get(_EVENT_OF.get(kind, ""), kind.replace("_", " "))
    return what


def first_difference(
    events: Sequence[HistoryEvent], commands: Sequence[WorkflowCommand], void: Collection[int] = ()
) -> Difference | None:
    """Where the code leaves the history; None where each of its commands has its event, in their order.

    Args:
        events: the whole history.
        commands: what the code gave, as far as it was replayed.
        void: the numbers of commands that were taken back at once.
    """
    given = [
        number for number, command in enumerate(commands) if command_kind(command) in _EVENT_OF and number not in void
    ]
    for event in filter(_of_the_code, events):
        while given and not _fits(event, commands[given[0]]) and command_kind(commands[given[0]]) in _MAY_LEAVE_NONE:
            del given[0]
        if not given or not _fits(event, commands[given[0]]):
            return Difference(event, given[0] if given else None)
        del given[0]
    left = [number for number in given if command_kind(commands[number]) not in _MAY_LEAVE_NONE]
    return Difference(None, left[0]) if left else None


def _of_the_code(event: HistoryEvent) -> bool:
    """Whether the event is what a command of the code became."""
    if kind_of(event) == "upsert_workflow_search_attributes":
        return set(event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields) != {
            _PATCHES
        }
    return kind_of(event) in _EVENT_OF.values()


def _fits(event: HistoryEvent, command: WorkflowCommand) -> bool:
    """Whether the command may have become this event, as Temporal compares them.

    An activity by its type and id, a timer by its id.
    """
    if _EVENT_OF.get(command_kind(command)) != kind_of(event):
        return False
    if kind_of(event) == "timer_started":
        return event.timer_started_event_attributes.timer_id == str(command.start_timer.seq)
    if kind_of(event) != "activity_task_scheduled":
        return True
    was, now = event.activity_task_scheduled_event_attributes, command.schedule_activity
    return (was.activity_type.name, was.activity_id) == (now.activity_type, now.activity_id)


def _timer(seconds: float, timer_id: str | int) -> str:
    return f"a timer of {seconds:g} s, id {timer_id}"


def _listed(what: str, fields: Any) -> str:  # noqa: ANN401  a map of payloads by their names
    return f"{what} {', '.join(sorted(fields))}"
