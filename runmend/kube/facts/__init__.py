"""From the API's JSON to facts: one module a kind.

Called by `runmend.kube.client`; a field that is missing is what Kubernetes means by its absence. `told` is the API
server's time of the answer: an age is measured against it, because its clock has written what it is measured from.
"""

from runmend.kube.facts.events import event
from runmend.kube.facts.metadata import controller, references, selector
from runmend.kube.facts.nodes import node
from runmend.kube.facts.pods import pod
from runmend.kube.facts.workloads import HASH, REVISION, controller_revision, deployment, replica_set, workload

__all__ = [
    "HASH",
    "REVISION",
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
