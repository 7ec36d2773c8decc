"""What the bridge does not take: alerts without a runbook, hostile values, malformed webhooks."""

import json
from typing import Any

import pytest

from tests.bridge.support import Installation, an_alert, webhook

HOSTILE = {
    "shell metacharacters": "web-1; rm -rf / #$(id)`id`|cat",
    "a path upwards": "../../kube-system/pods/coredns",
    "a slash": "web-1/log",
    "10 kB": "a" * 10_240,
    "a newline at the end": "web-1\n",
    "a newline within": "web-1\nX-Header: 1",
    "a NUL": "web-1\x00",
    "a Cyrillic letter": "w\u0435b-1",
    "full-width letters": "\uff57\uff45\uff42-1",
    "a zero-width space": "web\u200b-1",
    "an encoded slash": "web-1%2f..",
    "a query": "web-1?dryRun=All",
    "a placeholder": "{fallback_image}",
    "upper case": "Web-1",
    "a blank": " ",
}


@pytest.mark.parametrize("label", ["namespace", "pod", "container"])
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_label_is_refused_before_any_request_is_made(
    installed: Installation, label: str, value: str
) -> None:
    alert = an_alert(namespace="shop", pod="web-1") | {}
    alert["labels"] |= {label: value}

    response = await installed.post(alert)

    assert response.status_code == 200
    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "unrouted"
    assert answered["why"].startswith(f"the label {label}: ")
    assert len(answered["why"]) < 250
    assert answered["why"].replace("…", "").isascii()
    assert len(answered["pod"]) <= 253
    assert installed.requests.seen == []
    assert installed.calls.count == {}


async def test_a_hostile_runbook_id_finds_no_runbook(installed: Installation) -> None:
    response = await installed.post(an_alert(namespace="shop", pod="web-1", runbook_id="../../etc/passwd\n"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "unrouted"
    assert answered["why"] == "no runbook is loaded for runbook_id '../../etc/passwd\\n'"
    assert installed.requests.seen == []


async def test_an_alert_without_a_runbook_is_unrouted_and_the_rest_of_its_group_is_not(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    response = await installed.post(an_alert(pod, alertname="Watchdog"), an_alert(pod))

    first, second = response.json()["alerts"]
    assert (first["answer"], second["answer"]) == ("unrouted", "started")
    assert first["why"] == "no runbook is loaded for alertname 'Watchdog'"
    assert 'runmend_alerts_total{answer="unrouted"} 1.0' in (await installed.http.get("/metrics")).text


@pytest.mark.parametrize("label", ["namespace", "pod"])
@pytest.mark.parametrize("value", [None, ""])
async def test_an_alert_that_lacks_a_required_label_is_unrouted(
    installed: Installation, label: str, value: str | None
) -> None:
    alert = an_alert(namespace="shop", pod="web-1")
    alert["labels"] = {name: text for name, text in (alert["labels"] | {label: value}).items() if text is not None}

    response = await installed.post(alert)

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "unrouted"
    assert answered["why"] == f"the label {label} is missing; RB_IMAGEPULL requires it"
    assert installed.requests.seen == []


async def test_a_namespace_outside_the_allowed_ones_is_unrouted(installed: Installation) -> None:
    async with installed.with_settings(namespaces="team-*").http as http:
        response = await http.post("/alerts", json=webhook(an_alert(namespace="shop", pod="web-1")))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "unrouted"
    assert answered["why"] == "RUNMEND_NAMESPACES does not allow changes in namespace shop"
    assert installed.requests.seen == []


async def test_a_target_whose_name_is_too_long_for_a_workflow_id_is_unrouted_and_the_rest_of_its_group_is_not(
    installed: Installation,
) -> None:
    (pod,) = await installed.deploy()
    long = await installed.a_bare_pod("d" * 240)

    response = await installed.post(an_alert(long), an_alert(pod))

    assert response.status_code == 200
    first, second = response.json()["alerts"]
    assert (first["answer"], second["answer"]) == ("unrouted", "started")
    assert first["why"].endswith(
        ": together they are the workflow id, and 264 bytes are more than the 255 that Temporal takes"
    )
    assert installed.calls.count == {"describe": 1, "start": 1}


async def test_the_systems_namespace_is_not_among_the_allowed_ones(installed: Installation) -> None:
    assert await installed.answers(an_alert(namespace="kube-system", pod="coredns-1")) == ["unrouted"]


@pytest.mark.parametrize(("value", "said"), [("elsewhere", "is 'elsewhere'"), (None, "is missing")])
async def test_another_clusters_alert_is_unrouted(installed: Installation, value: str | None, said: str) -> None:
    async with installed.with_settings(cluster_label="cluster").http as http:
        response = await http.post("/alerts", json=webhook(an_alert(namespace="shop", pod="web-1", cluster=value)))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "unrouted"
    assert answered["why"] == f"the label cluster {said}; this installation's cluster is {installed.settings.cluster}"


async def test_this_clusters_alert_is_routed(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    async with installed.with_settings(cluster_label="cluster").http as http:
        response = await http.post("/alerts", json=webhook(an_alert(pod, cluster=installed.settings.cluster)))

    assert response.json()["alerts"][0]["answer"] == "started"


def without(alert: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in alert.items() if name != field}


MALFORMED: dict[str, Any] = {
    "not an object": "firing",
    "null": None,
    "a fingerprint that is a number": an_alert() | {"fingerprint": 7},
    "a fingerprint that would end a query's string": an_alert() | {"fingerprint": "a') OR ('1'='1"},
    "a fingerprint with a newline": an_alert() | {"fingerprint": "a9c04305f7ab7241\n"},
    "no labels": without(an_alert(), "labels"),
    "a label that is a number": an_alert() | {"labels": {"pod": 1}},
    "a label that is null": an_alert() | {"labels": {"pod": None}},
    "40 kB of labels": an_alert(other="x" * 40_000),
    "no startsAt": without(an_alert(), "startsAt"),
    "an empty startsAt": an_alert() | {"startsAt": ""},
    "another status": an_alert() | {"status": "suppressed"},
}


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_alert_is_answered_for_itself(installed: Installation, malformed: Any) -> None:
    (pod,) = await installed.deploy()

    response = await installed.post(malformed, an_alert(pod))

    assert response.status_code == 200
    good, bad = response.json()["alerts"]
    assert (good["answer"], bad["answer"], bad["count"]) == ("started", "unrouted", 1)
    assert bad["why"].startswith("malformed alert: ")
    assert len(bad["why"]) < 250


async def test_annotations_that_are_not_texts_do_no_harm(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod) | {"annotations": {"runbook_id": 7}}) == ["started"]


BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"{firing",
    "not UTF-8": b'{"version": "4", "alerts": ["\xff"]}',
    "a text": b'"4"',
    "alerts twice": b'{"alerts": [], "alerts": []}',
    "two bodies": b'{"alerts": []}{"alerts": []}',
    "an end that is missing": json.dumps(webhook(an_alert())).encode()[:-2],
    "no alerts": json.dumps(without(webhook(), "alerts")).encode(),
    "alerts that are an object": json.dumps(webhook(alerts={})).encode(),
    "alerts that are null": json.dumps(webhook(alerts=None)).encode(),
    "a tower of lists": b"[" * 200_000,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_what_is_no_webhook_is_a_problem(installed: Installation, body: bytes) -> None:
    response = await installed.http.post("/alerts", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "about:blank"
    assert problem["title"] == "Bad Request"
    assert problem["status"] == 400
    assert problem["detail"].startswith("The body is not an Alertmanager webhook: ")


async def test_fields_that_nobody_knows_and_another_content_type_are_tolerated(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    body = json.dumps(webhook(an_alert(pod) | {"novelty": {}}, novelty=[1])).encode()

    response = await installed.http.post("/alerts", content=body, headers={"Content-Type": "text/plain"})

    assert response.json()["alerts"][0]["answer"] == "started"


async def test_a_webhook_without_alerts_is_answered(installed: Installation) -> None:
    response = await installed.post()

    assert response.json() == {"alerts": []}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/alerts", 405), ("POST", "/elsewhere", 404), ("GET", "/docs", 404)]
)
async def test_other_paths_and_methods_are_problems_too(
    installed: Installation, method: str, path: str, status: int
) -> None:
    response = await installed.http.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
