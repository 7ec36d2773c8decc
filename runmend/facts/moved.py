"""What is known of a workload whose pods a run has taken away from a node. Filled by `activities.moved`."""

from runmend.core.frozen import Frozen


class MovedFacts(Frozen):
    """A workload whose pods a step has evicted or deleted: the one at the top of its pods' chain that counts them."""

    kind: str
    """`Deployment`, `ReplicaSet` or `StatefulSet`: the kinds that say how many of their pods are wanted."""
    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    uid: str
    """Its uid."""
    wanted: int
    """How many pods it wants (`spec.replicas`)."""
    ready: int
    """How many of them are Ready, wherever they are (`status.readyReplicas`)."""

    @property
    def running(self) -> bool:
        """Whether as many of its pods are Ready as it wants."""
        return self.ready >= self.wanted

    @property
    def in_words(self) -> str:
        """`Deployment shop/web: 3 of 4 pods are Ready`."""
        return f"{self.kind} {self.namespace}/{self.name}: {self.ready} of {self.wanted} pods are Ready"

    def beside(self, fact: str) -> str:  # noqa: ARG002  the same beside each
        """How many of its pods are Ready."""
        return self.in_words
