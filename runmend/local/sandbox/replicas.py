"""The ReplicaSet controller, and the two small ones beside it: garbage collection and the end of namespaces."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runmend.local.sandbox.api import Address, Api, Write
from runmend.local.sandbox.events import Recorder
from runmend.local.sandbox.resources import NAMESPACES, PODS, REPLICA_SETS, Object, Resource
from runmend.local.sandbox.status import Refused
from runmend.local.sandbox.store import Change, Store, controller_of, copied, timestamp

MANAGER = Write("kube-controller-manager")


class Queue:
    """Calls `reconcile` once for each key that was added, a moment later, as controllers do."""

    def __init__(self, reconcile: Callable[[tuple[str, str]], None]) -> None:
        self._reconcile = reconcile
        self._waiting: dict[tuple[str, str], None] = {}
        self._later: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def add(self, namespace: str, name: str) -> None:
        """Ask for one reconciliation of the object as it will be then."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._drain)
        self._waiting[(namespace, name)] = None

    def add_after(self, delay_s: float, namespace: str, name: str) -> None:
        """Ask for one after a while; a later request for the same object replaces it."""
        key = (namespace, name)
        if key in self._later:
            self._later[key].cancel()
        self._later[key] = asyncio.get_running_loop().call_later(delay_s, self.add, *key)

    def _drain(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for key in waiting:
            self._later.pop(key, None)
            # Each by itself, so that one that fails does not take the others with it.
            asyncio.get_running_loop().call_soon(self._reconcile, key)


def ready_since(pod: Object) -> str | None:
    """When the pod's condition Ready became true; None while it is not."""
    conditions = pod.get("status", {}).get("conditions") or []
    since = (
        found.get("lastTransitionTime") or ""
        for found in conditions
        if found["type"] == "Ready" and found["status"] == "True"
    )
    return next(since, None)


class ReplicaSets:
    """Keeps as many pods as each ReplicaSet asks for."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store: Store = api.store
        self._recorder = Recorder(api.store, "replicaset-controller")
        self._queue = Queue(self._reconcile)

    def on_change(self, change: Change) -> None:
        """A ReplicaSet changed, or a pod that one controls."""
        obj = change.new or change.old
        if obj is None:
            return
        if change.resource == REPLICA_SETS:
            self._queue.add(obj["metadata"]["namespace"], obj["metadata"]["name"])
        elif change.resource == PODS and (owner := controller_of(obj)) is not None and owner["kind"] == "ReplicaSet":
            self._queue.add(obj["metadata"]["namespace"], owner["name"])

    def _reconcile(self, key: tuple[str, str]) -> None:
        replica_set = self._store.find(REPLICA_SETS, *key)
        if replica_set is None:
            return
        owned = [pod for resource, pod in self._store.dependants(replica_set["metadata"]["uid"]) if resource == PODS]
        active = [
            pod
            for pod in owned
            if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] not in ("Failed", "Succeeded")
        ]
        ending = sum("deletionTimestamp" in pod["metadata"] for pod in owned)
        missing = replica_set["spec"]["replicas"] - len(active)
        refused = ""
        if missing > 0:
            for _ in range(missing):
                if refused := self._create(replica_set):
                    break
        elif missing < 0:
            for pod in sorted(active, key=_worth)[:-missing]:
                self._delete(replica_set, pod)
        self._report(replica_set, active, ending, refused)

    def _create(self, replica_set: Object) -> str:
        """Create a pod; the answer says what refused it, or nothing."""
        metadata, template = replica_set["metadata"], copied(replica_set["spec"]["template"])
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": metadata["name"], "uid": metadata["uid"]}
        pod = {
            "metadata": {
                **(template.get("metadata") or {}),
                "generateName": f"{metadata['name']}-",
                "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
            },
            "spec": template["spec"],
        }
        try:
            made = self._api.create(Address(PODS, metadata["namespace"]), pod, MANAGER)
        except Refused as refused:
            self._recorder.record(
                REPLICA_SETS, replica_set, "Warning", "FailedCreate", f"Error creating: {refused.message}"
            )
            return refused.message
        self._recorder.record(
            REPLICA_SETS, replica_set, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}"
        )
        return ""

    def _delete(self, replica_set: Object, pod: Object) -> None:
        metadata = pod["metadata"]
        self._api.delete(Address(PODS, metadata["namespace"], metadata["name"]), {}, MANAGER)
        self._recorder.record(
            REPLICA_SETS, replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {metadata['name']}"
        )

    def _report(self, replica_set: Object, active: list[Object], ending: int, refused: str) -> None:
        times = [since for pod in active if (since := ready_since(pod)) is not None]
        ready, available = len(times), self._long_enough(replica_set, times)
        status: Object = {
            "replicas": len(active),
            "observedGeneration": replica_set["metadata"]["generation"],
            "terminatingReplicas": ending,
        }
        status |= {"fullyLabeledReplicas": len(active)} if active else {}
        status |= {"readyReplicas": ready} if ready else {}
        status |= {"availableReplicas": available} if available else {}
        status |= {"conditions": [_failure(replica_set, refused)]} if refused else {}
        if status != replica_set["status"]:
            self._store.put(REPLICA_SETS, replica_set | {"metadata": dict(replica_set["metadata"]), "status": status})

    def _long_enough(self, replica_set: Object, times: list[str]) -> int:
        """How many pods have been ready for `minReadySeconds`; looks again when the next one will have been."""
        least = timedelta(seconds=replica_set["spec"].get("minReadySeconds", 0))
        if not least:
            return len(times)
        now = datetime.now(UTC)
        left = [datetime.fromisoformat(since) + least - now for since in times if since]
        waiting = [more for more in left if more > timedelta()]
        if waiting:
            metadata = replica_set["metadata"]
            self._queue.add_after(min(waiting).total_seconds(), metadata["namespace"], metadata["name"])
        return len(times) - len(waiting)


def _failure(replica_set: Object, refused: str) -> Object:
    """The condition of a ReplicaSet whose pods are refused; the first refusal's, for as long as they are."""
    before: list[Object] = replica_set["status"].get("conditions") or []
    if before:
        return before[0]
    turned = {"lastTransitionTime": timestamp()}
    return {"type": "ReplicaFailure", "status": "True", **turned, "reason": "FailedCreate", "message": refused}


def _worth(pod: Object) -> tuple[bool, bool, bool, str]:
    """Pods that are worth less come first: not on a node, not running, not ready, young."""
    created = pod["metadata"]["creationTimestamp"]
    young = "".join(chr(0x10FFFF - ord(letter)) for letter in created)
    return (bool(pod["spec"].get("nodeName")), pod["status"]["phase"] == "Running", ready_since(pod) is not None, young)


class Collector:
    """Deletes what belonged to a deleted owner, and what was in a deleted namespace."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store: Store = api.store
        self._ending: set[str] = set()

    def on_change(self, change: Change) -> None:
        """An owner went, a namespace is to go, or the last object of one went."""
        if change.new is None and change.old is not None:
            asyncio.get_running_loop().call_soon(self._collect, change.old["metadata"]["uid"])
            if change.old["metadata"].get("namespace") in self._ending:
                asyncio.get_running_loop().call_soon(self._end, change.old["metadata"]["namespace"])
        if change.resource == NAMESPACES and change.new is not None and "deletionTimestamp" in change.new["metadata"]:
            self._ending.add(change.new["metadata"]["name"])
            asyncio.get_running_loop().call_soon(self._empty, change.new["metadata"]["name"])

    def _collect(self, uid: str) -> None:
        for resource, obj in self._store.dependants(uid):
            self._remove(resource, obj)

    def _empty(self, namespace: str) -> None:
        for resource in self._store.resources:
            if resource.namespaced:
                for obj in list(self._store.each(resource, namespace)):
                    self._remove(resource, obj)
        self._end(namespace)

    def _end(self, name: str) -> None:
        namespace = self._store.find(NAMESPACES, "", name)
        if namespace is None or self._store.holds_any(name):
            return
        self._ending.discard(name)
        self._store.drop(NAMESPACES, namespace)

    def _remove(self, resource: Resource, obj: Object) -> None:
        metadata = obj["metadata"]
        if self._store.find(resource, metadata["namespace"], metadata["name"]) is not None:
            self._api.delete(Address(resource, metadata["namespace"], metadata["name"]), {}, MANAGER)
