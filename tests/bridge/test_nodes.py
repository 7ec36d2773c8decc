"""Alerts about nodes: one run for a node, in no namespace."""

from typing import Any

import pytest

from runmend.kube.owners import FEW
from tests.bridge.support import Installation, an_alert
from tests.node_runbooks import node_runbook


def about_node(node: str = "node-0", **labels: str) -> dict[str, Any]:
    """An alert as the kubernetes-mixin makes it of what kube-state-metrics says, its own labels among them."""
    scraped = {"namespace": "monitoring", "pod": "kube-state-metrics-0", "container": "kube-state-metrics"}
    return an_alert(None, alertname="KubeNodeNotReady", node=node, uid=None, **(scraped | labels))


@pytest.fixture
def nodes(installed: Installation) -> Installation:
    """A bridge that may change nodes, with a runbook for them."""
    (installed.settings.runbooks / "RB_NODE.md").write_bytes(node_runbook("kubectl cordon {node}"))
    installed.catalog.reload()
    return installed.with_settings(nodes="node-*")


async def test_a_node_s_alert_starts_its_run(nodes: Installation) -> None:
    response = await nodes.post(about_node())

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "started"
    assert answered["run"] == f"{nodes.settings.cluster}/Node/node-0"
    run = await nodes.client.get_workflow_handle(answered["run"]).describe()
    assert run.workflow_type == "RB_NODE"
    attributes = {pair.key.name: pair.value for pair in run.typed_search_attributes}
    assert attributes["Target"] == "Node node-0"
    assert "KubeNamespace" not in attributes
    assert await nodes.answers(about_node()) == ["known"]


async def test_two_alerts_of_a_node_are_one_run_s(nodes: Installation) -> None:
    assert await nodes.answers(about_node(), about_node(severity="critical"), about_node("node-1")) == ["started"] * 3

    assert len(await nodes.runs(2)) == 2


async def test_a_node_that_is_gone_starts_nothing_however_many_are_named(nodes: Installation) -> None:
    assert await nodes.answers(about_node("node-9")) == ["gone"]
    many = [about_node(f"node-{number}") for number in range(FEW + 2)]
    assert await nodes.answers(*many) == ["started", "started", *["gone"] * FEW]


async def test_no_node_is_changed_where_no_setting_says_so(nodes: Installation) -> None:
    careful = nodes.with_settings(nodes="")

    response = await careful.post(about_node())

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "unrouted"
    assert answered["why"] == "RUNMEND_NODES does not allow changes of node node-0"


async def test_a_node_s_name_in_a_pod_s_alert_changes_nothing(nodes: Installation) -> None:
    (pod,) = await nodes.deploy()

    assert await nodes.answers(an_alert(pod, node="node-0")) == ["started"]
    assert (await nodes.run().describe()).workflow_type == "RB_IMAGEPULL"
