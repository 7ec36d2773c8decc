"""What happens to firing alerts that have a runbook and a pod."""

import asyncio

import pytest

from runmend.alerts.alert import Alert
from runmend.core.modes import Mode
from runmend.plan.messages import RUNBOOK
from runmend.runs.starting import Starter
from tests.bridge.support import STARTED_AT, Installation, about, an_alert, captured, webhook
from tests.builders import FALLBACK, a_runbook


def add_runbook(house: Installation, text: str, file: str = "RB_OTHER.md") -> None:
    (house.settings.runbooks / file).write_text(text)
    house.catalog.reload()
    assert not house.catalog.problems


async def test_the_captured_webhook_starts_one_run_for_its_two_pods(house: Installation) -> None:
    pods = await house.deploy(replicas=2)
    before = len(house.requests.seen)

    response = await house.http.post("/alerts", json=about(captured("firing"), *pods))

    assert response.status_code == 200
    answered = response.json()["alerts"]
    assert [alert["answer"] for alert in answered] == ["started", "started"]
    assert [alert["pod"] for alert in answered] == [pod.name for pod in pods]
    assert {alert["run"] for alert in answered} == {f"{house.settings.cluster}/shop/Deployment/web"}
    assert (await house.run_id()) in answered[0]["why"]
    given = await house.input()
    assert [alert.pod for alert in given.alerts] == [pod.name for pod in pods]
    assert (await house.signals())[0].alerts == given.alerts
    assert house.calls.count["describe"] - 1 == 1  # one of them is this test's
    assert house.calls.count["start"] == 1
    (above,) = {pod.owner.name for pod in pods if pod.owner}
    assert sorted(house.requests.seen[before:]) == [
        *(f"/api/v1/namespaces/shop/pods/{pod.name}" for pod in sorted(pods, key=lambda pod: pod.name)),
        f"/apis/apps/v1/namespaces/shop/replicasets/{above}",
    ]


async def test_a_run_shows_what_it_is_about(house: Installation) -> None:
    (pod,) = await house.deploy()
    alert = an_alert(pod)

    await house.answers(alert)

    found = await house.run().describe()
    assert found.workflow_type == "RB_IMAGEPULL"
    assert await found.static_summary() == "ImagePullBackOff Remediation: Deployment shop/web"
    details = await found.static_details() or ""
    assert f"pod `{pod.name}`, container `app`" in details
    assert "Runbook**: `RB_IMAGEPULL.md`, sha256 `" in details
    attributes = {pair.key.name: pair.value for pair in found.typed_search_attributes}
    assert attributes["Target"] == "Deployment shop/web"
    assert attributes["KubeNamespace"] == "shop"
    assert attributes["AlertName"] == "KubePodImagePullBackOff"
    assert attributes["Fingerprints"] == [alert["fingerprint"]]
    assert (await found.memo())[RUNBOOK]["title"] == "ImagePullBackOff Remediation"


async def test_a_second_alert_for_the_same_target_joins(house: Installation) -> None:
    first, second = await house.deploy(replicas=2)

    assert await house.answers(an_alert(first)) == ["started"]
    assert await house.answers(an_alert(second)) == ["joined"]

    assert len(await house.runs(1)) == 1
    assert [joining.alerts[0].pod for joining in await house.signals()] == [first.name, second.name]
    assert [alert.pod for alert in (await house.input()).alerts] == [first.name]


async def test_an_alert_for_each_of_two_containers_is_one_run_with_both(house: Installation) -> None:
    (pod,) = await house.deploy(containers=("app", "sidecar"))

    answers = await house.answers(an_alert(pod, container="app"), an_alert(pod, container="sidecar"))

    assert answers == ["started", "started"]
    assert house.calls.count["start"] == 1
    assert [alert.container for alert in (await house.input()).alerts] == ["app", "sidecar"]


async def test_two_targets_of_a_webhook_are_two_runs(house: Installation) -> None:
    (web,) = await house.deploy("web")
    (api,) = await house.deploy("api")

    assert await house.answers(an_alert(web), an_alert(api)) == ["started", "started"]

    assert (await house.run_id("web")) != (await house.run_id("api"))


async def test_an_episode_listed_twice_is_handled_once(house: Installation) -> None:
    (pod,) = await house.deploy()

    assert await house.answers(an_alert(pod), an_alert(pod)) == ["started", "started"]

    assert len((await house.input()).alerts) == 1
    assert [len(joining.alerts) for joining in await house.signals()] == [1]


async def test_a_pod_that_is_gone_starts_nothing(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.replace(pod)

    response = await house.post(an_alert(pod))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "pod gone"
    assert answered["why"] == f"there is no pod shop/{pod.name}"
    assert house.calls.count == {}


async def test_a_pod_that_was_made_anew_under_its_name_is_another_pod(house: Installation) -> None:
    (pod,) = await house.deploy()

    response = await house.post(an_alert(pod, uid="238b195e-40d3-4d0a-9817-bcc0813ed4c0"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "pod gone"
    assert "was made anew" in answered["why"]


async def test_an_alert_without_a_uid_goes_by_the_pods_name(house: Installation) -> None:
    (pod,) = await house.deploy()

    assert await house.answers(an_alert(pod, uid=None)) == ["started"]


async def test_a_redelivered_episode_is_known_while_its_run_is_open(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))

    response = await house.post(an_alert(pod))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "known"
    assert "which is open" in answered["why"]
    assert house.calls.count["start"] == 1


@pytest.mark.usefixtures("worker")
async def test_a_redelivered_episode_is_known_after_its_run_ended(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.end()

    response = await house.post(an_alert(pod))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "known"
    assert "has ended (completed)" in answered["why"]
    assert len(await house.runs(1)) == 1


@pytest.mark.usefixtures("worker")
async def test_an_episode_is_known_after_a_later_run_too_and_starts_nothing_where_its_pod_is_gone(
    house: Installation,
) -> None:
    first, second = await house.deploy(replicas=2)
    await house.answers(an_alert(first))
    await house.end()
    assert await house.answers(an_alert(second)) == ["started"]
    await house.end()

    assert await house.answers(an_alert(first)) == ["known"]
    await house.replace(first)
    assert await house.answers(an_alert(first)) == ["pod gone"]

    assert len(await house.runs(2)) == 2


@pytest.mark.usefixtures("worker")
async def test_an_episode_that_the_run_learned_by_signal_is_known(house: Installation) -> None:
    first, second = await house.deploy(replicas=2)
    joined = an_alert(second)
    await house.answers(an_alert(first))
    await house.answers(joined)
    await house.end(learns=[f"{joined['fingerprint']}/{joined['startsAt']}"])

    assert await house.answers(joined) == ["known"]


@pytest.mark.usefixtures("worker")
async def test_a_new_episode_of_an_old_alert_starts_the_next_run(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.end()

    assert await house.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


async def test_another_runbooks_alert_finds_the_target_busy(house: Installation) -> None:
    add_runbook(house, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))

    response = await house.post(an_alert(pod, alertname="OtherAlert"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "busy"
    assert "an open run of RB_IMAGEPULL works on Deployment shop/web" in answered["why"]
    assert len(await house.signals()) == 1


async def test_of_two_runbooks_in_one_webhook_the_first_wins(house: Installation) -> None:
    add_runbook(house, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await house.deploy()

    assert await house.answers(an_alert(pod, alertname="OtherAlert"), an_alert(pod)) == ["started", "busy"]

    assert (await house.run().describe()).workflow_type == "RB_OTHER"


@pytest.mark.usefixtures("worker")
async def test_a_failed_run_holds_the_alert_that_would_try_the_same_again(house: Installation) -> None:
    first, second = await house.deploy(replicas=2)
    await house.answers(an_alert(first))
    await house.end(fails=True, tried={"app": FALLBACK})

    response = await house.post(an_alert(second))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "held"
    assert f"had tried app → {FALLBACK}; held until " in answered["why"]
    assert len(await house.runs(1)) == 1
    assert (await house.http.get("/metrics")).text.count('runmend_alerts_total{answer="held"} 1.0') == 1


@pytest.mark.usefixtures("worker")
async def test_an_alert_that_names_no_container_is_held_for_all_that_were_tried(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.end(fails=True, tried={"app": FALLBACK})

    assert await house.answers(an_alert(pod, container=None)) == ["held"]


@pytest.mark.usefixtures("worker")
async def test_a_failed_run_does_not_hold_another_container(house: Installation) -> None:
    (pod,) = await house.deploy(containers=("app", "sidecar"))
    await house.answers(an_alert(pod, container="app"))
    await house.end(fails=True, tried={"app": FALLBACK})

    other, again = an_alert(pod, container="sidecar"), an_alert(pod, container="app", starts_at="2026-11-22T18:00:00Z")
    assert await house.answers(other, again) == ["started", "held"]

    assert [alert.container for alert in (await house.input()).alerts] == ["sidecar"]


@pytest.mark.usefixtures("worker")
async def test_a_failed_run_does_not_hold_an_alert_for_which_the_runbook_has_another_value_now(
    house: Installation,
) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.end(fails=True, tried={"app": FALLBACK})
    add_runbook(house, a_runbook(fallback="registry.example/known-good:2"), "RB_IMAGEPULL.md")

    assert await house.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


@pytest.mark.usefixtures("worker")
async def test_a_held_alert_is_not_recorded_and_starts_a_run_after_the_hold_time(house: Installation) -> None:
    first, second = await house.deploy(replicas=2)
    await house.answers(an_alert(first))
    await house.end(fails=True, tried={"app": FALLBACK})
    assert await house.answers(an_alert(second)) == ["held"]

    async with house.with_settings(hold_minutes=0.0).http as http:
        response = await http.post("/alerts", json=webhook(an_alert(second)))

    assert response.json()["alerts"][0]["answer"] == "started"


@pytest.mark.usefixtures("worker")
async def test_a_run_that_failed_before_it_tried_anything_holds_nothing(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.end(fails=True)

    assert await house.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


@pytest.mark.usefixtures("worker")
async def test_a_run_that_completed_holds_nothing(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.end(tried={"app": FALLBACK})

    assert await house.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


async def test_a_run_that_a_person_terminated_holds_nothing(house: Installation) -> None:
    (pod,) = await house.deploy()
    await house.answers(an_alert(pod))
    await house.run().terminate("by a person")

    assert await house.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]
    assert await house.answers(an_alert(pod)) == ["known"]


async def test_ten_identical_webhooks_at_once_give_one_run(house: Installation) -> None:
    pods = await house.deploy(replicas=2)
    payload = about(captured("firing"), *pods)

    responses = await asyncio.gather(*(house.http.post("/alerts", json=payload) for _ in range(10)))

    assert {response.status_code for response in responses} == {200}
    answers = sorted(alert["answer"] for response in responses for alert in response.json()["alerts"])
    assert answers == ["known"] * 18 + ["started"] * 2
    assert len(await house.runs(1)) == 1
    assert len(await house.signals()) == 1


async def test_ten_starts_at_once_by_other_bridges_give_one_run(house: Installation) -> None:
    (pod,) = await house.deploy()
    plan = house.catalog.plans["RB_IMAGEPULL"]
    alert = Alert(fingerprint="a9c04305f7ab7241", starts_at=STARTED_AT, labels={"pod": pod.name})

    starters = [Starter(house.client, house.settings) for _ in range(10)]
    run_ids = await asyncio.gather(
        *(each.start(plan, house.target(), (alert,), each.options, None) for each in starters)
    )

    assert len(set(run_ids)) == 1
    assert len(await house.signals()) == 10


async def test_a_runbook_id_label_wins_over_the_alertname(house: Installation) -> None:
    add_runbook(house, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await house.deploy()

    assert await house.answers(an_alert(pod, runbook_id="RB_OTHER")) == ["started"]

    assert (await house.run().describe()).workflow_type == "RB_OTHER"


async def test_a_runbook_id_annotation_routes_too(house: Installation) -> None:
    add_runbook(house, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await house.deploy()

    alert = an_alert(pod)
    alert["annotations"]["runbook_id"] = "RB_OTHER"
    assert await house.answers(alert) == ["started"]

    assert (await house.run().describe()).workflow_type == "RB_OTHER"


async def test_the_installations_settings_go_into_the_run(house: Installation) -> None:
    careful = house.settings.model_copy(update={"mode": Mode.RECOMMEND, "protect_serving": False})
    starter = Starter(house.client, careful)
    plan = house.catalog.plans["RB_IMAGEPULL"]

    await starter.start(plan, house.target(), (), starter.options, None)

    assert (await house.input()).options.mode is Mode.RECOMMEND
    assert (await house.input()).options.protect_serving is False


async def test_what_one_start_cannot_carry_comes_again_and_never_blocks_the_webhook(house: Installation) -> None:
    (pod,) = await house.deploy()
    long = "x" * 30_000

    answers = await house.answers(*(an_alert(pod, number=str(n), other=long) for n in range(100)))

    assert answers == ["started"] * 16 + ["busy"] * 84
