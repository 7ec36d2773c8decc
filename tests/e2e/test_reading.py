"""What the verbs that read find on the real control plane is what kubectl says of the same objects."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from activities.reading import read
from runmend.alerts.alert import Target
from runmend.kube.client import Cluster as Kube
from runmend.language.target import TargetNow
from runmend.language.verbs.verb import Read
from tests.cluster.api import Cluster, Namespace, a_deployment, eventually
from tests.cluster.kubectl import Kubectl
from tests.unit.language.test_rights import command

MISSING = "registry.example/app:missing"


@pytest.fixture(scope="module")
def shop(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as namespace:
        namespace.create("deployments", a_deployment("well", "registry.example/app:1.0", replicas=2))
        namespace.create("deployments", a_deployment("ill", MISSING))
        eventually(lambda: namespace.get("deployments", "well")["status"].get("availableReplicas") == 2)
        eventually(lambda: any(MISSING in event.get("message", "") for event in namespace.items("events")))
        yield namespace


@pytest.fixture(scope="module")
def product(real: Cluster) -> Iterator[Kube]:
    with closing(Kube.connect(kubeconfig=real.kubeconfig)) as product:
        yield product


def found(text: str, shop: Namespace, product: Kube, name: str = "well") -> Read:
    target = Target(cluster="test", namespace=shop.name, kind="Deployment", name=name)
    return read(product, command(text), TargetNow.look(product, target), (), state=None)


def test_get_counts_what_kubectl_counts(shop: Namespace, product: Kube, kubectl: Kubectl) -> None:
    got = found("kubectl get deployment {deployment} -n {namespace}", shop, product)
    columns = kubectl("get", "deployment", "well", "-n", shop.name, "--no-headers").split()

    assert columns[1:4] == [f"{got.facts['ready']}/{got.facts['replicas']}", str(got.facts["updated"]), "2"]
    assert found("kubectl get deployment other -n {namespace}", shop, product).facts == {"count": 0}


def test_get_of_a_kind_chooses_what_kubectl_chooses(shop: Namespace, product: Kube, kubectl: Kubectl) -> None:
    for selector in ("app=well", "app!=well", "app", "!app"):
        got = found(f"kubectl get pods -n {{namespace}} -l '{selector}'", shop, product)
        names = kubectl("get", "pods", "-n", shop.name, "-l", selector, "-o", "name").split()
        assert {f"pod/{line.partition(':')[0]}" for line in got.findings} == set(names), selector
    nodes = found("kubectl get nodes", shop, product)
    assert nodes.facts["count"] == len(kubectl("get", "nodes", "-o", "name").split())


def test_describe_tells_the_events_that_kubectl_tells(shop: Namespace, product: Kube, kubectl: Kubectl) -> None:
    (pod,) = [name for name in shop.names("pods") if name.startswith("ill-")]

    got = found(f"kubectl describe pod {pod} -n {{namespace}}", shop, product, "ill")
    described = kubectl("describe", "pod", pod, "-n", shop.name)

    reasons = {line.split()[1] for line in described.partition("Events:")[2].splitlines()[3:] if line.strip()}
    assert reasons <= {name.removeprefix("reason ") for name in got.facts if name.startswith("reason ")}
    assert "Failed" in reasons
    assert any(line.startswith("container app: waiting (") and MISSING in line for line in got.findings)


@pytest.mark.parametrize(("name", "done"), [("well", True), ("ill", False)])
def test_rollout_status_is_kubectls(name: str, done: bool, shop: Namespace, product: Kube, kubectl: Kubectl) -> None:  # noqa: FBT001
    got = found("kubectl rollout status deployment/{deployment} -n {namespace} --watch=false", shop, product, name)
    said = kubectl("rollout", "status", f"deployment/{name}", "-n", shop.name, "--watch=false")

    assert got.facts["rolled_out"] is done
    assert ("successfully rolled out" in said) is done
