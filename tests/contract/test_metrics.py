"""The metrics API is another server's, which a control plane does not bring along."""

import pytest

from runmend.core.errors import NotFound
from runmend.kube.client import Cluster as Client
from tests.cluster.api import Cluster, Namespace


def test_without_a_metrics_server_nobody_tells_what_is_used(cluster: Cluster, namespace: Namespace) -> None:
    client = Client.connect(kubeconfig=cluster.kubeconfig)

    with pytest.raises(NotFound, match="404"):
        client.usage_of_pods(namespace.name, "app=web")
    with pytest.raises(NotFound, match="404"):
        client.usage_of_pods(namespace.name, name="web")
    with pytest.raises(NotFound, match="404"):
        client.usage_of_node("node-1")
    client.close()
