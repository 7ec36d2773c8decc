"""All objects, in memory. Everything else reads and writes here, in the server's one thread.

A stored object is never changed in place: a writer edits a copy and puts that. So a reader may keep what it was given.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from runmend.local.sandbox.resources import Object, Resource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """What a listener is told: `old` is None for a creation, `new` for a removal."""

    resource: Resource
    old: Object | None
    new: Object | None


def timestamp(moment: datetime | None = None) -> str:
    """A time of `metav1.Time`: whole seconds, UTC."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def copied(value: T) -> T:
    """A deep copy of something made of dicts, lists and scalars; five times as fast as copy.deepcopy."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}  # type: ignore[return-value]
    if isinstance(value, list):
        return [copied(item) for item in value]  # type: ignore[return-value]
    return value


def controller_of(obj: Object) -> Object | None:
    """The owner reference that is marked as the controller's."""
    owners: list[Object] = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


class Store:
    """Objects by resource, namespace (empty for cluster-wide ones) and name."""

    def __init__(self) -> None:
        self.revision = 1
        self.listeners: list[Callable[[Change], None]] = []
        self._objects: dict[Resource, dict[str, dict[str, Object]]] = {}
        self._dependants: dict[str, dict[tuple[Resource, str, str], None]] = {}
        self._encoded: dict[str, tuple[str, bytes]] = {}

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object as it is now."""
        return self._objects.get(resource, {}).get(namespace, {}).get(name)

    def each(self, resource: Resource, namespace: str | None = None) -> Iterator[Object]:
        """Every object of a resource, by namespace and name as etcd orders them."""
        spaces = self._objects.get(resource, {})
        for space in sorted(spaces, key=lambda name: f"{name}/") if namespace is None else [namespace]:
            objects = spaces.get(space, {})
            for name in sorted(objects):
                yield objects[name]

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The kinds of which there has been an object."""
        return tuple(self._objects)

    def holds_any(self, namespace: str) -> bool:
        """Whether anything is left in a namespace."""
        return any(spaces.get(namespace) for spaces in self._objects.values())

    def dependants(self, uid: str) -> list[tuple[Resource, Object]]:
        """The objects with an owner reference to `uid`, oldest first."""
        found = (
            (resource, self.find(resource, namespace, name))
            for resource, namespace, name in self._dependants.get(uid, ())
        )
        return [(resource, obj) for resource, obj in found if obj is not None]

    def put(self, resource: Resource, obj: Object) -> Object:
        """Store a new object, or the new version of one; it gets the next resourceVersion (and a uid where it has
        none).
        """
        metadata = obj["metadata"]
        key = (resource, metadata.get("namespace", ""), metadata["name"])
        old = self.find(*key)
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        if old is None:
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", timestamp())
        self._objects.setdefault(resource, {}).setdefault(key[1], {})[key[2]] = obj
        self._index(key, old, obj)
        self._notify(Change(resource, old, obj))
        return obj

    def drop(self, resource: Resource, obj: Object) -> None:
        """Remove an object; one that is gone already is no error."""
        metadata = obj["metadata"]
        key = (resource, metadata.get("namespace", ""), metadata["name"])
        old = self.find(*key)
        if old is None or old["metadata"]["uid"] != metadata["uid"]:
            return
        self.revision += 1
        del self._objects[resource][key[1]][key[2]]
        self._encoded.pop(metadata["uid"], None)
        self._index(key, old, None)
        self._notify(Change(resource, old, None))

    def encoded(self, obj: Object) -> bytes:
        """The object as JSON without kind and apiVersion, kept until it changes: lists of thousands are read often."""
        metadata = obj["metadata"]
        kept = self._encoded.get(metadata["uid"])
        if kept is not None and kept[0] == metadata["resourceVersion"]:
            return kept[1]
        encoded = json.dumps(obj, separators=(",", ":")).encode()
        self._encoded[metadata["uid"]] = (metadata["resourceVersion"], encoded)
        return encoded

    def _index(self, key: tuple[Resource, str, str], old: Object | None, new: Object | None) -> None:
        before = _owners(old)
        after = _owners(new)
        for uid in before - after:
            self._dependants.get(uid, {}).pop(key, None)
        for uid in after - before:
            self._dependants.setdefault(uid, {})[key] = None

    def _notify(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)


def _owners(obj: Object | None) -> set[str]:
    return {owner["uid"] for owner in (obj or {}).get("metadata", {}).get("ownerReferences") or []}
