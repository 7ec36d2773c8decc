"""Who wrote a field last, by the object's managedFields. Pure."""

import json
from typing import Any

Json = dict[str, Any]


def manager_of(item: Json, path: tuple[str, ...]) -> str:
    """The field manager that last set a field, or the longest part of the way to it that somebody owns; empty where the
    API server names none.
    """
    managed = (item.get("metadata") or {}).get("managedFields") or ()
    deepest, found = 0, ""
    for entry in sorted(managed, key=lambda entry: entry.get("time") or ""):
        depth = _owned(entry.get("fieldsV1") or {}, path)
        if depth and depth >= deepest:
            deepest, found = depth, entry.get("manager") or "unknown"
    return found


def _owned(fields: Any, path: tuple[str, ...]) -> int:  # noqa: ANN401  what JSON holds
    """How many keys of the way are owned: all of them, or up to a value that is owned as a whole; 0 where it leads
    elsewhere.
    """
    for number, key in enumerate(path):
        below = _below(fields, key)
        if below is None:
            # What is owned without what is in it is owned as a whole.
            return number if number and set(fields) <= {"."} else 0
        fields = below
    return len(path)


def _below(fields: Any, key: str) -> Any:  # noqa: ANN401  what JSON holds
    if not isinstance(fields, dict):
        return None
    if f"f:{key}" in fields:
        return fields[f"f:{key}"]
    # An entry of a list by its keys: `k:{"name":"app"}`.
    for name, owned in fields.items():
        if name.startswith("k:") and key in map(str, json.loads(name[2:]).values()):
            return owned
    return None
