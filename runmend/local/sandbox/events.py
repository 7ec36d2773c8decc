"""Events as components record them: counted on one object, combined where only their messages differ, and rationed.

Each source remembers that for each object; a ration is for one type of event.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runmend.local.sandbox.resources import EVENTS, NAMESPACES, Object, Resource
from runmend.local.sandbox.store import Store, timestamp

# The recorder of the real components: this many at once, then one in five minutes, Normal and
# Warning each. A broken pod falls silent by it.
_BURST = 25
_REFILL_S = 300.0
# Events that differ in their message alone: the first ones each by itself, the next ones in one whose message is that
# of the last.
_SINGLE = 9
COMBINED = "(combined from similar events): "


@dataclass(slots=True)
class _Ration:
    since: float
    left: float = _BURST

    def take(self, now: float) -> bool:
        self.left = min(_BURST, self.left + (now - self.since) / _REFILL_S)
        self.since = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class _Memory:
    """What a source knows of what it told about one object."""

    rations: dict[str, _Ration] = field(default_factory=dict)
    messages: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By type and reason, as far as they are told each by itself."""
    known: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)
    """How often each was to be told, and the name of its event."""

    def has_quota(self, kind: str, now: float) -> bool:
        """Whether the ration allows one more."""
        return self.rations.setdefault(kind, _Ration(now)).take(now)

    def combines(self, kind: str, reason: str, message: str) -> bool:
        """Whether a message comes after too many others."""
        alone = self.messages.setdefault((kind, reason), set())
        if message not in alone and len(alone) < _SINGLE:
            alone.add(message)
        return message not in alone


class Recorder:
    """Writes the events of one component, such as the kubelet of one node."""

    def __init__(
        self, store: Store, component: str, host: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._component = component
        self._host = host
        self._clock = clock
        self._memories: dict[str, _Memory] = {}

    def record(
        self, resource: Resource, about: Object, kind: str, reason: str, message: str, *, path: str = ""
    ) -> None:
        """Say something about an object; `kind` is Normal or Warning, `path` the container that is meant."""
        memory = self._memories.setdefault(about["metadata"]["uid"], _Memory())
        key: tuple[str, ...] = (path, kind, reason, message)
        if memory.combines(kind, reason, message):
            key, message = (kind, reason), COMBINED + message
        count, name = memory.known.get(key, (0, ""))
        # What is not sent is counted all the same, so a count jumps when the next one may be sent.
        memory.known[key] = (count + 1, name)
        if not memory.has_quota(kind, self._clock()):
            return
        seen = timestamp()
        known = self._store.find(EVENTS, about["metadata"].get("namespace", "default"), name)
        if known is not None:
            again = {"metadata": dict(known["metadata"]), "count": count + 1, "lastTimestamp": seen, "message": message}
            self._store.put(EVENTS, known | again)
            return
        event = self._new(resource, about, kind, path)
        times = {"firstTimestamp": seen, "lastTimestamp": seen, "eventTime": None}
        self._put(event | {"reason": reason, "message": message, "count": count + 1, **times})
        memory.known[key] = (count + 1, event["metadata"]["name"])

    def note(self, resource: Resource, about: Object, kind: str, reason: str, action: str, message: str) -> None:
        """An event of the newer kind, as the scheduler writes them: a time and no count."""
        event = self._new(resource, about, kind, "")
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        event |= {
            "reason": reason,
            "message": message,
            "firstTimestamp": None,
            "lastTimestamp": None,
            "eventTime": moment,
        }
        self._put(event | {"source": {}, "action": action})

    def forget(self, uid: str) -> None:
        """The object is gone: nothing will be told of it any more."""
        self._memories.pop(uid, None)

    def _new(self, resource: Resource, about: Object, kind: str, path: str) -> Object:
        metadata = about["metadata"]
        involved = {
            "kind": resource.kind,
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": resource.api_version,
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        return {
            "metadata": {
                "name": f"{metadata['name']}.{time.time_ns():x}",
                "namespace": metadata.get("namespace", "default"),
            },
            "involvedObject": involved | ({"fieldPath": path} if path else {}),
            "source": {"component": self._component} | ({"host": self._host} if self._host else {}),
            "type": kind,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    def _put(self, event: Object) -> None:
        namespace = self._store.find(NAMESPACES, "", event["metadata"]["namespace"])
        if namespace is not None and "deletionTimestamp" not in namespace["metadata"]:
            self._store.put(EVENTS, event)
