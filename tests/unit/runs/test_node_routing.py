"""An alert about a node: which labels count, and what lets its node be changed."""

from dataclasses import replace

import pytest

from runmend.alerts.alert import Target
from runmend.alerts.labels import subject_of
from runmend.core.modes import Mode
from runmend.core.settings import Settings
from runmend.runs.routing import Gone, Place, Routed, Unrouted, check_object, check_place, may_change
from runmend.runs.visibility import Wanted
from tests.node_runbooks import a_node_alert, node_plan
from tests.unit.rows import a_row

PLAN = node_plan("kubectl cordon {node}")
ANY = Settings(nodes="*")
SCRAPED = {"namespace": "monitoring", "pod": "kube-state-metrics-0", "container": "kube-state-metrics"}
WORKER = Target(cluster="prod", kind="Node", name="worker-1")


def routed(settings: Settings = ANY, /, **labels: str) -> Routed:
    alert = a_node_alert("").model_copy(update={"labels": {"alertname": "KubeNodeNotReady", **labels}})
    subject = subject_of(alert.labels)
    return check_place(0, alert.model_copy(update={"labels": subject.labels}), subject, PLAN, settings)


def test_a_node_is_found_by_its_label_alone() -> None:
    assert routed(node="worker-1").place == Place("Node", "")
    assert routed(exported_node="worker-1", node="the-exporters").alert.node == "worker-1"


def test_what_the_scraper_says_of_itself_is_not_the_node_s() -> None:
    assert routed(ANY, node="worker-1", **SCRAPED).alert.labels == {"alertname": "KubeNodeNotReady", "node": "worker-1"}


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"instance": "10.0.0.7:9100"}, "the label node is missing; RB_NODE requires it"),
        ({"node": "Worker_1"}, "the label node: "),
        ({"node": ".."}, "the label node: "),
        ({"node": "a/b"}, "the label node: "),
    ],
)
def test_an_alert_that_names_no_node_starts_nothing(labels: dict[str, str], why: str) -> None:
    with pytest.raises(Unrouted) as refused:
        routed(ANY, **labels)

    assert str(refused.value).startswith(why)


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        (Settings(), False),
        (Settings(namespaces="*"), False),
        (Settings(nodes="gpu-*"), False),
        (Settings(nodes="gpu-*, worker-1", namespaces=""), True),
    ],
)
def test_nodes_are_changed_where_a_setting_of_their_own_says_so(settings: Settings, may: bool) -> None:  # noqa: FBT001
    assert may_change(settings, WORKER) is may
    if not may:
        with pytest.raises(Unrouted, match="RUNMEND_NODES does not allow changes of node worker-1"):
            routed(settings, node="worker-1")


def test_an_exception_for_namespaces_is_none_for_nodes() -> None:
    assert Settings(mode=Mode.RECOMMEND, auto_namespaces="*").mode_in("") is Mode.RECOMMEND


def test_a_node_that_is_gone_is_no_target() -> None:
    named = routed(node="worker-1")

    assert check_object(named, {"worker-1": "4711"}, "prod") == (WORKER, "4711")
    with pytest.raises(Gone, match="there is no Node worker-1"):
        check_object(named, {"worker-2": "4712"}, "prod")


def test_its_names_are_one_for_each_use() -> None:
    assert (WORKER.workflow_id, str(WORKER), WORKER.short) == ("prod/Node/worker-1", "Node worker-1", "Node/worker-1")
    assert Target.of("prod/Node/worker-1") == WORKER
    assert Target.of("prod/shop/Deployment/web") == Target(
        cluster="prod", namespace="shop", kind="Deployment", name="web"
    )
    assert [Target.of(other) for other in ("prod/Pod/web", "nightly-report", "a/b/c/d/e")] == [None] * 3


@pytest.mark.parametrize("named", ["Node worker-1", "Node/worker-1", "prod/Node/worker-1"])
def test_its_runs_are_found_by_each_of_its_names(named: str) -> None:
    wanted = Wanted(target=named)
    row = replace(a_row(), workflow_id="prod/Node/worker-1", target="Node worker-1")

    assert "WorkflowId = 'prod/Node/worker-1'" in wanted.query(Settings(cluster="prod"))
    assert wanted.fits(row)
    assert (row.short, row.kind) == ("Node/worker-1", "Node")
