"""A target that owns pods, or is one: a get, and by its selector its pods and its revisions."""

from contextlib import suppress

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound
from runmend.kube import facts
from runmend.kube.client import WORKLOADS, Cluster
from runmend.kube.owners import Workloads
from runmend.language.targets.found import Found


def read(cluster: Cluster, target: Target) -> Found:
    """Read it, whether or not its controller has acted."""
    item, workload = None, None
    if target.kind in WORKLOADS:
        with suppress(NotFound):
            item, told = cluster.look_at(target.kind, target.namespace, target.name)
            workload = facts.workload(target.kind, item, told)
    workloads = Workloads.of_target(cluster, target, workload)
    workload = workload and workloads.with_revisions(workload)
    return Found(item, workload, workload, workloads)
