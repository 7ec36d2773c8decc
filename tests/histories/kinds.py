"""Every kind of run, as it is played for a recording: on a real server, in real time, with windows of seconds."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from temporalio.exceptions import ApplicationError

from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.messages import RESOLVED_SIGNAL, Joining, Options
from tests.builders import GOOD, MISSING, an_alert
from tests.faults import Request
from tests.histories.playing import (
    LONG,
    Handle,
    HeldReporter,
    RefusingReporter,
    a_worker_that_looks,
    a_worker_with,
    broken,
    cancelled,
    ended,
    failure_of,
    hurried,
    in_window,
)
from tests.runs import until
from tests.temporal.support import id_of, quick, reset
from tests.workflow.acts import WEB, Held, an_event, events_until, happens, patched, with_fallback
from tests.workflow.scenes import a_runbook, patches
from tests.world import PATIENCE, World, a_worker

Play: TypeAlias = Callable[[World], Awaitable[Handle]]

PATCH: Final = ("PATCH", "deployments/web")
LOG: Final = "registry.example/log:missing"


async def resolved(world: World) -> Handle:
    await broken(world)
    return await ended(world, await world.start(plan=quick(world.plan)), Outcome.RESOLVED)


async def resolved_with_retries(world: World) -> Handle:
    """Each activity but the report is tried more than once."""
    await broken(world)
    alert = an_alert(world.pods()[0])
    world.faults.add("GET", "/pods", status=503)
    world.faults.add(*PATCH, status=500)
    handle = await world.start((alert,), plan=quick(world.plan, window=LONG))
    await world.window(handle)
    world.faults.add("GET", "deployments/web", status=502)
    return await ended(world, handle, Outcome.RESOLVED)


async def resolved_with_a_recovered_write(world: World) -> Handle:
    await broken(world)
    world.faults.add(*PATCH, lose_answer=True)
    handle = await world.start(plan=quick(world.plan))
    result = await world.completed(handle)
    assert [step.recovered for step in result.steps] == [False, True]
    return handle


async def second_look(world: World, log: str) -> Handle:
    """An alert about another container joins while the run looks at the first one's, which is healthy."""
    world.deploy(replicas=1, images={"app": GOOD, "log": log})
    await world.until(world.pods, "a pod")
    if log == GOOD:
        await world.until_running(1)
    else:
        await world.until_broken("log")
    (pod,) = world.pods()
    plan = quick(world.plan, try_seconds=20)
    with Held(world, "GET", "deployments/web") as held:
        handle = await world.start((an_alert(pod, "app"),), plan=plan)
        await happens(held.reached)
        await world.start((an_alert(pod, "log"),), plan=plan)
    return handle


async def resolved_after_a_second_look(world: World) -> Handle:
    return await ended(world, await second_look(world, LOG), Outcome.RESOLVED)


async def not_needed_after_a_second_look(world: World) -> Handle:
    return await ended(world, await second_look(world, GOOD), Outcome.NOT_NEEDED)


async def not_needed_at_observe(world: World) -> Handle:
    world.deploy(replicas=1, images={"app": GOOD})
    await world.until_running(1)
    return await ended(world, await world.start(), Outcome.NOT_NEEDED)


async def not_needed_at_the_step(world: World) -> Handle:
    await broken(world)

    def somebody_fixes_it(_: Request) -> None:
        world.set_image("app", GOOD)

    # The first question about events is the diagnosis', the second that of get_pod_events.
    world.faults.add("GET", "/events")
    world.faults.add("GET", "/events", then=somebody_fixes_it)
    handle = await ended(world, await world.start(), Outcome.NOT_NEEDED)
    assert not patches(world)
    return handle


async def recommended_while_it_serves(world: World) -> Handle:
    world.deploy(replicas=2, images={"app": GOOD})
    await world.until_running(2)
    world.set_image("app", MISSING)
    (pod,) = await world.until_broken()
    return await ended(world, await world.start((an_alert(pod),)), Outcome.RECOMMENDED)


async def recommended_by_mode(world: World) -> Handle:
    await broken(world)
    return await ended(world, await world.start(options=Options(mode=Mode.RECOMMEND)), Outcome.RECOMMENDED)


async def observed_by_a_reading_runbook(world: World) -> Handle:
    await broken(world)
    reading = a_runbook(("  - action_id: patch_image\n", ""))
    return await ended(world, await world.start(plan=reading), Outcome.OBSERVED)


async def failed_at_observe(world: World) -> Handle:
    await broken(world)
    alert = an_alert(world.pods()[0])
    world.faults.add("GET", "/pods", times=99, status=403, reason="pods is forbidden")
    return await ended(world, await world.start((alert,)), Outcome.STEP_FAILED)


async def failed_at_the_first_step(world: World) -> Handle:
    await broken(world)
    world.faults.add("GET", "/events")
    world.faults.add("GET", "/events", times=99, status=403, reason="events is forbidden")
    return await ended(world, await world.start(), Outcome.STEP_FAILED)


async def failed_at_a_precondition(world: World) -> Handle:
    await broken(world)
    world.patch(WEB, {"spec": {"paused": True}})
    return await ended(world, await world.start(), Outcome.PRECONDITION_FAILED)


async def failed_at_a_refused_write(world: World) -> Handle:
    await broken(world)
    world.faults.add(*PATCH, times=99, status=403, reason="because I say so")
    return await ended(world, await world.start(), Outcome.STEP_FAILED)


async def failed_at_a_spent_write(world: World) -> Handle:
    """Each of its tries is answered, and none does it."""
    await broken(world)
    world.faults.add(*PATCH, times=99, status=500)
    return await ended(world, await world.start(plan=hurried(world.plan)), Outcome.STEP_FAILED)


async def failed_at_an_unanswered_write(world: World) -> Handle:
    await broken(world)
    with Held(world, *PATCH, times=99):
        return await ended(world, await world.start(plan=hurried(world.plan)), Outcome.STEP_FAILED)


async def failed_at_settle(world: World) -> Handle:
    await broken(world)
    plan = with_fallback(quick(world.plan), MISSING.replace("app:", "other:"))
    handle = await world.start(plan=plan.model_copy(update={"settle_seconds": 3}))
    return await ended(world, handle, Outcome.VERIFICATION_FAILED)


async def reverted_at_settle(world: World) -> Handle:
    handle = await patched(world, quick(world.plan))
    world.set_image("app", MISSING)
    world.faults.clear()
    return await ended(world, handle, Outcome.REVERTED)


async def failed_at_the_check(world: World) -> Handle:
    handle = await in_window(world)
    world.patch(WEB, {"spec": {"replicas": 0}})
    return await ended(world, handle, Outcome.VERIFICATION_FAILED)


async def reverted_at_the_check(world: World) -> Handle:
    handle = await in_window(world)
    world.set_image("app", MISSING)
    return await ended(world, handle, Outcome.REVERTED)


async def failed_in_the_window(world: World) -> Handle:
    async with a_worker_that_looks(world):
        handle = await in_window(world, window=60)
        an_event(world, world.pods()[0])
        return await ended(world, handle, Outcome.VERIFICATION_FAILED)


async def reverted_in_the_window(world: World) -> Handle:
    async with a_worker_that_looks(world):
        handle = await in_window(world, window=60)
        world.set_image("app", MISSING)
        return await ended(world, handle, Outcome.REVERTED)


async def resolved_though_nobody_watched(world: World) -> Handle:
    """The right to read is taken away for as long as hold asks for it."""
    async with a_worker_that_looks(world):
        handle = await in_window(world, window=12)
        forbidden = 'pods is forbidden: User "runmend" cannot list resource "pods"'
        world.faults.add("GET", "/pods", times=4, status=403, reason=forbidden)
        return await ended(world, handle, Outcome.RESOLVED)


async def cancelled_at_observe(world: World) -> Handle:
    await broken(world)
    with Held(world, "GET", "deployments/web") as held:
        handle = await world.start()
        await happens(held.reached)
        await handle.cancel()
        return await cancelled(handle)


async def cancelled_at_the_first_step(world: World) -> Handle:
    await broken(world)
    world.faults.add("GET", "/events")
    with Held(world, "GET", "/events") as held:
        handle = await world.start()
        await happens(held.reached)
        await handle.cancel()
        return await cancelled(handle)


async def cancelled_at_its_write(world: World) -> Handle:
    """The write is made, and its answer waited for."""
    await broken(world)
    with Held(world, *PATCH) as held:
        handle = await world.start()
        await happens(held.reached)
        await handle.cancel()
        await events_until(handle, "activity_task_cancel_requested")
    return await cancelled(handle)


async def cancelled_between_two_tries_of_its_write(world: World) -> Handle:
    await broken(world)
    world.faults.add(*PATCH, times=99, status=500)
    handle = await world.start()
    await world.until(lambda: patches(world), "a write")
    await handle.cancel()
    return await cancelled(handle)


async def cancelled_at_settle(world: World) -> Handle:
    handle = await patched(world, quick(world.plan))
    await until(handle, "runmend.settle", PATIENCE)
    await handle.cancel()
    return await cancelled(handle)


async def cancelled_in_the_window(world: World) -> Handle:
    handle = await in_window(world, window=60)
    await handle.cancel()
    return await cancelled(handle)


async def terminated_in_the_window(world: World) -> Handle:
    handle = await in_window(world, window=60)
    await handle.terminate("a recording")
    return handle


async def open_at_settle(world: World) -> Handle:
    handle = await patched(world, quick(world.plan))
    await until(handle, "runmend.settle", PATIENCE)
    return handle


async def open_in_the_window(world: World) -> Handle:
    return await in_window(world, window=600)


async def reset_to_its_write(world: World) -> Handle:
    handle = await resolved(world)
    again = await reset(handle, "02-patch_image", world.env.client)
    return await ended(world, again, Outcome.RESOLVED)


async def reset_to_settle(world: World) -> Handle:
    handle = await failed_at_the_check(world)
    world.patch(WEB, {"spec": {"replicas": 1}})
    await world.until_running(1)
    again = await reset(handle, await id_of(handle, "runmend.settle"), world.env.client)
    return await ended(world, again, Outcome.RESOLVED)


async def reset_of_a_reset(world: World) -> Handle:
    handle = await reset_to_settle(world)
    again = await reset(handle, "02-patch_image", world.env.client)
    return await ended(world, again, Outcome.RESOLVED)


async def joined(world: World) -> Handle:
    """A new alert joins, which is remembered in the memo, and a known one comes again, which is not."""
    handle = await in_window(world)
    new = an_alert(world.pods()[0])
    await world.start((new,))
    await world.start((new,))
    return await ended(world, handle, Outcome.RESOLVED)


async def resolved_meanwhile(world: World) -> Handle:
    """The alert resolves: noted, and nothing more."""
    handle = await in_window(world)
    await handle.signal(RESOLVED_SIGNAL, Joining(runbook_id=world.plan.runbook_id, alerts=(an_alert(world.pods()[0]),)))
    return await ended(world, handle, Outcome.RESOLVED)


async def another_runbooks_alert_dropped(world: World) -> Handle:
    handle = await in_window(world)
    foreign = (an_alert(world.pods()[0]),)
    await world.start(foreign, plan=world.plan.model_copy(update={"runbook_id": "RB_OTHER"}))
    await handle.signal(RESOLVED_SIGNAL, Joining(runbook_id="RB_OTHER", alerts=foreign))
    return await ended(world, handle, Outcome.RESOLVED)


async def unreadable_input(world: World) -> Handle:
    start = world.env.client.start_workflow
    handle = await start(
        "RB_IMAGEPULL", {"plan": "none"}, id=world.target.workflow_id, task_queue=world.settings.task_queue
    )
    failure = await failure_of(handle)
    assert isinstance(failure, ApplicationError)
    assert failure.type == "ValidationError", repr(failure)
    return handle


async def report_failed(world: World) -> Handle:
    await broken(world)
    async with a_worker_with(world, RefusingReporter()):
        return await ended(world, await world.start(plan=quick(world.plan)), Outcome.RESOLVED)


async def cancelled_while_it_reports(world: World) -> Handle:
    """What it has done stands, so it ends as it would have."""
    await broken(world)
    reporter = HeldReporter()
    async with a_worker_with(world, reporter):
        handle = await world.start(plan=quick(world.plan))
        await happens(reporter.reached)
        await handle.cancel()
        await events_until(
            handle, "activity_task_cancel_requested", count=2
        )  # the first is hold's, at the window's end
        reporter.go.set()
        return await ended(world, handle, Outcome.RESOLVED)


async def joined_too_late(world: World) -> Handle:
    """An alert comes while the run reports: it is not remembered, so its next delivery is no known one."""
    await broken(world)
    reporter = HeldReporter()
    async with a_worker_with(world, reporter):
        handle = await world.start(plan=quick(world.plan))
        await happens(reporter.reached)
        await world.start((an_alert(world.pods()[0]),))
        reporter.go.set()
        return await ended(world, handle, Outcome.RESOLVED)


OWN_WORKERS: Final = (
    failed_in_the_window,
    reverted_in_the_window,
    resolved_though_nobody_watched,
    report_failed,
    cancelled_while_it_reports,
    joined_too_late,
)
"""What brings a worker of its own."""
KINDS: Final[Mapping[str, Play]] = {
    play.__name__.replace("_", "-"): play
    for play in (
        resolved,
        resolved_with_retries,
        resolved_with_a_recovered_write,
        resolved_after_a_second_look,
        not_needed_at_observe,
        not_needed_at_the_step,
        not_needed_after_a_second_look,
        recommended_while_it_serves,
        recommended_by_mode,
        observed_by_a_reading_runbook,
        failed_at_observe,
        failed_at_the_first_step,
        failed_at_a_precondition,
        failed_at_a_refused_write,
        failed_at_a_spent_write,
        failed_at_an_unanswered_write,
        failed_at_settle,
        failed_at_the_check,
        reverted_at_settle,
        reverted_at_the_check,
        failed_in_the_window,
        reverted_in_the_window,
        resolved_though_nobody_watched,
        cancelled_at_observe,
        cancelled_at_the_first_step,
        cancelled_at_its_write,
        cancelled_between_two_tries_of_its_write,
        cancelled_at_settle,
        cancelled_in_the_window,
        cancelled_while_it_reports,
        terminated_in_the_window,
        open_at_settle,
        open_in_the_window,
        reset_to_its_write,
        reset_to_settle,
        reset_of_a_reset,
        joined,
        resolved_meanwhile,
        another_runbooks_alert_dropped,
        joined_too_late,
        report_failed,
        unreadable_input,
    )
}


async def play(kind: str, world: World) -> Handle:
    """Play a run of a kind; it has ended, unless being open is what it is about."""
    chosen = KINDS[kind]
    if chosen in OWN_WORKERS:
        return await chosen(world)
    async with a_worker(world):
        return await chosen(world)
