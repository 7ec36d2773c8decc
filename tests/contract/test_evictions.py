"""Nodes that are cordoned, and pods that are evicted, as far as a PodDisruptionBudget lets them be."""

from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.api import MERGE, Json, Namespace, a_deployment, a_pod, eventually

NODE = "/api/v1/nodes/node-1"
PATCH = {"Content-Type": MERGE}


@pytest.fixture
def cordoned(namespace: Namespace) -> Iterator[None]:
    def spec(unschedulable: object) -> None:
        body = {"spec": {"unschedulable": unschedulable}}
        assert namespace.http.patch(NODE, json=body, headers=PATCH).is_success

    spec(True)
    try:
        yield
    finally:
        spec(None)


def a_budget(namespace: Namespace, **spec: object) -> None:
    """A budget of the pods that are labelled app=web, of which its controller has taken note."""
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}}
    path = f"/apis/policy/v1/namespaces/{namespace.name}/poddisruptionbudgets"
    assert namespace.http.post(path, json=body).status_code == 201
    eventually(lambda: namespace.http.get(f"{path}/web").json().get("status", {}).get("observedGeneration") == 1)
    eventually(lambda: namespace.http.get(f"{path}/web").json()["status"]["currentHealthy"] == 2)


def two_ready(namespace: Namespace) -> list[Json]:
    namespace.create("deployments", a_deployment(replicas=2))

    def ready() -> list[Json]:
        found = [pod for pod in namespace.items("pods") if "deletionTimestamp" not in pod["metadata"]]
        return [pod for pod in found if {"type": "Ready", "status": "True"}.items() <= conditions(pod).items()]

    return eventually(lambda: found if len(found := ready()) == 2 else [])


def conditions(pod: Json) -> Json:
    return next((each for each in pod["status"].get("conditions", ()) if each["type"] == "Ready"), {})


def evict(namespace: Namespace, pod: Json, uid: str = "", **options: object) -> httpx.Response:
    name = pod["metadata"]["name"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace.name},
        "deleteOptions": {"preconditions": {"uid": uid or pod["metadata"]["uid"]}, **options},
    }
    return namespace.http.post(f"{namespace.path('pods', name)}/eviction", json=body)


def gone(namespace: Namespace, pod: Json) -> bool:
    found = namespace.http.get(namespace.path("pods", pod["metadata"]["name"]))
    return found.status_code == 404 or found.json()["metadata"]["uid"] != pod["metadata"]["uid"]


@pytest.mark.usefixtures("cordoned")
def test_no_pod_is_put_on_a_cordoned_node(namespace: Namespace) -> None:
    pod = a_pod("there")
    pod["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "node-1"}
    namespace.create("pods", pod)
    namespace.create("pods", a_pod("anywhere"))

    placed = eventually(lambda: namespace.get("pods", "anywhere")["spec"].get("nodeName"))
    why = eventually(lambda: namespace.get("pods", "there")["status"].get("conditions"))

    assert placed != "node-1"
    assert (why[0]["type"], why[0]["reason"]) == ("PodScheduled", "Unschedulable")
    node = namespace.http.get(NODE).json()
    assert node["spec"]["unschedulable"] is True


def test_an_evicted_pod_is_deleted_and_another_one_takes_its_place(namespace: Namespace) -> None:
    first, second = two_ready(namespace)
    a_budget(namespace, minAvailable=1)

    answer = evict(namespace, first)

    assert (answer.status_code, answer.json()["status"]) == (201, "Success")
    eventually(lambda: gone(namespace, first))
    assert not gone(namespace, second)
    eventually(lambda: len(namespace.items("pods")) == 2)


def test_a_budget_holds_a_pod_and_is_named(namespace: Namespace) -> None:
    first, _ = two_ready(namespace)
    a_budget(namespace, minAvailable=2)

    answer = evict(namespace, first)

    assert answer.status_code == 429
    assert answer.json()["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert answer.json()["reason"] == "TooManyRequests"
    (cause,) = answer.json()["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget web needs 2 healthy pods and has 2 currently"
    assert not gone(namespace, first)


def test_a_budget_of_unavailable_pods_lets_one_go_after_the_other(namespace: Namespace) -> None:
    first, second = two_ready(namespace)
    a_budget(namespace, maxUnavailable=1)

    assert evict(namespace, first).status_code == 201
    assert evict(namespace, second).status_code == 429


def test_another_pod_of_the_name_is_not_evicted(namespace: Namespace) -> None:
    first, _ = two_ready(namespace)

    answer = evict(namespace, first, uid="238b195e-40d3-4d0a-9817-bcc0813ed4c0")

    assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")
    assert not gone(namespace, first)


def test_an_eviction_that_is_only_tried_evicts_nothing(namespace: Namespace) -> None:
    first, _ = two_ready(namespace)

    assert evict(namespace, first, dryRun=["All"]).status_code == 201
    assert "deletionTimestamp" not in namespace.get("pods", first["metadata"]["name"])["metadata"]
    missing = {"metadata": {"name": "missing", "uid": "u"}}
    assert evict(namespace, missing).status_code == 404
