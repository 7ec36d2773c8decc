"""Objects and lists of which only the metadata is asked for."""

from collections.abc import Iterator

import pytest

from tests.cluster.api import Cluster, Json, Namespace, a_deployment, eventually

ONE, LIST = "PartialObjectMetadata", "PartialObjectMetadataList"


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with a Deployment of two pods that serve."""
    with cluster.namespace() as namespace:
        namespace.create("deployments", a_deployment(replicas=2))
        eventually(lambda: namespace.get("deployments", "web")["status"].get("availableReplicas") == 2)
        yield namespace


def asked_as(kind: str) -> dict[str, str]:
    return {"Accept": f"application/json;as={kind};g=meta.k8s.io;v=v1"}


def metadata_of(shop: Namespace, path: str, kind: str, **query: str) -> Json:
    answer = shop.http.get(path, headers=asked_as(kind), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["pods", "replicasets", "deployments"])
def test_an_object_is_its_metadata_and_nothing_else(shop: Namespace, kind: str) -> None:
    (name, *_) = shop.names(kind)

    found = metadata_of(shop, shop.path(kind, name), ONE)

    assert found == {"kind": ONE, "apiVersion": "meta.k8s.io/v1", "metadata": shop.get(kind, name)["metadata"]}


@pytest.mark.parametrize("kind", ["pods", "replicasets"])
def test_a_list_is_of_its_objects_metadata(shop: Namespace, kind: str) -> None:
    found = metadata_of(shop, shop.path(kind), LIST)

    assert (found["kind"], found["apiVersion"]) == (LIST, "meta.k8s.io/v1")
    assert found["items"] == [
        {"kind": ONE, "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]} for item in shop.items(kind)
    ]
    assert found["metadata"]["resourceVersion"].isdigit()


def test_a_list_of_metadata_is_read_in_pages_and_by_selectors(shop: Namespace) -> None:
    first = metadata_of(shop, shop.path("pods"), LIST, limit="1", labelSelector="app=web")
    token = first["metadata"]["continue"]
    second = metadata_of(shop, shop.path("pods"), LIST, limit="1", labelSelector="app=web", **{"continue": token})

    assert [item["metadata"]["name"] for item in (*first["items"], *second["items"])] == shop.names("pods")
    assert "continue" not in second["metadata"]
    assert metadata_of(shop, shop.path("pods"), LIST, labelSelector="app=other")["items"] is None


def test_what_is_not_there_is_404_as_ever(shop: Namespace) -> None:
    answer = shop.http.get(shop.path("pods", "none"), headers=asked_as(ONE))

    assert (answer.status_code, answer.json()["kind"], answer.json()["reason"]) == (404, "Status", "NotFound")


@pytest.mark.parametrize(("name", "kind", "why"), [("", ONE, "is a list"), ("web", LIST, "is not a list")])
def test_a_list_is_no_object_and_an_object_no_list(shop: Namespace, name: str, kind: str, why: str) -> None:
    answer = shop.http.get(shop.path("deployments", name), headers=asked_as(kind))

    assert (answer.status_code, answer.json()["reason"]) == (406, "NotAcceptable")
    assert answer.json()["message"].startswith(f"you requested {kind}, but the requested object {why}")
