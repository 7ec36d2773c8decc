"""Events as a run writes them on its target: what both API servers take, refuse, and give to whoever describes the
target."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from runmend.alerts.alert import Target
from runmend.core.errors import Forbidden, Invalid, NotFound
from runmend.kube import client as kube
from runmend.reports.target_events import LONGEST_MESSAGE, LONGEST_NAME, Announcement, Author, Fact, announce
from tests.cluster.api import Cluster, Json, Namespace, eventually

NOW = datetime(2026, 11, 23, 5, 43, 7, 123456, tzinfo=UTC)
UID = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def product(cluster: Cluster) -> Iterator[kube.Cluster]:
    """Runmend's own connection."""
    with closing(kube.Cluster.connect(kubeconfig=cluster.kubeconfig)) as connected:
        yield connected


def told(
    namespace: str, name: str = "web", kind: str = "Deployment", words: str = "changed it", fact: Fact = Fact.CHANGED
) -> Announcement:
    target = Target(cluster="test", namespace=namespace, kind=kind, name=name)
    return Announcement(
        fact,
        target,
        UID,
        words,
        Author(runbook="RB_IMAGEPULL", workflow=target.workflow_id, run="r-1"),
        step="02-patch",
    )


def described(namespace: Namespace, name: str = "web", kind: str = "Deployment") -> list[Json]:
    """The events that `kubectl describe` shows of an object: it asks for these four."""
    asked = {"name": name, "namespace": namespace.name, "kind": kind, "uid": UID}
    return namespace.items(
        "events", fieldSelector=",".join(f"involvedObject.{key}={value}" for key, value in asked.items())
    )


def test_it_is_stored_as_it_was_built_under_our_field_manager(namespace: Namespace, product: kube.Cluster) -> None:
    event = told(namespace.name, words="changed container app: a:1 → b:2").event(NOW)

    assert product.create_event(namespace.name, event, seconds=10) is True

    (stored,) = described(namespace)
    kept = {key: value for key, value in event.items() if key not in ("apiVersion", "kind", "metadata")}
    assert {key: stored[key] for key in kept} == kept
    assert stored["lastTimestamp"] == "2026-11-23T05:43:07Z"
    assert stored["eventTime"] is None
    assert "series" not in stored
    assert stored["metadata"].items() >= event["metadata"].items()
    assert [entry["manager"] for entry in stored["metadata"]["managedFields"]] == ["runmend"]


def test_a_second_one_of_its_name_is_told_from_a_conflict_and_leaves_the_first(
    namespace: Namespace, product: kube.Cluster
) -> None:
    event = told(namespace.name).event(NOW)
    product.create_event(namespace.name, event, seconds=10)

    answer = namespace.http.post(namespace.path("events"), json=event | {"message": "another"})
    again = product.create_event(namespace.name, event | {"message": "another"}, seconds=10)

    assert (answer.status_code, answer.json()["reason"]) == (409, "AlreadyExists")
    assert answer.json()["message"] == f'events "{event["metadata"]["name"]}" already exists'
    assert again is False
    assert [each["message"] for each in described(namespace)] == [event["message"]]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod", "Rollout"])
def test_any_kind_of_target_may_be_told_of(namespace: Namespace, product: kube.Cluster, kind: str) -> None:
    assert announce(product, told(namespace.name, kind=kind)) == ""

    (stored,) = described(namespace, kind=kind)
    assert stored["involvedObject"].get("apiVersion") == told(namespace.name, kind=kind).event(NOW)[
        "involvedObject"
    ].get("apiVersion")


def test_the_longest_name_and_the_longest_message_are_kept_whole(namespace: Namespace, product: kube.Cluster) -> None:
    longest = told(namespace.name, name="w" * LONGEST_NAME, words="→" * LONGEST_MESSAGE)

    assert announce(product, longest) == ""

    (stored,) = described(namespace, name="w" * LONGEST_NAME)
    assert len(stored["metadata"]["name"]) == LONGEST_NAME
    assert stored["message"] == longest.message


def test_what_is_written_is_read_as_an_event_of_the_target(namespace: Namespace, product: kube.Cluster) -> None:
    announce(product, told(namespace.name, fact=Fact.FAILED))

    (read,) = product.events(namespace.name, "involvedObject.kind=Deployment")

    assert (read.reason, read.type, read.count) == ("RemediationFailed", "Warning", 1)
    assert (read.object_kind, read.object_name, read.object_uid) == ("Deployment", "web", UID)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"metadata": {}}, 'Event "" is invalid: metadata.name: Required value: name or generateName is required'),
        (
            {"involvedObject": {"kind": "Deployment", "namespace": "other", "name": "web"}},
            'is invalid: involvedObject.namespace: Invalid value: "other": does not match event.namespace',
        ),
        (
            {"involvedObject": {"kind": "Deployment", "name": "web"}},
            'is invalid: involvedObject.namespace: Invalid value: "": does not match event.namespace',
        ),
    ],
    ids=["no name", "about another namespace", "about none"],
)
def test_one_that_does_not_say_what_it_must_is_invalid(
    namespace: Namespace, product: kube.Cluster, change: Json, why: str
) -> None:
    with pytest.raises(Invalid, match=f"^POST events {namespace.name}: 422: .*{re.escape(why)}$"):
        product.create_event(namespace.name, told(namespace.name).event(NOW) | change, seconds=10)

    assert namespace.names("events") == []


def test_one_whose_namespace_is_another_than_the_requests_is_invalid(
    namespace: Namespace, product: kube.Cluster
) -> None:
    with pytest.raises(
        Invalid, match="the namespace of the provided object does not match the namespace sent on the request"
    ):
        product.create_event(namespace.name, told("other").event(NOW), seconds=10)


def test_a_namespace_that_is_not_there_is_not_found(product: kube.Cluster) -> None:
    with pytest.raises(NotFound, match=r'^POST events nowhere: 404: namespaces "nowhere" not found$'):
        product.create_event("nowhere", told("nowhere").event(NOW), seconds=10)


def test_a_namespace_that_ends_takes_none(namespace: Namespace, product: kube.Cluster) -> None:
    namespace.create(
        "pods",
        {"metadata": {"name": "stays"}, "spec": {"containers": [{"name": "app", "image": "example.test/web:1"}]}},
    )
    eventually(lambda: namespace.get("pods", "stays")["spec"].get("nodeName"))
    namespace.http.delete(f"/api/v1/namespaces/{namespace.name}")

    with pytest.raises(Forbidden, match=r"because it is being terminated$"):
        product.create_event(namespace.name, told(namespace.name).event(NOW), seconds=10)
