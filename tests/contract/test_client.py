"""The `kubernetes` package, which the product uses, and the product's own client talk to both alike."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config

from runmend.facts.event import EventFacts
from runmend.kube import client as kube
from runmend.kube import facts, requests
from tests.cluster.api import Cluster, Namespace, a_deployment, a_pod, a_pull_secret, eventually


@pytest.fixture
def api(cluster: Cluster) -> Iterator[client.ApiClient]:
    connect: Any = config.new_client_from_config
    with connect(str(cluster.kubeconfig)) as made:
        yield made


def test_the_client_lists_reads_and_patches(namespace: Namespace, api: client.ApiClient) -> None:
    apps: Any = client.AppsV1Api(api)
    core: Any = client.CoreV1Api(api)
    apps.create_namespaced_deployment(namespace.name, a_deployment(replicas=2))

    eventually(lambda: apps.read_namespaced_deployment("web", namespace.name).status.available_replicas == 2)
    pods = core.list_namespaced_pod(
        namespace.name, label_selector="app=web", field_selector="status.phase=Running"
    ).items
    replica_set = apps.read_namespaced_replica_set(pods[0].metadata.owner_references[0].name, namespace.name)
    patch = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}}

    assert len(pods) == 2
    assert all(status.ready and status.state.running for pod in pods for status in pod.status.container_statuses)
    assert replica_set.metadata.owner_references[0].kind == "Deployment"
    with pytest.raises(client.ApiException, match="Conflict") as conflict:
        apps.patch_namespaced_deployment("web", namespace.name, patch)
    assert conflict.value.status == 409
    patched = apps.patch_namespaced_deployment(
        "web", namespace.name, {"spec": {"replicas": 1}}, field_manager="tester", dry_run="All"
    )
    assert patched.spec.replicas == 1
    assert "tester" in {entry.manager for entry in patched.metadata.managed_fields}


def test_the_client_reads_events_nodes_secrets_and_accounts(namespace: Namespace, api: client.ApiClient) -> None:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_secret(namespace.name, a_pull_secret())
    core.create_namespaced_pod(
        namespace.name, {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "image": "a:1"}]}}
    )

    events = eventually(
        lambda: (
            core.list_namespaced_event(namespace.name, field_selector="involvedObject.name=web,reason=Started").items
        )
    )

    assert events[0].message == "Container started"
    assert ".dockerconfigjson" in core.read_namespaced_secret("pull", namespace.name).data
    assert core.read_namespaced_service_account("default", namespace.name).metadata.name == "default"
    assert any(condition.type == "Ready" for condition in core.list_node().items[0].status.conditions)
    assert client.VersionApi(api).get_code().git_version.startswith("v1.")


def test_what_is_not_there_is_an_api_exception(namespace: Namespace, api: client.ApiClient) -> None:
    with pytest.raises(client.ApiException, match='"reason":"NotFound"') as missing:
        client.CoreV1Api(api).read_namespaced_pod("none", namespace.name)

    assert missing.value.status == 404


def test_a_pod_is_deleted_by_the_client(namespace: Namespace, api: client.ApiClient) -> None:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_pod(
        namespace.name, {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "image": "a:1"}]}}
    )

    core.delete_namespaced_pod("web", namespace.name, grace_period_seconds=0)

    with pytest.raises(client.ApiException, match="NotFound"):
        core.read_namespaced_pod("web", namespace.name)


@pytest.fixture
def opened(cluster: Cluster) -> Iterator[kube.Cluster]:
    made = kube.Cluster.connect(kubeconfig=cluster.kubeconfig)
    yield made
    made.close()


def an_event(namespace: Namespace, name: str, **more: object) -> dict[str, object]:
    involved = {"kind": "Pod", "namespace": namespace.name, "name": "web"}
    return {
        "metadata": {"name": name},
        "involvedObject": involved,
        "reason": "Said",
        "message": name,
        "type": "Normal",
        **more,
    }


def test_the_product_reads_a_list_in_small_pages_as_it_was_when_it_was_begun(
    namespace: Namespace, opened: kube.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        namespace.create("events", an_event(namespace, f"e{number}"))
    read = facts.event

    def reading(item: dict[str, Any]) -> EventFacts:
        # The first page has been read when the first event is looked at.
        if item["metadata"]["name"] == "e0":
            namespace.create("events", an_event(namespace, "e55"))
            namespace.http.delete(namespace.path("events", "e6"))
        return read(item)

    monkeypatch.setattr(requests, "PAGE", 2)
    monkeypatch.setattr(facts, "event", reading)
    first = opened.events(namespace.name, "involvedObject.name=web")
    monkeypatch.undo()
    second = opened.events(namespace.name, "involvedObject.name=web")

    assert [event.message for event in first] == [f"e{number}" for number in range(7)]
    assert [event.message for event in second] == ["e0", "e1", "e2", "e3", "e4", "e5", "e55"]


def test_the_product_counts_a_series_of_events(namespace: Namespace, opened: kube.Cluster) -> None:
    moment = "2026-01-02T03:04:05.000006Z"
    newer = {"eventTime": moment, "reportingComponent": "tester", "reportingInstance": "one", "action": "Saying"}
    namespace.create("events", an_event(namespace, "series", series={"count": 7, "lastObservedTime": moment}, **newer))
    namespace.create("events", an_event(namespace, "older", count=3))
    namespace.create("events", an_event(namespace, "single", **newer))

    assert {event.message: event.count for event in opened.events(namespace.name)} == {
        "series": 7,
        "older": 3,
        "single": 1,
    }


EXPRESSIONS = [
    ({"key": "app", "operator": "In", "values": ["web", "none"]}, {"web"}),
    ({"key": "app", "operator": "In", "values": ["", "api"]}, {"api", "empty"}),
    ({"key": "app", "operator": "NotIn", "values": ["web"]}, {"api", "empty", "bare"}),
    ({"key": "app", "operator": "NotIn", "values": ["web", ""]}, {"api", "bare"}),
    ({"key": "app", "operator": "Exists"}, {"web", "api", "empty"}),
    ({"key": "app", "operator": "DoesNotExist"}, {"bare"}),
]


@pytest.fixture
def labelled(namespace: Namespace) -> Namespace:
    """Pods named by their label app, and one of none; each is also labelled shop=yes, but for the last."""
    labels = {"web": {"app": "web"}, "api": {"app": "api"}, "empty": {"app": ""}}
    for name, own in labels.items():
        namespace.create("pods", a_pod(name) | {"metadata": {"name": name, "labels": own | {"shop": "yes"}}})
    namespace.create("pods", a_pod("bare"))
    return namespace


def test_a_workload_s_selector_as_it_is_written_chooses_what_it_says(labelled: Namespace, opened: kube.Cluster) -> None:
    for expression, names in EXPRESSIONS:
        alone = facts.selector({"selector": {"matchExpressions": [expression]}})
        both = facts.selector({"selector": {"matchLabels": {"shop": "yes"}, "matchExpressions": [expression]}})
        assert {pod.name for pod in opened.pods(labelled.name, alone)} == names
        assert {pod.name for pod in opened.pods(labelled.name, both)} == names - {"bare"}
    assert {pod.name for pod in opened.pods(labelled.name, "app=")} == {"empty"}


def test_metadata_alone_tells_who_owns_what(namespace: Namespace, opened: kube.Cluster) -> None:
    namespace.create("deployments", a_deployment(replicas=2))
    eventually(lambda: len(namespace.names("pods")) == 2)

    (above,) = opened.replica_sets(namespace.name, "app=web")
    pods = opened.pods(namespace.name, "app=web")

    assert above == opened.replica_set(namespace.name, above.name)
    assert (above.revision, above.owner and above.owner.name) == (1, "web")
    for pod in pods:
        assert pod.owner
        assert pod.owner.uid == above.uid
        assert opened.pod(namespace.name, pod.name, metadata_only=True).owner == pod.owner
    listed = opened.pods(namespace.name, metadata_only=True)
    assert [(pod.name, pod.uid, pod.owner) for pod in listed] == [(pod.name, pod.uid, pod.owner) for pod in pods]
    assert opened.workload("ReplicaSet", namespace.name, above.name).selector.startswith("app=web,pod-template-hash=")
