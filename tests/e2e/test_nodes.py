"""A node of a real cluster is cordoned and drained as far as a budget lets it, whoever dies meanwhile."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from runmend.alerts.alert import Target
from runmend.core.settings import Settings
from runmend.plan.messages import Options, RunResult
from runmend.runs.starting import Starter
from tests.builders import GOOD
from tests.cluster.api import MERGE, Json, eventually
from tests.cluster.control_plane import ControlPlane
from tests.e2e.installation import Installation
from tests.e2e.proxy import Proxy
from tests.e2e.shop import PATIENCE, Pod, Shop
from tests.node_runbooks import a_node_alert, node_plan
from tests.runs import WINDOW, end, until

pytestmark = pytest.mark.timeout(400)
NODE = "node-1"
PATH = f"/api/v1/nodes/{NODE}"


@pytest.fixture(autouse=True)
def _uncordoned(shops: Callable[[], Shop]) -> Iterator[None]:
    yield
    http = shops().namespace.http
    http.patch(PATH, json={"spec": {"unschedulable": None}}, headers={"Content-Type": MERGE}).raise_for_status()


def a_budget(shop: Shop, app: str, at_least: int) -> None:
    spec = {"minAvailable": at_least, "selector": {"matchLabels": {"app": app}}}
    path = f"/apis/policy/v1/namespaces/{shop.name}/poddisruptionbudgets"
    shop.namespace.http.post(path, json={"metadata": {"name": "web"}, "spec": spec}).raise_for_status()
    budget = f"{path}/web"
    eventually(lambda: shop.namespace.http.get(budget).json().get("status", {}).get("currentHealthy") == at_least + 1)


def on_node(pods: list[Pod]) -> list[Pod]:
    return [pod for pod in pods if pod["spec"]["nodeName"] == NODE]


def node_of(shop: Shop) -> Json:
    node: Json = shop.namespace.http.get(PATH).json()
    return node


async def passed(client: Client, workflow_id: str) -> RunResult:
    """The result of a run, its window passed over."""
    run = client.get_workflow_handle(workflow_id)
    await until(run, WINDOW, PATIENCE)
    await TimeSkipper(client).fast_forward(run, 301)
    ended = await end(run, PATIENCE)
    assert isinstance(ended, RunResult), ended
    return ended


async def test_a_drain_whose_worker_is_killed_is_gone_on_with_and_no_pod_is_evicted_twice(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Callable[[], Shop], client: Client
) -> None:
    shop = shops()
    app = shop.name
    pods = shop.deploy(app, images={"app": GOOD}, broken=0, replicas=9)
    there = on_node(pods)
    assert len(there) >= 3, "the scheduler spreads them"
    a_budget(shop, app, at_least=8)
    own.start_worker(RUNMEND_NODES="node-*")
    # Only this test's own pods: others' are on the node too.
    plan = node_plan(f"kubectl drain {{node}} --ignore-daemonsets --pod-selector app={app} --timeout 5m")
    target = Target(cluster=own.cluster, kind="Node", name=NODE)
    held = proxy.hold_answer("POST", f"namespaces/{shop.name}", "pods/")

    await Starter(client, Settings(cluster=own.cluster)).start(plan, target, (a_node_alert(NODE),), Options(), None)
    await held.reached()
    own.kill("worker")
    held.drop()
    own.start_worker(RUNMEND_NODES="node-*")
    result = await passed(client, target.workflow_id)

    assert result.outcome == "resolved", result.summary
    assert {pod.uid for pod in result.removed} == {pod["metadata"]["uid"] for pod in there}
    assert node_of(shop)["spec"]["unschedulable"] is True
    sent = [write for write in built.writes(namespace=shop.name, agent="runmend") if not write.dry_run]
    evicted = Counter(write.name for write in sent if write.resource == "pods/eviction" and write.code == 201)
    assert evicted == Counter({pod["metadata"]["name"]: 1 for pod in there}), "each once, whoever was killed"
    assert 429 in {write.code for write in sent}, "the budget lets one go at a time"
    assert {write.resource for write in sent} == {"pods/eviction"}
    assert on_node(shop.until_running(9, app)) == []
    told = shop.namespace.http.get(
        "/api/v1/namespaces/default/events",
        params={"fieldSelector": f"source=runmend,involvedObject.name={NODE},involvedObject.kind=Node"},
    ).json()["items"]
    assert {event["reason"] for event in told} >= {"RemediationResolved"}
