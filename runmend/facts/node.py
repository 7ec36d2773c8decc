"""What is read of a node. Filled by `runmend.kube.facts`."""

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from runmend.core.frozen import Frozen
from runmend.facts.object import ObjectFacts, to_the_minute
from runmend.facts.pod import PodFacts, Resources

_CONDITION_OF: Final = MappingProxyType(
    {
        "ready": "Ready",
        "memory_pressure": "MemoryPressure",
        "disk_pressure": "DiskPressure",
        "pid_pressure": "PIDPressure",
        "network_unavailable": "NetworkUnavailable",
    }
)
_KEEPS_PODS_OFF: Final = ("NoSchedule", "NoExecute")
_KUBERNETES: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""How the keys of taints begin that Kubernetes puts itself, where something is the matter with a node."""


class Taint(Frozen):
    """A taint of a node (`spec.taints[]`)."""

    key: str
    """Its key: `node.kubernetes.io/unreachable`."""
    value: str = ""
    """Its value."""
    effect: str
    """`NoSchedule`, `PreferNoSchedule` or `NoExecute`."""
    since: str = ""
    """When it was added, where that is told (`timeAdded`), by the clock of whoever did."""


class NodeFacts(ObjectFacts):
    """A node. Where its kubelet was not heard of for a while, its conditions are `Unknown`: it is not ready then, and
    has no pressure that anybody knows of.
    """

    resource_version: str = ""
    """Of which version of it all this is."""
    schedulable: bool = True
    """Whether it is not cordoned (`spec.unschedulable`)."""
    taints: tuple[Taint, ...] = ()
    """Its taints (`spec.taints`)."""
    cordoned_by: str = ""
    """The field manager that last set `spec.unschedulable`: `kubectl` by `kubectl cordon` and `kubectl drain`,
    `runmend`; empty where it is not cordoned, or nobody tells.
    """
    cordoned_at: str = ""
    """When that was, by the API server's clock; empty where it is not cordoned, or nobody tells."""
    cordoned_for: timedelta | None = None
    """For how long it has been cordoned, both told by the API server's clock; null where it is not, or nobody tells."""
    allocatable: Resources = Resources()
    """What it has for pods (`status.allocatable`)."""
    usage: Resources = Resources()
    """What it used last, all together, as the metrics API says (`metrics.k8s.io`, NodeMetrics `usage`); null where
    that API is not there, or has no sample of it yet. Read only where an expression names it.
    """
    pods: tuple[PodFacts, ...] = ()
    """The pods on it, of every namespace (`spec.nodeName`); read only where an expression names them."""

    @property
    def ready(self) -> bool:
        """Whether its condition Ready is True: its kubelet is heard of, and says so."""
        return self._is("Ready")

    @property
    def memory_pressure(self) -> bool:
        """Whether its condition MemoryPressure is True."""
        return self._is("MemoryPressure")

    @property
    def disk_pressure(self) -> bool:
        """Whether its condition DiskPressure is True."""
        return self._is("DiskPressure")

    @property
    def pid_pressure(self) -> bool:
        """Whether its condition PIDPressure is True."""
        return self._is("PIDPressure")

    @property
    def network_unavailable(self) -> bool:
        """Whether its condition NetworkUnavailable is True; most nodes have none."""
        return self._is("NetworkUnavailable")

    @property
    def under_pressure(self) -> bool:
        """Whether one of MemoryPressure, DiskPressure and PIDPressure is True."""
        return self.memory_pressure or self.disk_pressure or self.pid_pressure

    @property
    def takes_pods(self) -> bool:
        """Whether new pods can be scheduled to it: ready, not cordoned, and without a taint that Kubernetes itself has
        put (`node.kubernetes.io/…`, effect NoSchedule or NoExecute). Taints of others keep off those pods only that do
        not tolerate them.
        """
        kept_off = any(taint.effect in _KEEPS_PODS_OFF and taint.key.startswith(_KUBERNETES) for taint in self.taints)
        return self.ready and self.schedulable and not kept_off

    def _is(self, condition: str) -> bool:
        return self.conditions.get(condition) == "True"

    def beside(self, fact: str) -> str:
        """Since when, and why; who cordoned it."""
        if fact in _CONDITION_OF:
            condition = self.condition(_CONDITION_OF[fact])
            return condition.in_words(self.told_at) if condition else f"it has no condition {_CONDITION_OF[fact]}"
        if fact == "schedulable" and not self.schedulable:
            since = f" since {to_the_minute(self.cordoned_at, self.told_at)}" if self.cordoned_at else ""
            return f"cordoned{since}" + (f", by {self.cordoned_by}" if self.cordoned_by else "")
        if fact in ("takes_pods", "under_pressure"):
            return self.in_words.partition(": ")[2]
        return ""

    @property
    def in_words(self) -> str:
        """`node-1: NotReady (since 12:04, KubeletNotReady), SchedulingDisabled`."""
        ready = self.condition("Ready")
        why = ready.in_words(self.told_at) if ready and not self.ready else ""
        first = "Ready" if self.ready else "NotReady" + (f" ({why})" if why else "")
        pressures = [name for name in ("MemoryPressure", "DiskPressure", "PIDPressure") if self._is(name)]
        cordoned = [] if self.schedulable else ["SchedulingDisabled"]
        return f"{self.name}: {', '.join([first, *pressures, *cordoned])}"
