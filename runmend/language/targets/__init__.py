"""How each kind of target is read: the table of kinds. A kind is a file here, and its row in `READERS`."""

from collections.abc import Callable
from typing import Final

from runmend.alerts.alert import Target
from runmend.kube.client import Cluster
from runmend.language.targets import node, workload
from runmend.language.targets.found import Found

Reader = Callable[[Cluster, Target], Found]

READERS: Final[dict[str, Reader]] = {"Node": node.read}
"""By the kind's name; every other kind is that of a workload, or of a pod."""


def read(cluster: Cluster, target: Target) -> Found:
    """What there is of a target, as it is now."""
    return READERS.get(target.kind, workload.read)(cluster, target)
