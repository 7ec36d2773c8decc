"""What runs tell on their targets as events: each change and each end once, and nothing where nothing was meant to be
changed."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import ActivityEnvironment

from activities.act import act
from activities.reporting import Reporter
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.facts.pod import PodFacts
from runmend.plan.messages import Options, ReportCall, RunResult, StepCall
from runmend.reports import target_events
from runmend.reports.target_events import Author
from tests.builders import FALLBACK, GOOD, MISSING, an_alert
from tests.workflow.acts import Held, happens, impatient, results, skip_to_end
from tests.workflow.scenes import a_stray_pod, patches, target_of
from tests.world import World, a_world

Json = dict[str, Any]
PATCH = ("PATCH", "deployments/web")
TELL = ("POST", "/namespaces/shop/events")
CHANGE = f"changed container app: {MISSING} → {FALLBACK}"
AUTHOR = Author(runbook="RB_IMAGEPULL", workflow="w", run="r")
DENIED = (
    'events is forbidden: User "system:serviceaccount:runmend:worker" cannot create resource "events" in API group ""'
)


def told(world: World) -> list[Json]:
    """The events that Runmend has written in shop, oldest first."""
    items: list[Json] = world.api.get("/api/v1/namespaces/shop/events").json()["items"]
    ours = [event for event in items if event["source"].get("component") == "runmend"]
    return sorted(ours, key=lambda event: int(event["metadata"]["resourceVersion"]))


def reasons(world: World) -> list[str]:
    return [event["reason"] for event in told(world)]


def a_call(world: World, pod: PodFacts) -> StepCall:
    """The changing step's, for a broken pod of web."""
    return StepCall(
        step=world.plan.steps[1],
        state="ImagePullBackOff",
        target=world.target,
        alerts=(an_alert(pod),),
        mode=Mode.AUTO,
        protect_serving=True,
        run_id="r",
        step_id="02-patch_image",
    )


async def passed(world: World, handle: WorkflowHandle[Any, Any]) -> RunResult:
    """The result of a run that must complete, its window passed over."""
    await world.window(handle)
    await world.skip()
    return await world.completed(handle)


async def test_a_resolved_run_tells_of_its_change_and_its_end_once_on_the_deployment(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    result = await passed(world, handle)

    change, end = told(world)
    author = f" (runbook RB_IMAGEPULL, run {handle.id} @ {handle.result_run_id})"
    assert (change["reason"], change["type"], change["message"]) == ("RemediationApplied", "Normal", CHANGE + author)
    assert (end["reason"], end["type"], end["message"]) == (
        "RemediationResolved",
        "Normal",
        f"resolved: {result.summary}{author}",
    )
    uid = world.cluster.deployment("shop", "web").uid
    assert result.observation is not None
    assert {result.observation.target_uid, *(event["involvedObject"]["uid"] for event in (change, end))} == {uid}
    assert result.remarks == ()
    assert len(world.faults.sent(*TELL)) == 2


async def test_a_change_whose_answer_was_lost_is_told_by_the_next_try_once(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, lose_answer=True)

    result = await passed(world, await world.start())

    assert result.steps[1].recovered is True
    assert reasons(world) == ["RemediationApplied", "RemediationResolved"]
    assert told(world)[0]["message"].startswith(CHANGE)


async def test_a_change_whose_event_s_answer_was_lost_is_told_once(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*TELL, lose_answer=True)

    result = await passed(world, await world.start())

    assert (len(world.faults.sent(*TELL)), len(patches(world))) == (3, 1)
    assert reasons(world) == ["RemediationApplied", "RemediationResolved"]
    assert result.remarks == ()


async def test_a_change_that_another_try_still_makes_is_told_once(world: World) -> None:
    """The first try's answer is held past its end: the second try finds the change and tells it, and the first has no
    time left to."""
    world.deploy()
    await world.until_broken(count=2)
    with Held(world, *PATCH) as held:
        handle = await world.start(plan=impatient(world.plan))
        await happens(held.reached)
        await world.window(handle)
        assert reasons(world) == ["RemediationApplied"]
    await world.skip()

    assert (await world.completed(handle)).steps[1].recovered is True
    assert reasons(world) == ["RemediationApplied", "RemediationResolved"]


async def test_a_try_that_may_not_write_does_not_tell_of_an_earlier_ones_change_and_one_that_may_does(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.deploy()
    (pod, _) = await world.until_broken(count=2)
    call = a_call(world, pod)
    world.faults.add(*TELL, status=403, reason=DENIED)
    with caplog.at_level("INFO", "runmend.changes"):
        first = act(world.cluster, call, AUTHOR, may_change=True)
        recommending = act(world.cluster, call.model_copy(update={"mode": Mode.RECOMMEND}), AUTHOR, may_change=True)
        elsewhere = act(world.cluster, call, AUTHOR, may_change=False)

        assert [len(result.remarks) for result in (first, recommending, elsewhere)] == [1, 0, 0]
        assert (len(world.faults.sent(*TELL)), told(world)) == (1, [])
        assert act(world.cluster, call, AUTHOR, may_change=True).recovered is True
    assert reasons(world) == ["RemediationApplied"]
    said = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "runmend.changes"]
    assert said == [("INFO", "changed"), ("WARNING", "event not created"), ("INFO", "event created")]
    assert vars(caplog.records[0])["changes"] == CHANGE.removeprefix("changed ")


async def test_a_lost_change_that_was_put_back_is_told_all_the_same_and_that_it_was_put_back(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(
        *PATCH, lose_answer=True, then=lambda _: world.set_image("app", MISSING, manager="argocd-controller")
    )
    handle = await world.start()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    change, end = told(world)
    assert change["message"].startswith(CHANGE)
    assert (end["reason"], end["type"]) == ("RemediationFailed", "Warning")
    assert end["message"].startswith(f"Reverted: {failed.message} (runbook RB_IMAGEPULL, run ")


async def test_a_run_that_fails_in_its_check_tells_its_change_and_its_failure(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)
    world.set_image("app", GOOD)
    await world.skip()
    failed = await world.failed(handle)

    assert failed.kind == Outcome.REVERTED
    assert reasons(world) == ["RemediationApplied", "RemediationFailed"]


async def test_a_run_that_may_not_change_a_deployment_tells_that_on_it(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"paused": True}})

    failed = await world.failed(await world.start())

    (end,) = told(world)
    assert (end["reason"], end["type"], end["involvedObject"]["kind"]) == ("RemediationFailed", "Warning", "Deployment")
    assert end["message"].startswith(f"PreconditionFailed: {failed.message} (runbook ")


@pytest.mark.parametrize(("kind", "version"), [("StatefulSet", "apps/v1"), ("Job", "batch/v1"), ("Rollout", None)])
async def test_a_run_for_another_owner_tells_its_failure_on_that(world: World, kind: str, version: str | None) -> None:
    pod = await a_stray_pod(world, {"kind": kind, "name": "web", "uid": "uid-of-web"})

    await world.failed(await world.start((an_alert(pod),), target=target_of(world, pod)))

    (end,) = told(world)
    involved = {"kind": kind, "namespace": "shop", "name": "web", "uid": "uid-of-web"}
    assert end["involvedObject"] == involved | ({"apiVersion": version} if version else {})
    assert end["message"].startswith("PreconditionFailed: the pod must be owned by a Deployment")


async def test_a_run_for_a_bare_pod_tells_its_failure_on_the_pod(world: World) -> None:
    pod = await a_stray_pod(world, None, "lonely")

    await world.failed(await world.start((an_alert(pod),), target=target_of(world, pod)))

    (end,) = told(world)
    involved = {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "lonely", "uid": pod.uid}
    assert (end["reason"], end["involvedObject"]) == ("RemediationFailed", involved)


async def test_a_run_that_may_write_no_events_resolves_and_its_report_says_so(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*TELL, times=9, status=403, reason=DENIED)
    handle = await world.start()
    result = await passed(world, handle)

    assert (result.outcome, result.steps[1].recovered, len(patches(world))) == (Outcome.RESOLVED, False, 1)
    unsaid = f"was not written on Deployment shop/web: POST events shop: 403: {DENIED}"
    assert result.remarks == (f"the event RemediationApplied {unsaid}",)
    assert result.steps[1].remarks == result.remarks
    report = str((await results(handle))["runmend.report"])
    assert report.count(f"the event RemediationApplied {unsaid}") == 1
    assert report.count(f"the event RemediationResolved {unsaid}") == 1
    assert len(world.faults.sent(*TELL)) == 2


async def test_an_api_server_that_is_slow_to_take_events_keeps_no_step_from_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_events, "PATIENCE_SECONDS", 0.3)
    world.deploy()
    await world.until_broken(count=2)
    with Held(world, *TELL, times=9):
        handle = await world.start()
        result = await passed(world, handle)

    assert result.outcome is Outcome.RESOLVED
    assert (result.steps[1].recovered, len(patches(world))) == (False, 1)
    assert len(result.remarks) == 1
    assert "did not answer" in result.remarks[0]
    # What was not heard of was written, and no second one.
    await world.until(lambda: reasons(world) == ["RemediationApplied", "RemediationResolved"])


async def test_an_event_takes_half_of_what_is_left_of_a_try_at_most(world: World) -> None:
    world.deploy()
    (pod, _) = await world.until_broken(count=2)
    call = a_call(world, pod)
    call = call.model_copy(update={"step": call.step.model_copy(update={"try_seconds": 3})})
    with Held(world, *TELL, times=9):
        began = time.monotonic()
        result = await asyncio.to_thread(act, world.cluster, call, AUTHOR, may_change=True)
        took = time.monotonic() - began

    assert (result.status, len(result.remarks)) == ("done", 1)
    assert 1 < took < 3


async def test_a_report_that_is_made_again_tells_the_end_once_and_another_run_tells_its_own(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    result = await passed(world, await world.start())
    reporter = Reporter(world.cluster, lambda _: None, lambda _: True)
    again = ActivityEnvironment()

    for _ in range(2):
        await asyncio.to_thread(again.run, reporter.report, ReportCall(result=result))

    assert reasons(world) == ["RemediationApplied", "RemediationResolved", "RemediationResolved"]


async def test_a_run_that_has_nothing_to_do_tells_nothing(world: World) -> None:
    world.deploy(images={"app": GOOD}, replicas=1)
    await world.until_running(1)

    assert (await world.completed(await world.start())).outcome is Outcome.NOT_NEEDED
    assert world.faults.sent(*TELL) == []


@pytest.mark.parametrize("paused", [False, True], ids=["recommended", "failed"])
@pytest.mark.parametrize("asked", [Options(mode=Mode.RECOMMEND), Options()], ids=["the run", "the worker"])
async def test_what_only_recommends_writes_no_event(tmp_path: Path, asked: Options, paused: bool) -> None:  # noqa: FBT001  both are tried
    async with a_world(tmp_path, mode=None if asked.mode else Mode.RECOMMEND) as world:
        world.deploy()
        await world.until_broken(count=2)
        if paused:
            world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"paused": True}})

        ended = await world.end(await world.start(options=asked))

        result = ended if isinstance(ended, RunResult) else ended.result
        assert result.outcome is (Outcome.PRECONDITION_FAILED if paused else Outcome.RECOMMENDED)
        assert world.faults.sent(*TELL) == []


async def test_a_namespace_where_nothing_may_be_changed_gets_no_event(tmp_path: Path) -> None:
    async with a_world(tmp_path, namespaces="bank") as world:
        world.deploy()
        await world.until_broken(count=2)

        failed = await world.failed(await world.start())

        assert failed.kind == Outcome.PRECONDITION_FAILED
        assert world.faults.sent(*TELL) == []


async def test_a_run_that_could_not_observe_knows_no_object_to_tell_it_on(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    world.faults.add("GET", "deployments/web", times=9, status=403, reason="denied by a webhook")

    failed = await world.failed(await world.start((an_alert(pods[0]),)))

    assert failed.kind == Outcome.STEP_FAILED
    assert world.faults.sent(*TELL) == []
