"""Events as components record them: aggregated on one object, and rationed for each source, object and type."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from runmend.sandbox.resources import EVENTS, NAMESPACES, Object, Resource
from runmend.sandbox.store import Store, timestamp

# The recorder of the real components: this many at once, then one in five minutes, Normal and
# Warning each. A broken pod falls silent by it.
_BURST = 25
_REFILL_S = 300.0


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


class Recorder:
    """Writes the events of one component, such as the kubelet of one node."""

    def __init__(self, store: Store, component: str, host: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._component = component
        self._host = host
        self._clock = clock
        self._rations: dict[tuple[str, str], _Ration] = {}
        self._known: dict[str, dict[tuple[str, ...], tuple[int, str]]] = {}

    def record(self, resource: Resource, about: Object, kind: str, reason: str, message: str, *, path: str = "") -> None:
        """Say something about an object; `kind` is Normal or Warning, `path` the container that is meant."""
        uid = about["metadata"]["uid"]
        known_of = self._known.setdefault(uid, {})
        key = (path, kind, reason, message)
        count, name = known_of.get(key, (0, ""))
        # What is not sent is counted all the same, so a count jumps when the next one may be sent.
        known_of[key] = (count + 1, name)
        now = self._clock()
        if not self._rations.setdefault((uid, kind), _Ration(now)).take(now):
            return
        namespace = about["metadata"].get("namespace", "default")
        known = self._store.find(EVENTS, namespace, name)
        if known is not None:
            again = {"metadata": dict(known["metadata"]), "count": count + 1, "lastTimestamp": timestamp()}
            self._store.put(EVENTS, known | again)
            return
        event = self._new(resource, about, kind, path)
        seen = timestamp()
        event |= {
            "reason": reason,
            "message": message,
            "firstTimestamp": seen,
            "lastTimestamp": seen,
            "count": count + 1,
            "eventTime": None,
        }
        self._put(event)
        known_of[key] = (count + 1, event["metadata"]["name"])

    def note(self, resource: Resource, about: Object, reason: str, action: str, message: str) -> None:
        """A Normal event of the newer kind, as the scheduler writes them: a time and no count."""
        event = self._new(resource, about, "Normal", "")
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        event |= {"reason": reason, "message": message, "firstTimestamp": None, "lastTimestamp": None, "eventTime": moment}
        self._put(event | {"source": {}, "action": action})

    def forget(self, uid: str) -> None:
        """The object is gone: neither its ration nor its events are needed any more."""
        for kind in ("Normal", "Warning"):
            self._rations.pop((uid, kind), None)
        self._known.pop(uid, None)

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
            "metadata": {"name": f"{metadata['name']}.{time.time_ns():x}", "namespace": metadata.get("namespace", "default")},
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
