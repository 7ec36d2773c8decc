"""What containers and nodes use, as the metrics API tells it, and what becomes of those who ask where it does not."""

from collections.abc import Iterator

import pytest

from activities.gates import snapshot_of
from activities.verification import besides_of
from runmend.alerts.alert import Target
from runmend.facts.expressions import compiled
from runmend.facts.pod import Resources
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.language.verdicts import Live, broken, judge, unmet
from runmend.local.sandbox import Sandbox
from runmend.plan.criteria import Criterion, Status, Verdict
from runmend.runbook.criteria import criterion_of
from tests.builders import a_deployment, a_pod, an_alert
from tests.cluster.api import eventually
from tests.loopback import client_of
from tests.metrics_api import MetricsApi

TARGET = Target(cluster="c", namespace="shop", kind="Deployment", name="web")
NODE = Target(cluster="c", namespace="", kind="Node", name="node-1")
BELOW = "Memory usage stays below 80% of the limit for 10 minutes"
OF_NODE = "Node memory usage stays below 80%"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MetricsApi, Cluster]]:
    metrics = MetricsApi()
    with Sandbox(wrap=metrics.wrap) as sandbox, client_of(sandbox) as api:
        body = a_deployment(images={"app": "registry.example/app:1"}, replicas=1)
        (container,) = body["spec"]["template"]["spec"]["containers"]
        container["resources"] = {"limits": {"memory": "100Mi"}}
        assert api.post("/api/v1/namespaces", json={"metadata": {"name": "shop"}}).is_success
        assert api.post("/api/v1/namespaces", json={"metadata": {"name": "other"}}).is_success
        assert api.post("/apis/apps/v1/namespaces/shop/deployments", json=body).is_success
        cluster = Cluster.connect(
            kubeconfig=sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "kubeconfig")
        )
        assert api.post("/api/v1/namespaces/other/pods", json=a_pod("lonely")).is_success
        eventually(lambda: [pod.running for pod in cluster.pods("shop")] == [True])
        yield metrics, cluster
        cluster.close()


@pytest.fixture
def metrics(served: tuple[MetricsApi, Cluster]) -> MetricsApi:
    metrics, _ = served
    metrics.pods, metrics.nodes, metrics.asked, metrics.status = {}, {}, [], 200
    return metrics


@pytest.fixture
def cluster(served: tuple[MetricsApi, Cluster]) -> Cluster:
    return served[1]


def pod_of(cluster: Cluster) -> str:
    (pod,) = cluster.pods("shop")
    return pod.name


def criterion(text: str) -> Criterion:
    found = criterion_of(text, 1)
    assert found is not None
    return found


def looked(cluster: Cluster, asked: Criterion, target: Target = TARGET) -> Live:
    now = TargetNow.look(cluster, target)
    besides = besides_of(cluster, now, (asked,))
    return Live(
        pods=besides.measured(now.pods),
        events=(),
        workload=now.workload,
        node=besides.node,
        unknown=dict(besides.unknown),
    )


def verdict(cluster: Cluster, text: str, target: Target = TARGET) -> Verdict:
    live = looked(cluster, criterion(text), target)
    return judge(criterion(text), live.watermark, live)


def test_what_is_used_is_read_whatever_its_unit(cluster: Cluster, metrics: MetricsApi) -> None:
    metrics.pods["shop", "web-1"] = {"app": {"cpu": "12345678n", "memory": "2048Ki"}, "proxy": {"cpu": "1"}}
    metrics.nodes["node-1"] = {"cpu": "250m", "memory": "1Gi"}

    app = Resources(cpu=13, memory=2 * 1024**2)
    assert cluster.usage_of_pods("shop") == {"web-1": {"app": app, "proxy": Resources(cpu=1000)}}
    assert cluster.usage_of_pods("shop", name="web-1") == cluster.usage_of_pods("shop")
    assert cluster.usage_of_node("node-1") == Resources(cpu=250, memory=1024**3)


@pytest.mark.parametrize(
    ("used", "status", "evidence"),
    [
        ("79Mi", Status.PASSED, "it holds of all 1 pods"),
        ("80Mi", Status.FAILED, "usage.memory is 80Mi, limits.memory is 100Mi"),
    ],
)
def test_usage_is_judged_against_the_limit(
    cluster: Cluster, metrics: MetricsApi, used: str, status: Status, evidence: str
) -> None:
    metrics.pods["shop", pod_of(cluster)] = {"app": {"cpu": "1m", "memory": used}}

    found = verdict(cluster, BELOW)

    assert found.status is status
    assert evidence in found.evidence
    assert metrics.asked == ["/namespaces/shop/pods?labelSelector=app%3Dweb&limit=500"]


def test_usage_that_is_too_high_is_waited_for_and_breaks_a_window(cluster: Cluster, metrics: MetricsApi) -> None:
    metrics.pods["shop", pod_of(cluster)] = {"app": {"memory": "90Mi"}}
    live = looked(cluster, criterion(BELOW))

    assert "usage.memory is 90Mi" in (unmet(criterion(BELOW), live) or "")
    assert broken(criterion(BELOW), live.watermark, live)


@pytest.mark.parametrize("text", [BELOW, "Memory usage is below the limit"])
@pytest.mark.parametrize(("status", "says"), [(404, "404"), (403, "403"), (503, "503"), (200, "no sample yet of web-")])
def test_where_it_is_not_told_the_criterion_is_unverified_and_says_why(
    cluster: Cluster, metrics: MetricsApi, text: str, status: int, says: str
) -> None:
    metrics.status = status
    live = looked(cluster, criterion(text))
    found = judge(criterion(text), live.watermark, live)

    assert found.status is Status.UNVERIFIED
    assert found.evidence.startswith("cannot be told: ")
    assert "the metrics API" in found.evidence
    assert says in found.evidence
    assert unmet(criterion(text), live) is None
    assert not broken(criterion(text), live.watermark, live)


def test_a_container_without_a_limit_stays_below_none(cluster: Cluster, metrics: MetricsApi) -> None:
    metrics.pods["shop", pod_of(cluster)] = {"app": {"cpu": "1m"}}

    found = verdict(cluster, "CPU usage stays below the limit")

    assert found.status is Status.FAILED, "it is not the usage that is unknown"
    assert "limits.cpu: a fact that is not there (null) was compared" in found.evidence


def test_a_node_s_usage_is_judged_against_what_it_has_for_pods(cluster: Cluster, metrics: MetricsApi) -> None:
    allocatable = cluster.node("node-1").allocatable.memory
    assert allocatable

    assert verdict(cluster, OF_NODE, NODE).status is Status.UNVERIFIED
    metrics.nodes["node-1"] = {"memory": str(allocatable // 2)}
    assert verdict(cluster, OF_NODE, NODE).status is Status.PASSED
    metrics.nodes["node-1"] = {"memory": str(allocatable)}
    assert verdict(cluster, OF_NODE, NODE).status is Status.FAILED
    assert metrics.asked == ["/nodes/node-1"] * 3


def test_a_gate_that_asks_for_it_cannot_be_told_without_it(cluster: Cluster, metrics: MetricsApi) -> None:
    gate = compiled("container.usage.memory > 50Mi && pod.containers.exists(c, c.usage.memory > 50Mi)")
    alert = an_alert(cluster.pods("shop")[0], container="app")

    def judged() -> tuple[bool | None, str]:
        now = TargetNow.look(cluster, TARGET)
        found = gate.judge(snapshot_of(cluster, now, (alert,), None, [gate], {}))
        return found.holds, found.evidence

    holds, evidence = judged()
    assert holds is None
    assert "the metrics API has no sample yet" in evidence
    metrics.pods["shop", pod_of(cluster)] = {"app": {"memory": "60Mi"}}
    assert judged()[0] is True


def test_nobody_asks_for_what_no_expression_names(cluster: Cluster, metrics: MetricsApi) -> None:
    verdict(cluster, "Pods stay Ready for 5 minutes")

    assert metrics.asked == []


def test_a_bare_pod_is_asked_for_by_its_name(cluster: Cluster, metrics: MetricsApi) -> None:
    metrics.pods["other", "lonely"] = {"app": {"memory": "1Mi"}}

    looked(cluster, criterion(BELOW), Target(cluster="c", namespace="other", kind="Pod", name="lonely"))

    assert metrics.asked == ["/namespaces/other/pods/lonely"]
