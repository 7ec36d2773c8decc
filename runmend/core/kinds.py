"""Kinds of objects: how kubectl names them, and where the API server has them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: `Deployment`, `deployments` of group `apps`, also `deploy`."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def path(self) -> str:
        """Where an object of it is, with `{namespace}` and `{name}` to be filled."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}{'/namespaces/{namespace}' if self.namespaced else ''}/{self.plural}/{{name}}"

    @property
    def everywhere(self) -> str:
        """The same in no namespace: where a list of it asks for every namespace."""
        return self.path.replace("/namespaces/{namespace}", "")

    @property
    def singular(self) -> str:
        """`deployment`."""
        return self.name.lower()

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


KINDS: Final = (
    Kind("Pod", "pods", short=("po",)),
    Kind("Deployment", "deployments", "apps", short=("deploy",)),
    Kind("StatefulSet", "statefulsets", "apps", short=("sts",)),
    Kind("DaemonSet", "daemonsets", "apps", short=("ds",)),
    Kind("ReplicaSet", "replicasets", "apps", short=("rs",)),
    Kind("ControllerRevision", "controllerrevisions", "apps"),
    Kind("Job", "jobs", "batch"),
    Kind("Event", "events", short=("ev",)),
    Kind("Node", "nodes", short=("no",), namespaced=False),
    Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy", short=("pdb",)),
)
"""Every kind that a command may name."""
BY_NAME: Final = {kind.name: kind for kind in KINDS}
BY_WORD: Final = {word: kind for kind in KINDS for word in kind.words}


def kind_named(word: str) -> Kind | None:
    """The kind that a word of a command names, in whatever case, as kubectl takes it; None where it names none."""
    return BY_WORD.get(word.lower())


def is_in_no_namespace(name: str) -> bool:
    """Whether objects of a kind are in no namespace; a kind that is not known here is in one."""
    return name in BY_NAME and not BY_NAME[name].namespaced
