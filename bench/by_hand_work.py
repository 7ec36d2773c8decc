"""What the workflow by hand passes around, and its activities: the calls of the product's, one for one."""

import json
from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from runmend.kube.answers import Json
from runmend.kube.client import Cluster

PULLING = ("ImagePullBackOff", "ErrImagePull")


class Target(BaseModel):
    """Which Deployment."""

    namespace: str
    name: str
    pod: str


class Order(BaseModel):
    """The workflow's input, and that of most activities."""

    target: Target
    fallback_image: str
    window_seconds: float
    words: bool = True
    """Whether activities and timer carry a summary for the Web UI."""


class Mark(BaseModel):
    """What was there at settle."""

    running: int
    events: dict[str, int]
    restarts: dict[str, int]


class CheckOrder(BaseModel):
    """The check's input."""

    target: Target
    mark: Mark


class Activities:
    """The calls of the product's activities, one for one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @activity.defn(name="hand.observe")
    def observe(self, order: Order) -> dict[str, str]:
        """Read the target; diagnose."""
        target = order.target
        deployment = self._cluster.deployment(target.namespace, target.name)
        pods = self._cluster.pods(target.namespace)
        self._cluster.replica_sets(target.namespace)
        self._cluster.pull_secrets_of(target.namespace, "default")
        events = self._cluster.events(target.namespace, f"involvedObject.name={target.pod}")
        found = next((event.message for event in events if event.message.startswith("Failed to pull")), "")
        waiting = {c.name: c.image for pod in pods for c in pod.waiting_for(*PULLING)}
        return {"found": found, **waiting, "revision": str(deployment.revision)}

    @activity.defn(name="hand.events")
    def events(self, order: Order) -> int:
        """Fetch the pod's events."""
        target = order.target
        self._cluster.deployment(target.namespace, target.name)
        self._cluster.pods(target.namespace)
        self._cluster.replica_sets(target.namespace)
        return len(self._cluster.events(target.namespace, f"involvedObject.name={target.pod}"))

    @activity.defn(name="hand.patch")
    def patch(self, order: Order) -> str:
        """Write the fallback image, guarded and annotated."""
        target = order.target
        item = self._cluster.read("Deployment", target.namespace, target.name)
        pods = self._cluster.pods(target.namespace)
        self._cluster.replica_sets(target.namespace)
        names = {c.name for pod in pods for c in pod.waiting_for(*PULLING)}
        note = json.dumps({"workflow": activity.info().workflow_id, "run": activity.info().workflow_run_id})
        listed = item["spec"]["template"]["spec"]["containers"]
        at = {container["name"]: number for number, container in enumerate(listed)}
        steps: list[Json] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": item["metadata"]["resourceVersion"]},
            {"op": "add", "path": "/metadata/annotations/hand~1last-change", "value": note},
            *(
                {
                    "op": "replace",
                    "path": f"/spec/template/spec/containers/{at[name]}/image",
                    "value": order.fallback_image,
                }
                for name in names
            ),
        ]
        self._cluster.patch("Deployment", target.namespace, target.name, steps)
        return f"{names} → {order.fallback_image}"

    @activity.defn(name="hand.settle")
    def settle(self, order: Order) -> Mark:
        """Wait until all pods run."""
        target = order.target
        self._cluster.deployment(target.namespace, target.name)
        pods = self._cluster.pods(target.namespace)
        self._cluster.replica_sets(target.namespace)
        if not all(pod.running for pod in pods):
            raise RuntimeError("not yet")
        events = self._cluster.events(target.namespace, "involvedObject.kind=Pod")
        restarts = {f"{pod.uid}/{c.name}": c.restarts for pod in pods for c in pod.containers}
        return Mark(running=len(pods), events={event.uid: event.count for event in events}, restarts=restarts)

    @activity.defn(name="hand.hold")
    def hold(self, order: CheckOrder) -> None:
        """Look every 30 seconds; return only when it has become worse."""
        if activity.info().attempt == 1 or self._is_well(order):
            raise ApplicationError(
                "it holds", next_retry_delay=timedelta(seconds=30), category=ApplicationErrorCategory.BENIGN
            )

    @activity.defn(name="hand.check")
    def check(self, order: CheckOrder) -> bool:
        """Nothing may have become worse."""
        return self._is_well(order)

    def _is_well(self, order: CheckOrder) -> bool:
        target = order.target
        self._cluster.deployment(target.namespace, target.name)
        pods = self._cluster.pods(target.namespace)
        self._cluster.replica_sets(target.namespace)
        events = self._cluster.events(target.namespace, "involvedObject.kind=Pod")
        quiet = all(event.count <= order.mark.events.get(event.uid, 0) for event in events)
        return quiet and sum(pod.running for pod in pods) >= order.mark.running

    @activity.defn(name="hand.report")
    def report(self, text: str) -> str:
        """Say how it ended."""
        return text
