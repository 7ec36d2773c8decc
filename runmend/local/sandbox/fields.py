"""`metadata.managedFields`: who set which field last. Readers of it learn who put a value back."""

import json
from collections.abc import Iterator

from runmend.local.sandbox.resources import Object, Resource
from runmend.local.sandbox.store import timestamp

Path = tuple[str, ...]

_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "imagePullSecrets": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "secrets": ("name",),
}
_ATOMIC = frozenset({"selector", "nodeSelector", "involvedObject", "state", "lastState", "fieldRef", "valueFrom"})
_NOT_MANAGED = frozenset(
    {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "name", "namespace", "selfLink"}
)
_ITSELF = "."


def managed(resource: Resource, old: Object | None, new: Object, manager: str, subresource: str = "") -> list[Object]:
    """The new managedFields, after `manager` made `new` of `old`: it owns what it set, and nobody owns what is gone."""
    before = dict(_leaves(old)) if old is not None else {}
    after = dict(_leaves(new))
    taken = {path for path, value in after.items() if path not in before or before[path] != value}
    entries: list[Object] = (old or {}).get("metadata", {}).get("managedFields") or []
    result, own = [], None
    for entry in entries:
        owned = set(_paths(entry["fieldsV1"]))
        left = {path for path in owned if path in after and path not in taken}
        mine = entry["manager"] == manager and entry.get("subresource", "") == subresource
        if mine:
            own = entry
            left |= taken
        if left:
            fresh = {"fieldsV1": _tree(left), "time": timestamp()} if mine and taken else {"fieldsV1": _tree(left)}
            result.append(entry if left == owned else entry | fresh)
    if own is None and taken:
        result.append(
            {
                "manager": manager,
                "operation": "Update",
                "apiVersion": resource.api_version,
                "time": timestamp(),
                "fieldsType": "FieldsV1",
                "fieldsV1": _tree(taken),
                **({"subresource": subresource} if subresource else {}),
            }
        )
    return sorted(result, key=lambda entry: str(entry["time"]))


def conflicts(live: Object, given: Object, manager: str) -> list[tuple[str, str, str]]:
    """The fields of a document that another manager has set to another value: who, in which version, and the field as
    messages name it.
    """
    there = dict(_leaves(live))
    changed = [path for path, value in _leaves(given) if path in there and there[path] != value]
    found = []
    for entry in live["metadata"].get("managedFields") or []:
        owned = set(_paths(entry["fieldsV1"]))
        if entry["manager"] != manager:
            dotted = ["".join(f".{step[2:]}" for step in path) for path in changed if path in owned]
            found += [(entry["manager"], entry["apiVersion"], path) for path in sorted(dotted)]
    return found


def _leaves(obj: Object) -> Iterator[tuple[Path, object]]:
    for key, value in obj.items():
        if key == "metadata":
            for name, item in value.items():
                if name not in _NOT_MANAGED:
                    yield from _under(("f:metadata", f"f:{name}"), name, item)
        elif key not in ("kind", "apiVersion"):
            yield from _under((f"f:{key}",), key, value)


def _under(path: Path, key: str, value: object) -> Iterator[tuple[Path, object]]:
    if isinstance(value, dict) and value and key not in _ATOMIC:
        if key in ("labels", "annotations", "limits", "requests", "data"):
            yield (*path, _ITSELF), None
        for name, item in value.items():
            yield from _under((*path, f"f:{name}"), name, item)
    elif isinstance(value, list) and key in _KEYS:
        for item in value:
            keys = {name: item[name] for name in _KEYS[key] if name in item}
            here = (*path, f"k:{json.dumps(keys, separators=(',', ':'))}")
            yield (*here, _ITSELF), None
            for name, inner in item.items():
                yield from _under((*here, f"f:{name}"), name, inner)
    else:
        yield path, value


def _tree(paths: set[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    return tree


def _paths(tree: Object, path: Path = ()) -> Iterator[Path]:
    for step, inner in tree.items():
        if inner:
            yield from _paths(inner, (*path, step))
        else:
            yield (*path, step)
