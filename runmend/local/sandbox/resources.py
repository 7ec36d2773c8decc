"""The kinds of object that are served, and where. Every other module of the sandbox speaks of them by these values."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind; `generated` tells whether its objects count their generations, `scaled` whether it has replicas
    that can be set.
    """

    plural: str
    kind: str
    group: str = ""
    namespaced: bool = True
    status: bool = False
    generated: bool = False
    scaled: bool = False
    short: tuple[str, ...] = ()
    """The short names that kubectl knows it by."""

    @property
    def api_version(self) -> str:
        """The value of an object's `apiVersion`."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def prefix(self) -> str:
        """The path under which its group is served."""
        return f"/apis/{self.group}/v1" if self.group else "/api/v1"

    @property
    def qualified(self) -> str:
        """As messages name it: `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """As the messages of invalid objects name it: `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


NAMESPACES = Resource("namespaces", "Namespace", namespaced=False, status=True, short=("ns",))
NODES = Resource("nodes", "Node", namespaced=False, status=True, short=("no",))
PODS = Resource("pods", "Pod", status=True, generated=True, short=("po",))
EVENTS = Resource("events", "Event", short=("ev",))
SECRETS = Resource("secrets", "Secret")
CONFIG_MAPS = Resource("configmaps", "ConfigMap", short=("cm",))
SERVICE_ACCOUNTS = Resource("serviceaccounts", "ServiceAccount", short=("sa",))
DEPLOYMENTS = Resource("deployments", "Deployment", "apps", status=True, generated=True, scaled=True, short=("deploy",))
REPLICA_SETS = Resource("replicasets", "ReplicaSet", "apps", status=True, generated=True, scaled=True, short=("rs",))
STATEFUL_SETS = Resource(
    "statefulsets", "StatefulSet", "apps", status=True, generated=True, scaled=True, short=("sts",)
)
DAEMON_SETS = Resource("daemonsets", "DaemonSet", "apps", status=True, generated=True, short=("ds",))
BUDGETS = Resource("poddisruptionbudgets", "PodDisruptionBudget", "policy", status=True, generated=True, short=("pdb",))
CONTROLLER_REVISIONS = Resource("controllerrevisions", "ControllerRevision", "apps")
JOBS = Resource("jobs", "Job", "batch", status=True, generated=True)

RESOURCES = (
    NAMESPACES,
    NODES,
    PODS,
    EVENTS,
    SECRETS,
    CONFIG_MAPS,
    SERVICE_ACCOUNTS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    CONTROLLER_REVISIONS,
    JOBS,
    BUDGETS,
)
GROUPS = tuple(sorted({resource.group for resource in RESOURCES if resource.group}))
TEMPLATED = (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
