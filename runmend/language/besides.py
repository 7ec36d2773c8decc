"""What expressions read besides their target, and only where one of them names it. Called by gates and verification."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from runmend.core.errors import Forbidden, NotFound
from runmend.facts.expressions import Expression
from runmend.facts.node import NodeFacts
from runmend.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Besides:
    """What was read besides a target. `unknown`: group → why what it holds could not be read."""

    node: NodeFacts | None = None
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def read(cls, cluster: Cluster, expressions: Collection[Expression], node: str) -> "Besides":
        """Read what these expressions name.

        Args:
            cluster: where.
            expressions: that are to be judged.
            node: the node of the alert's pod; empty where it has none, or is gone.
        """
        naming = [expression for expression in expressions if "node" in expression.groups]
        if not naming:
            return cls()
        if not node:
            return cls(unknown={"node": "the alert's pod is gone, or has no node"})
        try:
            return cls(cluster.node(node, pods=any(expression.reads("node", "pods") for expression in naming)))
        except NotFound:
            return cls(unknown={"node": f"there is no node {node} any more"})
        except Forbidden as error:
            return cls(unknown={"node": f"node {node} could not be read: {error}"})
