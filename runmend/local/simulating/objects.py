"""Makes a case's objects in an embedded cluster, waits until they are as its alert finds them, and writes the alert."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from runmend.core.errors import PermanentError
from runmend.core.kinds import has_pods
from runmend.facts.pod import PodFacts
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.kube.owners import Workloads
from runmend.local.demo.sending import sent
from runmend.local.simulating.expectations import READY, Case

_WAIT_SECONDS: Final = 40
_LOOK_SECONDS: Final = 0.1
_NOT_FOUND: Final = 404
_THERE: Final = 409
_REPLICATED: Final = ("Deployment", "ReplicaSet", "StatefulSet")
_COUNTED: Final = (*_REPLICATED, "Pod")
_DEFAULT: Final = "default"
Manifest = Mapping[str, Any]


class NotMade(PermanentError):
    """A case's objects are not as its alert should find them."""


class Objects:
    """The objects of a case.

    Args:
        connection: to the embedded cluster.
        cluster: the same.
        case: whose objects they are.
    """

    def __init__(self, connection: Connection, cluster: Cluster, case: Case) -> None:
        self._connection = connection
        self._cluster = cluster
        self._case = case
        self._objects: Sequence[Manifest] = case.objects
        self._then: Sequence[Manifest] = case.then
        self._kinds: dict[str, list[Manifest]] = {}

    async def make(self) -> None:
        """Make them, change what the case changes then, and wait.

        Raises:
            NotMade: the embedded cluster has no such kind, or what is waited for did not come.
            DemoFailed: it refused one of them.
        """
        for namespace in self._namespaces():
            await sent(self._connection, "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}, fine=_THERE)
        for each in self._objects:
            path = await self._collection(each)
            await sent(self._connection, "POST", path, each)
            if status := each.get("status"):
                name = each["metadata"]["name"]
                await sent(self._connection, "PATCH", f"{path}/{name}/status", {"status": status}, merge=True)
        if self._then:
            await self._wait(READY)
        for each in self._then:
            path = f"{await self._collection(each)}/{each['metadata']['name']}?fieldManager=test"
            await sent(self._connection, "PATCH", path, each)
        if until := self._case.waits_for:
            await self._wait(until)

    async def alerts(self, labels: Mapping[str, str]) -> dict[str, Any]:
        """The webhook with the case's alerts.

        Args:
            labels: those that an alert has where the case does not say otherwise; empty ones are left out.

        Raises:
            NotMade: the workload that the alerts are about has no pod.
        """
        alert, about = self._case.alert, [dict[str, str]()]
        if alert.pods_of:
            kind, _, name = alert.pods_of.partition("/")
            namespace = alert.labels.get("namespace", _DEFAULT)
            workloads = await asyncio.to_thread(Workloads.of, self._cluster, namespace)
            pods = [pod for pod in await self._pods((namespace,)) if _is_of(pod, kind, name, workloads)]
            if not pods:
                raise NotMade(
                    f"{alert.pods_of} has no pod in namespace {namespace}, so there is nothing to alert about"
                )
            about = [{"namespace": namespace, "pod": pod.name, "uid": pod.uid} for pod in pods]
        return webhook_of({**labels, **one, **alert.labels} for one in about)

    def _namespaces(self) -> list[str]:
        found = (_namespace_of(each) for each in (*self._objects, *self._then))
        return sorted(set(found))

    async def _collection(self, manifest: Manifest) -> str:
        """The path of an object's kind, as the API server itself tells it."""
        version, kind = manifest["apiVersion"], manifest["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._kinds:
            listed = await sent(self._connection, "GET", root, fine=_NOT_FOUND)
            self._kinds[version] = listed.get("resources", [])
        served = (row for row in self._kinds[version] if row["kind"] == kind and "/" not in row["name"])
        row = next(served, None)
        if row is None:
            raise NotMade(f"the embedded cluster has no {kind} of {version}")
        namespace = _namespace_of(manifest)
        return f"{root}/namespaces/{namespace}/{row['name']}" if row["namespaced"] else f"{root}/{row['name']}"

    async def _pods(self, namespaces: Iterable[str]) -> list[PodFacts]:
        found = [await asyncio.to_thread(self._cluster.pods, each) for each in namespaces]
        return [pod for pods in found for pod in pods if not pod.deleting]

    async def _live(self, manifest: Manifest) -> dict[str, Any]:
        path = f"{await self._collection(manifest)}/{manifest['metadata']['name']}"
        return await sent(self._connection, "GET", path)

    async def _has_condition(self, reason: str) -> bool:
        """Whether a condition of one of the objects has this reason."""
        for each in self._objects:
            status = (await self._live(each)).get("status") or {}
            if any(condition.get("reason") == reason for condition in status.get("conditions") or ()):
                return True
        return False

    async def _wanted(self) -> int:
        """How many pods the objects ask for, as they are by now."""
        pods: int = sum(each["kind"] == "Pod" for each in self._objects)
        replicated = [await self._live(each) for each in self._objects if each["kind"] in _REPLICATED]
        return pods + sum(int(each["spec"].get("replicas", 1)) for each in replicated)

    async def _wait(self, until: str) -> None:
        """Wait until something has come.

        Raises:
            NotMade: it did not.
        """
        wanted = await self._wanted()
        pods: list[PodFacts] = []
        seen: set[str] = set()
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while True:
                    pods = await self._pods(self._namespaces())
                    seen |= {pod.uid for pod in pods if pod.waiting_for(until)}
                    if await self._has_come(until, pods, wanted, seen):
                        return
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            found = "; ".join(pod.in_words for pod in pods) or "there is no pod"
            raise NotMade(f"waited {_WAIT_SECONDS} s until {until}, with {wanted} pods wanted: {found}") from None

    async def _has_come(self, until: str, pods: Sequence[PodFacts], wanted: int, seen: set[str]) -> bool:
        """Whether all pods are Ready; or a condition of an object has that reason; or a pod waits for it, and each that
        is not Ready was `seen` to wait for it.
        """
        there = len(pods) >= wanted
        if until == READY:
            # Whoever has pods besides has as many as its controller makes.
            counted = all(not has_pods(each["kind"]) or each["kind"] in _COUNTED for each in self._objects)
            return there and (len(pods) == wanted or not counted) and all(pod.ready for pod in pods)
        if there and seen and all(pod.ready or pod.uid in seen for pod in pods):
            return True
        return await self._has_condition(until)


def _is_of(pod: PodFacts, kind: str, name: str, workloads: Workloads) -> bool:
    if kind == "Pod":
        return pod.name == name
    return (kind, name) in {(owner.kind, owner.name) for owner in workloads.controllers(pod)}


def webhook_of(labels: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Alertmanager's webhook with one alert for each set of labels; empty labels are left out."""
    now = datetime.now(UTC).isoformat()
    alerts: list[dict[str, Any]] = [
        {
            "status": "firing",
            "labels": {name: value for name, value in each.items() if value},
            "annotations": {},
            "startsAt": now,
            "endsAt": "0001-01-01T00:00:00Z",
        }
        for each in labels
    ]
    name = {"alertname": alerts[0]["labels"]["alertname"]} if alerts else {}
    return {
        "version": "4",
        "groupKey": "{}",
        "status": "firing",
        "receiver": "test",
        "groupLabels": name,
        "commonLabels": name,
        "commonAnnotations": {},
        "alerts": alerts,
    }


def _namespace_of(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace") or _DEFAULT)
