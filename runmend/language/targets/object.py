"""A target that has no pods of its own: one get. What is on a node is read by what asks for it."""

from contextlib import suppress

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound
from runmend.kube import facts
from runmend.kube.client import Cluster
from runmend.language.targets.found import Found


def read(cluster: Cluster, target: Target) -> Found:
    """Read it."""
    with suppress(NotFound):
        item, told = cluster.look_at(target.kind, target.namespace, target.name)
        return Found(item, facts=facts.facts_of(target.kind, item, told))
    return Found()
