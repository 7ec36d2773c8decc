"""What the product's facts are read from: times and who wrote them, nodes, revisions."""

import secrets
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from runmend.core.errors import NotFound
from runmend.facts.pod import ContainerFacts
from runmend.kube import client as kube
from runmend.language.states import STATES
from tests.cluster.api import STRATEGIC, Cluster, Json, Namespace, a_pod, eventually

CRASH = "registry.example/app:crash"


@pytest.fixture
def opened(cluster: Cluster) -> Iterator[kube.Cluster]:
    made = kube.Cluster.connect(kubeconfig=cluster.kubeconfig)
    yield made
    made.close()


@pytest.fixture
def lone_node(cluster: Cluster) -> Iterator[str]:
    """A node that no kubelet speaks for, so that nothing is scheduled to it."""
    name = f"lone-{secrets.token_hex(4)}"
    answer = cluster.http.post("/api/v1/nodes", json={"metadata": {"name": name, "labels": {"zone": "a"}}})
    assert answer.status_code == 201, answer.text
    yield name
    cluster.http.delete(f"/api/v1/nodes/{name}")


def cordon(cluster: Cluster, name: str, manager: str, *, unschedulable: bool | None) -> None:
    answer = cluster.http.patch(
        f"/api/v1/nodes/{name}",
        json={"spec": {"unschedulable": unschedulable}},
        headers={"Content-Type": STRATEGIC},
        params={"fieldManager": manager},
    )
    assert answer.status_code == 200, answer.text


def an_app(opened: kube.Cluster, namespace: Namespace) -> ContainerFacts:
    (found,) = opened.pod(namespace.name, "web").containers
    return found


def test_an_age_is_told_by_the_api_server_alone(namespace: Namespace, opened: kube.Cluster) -> None:
    namespace.create("pods", a_pod("web"))
    first = opened.pod(namespace.name, "web").age
    assert first is not None
    assert first < timedelta(seconds=10)

    eventually(lambda: (opened.pod(namespace.name, "web").age or first) >= first + timedelta(seconds=2))
    (listed,) = opened.pods(namespace.name)
    (metadata_only,) = opened.pods(namespace.name, metadata_only=True)
    assert listed.age is not None
    assert metadata_only.age is not None
    assert first < listed.age <= metadata_only.age < timedelta(seconds=30)


def test_how_long_a_container_has_run_is_told_by_when_its_status_last_changed(
    namespace: Namespace, opened: kube.Cluster
) -> None:
    namespace.create("pods", a_pod("web"))
    eventually(lambda: an_app(opened, namespace).state == "running")

    # Its start, its readiness: each is a change of the status, and what was before is told by the node's clock.
    eventually(lambda: (an_app(opened, namespace).runs_for or timedelta()) >= timedelta(seconds=3))
    pod = opened.pod(namespace.name, "web")
    (app,) = pod.containers
    assert app.runs_for is not None
    assert pod.age is not None
    # Each of three times is cut to the second.
    assert app.runs_for <= pod.age + timedelta(seconds=2)
    assert not app.lingers


def test_a_container_is_crash_looping_all_the_time_from_its_first_restart(
    namespace: Namespace, opened: kube.Cluster
) -> None:
    """It is looked at until its second restart, after the back-off of ten seconds: that is what the test waits for."""
    state, looks = STATES["CrashLoopBackOff"], []
    namespace.create("pods", a_pod("web", CRASH))
    ends = time.monotonic() + 40
    while time.monotonic() < ends:
        app = an_app(opened, namespace)
        if app.restarts >= 1:
            looks.append((app.in_words, state.shown_in(app)))
        if app.restarts >= 2 and app.state == "waiting":
            break
        time.sleep(0.1)

    assert {words.partition(" (")[0] for words, _ in looks} >= {"app: running", "app: waiting"}
    assert [words for words, shown in looks if not shown] == []
    assert any(shown.startswith("runs for ") for _, shown in looks)
    app = an_app(opened, namespace)
    assert (app.last_termination, app.last_exit_code, bool(app.last_ended_at)) == ("Error", 1, True)


def test_a_node_that_is_well_says_so(opened: kube.Cluster, namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web"))
    name = eventually(lambda: opened.pod(namespace.name, "web").node)

    node = opened.node(name)

    assert (node.ready, node.schedulable, node.takes_pods, node.under_pressure) == (True, True, True, False)
    assert set(node.conditions) >= {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}
    assert node.labels["kubernetes.io/hostname"] == name
    assert node.age is not None
    assert node.pods == ()
    on_it = opened.node(name, pods=True).pods
    assert (namespace.name, "web") in {(pod.namespace, pod.name) for pod in on_it}
    assert {pod.node for pod in on_it} == {name}
    with pytest.raises(NotFound):
        opened.node("none")


def test_who_cordoned_a_node_and_when_is_told_by_the_api_server(
    cluster: Cluster, opened: kube.Cluster, lone_node: str
) -> None:
    assert not opened.node(lone_node).ready
    assert opened.node(lone_node).schedulable

    cordon(cluster, lone_node, "first", unschedulable=True)
    cordon(cluster, lone_node, "later", unschedulable=True)
    node = opened.node(lone_node)
    assert (node.schedulable, node.cordoned_by) == (False, "first")
    assert node.cordoned_for is not None
    assert node.cordoned_for < timedelta(seconds=10)

    cordon(cluster, lone_node, "later", unschedulable=None)
    node = opened.node(lone_node)
    assert (node.schedulable, node.cordoned_by, node.cordoned_for) == (True, "", None)


def test_revisions_are_chosen_by_labels_and_name_their_owner(namespace: Namespace, opened: kube.Cluster) -> None:
    # An owner that is there, or what it owns is collected.
    above = namespace.create("secrets", {"metadata": {"name": "above"}})["metadata"]
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "above", "uid": above["uid"], "controller": True}
    for number, found in ((1, "abc"), (2, "def")):
        labels = {"app": "web", "controller-revision-hash": found}
        about: Json = {"name": f"web-{found}", "labels": labels, "ownerReferences": [owner]}
        namespace.create("controllerrevisions", {"metadata": about, "revision": number, "data": {"of": found}})
    namespace.create(
        "controllerrevisions",
        {"metadata": {"name": "other", "labels": {"app": "api"}}, "revision": 1, "data": {"of": "x"}},
    )

    read = opened.controller_revisions(namespace.name, "app=web")

    assert [(each.name, each.revision, each.hash) for each in read] == [("web-abc", 1, "abc"), ("web-def", 2, "def")]
    assert {each.owner and (each.owner.kind, each.owner.uid) for each in read} == {("Secret", above["uid"])}
