"""Label and field selectors of lists."""

from collections.abc import Iterator

import pytest

from tests.cluster.api import Cluster, Namespace, a_pod, eventually

LABELS = {
    "one": {"app": "web", "tier": "front"},
    "two": {"app": "web", "tier": "back"},
    "three": {"app": "db"},
    "four": {},
}


@pytest.fixture(scope="module")
def labelled(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with four labelled secrets, an event and a pod."""
    with cluster.namespace() as namespace:
        for name, labels in LABELS.items():
            namespace.create(
                "secrets",
                {
                    "metadata": {"name": name, "labels": labels},
                    "type": "example.test/four" if name == "four" else "Opaque",
                },
            )
        namespace.create("events", an_event(namespace, "e1"))
        namespace.create("pods", a_pod("web"))
        eventually(lambda: namespace.get("pods", "web")["status"]["phase"] == "Running")
        yield namespace


def an_event(namespace: Namespace, name: str) -> dict[str, object]:
    involved = {
        "kind": "Made",
        "namespace": namespace.name,
        "name": "thing",
        "uid": "12-34",
        "apiVersion": "example.test/v1",
    }
    told = {"reason": "Broken", "message": "it broke", "type": "Warning", "count": 3, "source": {"component": "tester"}}
    return {"metadata": {"name": name}, "involvedObject": involved, **told}


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=web", {"one", "two"}),
        ("app==web", {"one", "two"}),
        ("app!=web", {"three", "four"}),
        ("app=web,tier=back", {"two"}),
        ("app", {"one", "two", "three"}),
        ("!app", {"four"}),
        ("app in (web,db)", {"one", "two", "three"}),
        ("app in (db), tier", set()),
        ("tier notin (front)", {"two", "three", "four"}),
        ("app in (web),tier notin (back),!none", {"one"}),
        ("app in (,db)", {"three"}),
        ("app in ()", set()),
        ("app notin (),app", {"one", "two", "three"}),
        ("", set(LABELS)),
    ],
)
def test_objects_are_selected_by_labels(labelled: Namespace, selector: str, names: set[str]) -> None:
    assert set(labelled.names("secrets", labelSelector=selector)) == names


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app=TWO WORDS", "found 'WORDS', expected: ',' or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
    ],
)
def test_a_label_selector_that_cannot_be_read_is_400(labelled: Namespace, selector: str, message: str) -> None:
    answer = labelled.http.get(labelled.path("secrets"), params={"labelSelector": selector})

    assert (answer.status_code, answer.json()["reason"], answer.json()["message"]) == (400, "BadRequest", message)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("metadata.name=one", {"one"}),
        ("metadata.name!=one", {"two", "three", "four"}),
        ("metadata.name=one,metadata.name=two", set()),
        ("type=example.test/four", {"four"}),
    ],
)
def test_objects_are_selected_by_fields(labelled: Namespace, selector: str, names: set[str]) -> None:
    assert set(labelled.names("secrets", fieldSelector=selector)) == names


def test_a_namespace_is_a_field(labelled: Namespace) -> None:
    query = {"fieldSelector": f"metadata.namespace={labelled.name}"}

    items = labelled.http.get("/api/v1/secrets", params=query).json()["items"]

    assert {item["metadata"]["name"] for item in items} == set(LABELS)


def test_both_selectors_must_hold(labelled: Namespace) -> None:
    assert labelled.names("secrets", labelSelector="app=web", fieldSelector="metadata.name!=one") == ["two"]


@pytest.mark.parametrize(
    "selector",
    [
        "involvedObject.name=thing",
        "involvedObject.kind=Made",
        "involvedObject.uid=12-34",
        "involvedObject.apiVersion=example.test/v1",
        "reason=Broken",
        "type=Warning",
        "source=tester",
        "metadata.name=e1",
        "involvedObject.kind=Made,involvedObject.name=thing,type!=Normal",
    ],
)
def test_events_are_selected_by_what_they_are_about(labelled: Namespace, selector: str) -> None:
    broken = [
        event
        for event in labelled.items("events", fieldSelector=selector)
        if event["involvedObject"]["name"] == "thing"
    ]

    assert [event["metadata"]["name"] for event in broken] == ["e1"]
    assert labelled.names("events", fieldSelector=f"{selector},reason=Other") == []


def test_events_are_selected_by_the_uid_of_what_they_are_about_and_by_no_other(labelled: Namespace) -> None:
    assert labelled.names("events", fieldSelector="involvedObject.uid=12-34") == ["e1"]
    assert labelled.names("events", fieldSelector="involvedObject.uid=12-3") == []


def test_events_are_selected_by_their_namespace(labelled: Namespace) -> None:
    assert "e1" in labelled.names("events", fieldSelector=f"involvedObject.namespace={labelled.name}")


def test_an_event_is_stored_as_it_was_told(labelled: Namespace) -> None:
    event = labelled.get("events", "e1")

    assert (event["count"], event["message"], event["type"]) == (3, "it broke", "Warning")
    assert event["firstTimestamp"] is None
    assert event["eventTime"] is None
    assert labelled.patch("events", "e1", {"count": 4})["count"] == 4


def test_an_event_of_another_namespace_is_invalid(labelled: Namespace) -> None:
    answer = labelled.http.post(
        labelled.path("events"), json={"metadata": {"name": "e2"}, "reason": "x", "message": "m"}
    )

    assert answer.status_code == 422
    why = 'involvedObject.namespace: Invalid value: "": does not match event.namespace'
    assert answer.json()["message"] == f'Event "e2" is invalid: {why}'


def test_pods_are_selected_by_phase_and_node(labelled: Namespace) -> None:
    node = labelled.get("pods", "web")["spec"]["nodeName"]

    assert labelled.names("pods", fieldSelector=f"spec.nodeName={node},status.phase=Running") == ["web"]
    assert labelled.names("pods", fieldSelector="spec.nodeName=none") == []
    assert labelled.names("pods", fieldSelector="status.phase!=Running") == []


ONLY = 'is not a known field selector: only "metadata.name", "metadata.namespace"'


@pytest.mark.parametrize(
    ("kind", "field", "message"),
    [
        ("pods", "spec.nope", "field label not supported: spec.nope"),
        ("pods", "metadata.uid", "field label not supported: metadata.uid"),
        ("pods", "status.reason", "field label not supported: status.reason"),
        ("events", "nope", "field label not supported: nope"),
        ("events", "count", "field label not supported: count"),
        ("events", "message", "field label not supported: message"),
        ("secrets", "nope", "field label not supported: nope"),
        ("deployments", "status.phase", f'"status.phase" {ONLY}'),
        ("replicasets", "status.replicas", f'"status.replicas" {ONLY}'),
        ("serviceaccounts", "nope", f'"nope" {ONLY}'),
        ("statefulsets", "nope", f'"nope" {ONLY}'),
    ],
)
def test_a_field_that_cannot_be_selected_by_is_400(labelled: Namespace, kind: str, field: str, message: str) -> None:
    answer = labelled.http.get(labelled.path(kind), params={"fieldSelector": f"{field}=x"})

    assert (answer.status_code, answer.json()["reason"], answer.json()["message"]) == (400, "BadRequest", message)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("nonsense", "invalid selector: 'nonsense'; can't understand 'nonsense'"),
        (
            "metadata.name in (web)",
            "invalid selector: 'metadata.name in (web)'; can't understand 'metadata.name in (web)'",
        ),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
        (r"metadata.name=a\b", r"invalid field selector: invalid escape sequence: \b"),
        ("metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_a_field_selector_that_cannot_be_read_is_400(labelled: Namespace, selector: str, message: str) -> None:
    answer = labelled.http.get(labelled.path("pods"), params={"fieldSelector": selector})

    assert (answer.status_code, answer.json()["reason"], answer.json()["message"]) == (400, "BadRequest", message)


@pytest.mark.parametrize("value", [r"a\,b", r"a\=b", r"a\\b"])
def test_a_field_s_value_may_hold_what_selectors_are_written_with(labelled: Namespace, value: str) -> None:
    assert labelled.names("pods", fieldSelector=f"metadata.name={value}") == []
    assert labelled.names("pods", fieldSelector=f"metadata.name!={value}") == ["web"]


@pytest.mark.parametrize("selector", ["spec.hostNetwork=false", "status.nominatedNodeName=", "status.podIPs=192.0.2.1"])
def test_less_usual_fields_of_pods_can_be_selected_by(labelled: Namespace, selector: str) -> None:
    assert labelled.http.get(labelled.path("pods"), params={"fieldSelector": selector}).status_code == 200
