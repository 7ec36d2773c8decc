"""What a Deployment's status says of its rollout."""

from dataclasses import dataclass

from runmend.local.sandbox.resources import Object
from runmend.local.sandbox.rollout import Bounds
from runmend.local.sandbox.store import timestamp

COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
_PAUSED = "DeploymentPaused"


@dataclass(frozen=True, slots=True)
class Counts:
    """The pods of a Deployment's ReplicaSets: how many those want, and what they last reported."""

    wanted: int
    replicas: int
    updated: int
    available: int
    ready: int
    ending: int

    @classmethod
    def of(cls, owned: list[Object], new: Object | None) -> "Counts":
        """Add up the ReplicaSets; `new` is the one of the current template."""
        statuses = [found["status"] for found in owned]

        def total(field: str) -> int:
            return sum(status.get(field, 0) for status in statuses)

        updated = new["status"].get("replicas", 0) if new is not None else 0
        return cls(
            wanted=sum(found["spec"]["replicas"] for found in owned),
            replicas=total("replicas"),
            updated=updated,
            available=total("availableReplicas"),
            ready=total("readyReplicas"),
            ending=total("terminatingReplicas"),
        )

    @property
    def fields(self) -> Object:
        """The status fields; those that are zero are left out, as Go leaves them out."""
        fields = {
            "replicas": self.replicas,
            "updatedReplicas": self.updated,
            "readyReplicas": self.ready,
            "availableReplicas": self.available,
            "unavailableReplicas": max(0, self.wanted - self.available),
        }
        return {name: count for name, count in fields.items() if count} | {"terminatingReplicas": self.ending}


def progress_of(deployment: Object, counts: Counts, new: Object | None, *, late: bool) -> tuple[str, str, str]:
    """Status, reason and message of the condition Progressing."""
    spec = deployment["spec"]
    name = new["metadata"]["name"] if new is not None else ""
    before = _condition(deployment, "Progressing")
    if spec.get("paused"):
        return ("Unknown", _PAUSED, "Deployment is paused") if before.get("reason") != TIMED_OUT else _kept(before)
    if counts.updated == counts.replicas == counts.available == spec["replicas"]:
        return "True", COMPLETE, f'ReplicaSet "{name}" has successfully progressed.'
    if before.get("reason") == COMPLETE and f'"{name}"' in before.get("message", ""):
        # A rollout that was complete once stays so when a pod is lost later, or when it is scaled.
        return _kept(before)
    if late:
        return "False", TIMED_OUT, f'ReplicaSet "{name}" has timed out progressing.'
    if not counts.updated and not before:
        return "True", "NewReplicaSetCreated", f'Created new replica set "{name}"'
    return "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'


def conditions_of(deployment: Object, counts: Counts, progress: tuple[str, str, str]) -> list[Object]:
    """The conditions Available and Progressing, with the times of those that did not change."""
    least = deployment["spec"]["replicas"] - Bounds.of(deployment["spec"]).unavailable
    if counts.available >= least:
        available = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        available = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return [_renewed(deployment, "Available", available), _renewed(deployment, "Progressing", progress)]


def _renewed(deployment: Object, kind: str, now: tuple[str, str, str]) -> Object:
    before = _condition(deployment, kind)
    if before and _kept(before) == now:
        return before
    status, reason, message = now
    moment = timestamp()
    turned = before["lastTransitionTime"] if before and before["status"] == status else moment
    times = {"lastUpdateTime": moment, "lastTransitionTime": turned}
    return {"type": kind, "status": status, **times, "reason": reason, "message": message}


def _condition(deployment: Object, kind: str) -> Object:
    conditions: list[Object] = deployment["status"].get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _kept(condition: Object) -> tuple[str, str, str]:
    return condition["status"], condition["reason"], condition["message"]
