"""From an event's JSON to facts."""

from typing import Any, Final

from runmend.facts.event import EventFacts

Json = dict[str, Any]

_COMBINED: Final = "(combined from similar events): "


def event(item: Json) -> EventFacts:
    """An event. A newer API counts in `series`; one that stands for many that are alike says so before its text."""
    involved = item.get("involvedObject") or {}
    series = item.get("series") or {}
    return EventFacts(
        uid=item["metadata"]["uid"],
        reason=item.get("reason") or "",
        message=(item.get("message") or "").removeprefix(_COMBINED)[:1000],
        type=item.get("type") or "",
        count=max(item.get("count") or 1, series.get("count") or 1),
        object_kind=involved.get("kind") or "",
        object_name=involved.get("name") or "",
        object_uid=involved.get("uid") or "",
        last_seen=series.get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime") or "",
    )
