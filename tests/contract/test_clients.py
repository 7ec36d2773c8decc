"""What clients such as kubectl ask for besides objects: tables, watches, scales, logs, and what there is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.cluster.api import MERGE, Cluster, Json, Namespace, a_deployment, a_pod, eventually

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
JSON_PATCH = "application/json-patch+json"


def columns(answer: Json, *, wide: bool = False) -> list[str]:
    return [each["name"] for each in answer["columnDefinitions"] if wide or each["priority"] == 0]


def cells(answer: Json) -> list[list[object]]:
    """The cells of each row that are shown without -o wide, the age left out."""
    shown = [number for number, each in enumerate(answer["columnDefinitions"]) if each["priority"] == 0]
    kept = [number for number in shown if answer["columnDefinitions"][number]["name"] != "Age"]
    return [[row["cells"][number] for number in kept] for row in answer["rows"]]


def table(namespace: Namespace, kind: str, name: str = "", **query: str) -> Json:
    answer = namespace.http.get(namespace.path(kind, name), headers=TABLE, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_a_table_has_the_columns_of_its_kind(namespace: Namespace) -> None:
    assert columns(table(namespace, "pods")) == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert columns(table(namespace, "deployments")) == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    assert columns(table(namespace, "replicasets")) == ["Name", "Desired", "Current", "Ready", "Age"]
    assert columns(table(namespace, "statefulsets")) == ["Name", "Ready", "Age"]
    assert columns(table(namespace, "events")) == ["Last Seen", "Type", "Reason", "Object", "Message"]
    assert columns(table(namespace, "secrets")) == ["Name", "Type", "Data", "Age"]
    wide = columns(table(namespace, "deployments"), wide=True)
    assert wide[-3:] == ["Containers", "Images", "Selector"]


def test_a_tables_rows_say_how_the_objects_are(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=2))
    namespace.create("pods", a_pod("broken", "registry.example/web:missing"))
    eventually(lambda: namespace.get("deployments", "web")["status"].get("availableReplicas") == 2)
    eventually(lambda: "BackOff" in str(cells(table(namespace, "pods", "broken"))))

    assert cells(table(namespace, "deployments", "web")) == [["web", "2/2", 2, 2]]
    assert cells(table(namespace, "pods", "broken")) == [["broken", "0/1", "ImagePullBackOff", "0"]]
    chosen = table(namespace, "pods", labelSelector="app=web")
    assert [row[1:] for row in cells(chosen)] == [["1/1", "Running", "0"]] * 2
    assert {row["object"]["kind"] for row in chosen["rows"]} == {"PartialObjectMetadata"}
    whole = table(namespace, "pods", includeObject="Object")
    assert {row["object"]["kind"] for row in whole["rows"]} == {"Pod"}


@contextmanager
def watching(namespace: Namespace, kind: str, **query: str) -> Iterator[Iterator[Json]]:
    path = namespace.path(kind)
    timeout = httpx.Timeout(30)
    with namespace.http.stream("GET", path, params={"watch": "true", **query}, timeout=timeout) as answer:
        assert answer.status_code == 200
        yield (json.loads(line) for line in answer.iter_lines() if line)


def test_a_watch_tells_what_changes_after_a_version(namespace: Namespace) -> None:
    namespace.create("secrets", {"metadata": {"name": "before"}})
    version = namespace.http.get(namespace.path("secrets")).json()["metadata"]["resourceVersion"]
    namespace.create("secrets", {"metadata": {"name": "one", "labels": {"a": "b"}}})
    namespace.patch("secrets", "one", {"metadata": {"labels": {"a": "c"}}})
    namespace.http.delete(namespace.path("secrets", "one"))

    with watching(namespace, "secrets", resourceVersion=version) as events:
        told = [next(events) for _ in range(3)]
    with watching(namespace, "secrets", resourceVersion=version, labelSelector="a=b") as events:
        chosen = [next(events) for _ in range(2)]

    assert [(each["type"], each["object"]["metadata"]["name"]) for each in told] == [
        ("ADDED", "one"),
        ("MODIFIED", "one"),
        ("DELETED", "one"),
    ]
    assert [each["type"] for each in chosen] == ["ADDED", "DELETED"]


def test_a_watch_without_a_version_tells_what_is_there_first(namespace: Namespace) -> None:
    namespace.create("secrets", {"metadata": {"name": "before"}})

    with watching(namespace, "secrets", fieldSelector="metadata.name=before", timeoutSeconds="1") as events:
        assert [(each["type"], each["object"]["metadata"]["name"]) for each in events] == [("ADDED", "before")]


def test_a_watch_can_be_a_table(namespace: Namespace) -> None:
    namespace.create("secrets", {"metadata": {"name": "one"}, "stringData": {"a": "b"}})
    query = {"watch": "true", "timeoutSeconds": "1"}
    answer = namespace.http.get(namespace.path("secrets"), params=query, headers=TABLE)

    (event,) = [json.loads(line) for line in answer.text.splitlines() if line]
    assert event["type"] == "ADDED"
    assert cells(event["object"]) == [["one", "Opaque", 1]]


def test_an_update_puts_a_new_version_in_the_place_of_an_object(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"name": "one"}, "stringData": {"a": "b"}})
    path = namespace.path("secrets", "one")

    updated = namespace.http.put(path, json=made | {"data": {"a": "Yw=="}})
    stale = namespace.http.put(path, json=made | {"data": {"a": "ZA=="}})
    absent = namespace.http.put(namespace.path("secrets", "two"), json={"metadata": {"name": "two"}})

    assert (updated.status_code, updated.json()["data"]) == (200, {"a": "Yw=="})
    assert (stale.status_code, stale.json()["reason"]) == (409, "Conflict")
    assert (absent.status_code, absent.json()["reason"]) == (404, "NotFound")


def test_a_json_patch_changes_step_by_step(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(paused=True))
    image = "/spec/template/spec/containers/0/image"
    steps = [
        {"op": "test", "path": image, "value": "example.test/web:1"},
        {"op": "replace", "path": image, "value": "example.test/web:2"},
    ]

    patched = namespace.patch("deployments", "web", steps, content_type=JSON_PATCH)
    again = namespace.try_patch("deployments", "web", steps, content_type=JSON_PATCH)

    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "example.test/web:2"
    assert again.status_code == 422


def test_a_scale_is_read_and_set(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=1))
    path = f"{namespace.path('deployments', 'web')}/scale"

    scale = namespace.http.get(path).json()
    patched = namespace.http.patch(path, content='{"spec": {"replicas": 2}}', headers={"Content-Type": MERGE})
    named = {"name": "web", "namespace": namespace.name}
    put = namespace.http.put(path, json=patched.json() | {"metadata": named, "spec": {"replicas": 3}})

    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 1})
    assert scale["status"]["selector"] == "app=web"
    assert (patched.status_code, put.status_code) == (200, 200)
    assert namespace.get("deployments", "web")["spec"]["replicas"] == 3
    assert namespace.http.get(f"{namespace.path('secrets', 'x')}/scale").status_code == 404


@pytest.mark.parametrize(
    ("method", "content_type", "body", "code"),
    [
        ("PATCH", JSON_PATCH, [{"op": "replace", "path": "/spec/replicas", "value": 3}], 200),
        ("PATCH", MERGE, {"spec": 1}, 422),
        ("PATCH", JSON_PATCH, {"spec": {"replicas": 3}}, 400),
        ("PATCH", MERGE, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}, 409),
        ("PATCH", "text/plain", {"spec": {"replicas": 3}}, 415),
        ("PUT", "application/json", {"metadata": {"name": "web"}, "spec": 1}, 400),
        ("PUT", "text/plain", {"metadata": {"name": "web"}, "spec": {"replicas": 3}}, 415),
    ],
)
def test_a_scale_is_patched_as_any_object_is(
    namespace: Namespace, method: str, content_type: str, body: object, code: int
) -> None:
    namespace.create("deployments", a_deployment(replicas=1, paused=True))
    path = f"{namespace.path('deployments', 'web')}/scale"

    answer = namespace.http.request(method, path, content=json.dumps(body), headers={"Content-Type": content_type})

    assert answer.status_code == code, answer.text
    assert namespace.get("deployments", "web")["spec"]["replicas"] == (3 if code == 200 else 1)


@pytest.mark.parametrize(
    ("method", "query", "body", "code"),
    [
        ("PUT", "", '{"metadata": 1}', 400),
        ("PATCH", "", '"x"', 400),
        ("PATCH", "", "{}", 400),
        ("DELETE", "?gracePeriodSeconds=soon", "", 400),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(
    namespace: Namespace, method: str, query: str, body: str, code: int
) -> None:
    namespace.create("secrets", {"metadata": {"name": "one"}})
    kind = {"Content-Type": JSON_PATCH if method == "PATCH" else "application/json"}

    answer = namespace.http.request(method, namespace.path("secrets", "one") + query, content=body, headers=kind)

    assert (answer.status_code, answer.json()["kind"]) == (code, "Status"), answer.text
    assert namespace.get("secrets", "one")


def test_options_of_a_deletion_may_be_protocol_buffers(namespace: Namespace) -> None:
    namespace.create("secrets", {"metadata": {"name": "one"}})
    head = b"k8s\0\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions"
    only_tried = head + b"\x12\x05\x2a\x03All"  # dryRun
    another = head + b"\x12\x07\x12\x05\x0a\x03abc"  # preconditions: a uid
    kind = {"Content-Type": "application/vnd.kubernetes.protobuf"}

    codes = [
        namespace.http.request("DELETE", namespace.path("secrets", "one"), content=body, headers=kind).status_code
        for body in (only_tried, another, head, head)
    ]

    assert codes == [200, 409, 200, 404]


@pytest.mark.parametrize(
    ("kind", "short", "verbs"),
    [
        ("pods", ["po"], {"get", "list", "watch", "create", "update", "patch", "delete"}),
        ("namespaces", ["ns"], {"get", "list", "watch", "create", "patch", "delete"}),
        ("secrets", None, {"get", "list", "watch", "create", "update", "patch", "delete"}),
    ],
)
def test_discovery_says_how_a_kind_is_called_and_what_can_be_done(
    cluster: Cluster, kind: str, short: list[str] | None, verbs: set[str]
) -> None:
    listed = {each["name"]: each for each in cluster.http.get("/api/v1").json()["resources"]}

    assert listed[kind].get("shortNames") == short
    assert verbs <= set(listed[kind]["verbs"])
    assert listed["pods/log"]["verbs"] == ["get"]


def test_openapi_says_that_the_server_checks_fields(cluster: Cluster) -> None:
    paths = cluster.http.get("/openapi/v3").json()["paths"]
    document = cluster.http.get(paths["apis/apps/v1"]["serverRelativeURL"]).json()

    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "fieldValidation" in {each.get("name") for each in patch["parameters"]}
