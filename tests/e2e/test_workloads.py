"""StatefulSets and DaemonSets as the product reads them, while the real controllers roll them out and back."""

import json
from collections.abc import Callable, Iterator

import pytest

from activities.verification import settling
from runmend.alerts.alert import Target
from runmend.facts.workload import WorkloadFacts
from runmend.kube.client import Cluster as Product
from runmend.language.target import TargetNow
from runmend.plan.messages import SettleCall
from runmend.runbook.criteria import criterion_of
from tests.cluster.api import Cluster, Json, Namespace, a_template, eventually

GOOD, BROKEN = "registry.example/app:1", "registry.example/app:missing"


@pytest.fixture
def namespace(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as made:
        yield made


@pytest.fixture
def product(real: Cluster) -> Iterator[Product]:
    made = Product.connect(kubeconfig=real.kubeconfig)
    yield made
    made.close()


def a_workload(**spec: object) -> Json:
    selector = {"matchLabels": {"app": "web"}}
    return {"metadata": {"name": "web"}, "spec": {"selector": selector, "template": a_template(GOOD), **spec}}


def with_image(namespace: Namespace, kind: str, image: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
    namespace.patch(kind, "web", patch)


class Look:
    """The target, read again each time."""

    def __init__(self, product: Product, namespace: Namespace, kind: str) -> None:
        self._product = product
        self._target = Target(cluster="test", namespace=namespace.name, kind=kind, name="web")

    def until(self, fits: Callable[[TargetNow, WorkloadFacts], bool]) -> TargetNow:
        """It, once its controller has acted on its newest version, and it is as it should be."""

        def look() -> TargetNow | None:
            now = TargetNow.look(self._product, self._target)
            assert now.workload
            acted = now.workload.observed_generation >= now.workload.generation
            return now if acted and fits(now, now.workload) else None

        found = eventually(look)
        assert found
        return found

    def rolled_out(self, *, pods: int, revision: int) -> TargetNow:
        return self.until(
            lambda now, workload: workload.rolled_out and len(now.pods) == pods and workload.revision == revision
        )

    def affected(self) -> TargetNow:
        return self.until(lambda now, _: bool(now.affected("ImagePullBackOff")))


def images(now: TargetNow) -> set[str]:
    return {container.image for pod in now.pods for container in pod.containers}


def numbers(now: TargetNow) -> tuple[int, int | None]:
    assert now.workload
    return now.workload.revision, now.workload.previous_revision


def lacking(product: Product, now: TargetNow) -> str:
    """What it has not settled for; empty where it has."""
    running = criterion_of("Pod is Running", 1)
    assert running
    _, found = settling(product, SettleCall(state=None, criteria=(running,), target=now.target, changes=()))
    return found.words if found else ""


@pytest.mark.parametrize(
    ("kind", "plural", "spec"),
    [
        ("StatefulSet", "statefulsets", {"replicas": 2, "serviceName": "web", "podManagementPolicy": "Parallel"}),
        ("DaemonSet", "daemonsets", {}),
    ],
)
def test_current_pods_affected_containers_and_revisions_follow_the_controller(
    namespace: Namespace, product: Product, kind: str, plural: str, spec: Json
) -> None:
    namespace.create(plural, a_workload(**spec))
    look = Look(product, namespace, kind)
    begun = look.until(lambda _, workload: workload.replicas > 0)
    assert begun.workload
    wanted = begun.workload.replicas
    first = look.rolled_out(pods=wanted, revision=1)
    assert numbers(first) == (1, None)
    assert images(first) == {GOOD}

    # The broken revision reaches one pod, and no further.
    with_image(namespace, plural, BROKEN)
    broken = look.affected()
    assert numbers(broken) == (2, 1)
    assert images(broken) == {BROKEN}
    assert len(broken.pods) == 1
    assert len(broken.workloads.pods_of(broken.target)) >= wanted - 1
    (affected,) = broken.affected("ImagePullBackOff")
    assert (affected.container, affected.pods) == ("app", (broken.pods[0].name,))
    assert broken.workload
    assert not broken.workload.rolled_out
    assert broken.uid == broken.workload.uid
    lacks = lacking(product, broken)
    assert "running is false (Pending, app waits (" in lacks
    assert "left of an older revision: web-" in lacks

    # An undo: the first revision is the newest again, and pods that were never replaced are of it.
    with_image(namespace, plural, GOOD)
    if kind == "StatefulSet":  # its controller waits for a pod that never becomes ready, until somebody deletes it
        namespace.http.delete(namespace.path("pods", broken.pods[0].name))
    last = look.rolled_out(pods=wanted, revision=3)
    assert numbers(last) == (3, 2)
    assert images(last) == {GOOD}
    assert {pod.uid for pod in first.pods} & {pod.uid for pod in last.pods}
    eventually(lambda: lacking(product, last) == "")


def test_pods_of_a_stateful_set_below_its_partition_are_current(namespace: Namespace, product: Product) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    namespace.create("statefulsets", a_workload(replicas=2, serviceName="web", updateStrategy=strategy))
    look = Look(product, namespace, "StatefulSet")
    look.rolled_out(pods=2, revision=1)

    with_image(namespace, "statefulsets", "registry.example/app:2")
    held = look.until(lambda now, workload: workload.rolled_out and workload.revision == 2 and len(images(now)) == 2)

    assert {pod.name: pod.containers[0].image for pod in held.pods} == {
        "web-0": GOOD,
        "web-1": "registry.example/app:2",
    }


def test_a_workload_says_who_manages_it_how_and_since_when(namespace: Namespace, product: Product) -> None:
    body = a_workload(replicas=0, serviceName="web")
    body["metadata"] |= {
        "labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"},
        "annotations": {"argocd.argoproj.io/tracking-id": "till:apps/StatefulSet:shop/web"},
    }
    namespace.create("statefulsets", json.loads(json.dumps(body)), fieldManager="creator")

    found = product.workload("StatefulSet", namespace.name, "web")

    assert (found.managers, found.argo_cd, found.flux, found.helm) == (("creator",), "till", "flux/apps", "")
    assert (found.strategy, found.gitops) == ("RollingUpdate", True)
    assert found.age is not None
    assert found.age.total_seconds() < 10
