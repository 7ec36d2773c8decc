"""A failed run is resumed where it failed: each way to fail, on a real Temporal server and the embedded cluster."""

import json
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities import operations
from runmend.core.outcomes import Outcome
from runmend.plan.attributes import OUTCOME, REASON
from runmend.plan.messages import StepStatus
from runmend.plan.notes import NOTES
from runmend.runs import starting
from runmend.runs.replaying import resuming
from runmend.runs.replaying.points import NotReplayed
from runmend.runs.replaying.reading import Past
from runmend.runs.replaying.resuming import request_for, resume
from runmend.runs.starting import time_for
from tests.builders import FALLBACK, GOOD, an_alert
from tests.runs import until
from tests.temporal.replays import (
    PATCH,
    Handle,
    broken,
    closed,
    failed_at_its_write,
    kept,
    past_of,
    point_of,
    resumed,
    runs_of,
    short,
)
from tests.temporal.support import quick
from tests.workflow.acts import WEB, Held, events_of, happens, hold_settle, memo_of
from tests.workflow.scenes import patches
from tests.world import PATIENCE, World, a_worker

BEFORE = ["runmend.observe", "get_pod_events"]


async def test_after_an_outage_of_the_cluster_a_run_is_resumed_at_its_write(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert (result.outcome, len(patches(world)) > 1, world.images()) == (Outcome.RESOLVED, True, {"app": FALLBACK})
    assert (await kept(handle, again)) == BEFORE
    old = await handle.describe()
    assert old.status is WorkflowExecutionStatus.FAILED
    assert old.raw_description.workflow_extended_info.reset_run_id == again.run_id


async def test_a_run_that_lacked_a_permission_is_resumed_at_its_write(world: World) -> None:
    await broken(world)
    world.faults.add(
        *PATCH, status=403, reason='deployments.apps "web" is forbidden: User "a" cannot patch resource "deployments"'
    )
    async with a_worker(world):
        handle = await world.start(plan=short(world.plan))
        assert "Forbidden" in (await world.failed(handle)).message
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert (result.outcome, await kept(handle, again)) == (Outcome.RESOLVED, BEFORE)


async def test_a_run_that_met_a_fault_of_its_worker_is_resumed_once_that_is_mended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broken(world)

    def faulty(*_: Any, **__: Any) -> None:
        raise KeyError("containers")

    async with a_worker(world):
        with monkeypatch.context() as patched:
            patched.setattr(operations, "act", faulty)
            handle = await world.start(plan=short(world.plan))
            failed = await world.failed(handle)
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert (failed.kind, "KeyError: 'containers'" in failed.message) == ("StepFailed", True)
    assert (result.outcome, await kept(handle, again)) == (Outcome.RESOLVED, BEFORE)


async def test_a_run_whose_target_could_not_be_changed_is_resumed_at_that_step(world: World) -> None:
    await broken(world)
    world.patch(WEB, {"spec": {"paused": True}})
    async with a_worker(world):
        handle = await world.start(plan=short(world.plan))
        assert (await world.failed(handle)).kind == "PreconditionFailed"
        world.patch(WEB, {"spec": {"paused": False}})
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert (result.outcome, await kept(handle, again)) == (Outcome.RESOLVED, BEFORE)


async def test_a_run_that_could_not_observe_is_resumed_at_its_beginning(world: World) -> None:
    await broken(world)
    alerts = (an_alert(world.pods()[0]),)
    world.faults.add("GET", "pods", status=422)
    async with a_worker(world):
        handle = await world.start(alerts, plan=short(world.plan))
        assert (await world.failed(handle)).result.steps == ()
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert (result.outcome, await kept(handle, again)) == (Outcome.RESOLVED, [])


async def test_a_failed_verification_is_resumed_at_settle_and_its_whole_window_held_anew(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=2))
        await world.window(handle)
        world.patch(WEB, {"spec": {"replicas": 0}})
        assert (await world.failed(handle)).kind == "VerificationFailed"
        world.patch(WEB, {"spec": {"replicas": 2}})
        await world.until_running(2)
        again = await resumed(world, handle)
        result = await world.completed(again)

    timers = [each for each in (await again.fetch_history()).events if "timer" in str(each.WhichOneof("attributes"))]
    resumed_at = (await again.describe()).start_time
    began, fired = (each.event_time.ToDatetime(resumed_at.tzinfo) for each in timers)
    assert (result.outcome, result.window_seconds, began > resumed_at) == (Outcome.RESOLVED, 2, True)
    assert fired - began >= timedelta(seconds=2)
    assert (await kept(handle, again)) == [*BEFORE, "patch_image"]
    assert len(patches(world)) == 1


async def test_a_resumed_write_rests_on_what_is_there_then(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        world.set_image("app", "registry.example/other:missing")
        await world.until(lambda: "registry.example/other:missing" in waiting(world))
        result = await world.completed(await resumed(world, handle))

    [change] = result.steps[-1].changes
    assert (result.outcome, change.before, change.after) == (
        Outcome.RESOLVED,
        "registry.example/other:missing",
        FALLBACK,
    )


async def test_a_resumed_run_writes_nothing_where_a_person_has_mended_the_target_meanwhile(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        tried = len(patches(world))
        world.set_image("app", GOOD)
        await world.until_running(2)
        result = await world.completed(await resumed(world, handle))

    assert (result.outcome, result.steps[-1].status, len(patches(world))) == (
        Outcome.NOT_NEEDED,
        StepStatus.NOT_NEEDED,
        tried,
    )
    assert world.images() == {"app": GOOD}


async def test_a_run_may_be_resumed_once_more_and_has_written_once(world: World) -> None:
    async with a_worker(world):
        first = await failed_at_its_write(world)
        world.faults.add(*PATCH, times=1000, status=503)
        second = await resumed(world, first)
        assert (await world.failed(second)).kind == "StepFailed"
        world.faults.clear()
        tried = len(patches(world))
        third = await resumed(world, second)
        result = await world.completed(third)
        (note,) = json.loads(world.cluster.deployment("shop", "web").annotations[NOTES])

    assert (result.outcome, len(patches(world)) - tried, note["run"]) == (Outcome.RESOLVED, 1, first.run_id)
    assert {(await past_of(world, each)).first_run_id for each in (first, second, third)} == {first.run_id}
    assert (await kept(first, third)) == BEFORE


async def test_an_earlier_step_by_name_finds_what_the_run_wrote_itself(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=2))
        await world.window(handle)
        world.patch(WEB, {"spec": {"replicas": 0}})
        await world.failed(handle)
        world.patch(WEB, {"spec": {"replicas": 2}})
        await world.until_running(2)
        again = await resumed(world, handle, "2")
        result = await world.completed(again)

    assert (result.outcome, result.steps[-1].recovered, len(patches(world))) == (Outcome.RESOLVED, True, 1)
    assert (await kept(handle, again)) == BEFORE


async def test_alerts_that_joined_later_are_given_to_the_resumed_run(world: World) -> None:
    await broken(world)
    first, second = (an_alert(pod) for pod in world.pods())
    world.faults.add(*PATCH, times=1000, status=503)
    async with a_worker(world):
        handle = await world.start((first,), plan=short(world.plan, budget=4))
        await world.until(lambda: patches(world))
        await world.start((second,), plan=short(world.plan))
        await world.failed(handle)
        world.faults.clear()
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert result.alerts == (first.brief, second.brief)
    assert set((await memo_of(again))["episodes"]) == {first.episode, second.episode}


async def test_a_cancelled_run_is_resumed_and_not_cancelled_again(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        with Held(world, *PATCH) as held:
            handle = await world.start(plan=quick(world.plan))
            await happens(held.reached)
            await handle.cancel()
        assert await closed(handle) is WorkflowExecutionStatus.CANCELED
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert "workflow_execution_cancel_requested" not in await events_of(again)
    assert (result.outcome, result.steps[-1].recovered, len(patches(world))) == (Outcome.RESOLVED, True, 1)


async def test_a_run_that_was_terminated_while_it_settled_is_resumed_there(world: World) -> None:
    await broken(world)
    async with a_worker(world):
        written = hold_settle(world)
        handle = await world.start(plan=quick(world.plan))
        await happens(written)
        await until(handle, "runmend.settle", PATIENCE)
        await handle.terminate()
        world.faults.clear()
        again = await resumed(world, handle)
        result = await world.completed(again)

    assert (result.outcome, await kept(handle, again)) == (Outcome.RESOLVED, [*BEFORE, "patch_image"])


async def test_a_run_that_no_worker_took_is_resumed_with_its_alerts_when_there_is_one(world: World) -> None:
    await broken(world)
    alert = an_alert(world.pods()[0])
    handle = await world.start((alert,), plan=quick(world.plan))
    await handle.terminate()
    async with a_worker(world):
        result = await world.completed(await resumed(world, handle))

    assert (result.outcome, result.alerts) == (Outcome.RESOLVED, (alert.brief,))


async def test_a_resumed_run_has_all_of_its_time_and_nothing_of_the_old_end(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        with Held(world, *PATCH) as held:
            again = await resumed(world, handle)
            await happens(held.reached)
            old, new = await handle.describe(), await again.describe()
        await world.completed(again)

    keys = [SearchAttributeKey.for_keyword(name) for name in (OUTCOME, REASON)]
    assert old.typed_search_attributes.get(keys[0]) == "StepFailed"
    assert [new.typed_search_attributes.get(key) for key in keys] == [None, None]
    ends = new.raw_description.workflow_extended_info.execution_expiration_time.ToDatetime(new.start_time.tzinfo)
    assert new.start_time > old.start_time
    assert abs(ends - new.start_time - time_for(world.plan.model_copy(update={"window_seconds": 1}))) < timedelta(
        seconds=1
    )


async def test_a_run_that_was_timed_out_has_as_much_time_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await broken(world)
    monkeypatch.setattr(starting, "STEPS_TIME", timedelta(seconds=-593))
    handle = await world.start(plan=short(world.plan))
    assert await closed(handle) is WorkflowExecutionStatus.TIMED_OUT
    async with a_worker(world):
        again = await resumed(world, handle)
        described = await again.describe()
        result = await world.completed(again)

    ends = described.raw_description.workflow_extended_info.execution_expiration_time.ToDatetime(
        described.start_time.tzinfo
    )
    assert result.outcome is Outcome.RESOLVED
    assert abs(ends - described.start_time - timedelta(seconds=8)) < timedelta(seconds=0.5)


async def test_a_run_that_is_started_in_the_gap_is_ended_by_the_reset(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/replay.md says of it. The alerts of that run are nobody's then, and no episode of the run that goes
    on."""
    other = an_alert("web-9")
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        world.faults.add("GET", "pods", times=1000, status=503)
        started: list[Handle] = []

        async def look(_: Client, __: Past) -> None:
            started.append(await world.start((other,), plan=short(world.plan)))

        monkeypatch.setattr(resuming, "refuse_unless_latest", look)
        again = await resumed(world, handle)
        world.faults.clear()
        result = await world.completed(again)

    assert started[0].run_id != again.run_id
    assert (await started[0].describe()).status is WorkflowExecutionStatus.TERMINATED
    assert (result.outcome, len(result.alerts)) == (Outcome.RESOLVED, 1)
    assert other.episode not in (await memo_of(again))["episodes"]


async def test_a_lost_answer_is_looked_for_and_the_request_not_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.env.client
    sent: list[Any] = []
    reset = client.workflow_service.reset_workflow_execution

    async def lost(request: Any, **options: Any) -> None:
        sent.append(await reset(request, **options))
        raise RPCError("the answer was lost", RPCStatusCode.UNAVAILABLE, b"")

    async with a_worker(world):
        handle = await failed_at_its_write(world)
        monkeypatch.setattr(client.workflow_service, "reset_workflow_execution", lost)
        again = await resumed(world, handle)
        await world.completed(again)

    assert [answer.run_id for answer in sent] == [again.run_id]
    assert set(await runs_of(client, handle.id, 2)) == {handle.run_id, again.run_id}


async def test_an_answer_that_says_no_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*_: Any, **__: Any) -> None:
        raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    async with a_worker(world):
        handle = await failed_at_its_write(world)
    monkeypatch.setattr(world.env.client.workflow_service, "reset_workflow_execution", refuses)

    with pytest.raises(RPCError, match="unauthorized"):
        await resumed(world, handle)


async def test_the_server_makes_another_successor_of_the_same_request_so_it_is_sent_once(
    world: World, client: Client
) -> None:
    """Once this fails, Temporal heeds the request id of a reset, and `resume` need not look for a lost answer."""
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        past, point = await past_of(world, handle), await point_of(world, handle)
        request = request_for(client.namespace, past, point)
        assert request == request_for(client.namespace, past, point)
        with Held(world, *PATCH):
            first = await client.workflow_service.reset_workflow_execution(request)
            second = await client.workflow_service.reset_workflow_execution(request)
            ended = await client.get_workflow_handle(handle.id, run_id=first.run_id).describe()
        await world.completed(client.get_workflow_handle(handle.id, run_id=second.run_id))

    assert (first.run_id != second.run_id, ended.status) == (True, WorkflowExecutionStatus.TERMINATED)


async def test_a_second_command_finds_the_first_ones_run(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        past, point = await past_of(world, handle), await point_of(world, handle)
        again = await resumed(world, handle)
        with pytest.raises(NotReplayed, match=f"is not the latest run of Deployment shop/web: {again.run_id}"):
            await resume(world.env.client, past, point)
        await world.completed(again)

    assert len(await runs_of(world.env.client, handle.id, 2)) == 2


def waiting(world: World) -> set[str]:
    """The images that pods wait for."""
    return {c.image for pod in world.pods() for c in pod.waiting_for("ErrImagePull", "ImagePullBackOff")}
