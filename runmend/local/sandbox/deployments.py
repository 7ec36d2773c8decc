"""The Deployment controller: a ReplicaSet for each template, rolled over within maxSurge and maxUnavailable."""

import hashlib
import json
import time

from runmend.local.sandbox.conditions import COMPLETE, Counts, conditions_of, progress_of
from runmend.local.sandbox.events import Recorder
from runmend.local.sandbox.replicas import Queue
from runmend.local.sandbox.resources import DEPLOYMENTS, REPLICA_SETS, Object
from runmend.local.sandbox.rollout import Bounds, proportions
from runmend.local.sandbox.store import Change, Store, controller_of, copied

REVISION = "deployment.kubernetes.io/revision"
_HISTORY = "deployment.kubernetes.io/revision-history"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION, _HISTORY, _DESIRED, _MOST})
_HASH = "pod-template-hash"
_SAFE = str.maketrans("0123456789abcdef", "456789bcdfghjklm")


class Deployments:
    """Rolls every Deployment out and keeps its status."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recorder = Recorder(store, "deployment-controller")
        self._queue = Queue(self._reconcile)
        self._progress: dict[str, float] = {}

    def on_change(self, change: Change) -> None:
        """A Deployment changed, or a ReplicaSet that one controls."""
        obj = change.new or change.old
        if obj is None:
            return
        if change.resource == DEPLOYMENTS:
            self._queue.add(obj["metadata"]["namespace"], obj["metadata"]["name"])
            if change.new is None:
                self._progress.pop(obj["metadata"]["uid"], None)
        elif (
            change.resource == REPLICA_SETS
            and (owner := controller_of(obj)) is not None
            and owner["kind"] == "Deployment"
        ):
            self._queue.add(obj["metadata"]["namespace"], owner["name"])

    def _reconcile(self, key: tuple[str, str]) -> None:
        deployment = self._store.find(DEPLOYMENTS, *key)
        if deployment is None:
            return
        owned = [
            obj for resource, obj in self._store.dependants(deployment["metadata"]["uid"]) if resource == REPLICA_SETS
        ]
        new = next((found for found in owned if _template(found) == _template(deployment)), None)
        if not deployment["spec"].get("paused"):
            new = self._renewed(deployment, owned, new)
            deployment = self._revised(deployment, new)
        if not self._scaled(deployment, owned, new) and new is not None and not deployment["spec"].get("paused"):
            self._roll(
                deployment, new, [found for found in owned if found["metadata"]["uid"] != new["metadata"]["uid"]]
            )
        self._report(key)

    def _renewed(self, deployment: Object, owned: list[Object], new: Object | None) -> Object:
        """The ReplicaSet of the current template: made, or brought up to the newest revision with the annotations of
        the Deployment.
        """
        others = [found for found in owned if new is None or found["metadata"]["uid"] != new["metadata"]["uid"]]
        revision = 1 + max((_revision(found) for found in others), default=0)
        if new is None:
            self._progress[deployment["metadata"]["uid"]] = time.monotonic()
            return self._created(deployment, revision)
        annotations = dict(new["metadata"].get("annotations") or {}) | _copied_annotations(deployment)
        if _revision(new) < revision:
            self._progress[deployment["metadata"]["uid"]] = time.monotonic()
            past = [annotations[_HISTORY]] if _HISTORY in annotations else []
            annotations[_HISTORY] = ",".join([*past, annotations[REVISION]])
            annotations[REVISION] = str(revision)
        if annotations == new["metadata"].get("annotations"):
            return new
        return self._store.put(REPLICA_SETS, new | {"metadata": new["metadata"] | {"annotations": annotations}})

    def _created(self, deployment: Object, revision: int) -> Object:
        metadata, spec = deployment["metadata"], deployment["spec"]
        template = copied(spec["template"])
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10].translate(_SAFE)
        labels = {**(template.get("metadata", {}).get("labels") or {}), _HASH: digest}
        template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
        wanted = spec["selector"].get("matchLabels") or {}
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
        replica_set = {
            "metadata": {
                "name": f"{metadata['name']}-{digest}",
                "namespace": metadata["namespace"],
                "generation": 1,
                "labels": labels,
                "annotations": _copied_annotations(deployment) | _sizes(deployment) | {REVISION: str(revision)},
                "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
            },
            "spec": {
                "replicas": 0,
                "selector": {**spec["selector"], "matchLabels": wanted | {_HASH: digest}},
                "template": template,
                **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
            },
            "status": {"replicas": 0},
        }
        return self._store.put(REPLICA_SETS, replica_set)

    def _revised(self, deployment: Object, new: Object) -> Object:
        revision = new["metadata"]["annotations"][REVISION]
        annotations = deployment["metadata"].get("annotations") or {}
        if annotations.get(REVISION) == revision:
            return deployment
        metadata = deployment["metadata"] | {"annotations": annotations | {REVISION: revision}}
        return self._store.put(DEPLOYMENTS, deployment | {"metadata": metadata})

    def _scaled(self, deployment: Object, owned: list[Object], new: Object | None) -> bool:
        """Spread a change of `spec.replicas` over the ReplicaSets; says whether there was one."""
        wanted = deployment["spec"]["replicas"]
        active = [found for found in owned if found["spec"]["replicas"]]
        if not any((found["metadata"].get("annotations") or {}).get(_DESIRED) != str(wanted) for found in active):
            return False
        single = active[0] if len(active) == 1 else None
        if single is not None and (new is None or single["metadata"]["uid"] == new["metadata"]["uid"]):
            self._scale(deployment, single, wanted)
            return True
        bounds = Bounds.of(deployment["spec"])
        most = wanted + bounds.surge if wanted else 0
        sizes = proportions([found["spec"]["replicas"] for found in active], most)
        for found, size in zip(active, sizes, strict=True):
            self._scale(deployment, found, size)
        return True

    def _roll(self, deployment: Object, new: Object, old: list[Object]) -> None:
        bounds = Bounds.of(deployment["spec"])
        wanted = deployment["spec"]["replicas"]
        total = new["spec"]["replicas"] + sum(found["spec"]["replicas"] for found in old)
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            for found in old:
                self._scale(deployment, found, 0)
            if not any(found["status"].get("replicas") or found["status"].get("terminatingReplicas") for found in old):
                self._scale(deployment, new, wanted)
            return
        size = new["spec"]["replicas"]
        room = max(0, wanted + bounds.surge - total)
        grown = wanted if size > wanted else min(wanted, size + room)
        if grown != size:
            self._scale(deployment, new, grown)
            return
        self._shrink(
            deployment, new, [found for found in old if found["spec"]["replicas"]], wanted - bounds.unavailable
        )

    def _shrink(self, deployment: Object, new: Object, old: list[Object], least: int) -> None:
        """Take down old pods: those that do not serve first, then as many as `least` available pods allow."""
        pending = new["spec"]["replicas"] - _available(new)
        spare = new["spec"]["replicas"] + sum(found["spec"]["replicas"] for found in old) - least - pending
        sizes = {found["metadata"]["uid"]: found["spec"]["replicas"] for found in old}
        for found in old:
            cut = min(spare, found["spec"]["replicas"] - _available(found))
            if cut > 0:
                sizes[found["metadata"]["uid"]] -= cut
                spare -= cut
        spare = min(spare, _available(new) + sum(map(_available, old)) - least)
        for found in old:
            cut = min(spare, sizes[found["metadata"]["uid"]])
            if cut > 0:
                sizes[found["metadata"]["uid"]] -= cut
                spare -= cut
        for found in old:
            self._scale(deployment, found, sizes[found["metadata"]["uid"]])

    def _scale(self, deployment: Object, replica_set: Object, size: int) -> None:
        before, metadata = replica_set["spec"]["replicas"], replica_set["metadata"]
        annotations = (metadata.get("annotations") or {}) | _sizes(deployment)
        if before == size and annotations == metadata.get("annotations"):
            return
        changed = {"annotations": annotations, "generation": metadata["generation"] + (before != size)}
        self._store.put(
            REPLICA_SETS,
            replica_set | {"metadata": metadata | changed, "spec": replica_set["spec"] | {"replicas": size}},
        )
        if before != size:
            verb = "up" if size > before else "down"
            message = f"Scaled {verb} replica set {metadata['name']} from {before} to {size}"
            self._recorder.record(DEPLOYMENTS, deployment, "Normal", "ScalingReplicaSet", message)

    def _report(self, key: tuple[str, str]) -> None:
        deployment = self._store.find(DEPLOYMENTS, *key)
        if deployment is None:
            return
        metadata = deployment["metadata"]
        owned = [obj for resource, obj in self._store.dependants(metadata["uid"]) if resource == REPLICA_SETS]
        new = next((found for found in owned if _template(found) == _template(deployment)), None)
        counts = Counts.of(owned, new)
        late = self._is_late(deployment, counts)
        progress = progress_of(deployment, counts, new, late=late)
        status = {"observedGeneration": metadata["generation"], **counts.fields}
        status["conditions"] = conditions_of(deployment, counts, progress)
        if status != deployment["status"]:
            self._store.put(DEPLOYMENTS, deployment | {"metadata": dict(metadata), "status": status})
        if progress[1] == COMPLETE:
            self._forget_history(deployment, owned, new)

    def _is_late(self, deployment: Object, counts: Counts) -> bool:
        """Whether nothing has moved for longer than the progress deadline; looks again when it will be."""
        metadata, before = deployment["metadata"], deployment["status"]
        old, was_old = counts.replicas - counts.updated, before.get("replicas", 0) - before.get("updatedReplicas", 0)
        moved: bool = counts.updated > before.get("updatedReplicas", 0) or old < was_old
        moved = (
            moved
            or counts.ready > before.get("readyReplicas", 0)
            or counts.available > before.get("availableReplicas", 0)
        )
        now = time.monotonic()
        if moved or metadata["uid"] not in self._progress:
            self._progress[metadata["uid"]] = now
        left: float = self._progress[metadata["uid"]] + deployment["spec"]["progressDeadlineSeconds"] - now
        if left > 0:
            self._queue.add_after(left + 0.05, metadata["namespace"], metadata["name"])
        return left <= 0

    def _forget_history(self, deployment: Object, owned: list[Object], new: Object | None) -> None:
        old = [
            found
            for found in owned
            if found is not new and not found["spec"]["replicas"] and not found["status"].get("replicas")
        ]
        for found in sorted(old, key=_revision)[: max(0, len(old) - deployment["spec"]["revisionHistoryLimit"])]:
            self._store.drop(REPLICA_SETS, found)


def _template(workload: Object) -> Object:
    """The pod template without the label that tells ReplicaSets apart."""
    template: Object = workload["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _HASH}
    return template | {"metadata": metadata | {"labels": labels}}


def _revision(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _available(replica_set: Object) -> int:
    return int(replica_set["status"].get("availableReplicas", 0))


def _copied_annotations(deployment: Object) -> Object:
    annotations = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in _NOT_COPIED}


def _sizes(deployment: Object) -> Object:
    wanted = deployment["spec"]["replicas"]
    return {_DESIRED: str(wanted), _MOST: str(wanted + Bounds.of(deployment["spec"]).surge)}
