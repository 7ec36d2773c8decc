"""A node whose kubelet dies, as the product reads it."""

import re
from collections.abc import Iterator

import pytest

from runmend.facts.expressions import compiled
from runmend.facts.node import NodeFacts
from runmend.facts.snapshot import Snapshot
from runmend.kube.client import Cluster as Product
from runmend.language.states import STATES
from tests.cluster.api import Cluster, eventually
from tests.cluster.control_plane import ControlPlane

DEAD = "node-2"


@pytest.fixture
def product(real: Cluster) -> Iterator[Product]:
    made = Product.connect(kubeconfig=real.kubeconfig)
    yield made
    made.close()


def states(node: NodeFacts) -> list[str]:
    snapshot = Snapshot(node=node)
    return [name for name, state in STATES.items() if state.node and compiled(state.node).judge(snapshot).holds]


def test_a_node_that_is_not_heard_of_is_not_ready_takes_no_pods_and_says_since_when_and_why(
    built: ControlPlane, product: Product
) -> None:
    assert states(product.node(DEAD)) == []
    try:
        built.kill_node(DEAD)
        # Its taint follows its condition.
        node = eventually(
            lambda: node if (node := product.node(DEAD)).taints and not node.ready else None, patience_s=120
        )
    finally:
        built.start_node(DEAD)

    assert node
    assert states(node) == ["NotReady"]
    assert node.conditions["Ready"] == node.conditions["MemoryPressure"] == "Unknown"
    assert {taint.key for taint in node.taints} <= {
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/not-ready",
    }
    assert not node.takes_pods
    judged = compiled("node.ready").judge(Snapshot(node=node))
    assert re.fullmatch(r"node\.ready is false \(since [0-9]{2}:[0-9]{2}, NodeStatusUnknown\)", judged.evidence)
    eventually(lambda: product.node(DEAD).takes_pods, patience_s=120)
