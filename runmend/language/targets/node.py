"""A target that is a node: one get. The pods on it are read by what asks for them."""

from contextlib import suppress

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound
from runmend.kube.client import Cluster
from runmend.language.targets.found import Found


def read(cluster: Cluster, target: Target) -> Found:
    """Read it."""
    with suppress(NotFound):
        return Found(cluster.read(target.kind, "", target.name))
    return Found()
