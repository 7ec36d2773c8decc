"""A history's events in words."""

from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

_MEANS: Final = {
    "activity_task_cancel_requested": "an activity's cancellation",
    "timer_canceled": "a timer's cancellation",
    "workflow_execution_completed": "the run's completion",
    "workflow_execution_failed": "the run's failure",
    "workflow_execution_canceled": "the run's end as cancelled",
}


def kind_of(event: HistoryEvent) -> str:
    """`activity_task_scheduled`."""
    return str(event.WhichOneof("attributes") or "").removesuffix("_event_attributes")


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
            seconds = attributes.start_to_fire_timeout.ToTimedelta().total_seconds()
            what = f"a timer of {seconds:g} s, id {attributes.timer_id}"
        case "upsert_workflow_search_attributes":
            what = _listed("search attribute", attributes.search_attributes.indexed_fields)
        case "workflow_properties_modified":
            what = _listed("memo", attributes.upserted_memo.fields)
        case "marker_recorded":
            what = f"marker {attributes.marker_name}"
        case kind:
            what = _MEANS.get(kind, "")
    return f"event {event.event_id}, {named(event)} at {when}" + (f": {what}" if what else "")


def _listed(what: str, fields: Any) -> str:  # noqa: ANN401  a map of payloads by their names
    return f"{what} {', '.join(sorted(fields))}"
