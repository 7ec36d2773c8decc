"""What happens to resolved alerts: an open run is told, and nothing is started."""

from collections.abc import Collection

import pytest

from runmend.runs.starting import OpenRun, Starter
from tests.bridge.support import Installation, about, an_alert, captured


async def test_a_resolved_alert_is_noted_by_the_open_run_although_its_pod_is_gone(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    firing = an_alert(pod)
    await installed.answers(firing)
    await installed.visible(firing["fingerprint"])
    await installed.replace(pod)
    before = len(installed.requests.seen)

    response = await installed.post(an_alert(pod, status="resolved"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "noted"
    assert answered["run"] == installed.target().workflow_id
    (told,) = await installed.resolved_signals()
    assert told.runbook_id == "RB_IMAGEPULL"
    assert [alert.fingerprint for alert in told.alerts] == [firing["fingerprint"]]
    assert installed.requests.seen[before:] == []


async def test_a_resolved_alert_that_no_open_run_was_started_for_starts_nothing(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod, status="resolved")) == ["no open run"]

    assert installed.calls.count == {"list": 1}


async def test_the_captured_partly_resolved_webhook_starts_for_one_alert_and_looks_for_the_other(
    installed: Installation,
) -> None:
    pods = await installed.deploy(replicas=2)
    payload = about(captured("partly_resolved"), *pods)

    response = await installed.http.post("/alerts", json=payload)

    assert [alert["answer"] for alert in response.json()["alerts"]] == ["started", "no open run"]


async def test_the_captured_webhooks_one_after_the_other(installed: Installation) -> None:
    first, second = await installed.deploy(replicas=2)
    firing = about(captured("firing"), first, second)
    await installed.http.post("/alerts", json=firing)
    await installed.visible(firing["alerts"][0]["fingerprint"])

    partly = await installed.http.post("/alerts", json=about(captured("partly_resolved"), first, second))
    resolved = await installed.http.post("/alerts", json=about(captured("resolved"), first))

    assert [alert["answer"] for alert in partly.json()["alerts"]] == ["known", "noted"]
    assert [alert["answer"] for alert in resolved.json()["alerts"]] == ["noted"]


async def test_all_resolved_alerts_of_a_run_are_one_query_and_one_signal(installed: Installation) -> None:
    pods = await installed.deploy(replicas=3)
    firing = [an_alert(pod) for pod in pods]
    await installed.answers(*firing)
    await installed.visible(firing[2]["fingerprint"])
    installed.calls.count.clear()

    assert await installed.answers(*(an_alert(pod, status="resolved") for pod in pods)) == ["noted"] * 3

    assert installed.calls.count == {"list": 1, "describe": 1, "signal": 1}
    assert len((await installed.resolved_signals())[0].alerts) == 3


async def test_hundreds_of_resolved_alerts_are_asked_for_in_one_go(installed: Installation) -> None:
    pods = await installed.deploy()
    firing = an_alert(pods[0])
    await installed.answers(firing)
    await installed.visible(firing["fingerprint"])
    others = [an_alert(status="resolved", pod=f"web-{n}") for n in range(199)]

    answers = await installed.answers(*others, firing | {"status": "resolved"})

    assert answers == ["no open run"] * 199 + ["noted"]
    assert installed.calls.count["list"] == 1


async def test_a_run_that_closes_between_the_query_and_the_signal_is_no_open_run(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pod,) = await installed.deploy()
    firing = an_alert(pod)
    await installed.answers(firing)
    await installed.visible(firing["fingerprint"])
    find = Starter.open_runs

    async def find_and_lose(starter: Starter, fingerprints: Collection[str]) -> tuple[OpenRun, ...]:
        runs = await find(starter, fingerprints)
        assert runs
        await installed.run().terminate("closed meanwhile")
        return runs

    monkeypatch.setattr(Starter, "open_runs", find_and_lose)

    assert await installed.answers(an_alert(pod, status="resolved")) == ["no open run"]


async def test_another_clusters_run_for_an_alert_of_the_same_fingerprint_is_not_told(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    firing = an_alert(pod)
    await installed.answers(firing)
    await installed.visible(firing["fingerprint"])

    async with installed.with_settings(cluster="elsewhere").http as http:
        response = await http.post("/alerts", json=captured("resolved") | {"alerts": [firing | {"status": "resolved"}]})

    assert response.json()["alerts"][0]["answer"] == "no open run"
    assert await installed.resolved_signals() == []


async def test_resolved_alerts_of_many_and_long_labels_are_noted(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    firing = [an_alert(pod, number=str(number)) for number in range(85)]
    await installed.answers(*firing)
    await installed.visible(firing[0]["fingerprint"])
    long = {"other": "x" * 30_000}

    answers = await installed.answers(
        *(each | {"status": "resolved", "labels": each["labels"] | long} for each in firing)
    )

    assert answers == ["noted"] * 85
    (told,) = await installed.resolved_signals()
    assert {"other"} & {name for alert in told.alerts for name in alert.labels} == set()
