"""Webhooks that would make a run too large, or lose the alerts that came with them."""

import json
from typing import Any

import pytest

from runmend.plan.memo import EPISODES
from tests.bridge.support import Installation, an_alert, webhook

LONG = 31_800


async def test_an_alertname_of_any_length_starts_no_run_and_the_rest_of_its_group_does(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    long = [an_alert(pod, alertname=f"{number}{'n' * LONG}", runbook_id="RB_IMAGEPULL") for number in range(15)]

    answered = (await installed.post(*long, an_alert(pod))).json()["alerts"]

    assert [each["answer"] for each in answered] == ["unrouted"] * 15 + ["started"]
    assert answered[0]["why"].startswith("the label alertname: '0nnn")
    assert answered[0]["why"].endswith(" has 31801 bytes; expected at most 500")


async def test_labels_that_are_too_large_are_left_out_counted_and_said_and_those_that_count_are_kept(
    installed: Installation,
) -> None:
    (pod,) = await installed.deploy()
    alert = an_alert(pod, first="\x01" * 10_000, second="2" * 12_000)

    (answered,) = (await installed.post(alert)).json()["alerts"]

    assert answered["answer"] == "started"
    assert answered["why"].endswith("; without 1 of its labels, which are too large all together")
    (kept,) = (await installed.input()).alerts
    assert kept.left_out == 1
    assert kept.labels == {name: value for name, value in alert["labels"].items() if name != "first"}


async def test_a_single_alert_is_never_too_large_for_a_start(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod, a="\x01" * 32_000)) == ["started"]


@pytest.mark.parametrize(
    "starts_at",
    [
        "",
        "now",
        "2026-11-22",
        "2026-11-22T13:31:12",
        "2026-13-22T13:31:12Z",
        "2026-11-22T13:31:12Z\n",
        "\u0662026-11-22T13:31:12Z",
        "1" * 64,
        0,
        None,
        {},
    ],
)
async def test_a_time_that_is_none_makes_no_episode(installed: Installation, starts_at: Any) -> None:
    (pod,) = await installed.deploy()

    good, bad = (await installed.post(an_alert(pod) | {"startsAt": starts_at}, an_alert(pod))).json()["alerts"]

    assert (good["answer"], bad["answer"]) == ("started", "unrouted")
    assert bad["why"].startswith("malformed alert: startsAt: ")
    assert len((await (await installed.run().describe()).memo())[EPISODES]) == 1


@pytest.mark.parametrize(
    "starts_at", ["2026-11-22T13:31:12.123456789Z", "2026-11-22T13:31:12+01:00", "0001-01-01T00:00:00Z"]
)
async def test_a_time_as_senders_write_it_is_one(installed: Installation, starts_at: str) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod, starts_at=starts_at)) == ["started"]


@pytest.mark.parametrize("field", ["values", "annotations", "generatorURL", "endsAt", "novelty"])
async def test_a_number_beyond_a_float_loses_no_alert(installed: Installation, field: str) -> None:
    (pod,) = await installed.deploy()
    for day, number in enumerate(["1e400", "-1e400", "1" * 4000, "1." + "1" * 5000, "1e-999999"], 1):
        again = {"startsAt": f"2026-11-{day:02}T00:00:00Z"}
        body = json.dumps(webhook(an_alert(pod) | again | {field: {"a": 7531}}, an_alert(pod, also="this") | again))

        response = await installed.http.post("/alerts", content=body.replace("7531", number))

        assert response.status_code == 200
        assert [each["answer"] for each in response.json()["alerts"]] == ["started" if day == 1 else "joined"] * 2


async def test_a_number_in_the_place_of_a_label_is_one_malformed_alert(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    body = json.dumps(webhook(an_alert(pod, also="7531"), an_alert(pod))).replace('"7531"', "1e400")

    good, bad = (await installed.http.post("/alerts", content=body)).json()["alerts"]

    assert (good["answer"], bad["answer"]) == ("started", "unrouted")
    assert bad["why"].startswith("malformed alert: labels.also: ")


@pytest.mark.parametrize("number", ["1e9999999999999999999", "1" * 5000])
async def test_a_number_of_which_nothing_can_be_made_is_a_problem_and_no_fault(
    installed: Installation, number: str
) -> None:
    response = await installed.http.post("/alerts", content=f'{{"alerts": [], "a": {number}}}')

    assert response.status_code == 400
    assert response.json()["detail"].endswith(
        "it has a number of thousands of digits, or an exponent of more than 18 digits"
    )
    assert (await installed.post()).status_code == 200


async def test_an_open_run_whose_history_is_full_is_sent_nothing_more(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pod,) = await installed.deploy()
    assert await installed.answers(an_alert(pod)) == ["started"]
    await installed.visible(an_alert(pod)["fingerprint"])
    monkeypatch.setattr("runmend.runs.starting.HISTORY_EVENTS", 1)

    again, resolved = (
        await installed.post(an_alert(pod, starts_at="2026-11-23T00:00:00Z"), an_alert(pod, status="resolved"))
    ).json()["alerts"]

    assert (again["answer"], resolved["answer"]) == ("busy", "busy")
    assert again["why"] == "the history of RB_IMAGEPULL's open run is full; the alert comes again with the next repeat"
    assert resolved["why"].endswith(" is so long that it is told nothing more; nothing depends on it")
    assert installed.calls.count["signal"] == 0


async def test_a_runbook_whose_plan_is_too_large_is_unrouted(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pod,) = await installed.deploy()
    monkeypatch.setattr("runmend.runs.starting.PLAN_MAX", 100)

    (answered,) = (await installed.post(an_alert(pod))).json()["alerts"]

    assert answered["answer"] == "unrouted"
    assert answered["why"].startswith("the plan of RB_IMAGEPULL has ")


async def test_of_many_resolved_alerts_those_that_are_told_as_a_number_are_answered_so(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runmend.runs.starting.RESOLVED_MAX", 2)
    monkeypatch.setattr("runmend.bridge.intake.RESOLVED_MAX", 2)
    pods = await installed.deploy(replicas=3)
    await installed.answers(*(an_alert(pod) for pod in pods))
    await installed.visible(an_alert(pods[2])["fingerprint"])

    answered = (await installed.post(*(an_alert(pod, status="resolved") for pod in pods))).json()["alerts"]

    assert [each["answer"] for each in answered] == ["noted"] * 3
    assert [each["why"].endswith("as one of a number") for each in answered] == [False, False, True]
    (told,) = await installed.resolved_signals()
    assert (len(told.alerts), told.more) == (2, 1)
