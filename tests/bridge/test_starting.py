"""What happens to firing alerts that have a runbook and a pod."""

import asyncio

import pytest

from runmend.alerts.alert import Alert
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.memo import RUNBOOK
from runmend.runs.starting import Starter
from tests.bridge.support import STARTED_AT, Installation, about, an_alert, captured, webhook
from tests.builders import a_runbook


def add_runbook(installed: Installation, text: str, file: str = "RB_OTHER.md") -> None:
    (installed.settings.runbooks / file).write_text(text)
    installed.catalog.reload()
    assert not installed.catalog.problems


async def test_the_captured_webhook_starts_one_run_for_its_two_pods(installed: Installation) -> None:
    pods = await installed.deploy(replicas=2)
    before = len(installed.requests.seen)

    response = await installed.http.post("/alerts", json=about(captured("firing"), *pods))

    assert response.status_code == 200
    answered = response.json()["alerts"]
    assert [alert["answer"] for alert in answered] == ["started", "started"]
    assert [alert["pod"] for alert in answered] == [pod.name for pod in pods]
    assert {alert["run"] for alert in answered} == {f"{installed.settings.cluster}/shop/Deployment/web"}
    assert (await installed.run_id()) in answered[0]["why"]
    given = await installed.input()
    assert [alert.pod for alert in given.alerts] == [pod.name for pod in pods]
    assert (await installed.signals())[0].alerts == given.alerts
    assert installed.calls.count["describe"] - 1 == 1  # one of them is this test's
    assert installed.calls.count["start"] == 1
    (above,) = {pod.owner.name for pod in pods if pod.owner}
    assert sorted(installed.requests.seen[before:]) == [
        *(f"/api/v1/namespaces/shop/pods/{pod.name}" for pod in sorted(pods, key=lambda pod: pod.name)),
        f"/apis/apps/v1/namespaces/shop/replicasets/{above}",
    ]


async def test_a_run_shows_what_it_is_about(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    alert = an_alert(pod)

    await installed.answers(alert)

    found = await installed.run().describe()
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


async def test_a_second_alert_for_the_same_target_joins(installed: Installation) -> None:
    first, second = await installed.deploy(replicas=2)

    assert await installed.answers(an_alert(first)) == ["started"]
    assert await installed.answers(an_alert(second)) == ["joined"]

    assert len(await installed.runs(1)) == 1
    assert [joining.alerts[0].pod for joining in await installed.signals()] == [first.name, second.name]
    assert [alert.pod for alert in (await installed.input()).alerts] == [first.name]


async def test_an_alert_for_each_of_two_containers_is_one_run_with_both(installed: Installation) -> None:
    (pod,) = await installed.deploy(containers=("app", "sidecar"))

    answers = await installed.answers(an_alert(pod, container="app"), an_alert(pod, container="sidecar"))

    assert answers == ["started", "started"]
    assert installed.calls.count["start"] == 1
    assert [alert.container for alert in (await installed.input()).alerts] == ["app", "sidecar"]


async def test_two_targets_of_a_webhook_are_two_runs(installed: Installation) -> None:
    (web,) = await installed.deploy("web")
    (api,) = await installed.deploy("api")

    assert await installed.answers(an_alert(web), an_alert(api)) == ["started", "started"]

    assert (await installed.run_id("web")) != (await installed.run_id("api"))


async def test_an_episode_listed_twice_is_handled_once(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod), an_alert(pod)) == ["started", "started"]

    assert len((await installed.input()).alerts) == 1
    assert [len(joining.alerts) for joining in await installed.signals()] == [1]


async def test_a_pod_that_is_gone_starts_nothing(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.replace(pod)

    response = await installed.post(an_alert(pod))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "gone"
    assert answered["why"] == f"there is no pod shop/{pod.name}"
    assert installed.calls.count == {}


async def test_a_pod_that_was_made_anew_under_its_name_is_another_pod(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    response = await installed.post(an_alert(pod, uid="238b195e-40d3-4d0a-9817-bcc0813ed4c0"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "gone"
    assert "was made anew" in answered["why"]


async def test_an_alert_without_a_uid_goes_by_the_pods_name(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod, uid=None)) == ["started"]


async def test_a_redelivered_episode_is_known_while_its_run_is_open(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))

    response = await installed.post(an_alert(pod))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "known"
    assert "which is open" in answered["why"]
    assert installed.calls.count["start"] == 1


@pytest.mark.usefixtures("worker")
async def test_a_redelivered_episode_is_known_after_its_run_ended(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end()

    response = await installed.post(an_alert(pod))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "known"
    assert "has ended (completed)" in answered["why"]
    assert len(await installed.runs(1)) == 1


@pytest.mark.usefixtures("worker")
async def test_an_episode_is_known_after_a_later_run_too_and_starts_nothing_where_its_pod_is_gone(
    installed: Installation,
) -> None:
    first, second = await installed.deploy(replicas=2)
    await installed.answers(an_alert(first))
    await installed.end()
    assert await installed.answers(an_alert(second)) == ["started"]
    await installed.end()

    assert await installed.answers(an_alert(first)) == ["known"]
    await installed.replace(first)
    assert await installed.answers(an_alert(first)) == ["gone"]

    assert len(await installed.runs(2)) == 2


@pytest.mark.usefixtures("worker")
async def test_an_episode_that_the_run_learned_by_signal_is_known(installed: Installation) -> None:
    first, second = await installed.deploy(replicas=2)
    joined = an_alert(second)
    await installed.answers(an_alert(first))
    await installed.answers(joined)
    await installed.end(learns=[f"{joined['fingerprint']}/{joined['startsAt']}"])

    assert await installed.answers(joined) == ["known"]


@pytest.mark.usefixtures("worker")
async def test_a_new_episode_of_an_old_alert_starts_the_next_run(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end()

    assert await installed.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


async def test_another_runbooks_alert_finds_the_target_busy(installed: Installation) -> None:
    add_runbook(installed, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))

    response = await installed.post(an_alert(pod, alertname="OtherAlert"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "busy"
    assert "an open run of RB_IMAGEPULL works on Deployment shop/web" in answered["why"]
    assert len(await installed.signals()) == 1


async def test_of_two_runbooks_in_one_webhook_the_first_wins(installed: Installation) -> None:
    add_runbook(installed, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod, alertname="OtherAlert"), an_alert(pod)) == ["started", "busy"]

    assert (await installed.run().describe()).workflow_type == "RB_OTHER"


@pytest.mark.usefixtures("worker")
async def test_a_failed_run_holds_the_same_trouble_whatever_the_fingerprint(installed: Installation) -> None:
    first, second = await installed.deploy(replicas=2)
    await installed.answers(an_alert(first))
    await installed.end(fails=True)

    response = await installed.post(an_alert(second))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "held"
    assert "dealt with the same trouble and failed, at " in answered["why"]
    assert "; held until " in answered["why"]
    assert len(await installed.runs(1)) == 1
    assert (await installed.http.get("/metrics")).text.count('runmend_alerts_total{answer="held"} 1.0') == 1


@pytest.mark.usefixtures("worker")
async def test_an_alert_that_names_no_container_is_held_for_any(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end(fails=True)

    assert await installed.answers(an_alert(pod, container=None)) == ["held"]


@pytest.mark.usefixtures("worker")
async def test_a_failed_run_does_not_hold_another_container(installed: Installation) -> None:
    (pod,) = await installed.deploy(containers=("app", "sidecar"))
    await installed.answers(an_alert(pod, container="app"))
    await installed.end(fails=True)

    other, again = an_alert(pod, container="sidecar"), an_alert(pod, container="app", starts_at="2026-11-22T18:00:00Z")
    assert await installed.answers(other, again) == ["started", "held"]

    assert [alert.container for alert in (await installed.input()).alerts] == ["sidecar"]


@pytest.mark.usefixtures("worker")
async def test_a_failed_run_does_not_hold_an_alert_whose_runbook_has_changed(
    installed: Installation,
) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end(fails=True)
    add_runbook(installed, a_runbook(fallback="registry.example/known-good:2"), "RB_IMAGEPULL.md")

    assert await installed.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


@pytest.mark.usefixtures("worker")
async def test_a_held_alert_is_not_recorded_and_starts_a_run_after_the_hold_time(installed: Installation) -> None:
    first, second = await installed.deploy(replicas=2)
    await installed.answers(an_alert(first))
    await installed.end(fails=True)
    assert await installed.answers(an_alert(second)) == ["held"]

    async with installed.with_settings(hold_minutes=0.0).http as http:
        response = await http.post("/alerts", json=webhook(an_alert(second)))

    assert response.json()["alerts"][0]["answer"] == "started"


@pytest.mark.usefixtures("worker")
async def test_a_run_that_only_recommended_holds_the_same_trouble(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end(outcome=Outcome.RECOMMENDED)

    response = await installed.post(an_alert(pod, starts_at="2026-11-22T18:00:00Z"))

    (answered,) = response.json()["alerts"]
    assert answered["answer"] == "held"
    assert "and only recommended, at " in answered["why"]


@pytest.mark.usefixtures("worker")
async def test_what_was_only_recommended_is_done_once_the_mode_is_auto(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    careful = installed.with_settings(mode=Mode.RECOMMEND)
    async with careful.http as http:
        await http.post("/alerts", json=webhook(an_alert(pod)))
    await installed.end(outcome=Outcome.RECOMMENDED)

    async with installed.with_settings(mode=Mode.RECOMMEND).http as http:
        again = await http.post("/alerts", json=webhook(an_alert(pod)))
    assert again.json()["alerts"][0]["answer"] == "known"

    assert await installed.answers(an_alert(pod)) == ["started"]


@pytest.mark.usefixtures("worker")
async def test_the_same_trouble_of_an_exporter_that_was_replaced_is_held(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod, instance="10.0.0.1:8080", starts_at="2026-11-22T13:00:00Z"))
    await installed.end(fails=True)

    moved = an_alert(pod, instance="10.0.0.2:8080", starts_at="2026-11-22T13:20:00Z")
    another = an_alert(pod, alertname="KubePodImagePullBackOff2", runbook_id="RB_IMAGEPULL")

    assert await installed.answers(moved, another) == ["held", "started"]


@pytest.mark.usefixtures("worker")
async def test_another_object_of_the_same_name_is_not_held(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end(fails=True)
    await installed.remove("web")

    (anew,) = await installed.deploy()

    assert await installed.answers(an_alert(anew)) == ["started"]


@pytest.mark.usefixtures("worker")
async def test_a_run_that_completed_holds_nothing(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.end()

    assert await installed.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]


async def test_a_run_that_a_person_terminated_holds_nothing(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.run().terminate("by a person")

    assert await installed.answers(an_alert(pod, starts_at="2026-11-22T18:00:00Z")) == ["started"]
    assert await installed.answers(an_alert(pod)) == ["known"]


async def test_ten_identical_webhooks_at_once_give_one_run(installed: Installation) -> None:
    pods = await installed.deploy(replicas=2)
    payload = about(captured("firing"), *pods)

    responses = await asyncio.gather(*(installed.http.post("/alerts", json=payload) for _ in range(10)))

    assert {response.status_code for response in responses} == {200}
    answers = sorted(alert["answer"] for response in responses for alert in response.json()["alerts"])
    assert answers == ["known"] * 18 + ["started"] * 2
    assert len(await installed.runs(1)) == 1
    assert len(await installed.signals()) == 1


async def test_ten_starts_at_once_by_other_bridges_give_one_run(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    plan = installed.catalog.plans["RB_IMAGEPULL"]
    alert = Alert(fingerprint="a9c04305f7ab7241", starts_at=STARTED_AT, labels={"pod": pod.name})

    starters = [Starter(installed.client, installed.settings) for _ in range(10)]
    run_ids = await asyncio.gather(
        *(each.start(plan, installed.target(), (alert,), each.options("shop"), None) for each in starters)
    )

    assert len(set(run_ids)) == 1
    assert len(await installed.signals()) == 10


async def test_a_runbook_id_label_wins_over_the_alertname(installed: Installation) -> None:
    add_runbook(installed, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await installed.deploy()

    assert await installed.answers(an_alert(pod, runbook_id="RB_OTHER")) == ["started"]

    assert (await installed.run().describe()).workflow_type == "RB_OTHER"


async def test_a_runbook_id_annotation_routes_too(installed: Installation) -> None:
    add_runbook(installed, a_runbook("RB_OTHER", alertname="OtherAlert"))
    (pod,) = await installed.deploy()

    alert = an_alert(pod)
    alert["annotations"]["runbook_id"] = "RB_OTHER"
    assert await installed.answers(alert) == ["started"]

    assert (await installed.run().describe()).workflow_type == "RB_OTHER"


async def test_the_installations_settings_go_into_the_run(installed: Installation) -> None:
    careful = installed.settings.model_copy(update={"mode": Mode.RECOMMEND, "protect_serving": False})
    starter = Starter(installed.client, careful)
    plan = installed.catalog.plans["RB_IMAGEPULL"]

    await starter.start(plan, installed.target(), (), starter.options("shop"), None)

    assert (await installed.input()).options.mode is Mode.RECOMMEND
    assert (await installed.input()).options.protect_serving is False


async def test_what_one_start_cannot_carry_comes_again_and_never_blocks_the_webhook(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    long = "x" * 15_000

    answers = await installed.answers(*(an_alert(pod, number=str(n), other=long) for n in range(100)))

    assert answers == ["started"] * 12 + ["busy"] * 88
