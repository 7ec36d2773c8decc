"""Objects that nothing controls here: kept as they are sent, read, patched, applied, deleted; custom resources too."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.api import MERGE, Cluster, Json, Namespace, eventually

METRIC = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
SCALED = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.test/a:1"}]}}}
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
KINDS: list[Any] = [
    ("/api/v1", "services", {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
    ("/api/v1", "persistentvolumeclaims", {"spec": CLAIM}),
    ("/api/v1", "resourcequotas", {"spec": {"hard": {"pods": "4"}}}),
    ("/api/v1", "limitranges", {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}}),
    ("/apis/batch/v1", "cronjobs", {"spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": JOB}}}),
    (
        "/apis/autoscaling/v2",
        "horizontalpodautoscalers",
        {"spec": {"scaleTargetRef": SCALED, "maxReplicas": 5, "metrics": [METRIC]}},
    ),
    ("/apis/networking.k8s.io/v1", "networkpolicies", {"spec": {"podSelector": {}}}),
    ("/apis/rbac.authorization.k8s.io/v1", "roles", {"rules": [RULE]}),
]
GROUP = "contract.test"
CRD: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"gadgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"mode": "safe"}}
APPLY = "application/apply-patch+yaml"


@pytest.fixture(scope="module")
def gadgets(cluster: Cluster) -> Iterator[str]:
    """The path of the version of a custom resource."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.http.post(path, json=CRD).raise_for_status()
    version = f"/apis/{GROUP}/v1beta1"
    eventually(lambda: cluster.http.get(version).status_code == 200)
    yield version
    cluster.http.delete(f"{path}/gadgets.{GROUP}").raise_for_status()


def collection(namespace: Namespace, root: str, plural: str) -> str:
    return f"{root}/namespaces/{namespace.name}/{plural}"


@pytest.mark.parametrize(("root", "plural", "body"), KINDS, ids=[row[1] for row in KINDS])
def test_an_object_is_created_read_patched_and_deleted(
    root: str, plural: str, body: Json, namespace: Namespace
) -> None:
    http, path = namespace.http, collection(namespace, root, plural)

    made = http.post(path, json={**body, "metadata": {"name": "web", "labels": {"app": "web"}}})
    assert made.status_code == 201, made.text
    item = made.json()
    assert item["apiVersion"] == root.removeprefix("/apis/").removeprefix("/api/")
    assert [
        each["metadata"]["name"] for each in http.get(path, params={"labelSelector": "app=web"}).json()["items"]
    ] == ["web"]
    assert http.post(path, json={**body, "metadata": {"name": "web"}}).json()["reason"] == "AlreadyExists"

    patch = {"metadata": {"annotations": {"a": "b"}}}
    patched = http.patch(f"{path}/web", json=patch, headers={"Content-Type": MERGE}, params={"fieldManager": "m"})
    assert patched.json()["metadata"]["annotations"] == {"a": "b"}
    assert "m" in {entry["manager"] for entry in patched.json()["metadata"]["managedFields"]}
    assert int(patched.json()["metadata"]["resourceVersion"]) > int(item["metadata"]["resourceVersion"])

    assert http.request("DELETE", f"{path}/web", json={"preconditions": {"uid": "other"}}).status_code == 409
    assert (
        http.request("DELETE", f"{path}/web", json={"preconditions": {"uid": item["metadata"]["uid"]}}).status_code
        == 200
    )


def test_a_custom_resource_is_served_once_it_is_defined(gadgets: str, cluster: Cluster, namespace: Namespace) -> None:
    http, path = cluster.http, collection(namespace, gadgets, "gadgets")
    group = http.get(f"/apis/{GROUP}").json()
    (resource,) = (each for each in http.get(gadgets).json()["resources"] if each["name"] == "gadgets")
    head = {"apiVersion": f"{GROUP}/v1beta1", "kind": "Gadget", "metadata": {"name": "web"}}

    made = http.post(path, json={**head, "spec": {"size": 1, "parts": [1, "a", {"b": None}]}})
    patched = http.patch(f"{path}/web", json={"spec": {"size": 2}}, headers={"Content-Type": MERGE})

    assert group["preferredVersion"] == {"groupVersion": f"{GROUP}/v1beta1", "version": "v1beta1"}
    assert (resource["kind"], resource["namespaced"]) == ("Gadget", True)
    assert made.status_code == 201, made.text
    assert made.json()["metadata"]["generation"] == 1
    assert patched.json()["spec"]["size"] == 2
    assert patched.json()["metadata"]["generation"] == 2
    assert http.get(f"{gadgets}/namespaces/{namespace.name}/others").status_code == 404
    assert http.get("/apis/nobody.test").status_code == 404


def test_a_document_is_applied_and_applied_again(namespace: Namespace) -> None:
    http, path = namespace.http, f"{namespace.core}/configmaps/web"

    def apply(data: Json, manager: str, **query: str) -> Any:
        body = json.dumps({**MAP, "data": data})
        return http.patch(
            path, content=body, headers={"Content-Type": APPLY}, params={"fieldManager": manager, **query}
        )

    first = apply({"mode": "safe"}, "ours")
    again = apply({"mode": "safe"}, "ours")
    changed = apply({"mode": "fast"}, "ours")

    assert (first.status_code, again.status_code, changed.status_code) == (201, 200, 200)
    assert again.json()["metadata"]["resourceVersion"] == first.json()["metadata"]["resourceVersion"]
    assert changed.json()["data"] == {"mode": "fast"}


def test_what_another_manager_has_set_is_not_applied(namespace: Namespace) -> None:
    http, path = namespace.http, f"{namespace.core}/configmaps"
    http.post(
        path, json={**MAP, "data": {"mode": "fast", "other": "1"}}, params={"fieldManager": "them"}
    ).raise_for_status()

    refused = http.patch(
        f"{path}/web", content=json.dumps(MAP), headers={"Content-Type": APPLY}, params={"fieldManager": "ours"}
    )
    beside = http.patch(
        f"{path}/web",
        content=json.dumps({**MAP, "data": {"more": "2"}}),
        headers={"Content-Type": APPLY},
        params={"fieldManager": "ours"},
    )

    assert refused.status_code == 409
    assert refused.json()["message"] == 'Apply failed with 1 conflict: conflict with "them" using v1: .data.mode'
    assert beside.json()["data"] == {"mode": "fast", "other": "1", "more": "2"}


def test_a_document_of_another_version_is_not_applied(namespace: Namespace) -> None:
    body = {**MAP, "metadata": {"name": "web", "resourceVersion": "1"}}
    namespace.http.post(f"{namespace.core}/configmaps", json=MAP).raise_for_status()

    answer = namespace.http.patch(
        f"{namespace.core}/configmaps/web",
        content=json.dumps(body),
        headers={"Content-Type": APPLY},
        params={"fieldManager": "ours"},
    )

    assert answer.status_code == 409
    assert "the object has been modified" in answer.json()["message"]
