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
    version: str = "v1"
    plain: bool = False
    """Whether its objects are kept as they are sent, and nothing controls them."""

    @property
    def api_version(self) -> str:
        """The value of an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self) -> str:
        """The path under which its group is served."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

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


def _plain(plural: str, kind: str, group: str = "", *short: str, status: bool = False, **more: Any) -> Resource:  # noqa: ANN401
    return Resource(plural, kind, group, status=status, short=short, plain=True, **more)


CUSTOM_RESOURCES = _plain(
    "customresourcedefinitions",
    "CustomResourceDefinition",
    "apiextensions.k8s.io",
    "crd",
    namespaced=False,
    status=True,
)
PLAIN = (
    _plain("services", "Service", "", "svc", status=True),
    _plain("persistentvolumeclaims", "PersistentVolumeClaim", "", "pvc", status=True),
    _plain("persistentvolumes", "PersistentVolume", "", "pv", status=True, namespaced=False),
    _plain("resourcequotas", "ResourceQuota", "", "quota", status=True),
    _plain("limitranges", "LimitRange", "", "limits"),
    _plain("cronjobs", "CronJob", "batch", "cj", status=True),
    _plain("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "hpa", status=True, version="v2"),
    _plain("ingresses", "Ingress", "networking.k8s.io", "ing", status=True),
    _plain("networkpolicies", "NetworkPolicy", "networking.k8s.io", "netpol"),
    _plain("roles", "Role", "rbac.authorization.k8s.io"),
    _plain("rolebindings", "RoleBinding", "rbac.authorization.k8s.io"),
    _plain("storageclasses", "StorageClass", "storage.k8s.io", "sc", namespaced=False),
    CUSTOM_RESOURCES,
)
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
    *PLAIN,
)
TEMPLATED = (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
