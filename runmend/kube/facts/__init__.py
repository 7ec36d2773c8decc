"""From the API's JSON to facts: one module a kind.

Called by `runmend.kube.client`; a field that is missing is what Kubernetes means by its absence. `told` is the API
server's time of the answer: an age is measured against it, because its clock has written what it is measured from.
"""

from datetime import datetime
from typing import Any

from runmend.facts.object import ObjectFacts
from runmend.kube.facts.events import event
from runmend.kube.facts.metadata import controller, object_facts, references, selector
from runmend.kube.facts.nodes import node
from runmend.kube.facts.objects import autoscaler, claim
from runmend.kube.facts.pods import pod
from runmend.kube.facts.quantities import resources, usage_of_pod
from runmend.kube.facts.workloads import HASH, REVISION, controller_revision, deployment, replica_set, workload

__all__ = [
    "HASH",
    "REVISION",
    "controller",
    "controller_revision",
    "deployment",
    "event",
    "facts_of",
    "node",
    "pod",
    "references",
    "replica_set",
    "resources",
    "selector",
    "usage_of_pod",
    "workload",
]


def facts_of(kind: str, item: dict[str, Any], told: datetime | None = None) -> ObjectFacts:
    """What is known of an object of any kind."""
    match kind:
        case "Pod":
            return pod(item, told)
        case "Node":
            return node(item, told)
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job":
            return workload(kind, item, told)
        case "HorizontalPodAutoscaler":
            return autoscaler(item, told)
        case "PersistentVolumeClaim":
            return claim(item, told)
        case _:
            return ObjectFacts(**object_facts(item, told))
