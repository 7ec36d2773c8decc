"""2xx only when Temporal holds what the webhook asked for; otherwise 503, and the same webhook again does no harm."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RetryConfig

from runmend.bridge import create_app, health
from runmend.kube.owners import Workloads
from runmend.runs import starting
from tests.bridge.support import Installation, Wire, an_alert, webhook


@pytest.fixture
async def wire(temporal: str) -> AsyncIterator[Wire]:
    made = Wire(temporal)
    yield made
    await made.cut()


@pytest.fixture
async def wired(installed: Installation, wire: Wire) -> AsyncIterator[Installation]:
    """An installation whose connection to Temporal can be cut."""
    patience = RetryConfig(max_elapsed_time_millis=500)  # the SDK's own is 10 s
    client = await Client.connect(await wire.open(), data_converter=pydantic_data_converter, retry_config=patience)
    made = replace(
        installed, client=client, app=create_app(installed.settings, client, installed.cluster, installed.catalog)
    )
    async with made.http:
        yield made


async def test_with_temporal_down_a_webhook_is_answered_503(wired: Installation, wire: Wire) -> None:
    (pod,) = await wired.deploy()
    await wire.cut()

    response = await wired.post(an_alert(pod))

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    problem = response.json()
    assert problem["title"] == "Service Unavailable"
    assert problem["detail"].startswith("Temporal did not take the call (describe): ")
    assert problem["alerts"][0]["answer"] == "failed"
    metrics = (await wired.http.get("/metrics")).text
    assert 'runmend_webhooks_total{status="503"} 1.0' in metrics
    assert 'runmend_alerts_total{answer="failed"} 1.0' in metrics


async def test_with_temporal_down_a_resolved_alert_is_answered_503(wired: Installation, wire: Wire) -> None:
    await wire.cut()

    response = await wired.post(an_alert(status="resolved"))

    assert response.status_code == 503
    assert response.json()["detail"].startswith("Temporal did not take the call (list): ")


async def test_with_temporal_down_what_needs_no_temporal_is_still_answered(wired: Installation, wire: Wire) -> None:
    await wire.cut()

    assert await wired.answers(an_alert(namespace="shop", pod="web-1", alertname="Watchdog")) == ["unrouted"]
    assert (await wired.http.get("/healthz")).status_code == 200


async def test_with_temporal_down_the_bridge_is_not_ready(
    wired: Installation, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 0)
    assert (await wired.http.get("/readyz")).json()["status"] == "ready"
    await wire.cut()

    response = await wired.http.get("/readyz")

    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert response.json()["checks"]["temporal"]["ok"] is False
    assert response.json()["checks"]["kubernetes"]["ok"] is True


async def test_with_the_api_server_down_a_webhook_is_answered_503_and_comes_again(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    installed.sandbox.pause()

    down = await installed.post(an_alert(pod))
    ready = await installed.http.get("/readyz")
    installed.sandbox.resume()
    up = await installed.post(an_alert(pod))

    assert down.status_code == 503
    assert "did not answer" in down.json()["detail"]
    assert down.json()["alerts"][0]["answer"] == "failed"
    assert installed.calls.count["start"] == 1
    assert ready.status_code == 503
    assert ready.json()["checks"]["kubernetes"]["ok"] is False
    assert up.json()["alerts"][0]["answer"] == "started"


async def test_with_the_api_server_down_resolved_alerts_are_taken(installed: Installation) -> None:
    installed.sandbox.pause()

    assert await installed.answers(an_alert(status="resolved")) == ["no open run"]


@pytest.mark.parametrize(("status", "wait"), [(500, "5"), (429, "7"), (403, "5")])
async def test_what_the_api_server_refuses_makes_alertmanager_come_again(
    installed: Installation, status: int, wait: str
) -> None:
    (pod,) = await installed.deploy()
    installed.requests.status, installed.requests.headers = status, {"Retry-After": "7"} if status == 429 else {}

    response = await installed.post(an_alert(pod))

    assert response.status_code == 503
    assert response.headers["retry-after"] == wait
    assert str(status) in response.json()["detail"]


async def test_one_namespace_that_fails_does_not_keep_the_others_from_starting(installed: Installation) -> None:
    (web,) = await installed.deploy("web")
    (api,) = await installed.deploy("api", namespace="bank")
    installed.requests.status, installed.requests.only_for = 500, "/namespaces/bank/"

    first = await installed.post(an_alert(api), an_alert(web))
    installed.requests.status = None
    again = await installed.post(an_alert(api), an_alert(web))

    assert first.status_code == 503
    assert [alert["answer"] for alert in first.json()["alerts"]] == ["failed", "started"]
    assert again.status_code == 200
    assert [alert["answer"] for alert in again.json()["alerts"]] == ["started", "known"]


async def test_a_start_that_temporal_refuses_is_answered_503(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a server where nobody has registered the search attributes yet.
    (pod,) = await installed.deploy()
    monkeypatch.setattr(starting, "_TARGET", SearchAttributeKey.for_keyword("NobodyRegisteredThis"))

    response = await installed.post(an_alert(pod))

    assert response.status_code == 503
    assert "INVALID_ARGUMENT" in response.json()["detail"]


async def test_an_error_that_nobody_foresaw_is_a_problem_without_a_traceback(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> Workloads:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(Workloads, "named", broken)

    response = await installed.http.post("/alerts", json=webhook(an_alert(namespace="shop", pod="web-1")))

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret of the inside" not in response.text
    (logged,) = [record for record in caplog.records if record.getMessage() == "request failed unexpectedly"]
    assert logged.exc_info is not None
    assert str(logged.exc_info[1]) == "a secret of the inside"
    assert 'runmend_webhooks_total{status="500"} 1.0' in (await installed.http.get("/metrics")).text
