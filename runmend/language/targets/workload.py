"""A target that owns pods, or is one: a get for its selector, and two lists by that."""

from contextlib import suppress

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound
from runmend.kube import facts
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads
from runmend.language.targets.found import Found


def read(cluster: Cluster, target: Target) -> Found:
    """Read it, whether or not its controller has acted."""
    item = None
    if target.kind == "Deployment":
        with suppress(NotFound):
            item = cluster.read(target.kind, target.namespace, target.name)
    workload = facts.deployment(item) if item else None
    return Found(item, workload, Workloads.of_target(cluster, target, workload))
