"""How targets are read: those that pods show, and those that show themselves."""

from runmend.alerts.alert import Target
from runmend.core.kinds import has_pods
from runmend.kube.client import Cluster
from runmend.language.targets import object, workload  # noqa: A004  what it is
from runmend.language.targets.found import Found


def read(cluster: Cluster, target: Target) -> Found:
    """What there is of a target, as it is now."""
    return workload.read(cluster, target) if has_pods(target.kind) else object.read(cluster, target)
