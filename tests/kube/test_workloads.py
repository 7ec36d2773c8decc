"""A target's pods are those that the whole namespace would tell of, and are asked for by its own selector."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import pytest

from activities.events import FEW_PODS, events_of
from runmend.alerts.alert import Target
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from runmend.local.sandbox import Sandbox
from tests.cluster.api import Cluster as Raw
from tests.cluster.api import Json, Namespace, a_pod, a_template, eventually
from tests.faults import Faults

EXPRESSIONS = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "none"]}]}
IN = "app in (web,none)"
LABELS = {"matchLabels": {"app": "web"}}


@dataclass
class Shop:
    """A namespace full of pods labelled app=web, of which each owner has some."""

    namespace: Namespace
    cluster: Cluster
    faults: Faults

    def target(self, kind: str, name: str) -> Target:
        return Target(cluster="test", namespace=self.namespace.name, kind=kind, name=name)

    def read(self, kind: str, name: str) -> Workloads:
        """As a run reads it, with what it asked for in `asked`."""
        self.faults.requests.clear()
        return TargetNow.look(self.cluster, self.target(kind, name)).workloads

    def asked(self) -> list[tuple[str, str]]:
        """The last step of each request's path, and its label selector."""
        requests = [request for request in self.faults.requests if "/namespaces/" in request.path]
        return [
            (request.path.rpartition("/")[2], parse_qs(request.query).get("labelSelector", [""])[0])
            for request in requests
        ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    faults = Faults()
    with Sandbox(wrap=faults.wrap) as sandbox:
        kubeconfig = sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "kubeconfig")
        cluster, raw = Cluster.connect(kubeconfig=kubeconfig), Raw("sandbox", kubeconfig)
        with raw.http, raw.namespace() as namespace:
            fill(namespace)
            yield Shop(namespace, cluster, faults)
        cluster.close()


def fill(namespace: Namespace) -> None:
    template = a_template()
    named: Any = lambda name: {"metadata": {"name": name}}  # noqa: E731
    deployment = {"replicas": 2, "selector": LABELS, "template": template}
    namespace.create("deployments", named("web") | {"spec": deployment})
    namespace.create("deployments", named("expressed") | {"spec": deployment | {"selector": EXPRESSIONS}})
    namespace.create("replicasets", named("bare") | {"spec": deployment | {"replicas": 1}})
    for kind, plural in (("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets"), ("Job", "jobs")):
        owner = namespace.create(plural, named("own") | {"spec": {"selector": LABELS, "template": template}})
        pod_of(namespace, f"{plural}-0", kind, owner["metadata"])
    # Whose kind Kubernetes does not bring along, and whose is only called as one that it does.
    pod_of(namespace, "cloned", "CloneSet", {"name": "clones", "uid": "of-clones"})
    pod_of(namespace, "foreign", "StatefulSet", {"name": "elsewhere", "uid": "of-elsewhere"})
    rollout = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "rolled", "uid": "of-rolled"}
    rolled = {"name": "rolled-1", "ownerReferences": [rollout | {"controller": True}]}
    namespace.create("replicasets", {"metadata": rolled, "spec": deployment | {"replicas": 1}})
    namespace.create("pods", a_pod("lonely") | {"metadata": {"name": "lonely", "labels": {"app": "web"}}})
    eventually(lambda: len(namespace.names("pods")) == 12)


def pod_of(namespace: Namespace, name: str, kind: str, owner: Json) -> None:
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": owner["name"], "uid": owner["uid"], "controller": True}
    metadata = {"name": name, "labels": {"app": "web"}, "ownerReferences": [reference]}
    namespace.create("pods", a_pod(name) | {"metadata": metadata})


@pytest.mark.parametrize(
    ("kind", "name", "count", "asked"),
    [
        ("Deployment", "web", 2, [("web", ""), ("pods", "app=web"), ("replicasets", "app=web")]),
        ("Deployment", "expressed", 2, [("expressed", ""), ("pods", IN), ("replicasets", IN)]),
        ("ReplicaSet", "bare", 1, [("bare", ""), ("pods", "app=web"), ("bare", "")]),
        ("StatefulSet", "own", 1, [("own", ""), ("pods", "app=web"), ("controllerrevisions", "app=web")]),
        ("DaemonSet", "own", 1, [("own", ""), ("pods", "app=web"), ("controllerrevisions", "app=web")]),
        ("Job", "own", 1, [("own", ""), ("pods", "app=web")]),
        ("Pod", "lonely", 1, [("lonely", "")]),
        ("Pod", "gone", 0, [("gone", "")]),
        ("CloneSet", "clones", 1, [("pods", ""), ("replicasets", ""), ("cloned", "")]),
        ("Rollout", "rolled", 1, [("pods", ""), ("replicasets", ""), ("rolled-1-x", "")]),
        ("StatefulSet", "elsewhere", 1, [("elsewhere", ""), ("pods", ""), ("replicasets", ""), ("foreign", "")]),
    ],
)
def test_a_targets_pods_are_its_own_whatever_else_its_selector_chooses(
    shop: Shop, kind: str, name: str, count: int, asked: list[tuple[str, str]]
) -> None:
    target = shop.target(kind, name)

    read = shop.read(kind, name)

    assert [(re.sub(r"^rolled-1-\w+$", "rolled-1-x", what), chosen) for what, chosen in shop.asked()] == asked
    assert len(read.pods_of(target)) == count
    whole = Workloads.of(shop.cluster, shop.namespace.name)
    # By their uids: what a pod says of itself may change between the two reads.
    assert [pod.uid for pod in read.pods_of(target)] == [pod.uid for pod in whole.pods_of(target)]
    assert [pod.uid for pod in read.current_pods_of(target)] == [pod.uid for pod in whole.current_pods_of(target)]
    assert read.revisions(target) == whole.revisions(target)
    assert list(map(read.chain_of, read.pods_of(target))) == list(map(whole.chain_of, whole.pods_of(target)))


def test_a_replica_set_that_a_deployment_owns_is_no_target(shop: Shop) -> None:
    (owned,) = shop.read("Deployment", "web").revisions(shop.target("Deployment", "web"))

    assert shop.read("ReplicaSet", owned.name).pods_of(shop.target("ReplicaSet", owned.name)) == ()


def test_pods_of_names_are_those_that_are_there_and_their_replica_sets_are_read_once(shop: Shop) -> None:
    web = [pod.name for pod in shop.read("Deployment", "web").pods_of(shop.target("Deployment", "web"))]
    shop.faults.requests.clear()

    found = Workloads.named(shop.cluster, shop.namespace.name, [*web, "gone", "lonely"], metadata_only=True)

    (above,) = {pod.owner.name for pod in found.pods if pod.owner}
    assert [pod.name for pod in found.pods] == [*web, "lonely"]
    assert [name for name, _ in shop.asked()] == [*web, "gone", "lonely", above]
    assert [found.target_of(pod, "test").name for pod in found.pods] == ["web", "web", "lonely"]


def test_a_pod_whose_replica_set_is_gone_is_the_replica_sets(shop: Shop) -> None:
    pod_of(shop.namespace, "orphan", "ReplicaSet", {"name": "gone", "uid": "of-gone"})

    read = Workloads.named(shop.cluster, shop.namespace.name, ["orphan"])

    (orphan,) = read.pods
    assert read.target_of(orphan, "test") == shop.target("ReplicaSet", "gone")


@pytest.mark.parametrize("pods", [1, FEW_PODS, FEW_PODS + 1])
def test_events_are_those_of_the_pods_and_for_the_reasons_that_are_asked_for(shop: Shop, pods: int) -> None:
    with shop.namespace.cluster.namespace() as told:
        for number in range(FEW_PODS + 2):
            for reason in ("Failed", "BackOff", "Started"):
                involved = {"kind": "Pod", "namespace": told.name, "name": f"web-{number}", "uid": f"uid-{number}"}
                metadata = {"name": f"web-{number}.{reason.lower()}"}
                told.create(
                    "events", {"metadata": metadata, "involvedObject": involved, "reason": reason, "message": "m"}
                )
        uids = {f"uid-{number}" for number in range(pods)}
        shop.faults.requests.clear()

        found = events_of(shop.cluster, told.name, uids, {"Failed", "BackOff"})

        expected = [(uid, reason) for uid in uids for reason in ("Failed", "BackOff")]
        assert sorted((event.object_uid, event.reason) for event in found) == sorted(expected)
        assert len(shop.faults.requests) == (pods if pods <= FEW_PODS else 2)
