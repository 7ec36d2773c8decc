"""What a client asks a cluster before it asks for anything else."""

import pytest

from tests.cluster.api import Cluster


def test_the_core_group_is_v1(cluster: Cluster) -> None:
    answer = cluster.http.get("/api").json()

    assert (answer["kind"], answer["versions"]) == ("APIVersions", ["v1"])


def test_the_groups_are_listed(cluster: Cluster) -> None:
    answer = cluster.http.get("/apis").json()

    assert answer["kind"] == "APIGroupList"
    assert {"apps", "batch"} <= {group["name"] for group in answer["groups"]}
    apps = next(group for group in answer["groups"] if group["name"] == "apps")
    assert apps["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}


def test_a_group_is_described(cluster: Cluster) -> None:
    answer = cluster.http.get("/apis/apps").json()

    assert (answer["kind"], answer["name"]) == ("APIGroup", "apps")


@pytest.mark.parametrize(
    ("path", "resource", "kind", "namespaced"),
    [
        ("/api/v1", "pods", "Pod", True),
        ("/api/v1", "pods/status", "Pod", True),
        ("/api/v1", "namespaces", "Namespace", False),
        ("/api/v1", "nodes", "Node", False),
        ("/apis/apps/v1", "deployments", "Deployment", True),
        ("/apis/apps/v1", "replicasets", "ReplicaSet", True),
        ("/apis/batch/v1", "jobs", "Job", True),
    ],
)
def test_a_version_lists_its_resources(
    cluster: Cluster, path: str, resource: str, kind: str, *, namespaced: bool
) -> None:
    answer = cluster.http.get(path).json()

    assert answer["kind"] == "APIResourceList"
    assert answer["groupVersion"] == path.removeprefix("/apis/").removeprefix("/api/")
    found = next(entry for entry in answer["resources"] if entry["name"] == resource)
    assert (found["kind"], found["namespaced"]) == (kind, namespaced)


def test_the_version_is_told(cluster: Cluster) -> None:
    answer = cluster.http.get("/version").json()

    assert answer["major"] == "1"
    assert answer["gitVersion"].startswith("v1.")


def test_health_needs_no_token(cluster: Cluster) -> None:
    answer = cluster.http.get("/readyz", headers={"Authorization": ""})

    assert (answer.status_code, answer.text) == (200, "ok")


def test_a_wrong_token_is_unauthorized(cluster: Cluster) -> None:
    answer = cluster.http.get("/api/v1/pods", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_every_answer_says_what_time_it_is(cluster: Cluster) -> None:
    assert cluster.http.get("/api/v1/nodes").headers["date"].endswith(" GMT")


@pytest.mark.parametrize("path", ["/nope", "/apis/nope/v1", "/apis/nope/v1/things"])
def test_a_path_outside_the_api_is_plain_404(cluster: Cluster, path: str) -> None:
    answer = cluster.http.get(path)

    assert (answer.status_code, answer.text.strip()) == (404, "404 page not found")


@pytest.mark.parametrize("path", ["/api/v1/nopes", "/api/v1/pods/web", "/apis/apps/v1/namespaces/default/nopes"])
def test_an_unknown_resource_is_not_found(cluster: Cluster, path: str) -> None:
    answer = cluster.http.get(path)

    assert answer.status_code == 404
    body = answer.json()
    assert (body["reason"], body["message"]) == ("NotFound", "the server could not find the requested resource")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/namespaces/default/pods/web"), ("PUT", "/api/v1/namespaces/default/secrets")]
)
def test_a_method_that_does_not_fit_is_405(cluster: Cluster, method: str, path: str) -> None:
    answer = cluster.http.request(method, path, json={})

    assert answer.status_code == 405
    assert answer.json()["reason"] == "MethodNotAllowed"


def test_nodes_are_ready_and_say_so_as_a_condition(cluster: Cluster) -> None:
    nodes = cluster.http.get("/api/v1/nodes").json()["items"]

    assert nodes
    for node in nodes:
        conditions = {condition["type"]: condition for condition in node["status"]["conditions"]}
        assert {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"} <= set(conditions)
        ready = conditions["Ready"]
        assert (ready["status"], ready["reason"], ready["message"]) == (
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        )
        assert conditions["MemoryPressure"]["status"] == "False"
        assert "memory" in node["status"]["capacity"]
        assert {"type": "Hostname", "address": node["metadata"]["name"]} in node["status"]["addresses"]


def test_a_node_is_read_by_its_name(cluster: Cluster) -> None:
    name = cluster.http.get("/api/v1/nodes").json()["items"][0]["metadata"]["name"]

    assert cluster.http.get(f"/api/v1/nodes/{name}").json()["metadata"]["name"] == name
    missing = cluster.http.get("/api/v1/nodes/none")
    assert (missing.status_code, missing.json()["message"]) == (404, 'nodes "none" not found')
