"""Kinds of objects: how kubectl names them, where the API server has them, and by which label an alert names one.

A custom resource is called by its plural and its group, `certificates.cert-manager.io`, as its CustomResourceDefinition
is; which version of it there is, is found out at run time.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: `Deployment`, `deployments` of group `apps`, also `deploy`. `version` is empty where only the API
    server knows it.
    """

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True
    has_pods: bool = False
    """Whether it is pods that show how it is: it owns some, or is one."""
    label: str = ""
    """The label of an alert that names it."""
    custom: bool = False
    """Whether it is a custom resource."""

    @property
    def api_version(self) -> str:
        """`apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """Where an object of it is, with `{namespace}` and `{name}` to be filled."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        return f"{root}{'/namespaces/{namespace}' if self.namespaced else ''}/{self.plural}/{{name}}"

    @property
    def everywhere(self) -> str:
        """The same in no namespace: where a list of it asks for every namespace."""
        return self.path.replace("/namespaces/{namespace}", "")

    @property
    def singular(self) -> str:
        """`deployment`: how a placeholder calls it."""
        return _singular(self.plural) if self.custom else self.name.lower()

    @property
    def words(self) -> frozenset[str]:
        """How kubectl lets it be written: `deploy`, `deployments`, `deployment.apps`, `deployments.v1.apps`."""
        names = (self.singular, self.plural)
        longer = (
            (*(f"{name}.{self.group}" for name in names), *(f"{name}.{self.version}.{self.group}" for name in names))
            if self.group
            else ()
        )
        return frozenset((*names, *self.short, *longer))


_NETWORKING: Final = "networking.k8s.io"
_RBAC: Final = "rbac.authorization.k8s.io"
KINDS: Final = (
    Kind("Pod", "pods", short=("po",), has_pods=True),
    Kind("Deployment", "deployments", "apps", short=("deploy",), has_pods=True),
    Kind("StatefulSet", "statefulsets", "apps", short=("sts",), has_pods=True),
    Kind("DaemonSet", "daemonsets", "apps", short=("ds",), has_pods=True),
    Kind("ReplicaSet", "replicasets", "apps", short=("rs",), has_pods=True),
    Kind("ControllerRevision", "controllerrevisions", "apps"),
    Kind("Job", "jobs", "batch", has_pods=True, label="job_name"),
    Kind("CronJob", "cronjobs", "batch", short=("cj",)),
    Kind("Event", "events", short=("ev",)),
    Kind("Node", "nodes", short=("no",), namespaced=False),
    Kind("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2", short=("hpa",)),
    Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy", short=("pdb",)),
    Kind("PersistentVolumeClaim", "persistentvolumeclaims", short=("pvc",)),
    Kind("Service", "services", short=("svc",)),
    Kind("Ingress", "ingresses", _NETWORKING, short=("ing",)),
    Kind("NetworkPolicy", "networkpolicies", _NETWORKING, short=("netpol",)),
    Kind("ConfigMap", "configmaps", short=("cm",)),
    Kind("Secret", "secrets"),
    Kind("ServiceAccount", "serviceaccounts", short=("sa",)),
    Kind("ResourceQuota", "resourcequotas", short=("quota",)),
    Kind("LimitRange", "limitranges", short=("limits",)),
    Kind("Role", "roles", _RBAC),
    Kind("RoleBinding", "rolebindings", _RBAC),
)
"""Every kind that a command may name, besides custom resources."""
CUSTOM: Final = "custom resource"
"""What stands for every custom resource in a list of kinds."""
_READ_ONLY: Final = frozenset({"ReplicaSet", "ControllerRevision", "Event"})
BY_NAME: Final = {kind.name: kind for kind in KINDS}
BY_WORD: Final = {word: kind for kind in KINDS for word in kind.words}
TARGETS: Final = tuple(kind.name for kind in KINDS if kind.name not in _READ_ONLY)
"""The kinds that a runbook may be for, besides custom resources."""
OBJECTS: Final = tuple(name for name in TARGETS if not BY_NAME[name].has_pods and BY_NAME[name].namespaced)
"""Those of them that show themselves, and not by pods; a node is in no namespace."""
_CUSTOM: Final = re.compile(r"([a-z][a-z0-9-]*)\.([a-z0-9-]+(?:\.[a-z0-9-]+)+)")


def kind_named(word: str) -> Kind | None:
    """The kind that a word of a command names, in whatever case, as kubectl takes it; None where it names none."""
    return BY_WORD.get(word.lower()) or _custom(word.lower())


def kind_of_name(name: str) -> Kind:
    """The kind of a name: `Deployment`, `certificates.cert-manager.io`.

    Raises:
        KeyError: there is none.
    """
    found = BY_NAME.get(name) or _custom(name)
    if found is None:
        raise KeyError(name)
    return found


def is_known(name: str) -> bool:
    """Whether it is the name of a kind that can be read: not that of another API's, which owns pods."""
    return name in BY_NAME or _custom(name) is not None


@cache
def _custom(word: str) -> Kind | None:
    """A custom resource by its plural, or its singular, and its group; None where a word is none of one."""
    found = _CUSTOM.fullmatch(word)
    if found is None or found[2] in _GROUPS:
        return None
    plural = found[1] if found[1].endswith("s") else _plural(found[1])
    return Kind(f"{plural}.{found[2]}", plural, found[2], version="", custom=True)


_GROUPS: Final = frozenset(kind.group for kind in KINDS)


def _plural(word: str) -> str:
    """As Kubernetes itself guesses it."""
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("x", "z", "ch", "sh")) else f"{word}s"


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("xes", "zes", "ches", "shes", "sses")) else word.removesuffix("s")


def has_pods(name: str) -> bool:
    """Whether it is pods that show how an object of a kind is. A kind that is not known here is one that owns pods:
    their owner references name it.
    """
    return BY_NAME[name].has_pods if name in BY_NAME else _custom(name) is None


def is_in_no_namespace(name: str) -> bool:
    """Whether objects of a kind are in no namespace; a kind that is not known here is in one."""
    return name in BY_NAME and not BY_NAME[name].namespaced


def label_of(name: str) -> str:
    """The label by which an alert names an object of a kind: `job_name`, `persistentvolumeclaim`."""
    kind = kind_of_name(name)
    return kind.label or kind.singular
