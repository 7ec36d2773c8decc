"""From the API's JSON to facts: one module a kind.

Called by `runmend.kube.client`; a field that is missing is what Kubernetes means by its absence. Where the
JSON is `Told`, ages are measured against the time of the answer.
"""

from runmend.kube.facts.events import event
from runmend.kube.facts.metadata import Told, controller, references, selector
from runmend.kube.facts.nodes import node
from runmend.kube.facts.pods import pod
from runmend.kube.facts.workloads import HASH, REVISION, controller_revision, deployment, replica_set, workload

__all__ = [
    "HASH",
    "REVISION",
    "Told",
    "controller",
    "controller_revision",
    "deployment",
    "event",
    "node",
    "pod",
    "references",
    "replica_set",
    "selector",
    "workload",
]
