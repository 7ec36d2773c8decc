"""What an expression may name: groups of facts, and functions over them. Called by `facts.expressions`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from runmend.facts.snapshot import Said, Snapshot


@dataclass(frozen=True, slots=True)
class Group:
    """A name under which an expression finds facts. `of` is a kind of object, or another type of the language."""

    of: str
    doc: str
    shape: Literal["one", "list", "map"] = "one"

    @property
    def type(self) -> str:
        """Its type in the language."""
        match self.shape:
            case "one":
                return self.of
            case "list":
                return f"list({self.of})"
            case _:
                return f"map(string, {self.of})"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language, whose one argument is a name: of a state, or of a reason."""

    name: str
    doc: str
    ask: Callable[[Snapshot, str], Said]
    on: str = ""
    """The group that it is called on, `events` in `events.new("…")`; empty for one that stands alone."""
    asked: str = "ImagePullBackOff"
    """A name that it may be asked for."""

    @property
    def example(self) -> str:
        """A call of it."""
        return f'{self.on}{"." if self.on else ""}{self.name}("{self.asked}")'


LABELS: Final = "map(string, string)"
UNTYPED: Final = "map(string, dyn)"
OF_KINDS: Final = {"autoscaler": "HorizontalPodAutoscaler", "claim": "PersistentVolumeClaim"}
"""Group → the kind of target that it is."""
GROUPS: Final[Mapping[str, Group]] = MappingProxyType(
    {
        "target": Group("Target", "what the run fixes, whether it has pods or not: `target.namespace`"),
        "pods": Group("Pod", "the target's pods of its current revision", shape="list"),
        "pod": Group(
            "Pod", "the alert's pod; where it names none, the target's first that is not running, else its first"
        ),
        "container": Group("Container", "the alert's container, else the affected one"),
        "workload": Group("Workload", "the workload that is the target"),
        "autoscaler": Group("Autoscaler", "the target where it is a HorizontalPodAutoscaler"),
        "claim": Group("Claim", "the target where it is a PersistentVolumeClaim"),
        "object": Group(
            UNTYPED,
            "the target as the API server has it, of whatever kind; its fields have no types, so a misspelt one is not "
            'found before a run: `object.spec.type == "ClusterIP"`, `has(object.status.phase)`',
        ),
        "node": Group(
            "Node", "the target where it is a node, else the node of the alert's pod; read only where it is named"
        ),
        "alert": Group(LABELS, 'the labels of the alert whose pod that is: `alert.severity`, `"team" in alert`'),
        "alert_fires": Group(
            "bool",
            "whether the alert fires, or one of the run's alerts, by the series `ALERTS` of Prometheus; cannot be told "
            "where that has not known the alert within the last day",
        ),
        "events": Group("Event", "the events about the target's pods", shape="list"),
        "restarted": Group("bool", "whether a container has restarted since the target had settled"),
        "moved": Group(
            "Moved", "the workloads whose pods the run has taken away from the node that is the target", shape="list"
        ),
        "steps": Group(
            "Step", "the earlier steps, by output or action_id; a gate writes `get_events.count`", shape="map"
        ),
    }
)
FUNCTIONS: Final = (
    Function(
        "waiting",
        "whether a container waits in a state, by whichever of its reasons; any other name is a waiting reason",
        Snapshot.waiting,
    ),
    Function(
        "terminated",
        "whether a container has ended for a reason, now or the last time",
        Snapshot.terminated,
        asked="OOMKilled",
    ),
    Function(
        "new",
        "whether events that speak of a state are new since the target had settled, by uid and count; any other name "
        "is an event's reason, or `Warning`",
        Snapshot.new_events,
        on="events",
    ),
)
