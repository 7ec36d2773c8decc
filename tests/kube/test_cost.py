"""What a run, and a webhook, ask of the API server does not grow with what else is in the namespace: it is counted."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.common import RawValue
from temporalio.testing import ActivityEnvironment

from activities.observation import Observer
from activities.operations import Operations
from activities.verification import Verifier
from runmend.alerts.alert import Target
from runmend.facts.pod import PodFacts
from runmend.kube.client import Cluster
from runmend.kube.owners import FEW, Workloads
from runmend.kube.requests import PAGE
from runmend.local.sandbox import Sandbox
from runmend.plan.change import Change
from runmend.plan.messages import CheckCall, ObserveCall, RunInput, SettleCall, StepCall, StepResult
from runmend.runs.converter import data_converter
from tests.builders import a_deployment, an_alert
from tests.cluster.api import Cluster as Raw
from tests.cluster.api import Namespace, a_template, eventually
from tests.world import Offline, seed_plan

MOST_GROWTH = 1.2
FEW_OTHERS, MANY_OTHERS = 10, PAGE + 100


@dataclass
class Count:
    """Requests that were answered, and the bytes of the answers."""

    requests: int = 0
    bytes: int = 0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application to serve instead of `app`."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            async def passed_on(message: Message) -> None:
                self.requests += message["type"] == "http.response.start"
                self.bytes += len(message.get("body", b""))
                await send(message)

            await app(scope, receive, passed_on)

        return counted

    def grown_since(self, before: "Count") -> "Count":
        return Count(self.requests - before.requests, self.bytes - before.bytes)

    def now(self) -> "Count":
        return Count(self.requests, self.bytes)


@dataclass
class Shop:
    """A namespace with a broken Deployment and so many other workloads, and the product's connection to it."""

    namespace: Namespace
    cluster: Cluster
    count: Count
    broken: tuple[PodFacts, ...]

    def pods(self) -> tuple[PodFacts, ...]:
        return self.cluster.pods(self.namespace.name, "app=web")


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Shop]]:
    count = Count()
    with Sandbox(wrap=count.wrap, nodes=MANY_OTHERS // 50) as sandbox:
        kubeconfig = sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "kubeconfig")
        cluster, raw = Cluster.connect(kubeconfig=kubeconfig), Raw("sandbox", kubeconfig)
        with raw.http, raw.namespace() as quiet, raw.namespace() as crowded:
            yield a_shop(quiet, cluster, count, FEW_OTHERS), a_shop(crowded, cluster, count, MANY_OTHERS)
        cluster.close()


def a_shop(namespace: Namespace, cluster: Cluster, count: Count, others: int) -> Shop:
    for number in range(others):
        label = f"other-{number}"
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": label}}, "template": a_template(label=label)}
        namespace.create("replicasets", {"metadata": {"name": label}, "spec": spec})
    namespace.create("deployments", a_deployment())

    def broken() -> tuple[PodFacts, ...]:
        found = [pod for pod in cluster.pods(namespace.name, "app=web") if pod.waiting_for("ImagePullBackOff")]
        return tuple(found) if len(found) == 2 else ()

    shop = Shop(namespace, cluster, count, eventually(broken))
    eventually(lambda: len(cluster.pods(namespace.name)) == others + 2)
    return shop


def cost_of_a_run(shop: Shop) -> Count:
    """What the activities of a run ask for, one after the other, each once."""
    target = Target(cluster="test", namespace=shop.namespace.name, kind="Deployment", name="web")
    alerts = tuple(an_alert(pod) for pod in shop.broken)
    plan, environment = seed_plan(), ActivityEnvironment()
    environment.payload_converter = data_converter.payload_converter
    operations, verifier = Operations(shop.cluster, lambda _: None, lambda _: True), Verifier(shop.cluster)

    before = shop.count.now()
    observed = environment.run(
        Observer(shop.cluster, Offline()).observe, ObserveCall(plan=plan, target=target, alerts=alerts)
    )
    given = RunInput(plan=plan, target=target, alerts=alerts)
    changes: tuple[Change, ...] = ()
    for number in range(1, len(plan.steps) + 1):
        call = StepCall.of(given, number, "run", alerts=alerts)
        (payload,) = data_converter.payload_converter.to_payloads([call])
        result: StepResult = environment.run(operations.perform, [RawValue(payload)])
        changes += result.changes
    cost = shop.count.grown_since(before)

    eventually(lambda: len(shop.pods()) == 2 and all(pod.running for pod in shop.pods()))
    before = shop.count.now()
    shared = {"state": plan.state, "criteria": plan.criteria, "target": target, "changes": changes}
    settled = environment.run(verifier.settle, SettleCall(**shared))
    checked = environment.run(verifier.check, CheckCall(**shared, watermark=settled.watermark))
    rest = shop.count.grown_since(before)

    assert (observed.pod_count, len(changes), checked.failure) == (2, 1, None)
    return Count(cost.requests + rest.requests, cost.bytes + rest.bytes)


def test_a_run_s_requests_and_bytes_do_not_grow_with_the_namespace(shops: tuple[Shop, Shop]) -> None:
    quiet, crowded = map(cost_of_a_run, shops)

    assert quiet.requests > 0
    assert crowded.requests <= MOST_GROWTH * quiet.requests
    assert crowded.bytes <= MOST_GROWTH * quiet.bytes


def test_a_few_pods_owners_cost_the_same_in_every_namespace(shops: tuple[Shop, Shop]) -> None:
    def cost(shop: Shop) -> Count:
        before, namespace = shop.count.now(), shop.namespace.name
        names = [pod.name for pod in shop.pods()]
        before = shop.count.now()
        found = Workloads.named(shop.cluster, namespace, names, metadata_only=True)
        assert {found.target_of(pod, "test").name for pod in found.pods} == {"web"}
        return shop.count.grown_since(before)

    quiet, crowded = map(cost, shops)

    assert crowded.requests <= MOST_GROWTH * quiet.requests
    assert crowded.bytes <= MOST_GROWTH * quiet.bytes


def test_many_pods_owners_are_read_by_lists_of_metadata(shops: tuple[Shop, Shop]) -> None:
    _, crowded = shops
    namespace = crowded.namespace.name
    before = crowded.count.now()
    whole = Workloads.of(crowded.cluster, namespace)
    full = crowded.count.grown_since(before)
    names = [pod.name for pod in whole.pods]

    few = Workloads.named(crowded.cluster, namespace, names[:FEW], metadata_only=True)
    before = crowded.count.now()
    many = Workloads.named(crowded.cluster, namespace, names[: FEW + 1], metadata_only=True)
    lists = crowded.count.grown_since(before)

    assert [pod.name for pod in few.pods] == names[:FEW]
    assert (lists.requests, len(many.pods)) == (full.requests, len(names))
    assert lists.bytes < full.bytes
    for pod in whole.pods:
        assert many.chain_of(pod) == whole.chain_of(pod)
    for pod in few.pods:
        assert few.chain_of(pod) == whole.chain_of(pod)
