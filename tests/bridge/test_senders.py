"""Bodies as the senders' documentation shows them: Alertmanager, Grafana, Prometheus and vmalert."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runmend.alerts.alert import fingerprint_of, in_utc
from runmend.facts.pod import PodFacts
from tests.bridge.support import Installation, an_alert, webhook


def labels(pod: PodFacts, **more: str) -> dict[str, str]:
    return {
        "alertname": "KubePodImagePullBackOff",
        "namespace": pod.namespace,
        "pod": pod.name,
        "container": "app",
        **more,
    }


def of_alertmanager(pod: PodFacts) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="KubePodImagePullBackOff"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "runmend",
        "groupLabels": {"alertname": "KubePodImagePullBackOff"},
        "commonLabels": labels(pod),
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": [
            {
                "status": "firing",
                "labels": labels(pod),
                "annotations": {"summary": "An image cannot be pulled."},
                "startsAt": "2026-11-28T10:00:00.123456789Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus.example/graph",
                "fingerprint": "c6eadffa33fcdf37",
            }
        ],
    }


def of_grafana(pod: PodFacts) -> dict[str, Any]:
    alert = {
        "status": "firing",
        "labels": labels(pod, grafana_folder="shop"),
        "annotations": {},
        "startsAt": "2026-11-28T12:00:00.157076+02:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://grafana.example/alerting/grafana/abc/view?orgId=1",
        "fingerprint": "57c6d9296de2ad39",
        "silenceURL": "https://grafana.example/alerting/silence/new",
        "dashboardURL": "",
        "panelURL": "",
        "values": {"A": 1, "C": 44.23943737541908},
        "valueString": "[ var='A' labels={} value=1 ]",
        "imageURL": None,
    }
    return of_alertmanager(pod) | {
        "version": "1",
        "orgId": 1,
        "alerts": [alert],
        "title": "[FIRING:1]",
        "state": "alerting",
        "message": "**Firing**",
    }


def of_prometheus(pod: PodFacts, ends: timedelta = timedelta(minutes=4)) -> list[dict[str, Any]]:
    """What Prometheus and vmalert post to an Alertmanager: alerts that fire end a few minutes from now."""
    return [
        {
            "labels": labels(pod),
            "annotations": {"summary": "An image cannot be pulled."},
            "startsAt": "2026-11-28T10:00:00Z",
            "endsAt": (datetime.now(UTC) + ends).isoformat(),
            "generatorURL": "http://vmalert.example/vmalert/alert?group_id=1&alert_id=2",
        }
    ]


@pytest.mark.parametrize("body", [of_alertmanager, of_grafana, of_prometheus])
@pytest.mark.parametrize("path", ["/alerts", "/api/v2/alerts"])
async def test_a_documented_body_starts_a_run_and_is_known_when_it_comes_again(
    installed: Installation, body: Any, path: str
) -> None:
    (pod,) = await installed.deploy()

    answers = [(await installed.http.post(path, json=body(pod))).json()["alerts"] for _ in range(2)]

    assert [alert["answer"] for (alert,) in answers] == ["started", "known"]


async def test_an_alert_whose_end_has_come_is_resolved(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.http.post("/api/v2/alerts", json=of_prometheus(pod))
    await installed.visible(fingerprint_of(labels(pod)))

    response = await installed.http.post("/api/v2/alerts", json=of_prometheus(pod, ends=-timedelta(seconds=30)))

    assert [alert["answer"] for alert in response.json()["alerts"]] == ["noted"]


ODD: dict[str, dict[str, Any]] = {
    "no annotations": {"annotations": None},
    "an empty fingerprint": {"fingerprint": ""},
    "a fingerprint that is null": {"fingerprint": None},
    "no address": {"generatorURL": None},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_what_other_senders_leave_out_is_no_fault(installed: Installation, odd: dict[str, Any]) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod) | odd) == ["started"]


async def test_any_version_and_none_is_taken(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    body = webhook(an_alert(pod))

    versions: list[Any] = ["4", "1", 4, None]
    answers = [(await installed.http.post("/alerts", json=body | {"version": each})).json() for each in versions]

    assert [answer["alerts"][0]["answer"] for answer in answers] == ["started", "known", "known", "known"]


async def test_an_alert_without_a_fingerprint_has_the_one_that_alertmanager_gives_it(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    alert = an_alert(pod)
    bare = copy.deepcopy(alert)
    del bare["fingerprint"]

    response = await installed.post(bare)

    assert response.json()["alerts"][0]["fingerprint"] == fingerprint_of(alert["labels"])


@pytest.mark.parametrize(
    ("given", "fingerprint"),
    [
        ({}, 14695981039346656037),
        ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346),
    ],
)
def test_a_fingerprint_is_that_of_prometheus(given: dict[str, str], fingerprint: int) -> None:
    # Both values are those of Prometheus' own tests.
    assert fingerprint_of(given) == fingerprint_of(dict(reversed(given.items()))) == f"{fingerprint:016x}"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2026-11-28T10:00:00.123456789Z", "2026-11-28T10:00:00.123456789Z"),
        ("2026-11-28T12:00:00.5+02:00", "2026-11-28T10:00:00.500000Z"),
        ("2026-11-28T10:00:00+00:00", "2026-11-28T10:00:00Z"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
        ("2026-11-28T10:00:00", "2026-11-28T10:00:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_time_of_another_zone_is_read_in_utc(given: str, read: str) -> None:
    assert in_utc(given) == read
