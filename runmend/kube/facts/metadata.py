"""From what every object's JSON has to facts: metadata, conditions, selectors, and who manages which field."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from runmend.facts.object import Condition, Owner

Json = dict[str, Any]

LONGEST_WHY: Final = 200
LONGEST_CAUSE: Final = 500


def object_facts(item: Json, told: datetime | None) -> dict[str, Any]:
    """What every object has, as the fields of `ObjectFacts`."""
    metadata = item["metadata"]
    return {
        "namespace": metadata.get("namespace") or "",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "labels": metadata.get("labels") or {},
        "annotations": metadata.get("annotations") or {},
        "owner": controller(metadata),
        "deleting": "deletionTimestamp" in metadata,
        "told_at": f"{told.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if told else "",
        "age": between(metadata.get("creationTimestamp"), told),
        "said": tuple(map(_condition, (item.get("status") or {}).get("conditions") or ())),
    }


def _condition(entry: Json) -> Condition:
    return Condition(
        name=entry.get("type") or "",
        status=entry.get("status") or "",
        reason=entry.get("reason") or "",
        message=(entry.get("message") or "")[:LONGEST_CAUSE],
        since=entry.get("lastTransitionTime") or "",
    )


def moment(text: object) -> datetime | None:
    """A time as the API writes it; None where there is none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def between(begun: object, ended: datetime | None) -> timedelta | None:
    """What passed between two times of one clock, to the second as the API tells them; None where one is not told."""
    first = moment(begun)
    if first is None or ended is None:
        return None
    return max(ended - first, timedelta())


def references(names: Any) -> tuple[str, ...]:  # noqa: ANN401  what JSON holds
    """The names of a list of references, such as imagePullSecrets."""
    return tuple(entry["name"] for entry in names or () if entry.get("name"))


def controller(metadata: Json) -> Owner | None:
    """The owner reference that controls an object; the others only keep it from being collected."""
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return Owner(kind=owner["kind"], name=owner["name"], uid=owner["uid"])
    return None


def denied(status: Json, kind: str) -> Json:
    """An object's condition where it does not hold; nothing where it does, or nobody has said."""
    return next(
        (each for each in status.get("conditions") or () if each.get("type") == kind and each.get("status") != "True"),
        {},
    )


def holding(status: Json, kind: str) -> Json:
    """An object's condition where it holds; nothing where it does not."""
    return next(
        (each for each in status.get("conditions") or () if each.get("type") == kind and each.get("status") == "True"),
        {},
    )


def reason_and_message(said: Json) -> str:
    """A reason with its message, `OutOfcpu: Pod was rejected: …`; the one of them that is there, or nothing."""
    return ": ".join(text for text in (said.get("reason"), said.get("message")) if text)[:LONGEST_CAUSE]


def selector(spec: Json) -> str:
    """A workload's label selector as a list's query has it; empty where it has none."""
    given = spec.get("selector") or {}
    labels = (f"{key}={value}" for key, value in (given.get("matchLabels") or {}).items())
    return ",".join((*labels, *map(_requirement, given.get("matchExpressions") or ())))


def _requirement(expression: Json) -> str:
    key, among = expression["key"], ",".join(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return f"{key} in ({among})"
        case "NotIn":
            return f"{key} notin ({among})"
        case "Exists":
            return str(key)
        case _:
            return f"!{key}"


def entries_of(metadata: Json, *fields: str, subresource: str | None = None) -> Iterator[Json]:
    """The entries of managedFields that hold a field, `f:spec`, `f:unschedulable`; who wrote last, last.

    Only those that wrote through a subresource, where one is named.

    The time of an entry is the API server's, of the last write by which its manager changed something of its own.
    """
    entries: Sequence[Json] = metadata.get("managedFields") or ()
    for entry in sorted(entries, key=lambda entry: entry.get("time") or ""):
        owned: Any = entry.get("fieldsV1") or {}
        for field in fields:
            owned = owned.get(field) if isinstance(owned, dict) else None
        if owned is not None and subresource in (None, entry.get("subresource") or ""):
            yield entry
