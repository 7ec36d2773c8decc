"""What happens inside the verification window, and what it means for the run."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowHandle

from runmend.core.outcomes import Outcome
from runmend.facts.pod import PodFacts
from runmend.plan.criteria import Status
from runmend.plan.messages import RunResult
from runmend.reports.report import render
from tests.builders import FALLBACK, MISSING
from tests.runs import WINDOW, Failed, phases, until_tried
from tests.workflow.acts import (
    WEB,
    an_event,
    delete,
    events_of,
    freeze,
    node_is_silent,
    patched,
    scale,
    skip_to_end,
    waits,
)
from tests.world import PATIENCE, World

BACK_OFF = f'Back-off pulling image "{MISSING}"'
LOOK, AGAIN, WHOLE = 30, 40, 300
"""How long a window lasts that is broken at its first look, that is broken at the second in a row, and a whole one."""


@dataclass
class Window:
    """A run in its window, and the two pods that it has proved to run."""

    world: World
    handle: WorkflowHandle[Any, Any]
    pods: tuple[PodFacts, ...]

    async def passes(self) -> RunResult:
        await self.world.skip()
        result = await self.world.completed(self.handle)
        assert result.outcome is Outcome.RESOLVED
        return result

    async def fails(self, kind: str = "VerificationFailed", *, after: int = WHOLE) -> Failed:
        """How it fails; `after` is how long its window lasted."""
        await self.world.skip()
        failed = await self.world.failed(self.handle)
        lasted, early = failed.result.window_seconds, failed.result.window_ended_early
        assert (failed.kind, early) == (kind, after < WHOLE)
        # A second of the machine's own may have passed besides the skipped ones.
        assert lasted in (after, after + 1), lasted
        if early:
            assert failed.message.startswith(f"{lasted}s into the window: ")
            failed.message = failed.what
        assert len(failed.result.verdicts) == 3, "the evidence of every criterion"
        return failed

    async def put_off(self) -> None:
        """Wait until the check, or a look into the window, has said that it will look again."""
        await until_tried(self.handle, "looked at again", PATIENCE)

    async def put_off_after_a_look(self) -> None:
        """Skip to the next look into the window, which must say so."""
        await self.world.skip(LOOK + 1)
        await self.put_off()

    def younger(self) -> tuple[PodFacts, ...]:
        old = {pod.uid for pod in self.pods}
        return tuple(pod for pod in self.world.pods() if pod.uid not in old)


async def test_a_deployment_that_was_deleted_and_made_anew_with_the_new_image_fails(window: "Window") -> None:
    delete(window.world, WEB)
    await window.world.until(lambda: not window.world.pods(), "the pods are gone")
    window.world.deploy(images={"app": FALLBACK})
    await window.world.until_running(2)

    failed = await window.fails(after=LOOK)

    assert (
        failed.message
        == "Deployment shop/web was deleted and made anew in the window: what was changed no longer exists"
    )


@pytest_asyncio.fixture
async def window(world: World) -> AsyncIterator[Window]:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)
    yield Window(world, handle, world.pods())


async def test_pods_whose_node_is_silent_at_the_check_and_speaks_again_are_judged_then(window: Window) -> None:
    node_is_silent(window.world, window.pods[0])
    await window.world.skip()
    await window.put_off()
    node_is_silent(window.world, window.pods[0], silent=False)
    await window.world.skip(60)

    assert (await window.world.completed(window.handle)).outcome is Outcome.RESOLVED


async def test_a_pod_whose_node_stays_silent_fails_within_a_minute(window: Window) -> None:
    node_is_silent(window.world, window.pods[0])
    await window.world.skip()
    await window.put_off()
    await skip_to_end(window.world, window.handle)
    failed = await window.world.failed(window.handle)

    assert failed.kind == "VerificationFailed"
    assert f"{window.pods[0].name}: running is false (Running, not ready since 2026-11-23T05:43:00Z)" in failed.message
    assert failed.result.verdicts, "the evidence of every criterion"


async def test_a_pod_that_says_itself_that_it_is_not_well_is_judged_at_once(window: Window) -> None:
    freeze(window.world, window.pods[0], ready=False)
    assert "app is not ready" in (await window.fails()).message


def verdicts(end: Failed | RunResult) -> list[Status]:
    result = end.result if isinstance(end, Failed) else end
    return [verdict.status for verdict in result.verdicts]


def evidence(end: Failed | RunResult, criterion: int) -> str:
    result = end.result if isinstance(end, Failed) else end
    return result.verdicts[criterion].evidence


async def test_silence_and_healthy_pods_pass(window: Window) -> None:
    result = await window.passes()

    assert verdicts(result) == [Status.PASSED] * 3
    assert evidence(result, 1) == "no new ImagePullBackOff event; 2 pods; no container waits in ImagePullBackOff"
    assert result.remarks == ()


async def test_a_pod_that_cannot_pull_fails_although_no_event_says_so(window: Window) -> None:
    """The kubelet rations its events: a broken pod can be silent for five minutes."""
    freeze(window.world, window.pods[0], phase="Pending", state=waits("ImagePullBackOff"))
    failed = await window.fails(after=AGAIN)

    assert verdicts(failed) == [Status.FAILED] * 3
    assert evidence(failed, 1) == f"{window.pods[0].name}: app waits (ImagePullBackOff)"


async def test_a_new_event_fails_although_every_pod_is_healthy_again(window: Window) -> None:
    an_event(window.world, window.pods[1])
    failed = await window.fails(after=AGAIN)

    assert verdicts(failed) == [Status.PASSED, Status.FAILED, Status.PASSED]
    assert "(count 1, 0 before)" in evidence(failed, 1)


async def test_each_of_the_four_messages_is_an_event_of_the_state(window: Window) -> None:
    an_event(window.world, window.pods[0], BACK_OFF, reason="BackOff", kind="Normal")
    an_event(window.world, window.pods[0], "Error: ErrImagePull")
    an_event(window.world, window.pods[0], "Error: ImagePullBackOff")
    an_event(window.world, window.pods[0])
    failed = await window.fails(after=AGAIN)

    assert evidence(failed, 1).count("(count 1, 0 before)") == 4


async def test_an_event_that_was_there_at_settle_fails_only_when_its_count_grows(world: World) -> None:
    handle = await patched(world)
    await world.until_running(2)
    pod = next(pod for pod in world.pods() if pod.running)
    path = an_event(world, pod, count=7)
    an_event(world, pod, BACK_OFF, reason="BackOff", kind="Normal", count=3)
    world.faults.clear()
    await world.window(handle)
    world.patch(path, {"count": 8})
    await world.skip()
    failed = await world.failed(handle)

    assert failed.kind == "VerificationFailed"
    assert "(count 8, 7 before)" in evidence(failed, 1)
    assert "BackOff: " not in evidence(failed, 1)


async def test_an_event_that_was_there_at_settle_and_stays_as_it_was_passes(world: World) -> None:
    handle = await patched(world)
    await world.until_running(2)
    an_event(world, next(pod for pod in world.pods() if pod.running), count=7)
    world.faults.clear()
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED


async def test_a_crash_loops_back_off_is_no_event_of_an_image(window: Window) -> None:
    an_event(
        window.world,
        window.pods[0],
        "Back-off restarting failed container app in pod web-1_shop(4711)",
        reason="BackOff",
    )

    await window.passes()


async def test_another_failure_and_another_pods_event_fail_nothing(window: Window) -> None:
    an_event(window.world, window.pods[0], "Error: configmap not found")
    an_event(window.world, window.pods[0], "Readiness probe failed", reason="Unhealthy")
    an_event(window.world, None)

    await window.passes()


async def test_a_container_that_restarted_fails(window: Window) -> None:
    freeze(
        window.world, window.pods[0], restartCount=1, lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    )
    failed = await window.fails(after=AGAIN)

    assert verdicts(failed) == [Status.PASSED, Status.UNVERIFIED, Status.FAILED]
    assert evidence(failed, 2) == f"{window.pods[0].name}: app restarted 1x (last: OOMKilled)"


async def test_a_pod_that_a_younger_healthy_one_replaced_passes(window: Window) -> None:
    delete(window.world, f"/api/v1/namespaces/shop/pods/{window.pods[0].name}")
    await window.world.until(lambda: window.younger() and all(pod.running for pod in window.world.pods()), "a new pod")

    await window.passes()


async def test_a_younger_pod_that_is_pending_for_another_reason_is_reported_and_fails_nothing(window: Window) -> None:
    scale(window.world, 3)
    await window.world.until_running(3)
    freeze(window.world, window.younger()[0], phase="Pending", state=waits("ContainerCreating"))
    result = await window.passes()

    name = window.younger()[0].name
    assert result.remarks == (
        f"a younger pod is not running yet, which fails nothing: {name}: Pending, app waits (ContainerCreating)",
        "1 of 3 pods are younger than the window",
    )


async def test_a_younger_pod_that_cannot_pull_fails(window: Window) -> None:
    scale(window.world, 3)
    await window.world.until_running(3)
    freeze(window.world, window.younger()[0], phase="Pending", state=waits("ErrImagePull"))
    failed = await window.fails()

    assert f"{window.younger()[0].name}: app waits (ErrImagePull)" in failed.message
    assert failed.result.remarks == ("1 of 3 pods are younger than the window",)


async def test_fewer_running_pods_than_at_settle_fail(window: Window) -> None:
    delete(window.world, f"/api/v1/namespaces/shop/pods/{window.pods[0].name}")
    await window.world.until(lambda: window.younger() and all(pod.running for pod in window.world.pods()), "a new pod")
    freeze(window.world, window.younger()[0], phase="Pending", state=waits("ContainerCreating"))
    failed = await window.fails()

    assert f"{window.younger()[0].name}: running is false (Pending, app waits (ContainerCreating))" in failed.message


async def test_a_workload_that_an_autoscaler_made_smaller_passes_with_a_remark(window: Window) -> None:
    scale(window.world, 1)
    await window.world.until(lambda: len(window.world.pods()) == 1, "one pod less")
    result = await window.passes()

    assert result.remarks == ("scaled down in the window: 1 of 2 pods are wanted now",)


async def test_a_workload_without_pods_proves_nothing(window: Window) -> None:
    scale(window.world, 0)
    await window.world.until(lambda: not window.world.pods(), "no pod left")
    failed = await window.fails()

    assert verdicts(failed) == [Status.FAILED] * 3
    assert evidence(failed, 1) == "no pods"


async def test_a_deployment_that_was_deleted_fails(window: Window) -> None:
    delete(window.world, WEB)
    failed = await window.fails(after=LOOK)

    assert failed.message == "Deployment shop/web no longer exists"


async def test_a_controller_that_puts_the_old_image_back_is_named(window: Window) -> None:
    window.world.set_image("app", MISSING, manager="argocd-controller")
    await window.world.until_broken()
    failed = await window.fails("Reverted", after=LOOK)

    assert (
        failed.message
        == f"container app was set to {FALLBACK} and is {MISSING} now, by field manager 'argocd-controller'"
    )


async def test_a_controller_that_puts_the_old_image_back_at_the_end_of_the_window_is_named(window: Window) -> None:
    """The pods of the fallback image still serve, and nothing has been pulled yet."""
    await window.world.skip(280)
    window.world.set_image("app", MISSING, manager="flux")
    failed = await window.fails("Reverted")

    assert "by field manager 'flux'" in failed.message


async def test_the_window_lasts_as_long_as_the_criterion_says(window: Window) -> None:
    await window.world.skip(280)
    assert (await window.handle.describe()).close_time is None
    await window.world.skip(30)

    assert (await window.world.completed(window.handle)).window_seconds == 300


# What ends a window early, and what does not.


async def test_what_is_broken_for_a_moment_and_heals_ends_nothing(window: Window) -> None:
    freeze(window.world, window.pods[0], phase="Pending", state=waits("ImagePullBackOff"))
    await window.put_off_after_a_look()
    freeze(window.world, window.pods[0])
    result = await window.passes()

    assert (result.window_seconds, result.window_ended_early) == (WHOLE, False)


async def test_two_breaks_that_heal_do_not_add_up_to_one(window: Window) -> None:
    """What counts is two looks in a row."""
    for _ in range(2):
        freeze(window.world, window.pods[0], phase="Pending", state=waits("ImagePullBackOff"))
        await window.put_off_after_a_look()
        freeze(window.world, window.pods[0])
        await window.world.skip(AGAIN - LOOK + 1)
        await until_tried(window.handle, "holds: 2 of 2 pods are Running", PATIENCE)

    await window.passes()


async def test_pods_that_are_all_being_replaced_break_nothing(window: Window) -> None:
    for pod in window.pods:
        delete(window.world, f"/api/v1/namespaces/shop/pods/{pod.name}")
    await window.world.until(lambda: len(window.younger()) == 2, "two new pods")
    for pod in window.younger():
        freeze(window.world, pod, phase="Pending", state=waits("ContainerCreating"))
    await window.world.skip(200)
    await until_tried(window.handle, "holds: 0 of 0 pods are Running", PATIENCE)
    for pod in window.younger():
        node_is_silent(window.world, pod, silent=False)

    assert (await window.passes()).remarks == ("2 of 2 pods are younger than the window",)


async def test_an_api_server_that_does_not_answer_in_the_window_breaks_nothing(window: Window) -> None:
    window.world.faults.add("GET", "deployments/web", times=1000, status=500, reason="down")
    await window.world.skip(200)
    await until_tried(window.handle, "down", PATIENCE)
    window.world.faults.clear()

    assert (await window.passes()).remarks == ()


async def test_a_window_that_nobody_may_look_into_passes_and_says_so(window: Window) -> None:
    forbidden = 'pods is forbidden: User "runmend" cannot list resource "pods"'
    window.world.faults.add("GET", "/pods", times=1000, status=403, reason=forbidden)
    await window.world.skip(60)
    window.world.faults.clear()
    result = await window.passes()

    (remark,) = result.remarks
    assert remark.startswith("nothing watched over the window to its end: hold: Forbidden: ")


async def test_a_window_that_is_broken_costs_three_events_more_than_its_timer_and_no_check(window: Window) -> None:
    window.world.set_image("app", MISSING, manager="argocd-controller")
    await window.fails("Reverted", after=LOOK)
    begun, _ = await phases(window.handle)
    kinds = await events_of(window.handle)

    assert begun[-4:] == ["runmend.settle", "runmend.hold", WINDOW, "runmend.report"]
    assert kinds.count("timer_canceled") == 1


async def test_the_report_of_a_broken_window_says_when_and_what(window: Window) -> None:
    an_event(window.world, window.pods[1])
    failed = await window.fails(after=AGAIN)
    report = render(failed.result)

    assert failed.result.reason == "criterion: No new ImagePullBackOff events for 5 minutes"
    assert f"- The window ended early, after {failed.result.window_seconds}s: the fix did not hold" in report
    assert "- ✗ No new ImagePullBackOff events for 5 minutes (line 51): failed: " in report


async def test_a_run_that_is_cancelled_in_its_window_says_how_long_it_had_lasted(window: Window) -> None:
    await window.world.skip(LOOK + 1)
    await window.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await window.handle.result()
    result = RunResult.model_validate(await window.handle.query("report"))

    assert result.window_seconds in (LOOK + 1, LOOK + 2)
    assert result.window_ended_early
    assert result.not_done == ("verification window", "check")
    assert f"- The window had lasted {result.window_seconds}s when the run was cancelled" in render(result)
    assert not (await window.handle.describe()).raw_description.pending_activities
