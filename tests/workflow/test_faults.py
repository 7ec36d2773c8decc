"""The API server refuses, fails, is slow to be had, or is gone."""

from typing import Any

import pytest

from runmend.core.outcomes import Outcome
from tests.builders import FALLBACK, MISSING, an_alert
from tests.workflow.acts import WEB, patched, skip_to_end
from tests.workflow.scenes import patches
from tests.world import World

PATCH = ("PATCH", "deployments/web")
MAY_NOT_READ = (
    'deployments.apps "web" is forbidden: User "system:serviceaccount:runmend:worker" cannot get resource "deployments"'
)


async def resolved_after(world: World, *fault: Any, **what: Any) -> int:
    """Run to the end with a fault armed, which must not keep it from its work; how many writes were sent."""
    world.deploy()
    pods = await world.until_broken(count=2)
    world.faults.add(*fault, **what)
    handle = await world.start((an_alert(pods[0]),))
    await world.window(handle)
    await world.skip()
    assert (await world.completed(handle)).outcome is Outcome.RESOLVED
    assert world.images() == {"app": FALLBACK}
    return len(patches(world))


async def test_a_server_error_is_tried_again(world: World) -> None:
    assert await resolved_after(world, *PATCH, times=3, status=500) == 4


async def test_a_server_that_fails_while_the_target_is_observed_is_asked_again(world: World) -> None:
    assert await resolved_after(world, "GET", "/pods", times=2, status=503) == 1


async def test_a_server_that_fails_while_settling_and_checking_is_asked_again(world: World) -> None:
    handle = await patched(world)
    await world.until_running(2)
    world.faults.clear()
    await world.window(handle)
    world.faults.add("GET", "deployments/web", times=3, status=502)
    await world.skip()
    await skip_to_end(world, handle)

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED


async def test_a_throttled_write_waits_as_long_as_the_server_asked(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, status=429, headers={"Retry-After": "9"})
    handle = await world.start()
    await world.until(lambda: len(patches(world)) == 1)

    for _ in range(8):
        await world.skip(1)
    assert len(patches(world)) == 1
    await world.window(handle)
    assert len(patches(world)) == 2


@pytest.mark.parametrize(
    ("status", "kind", "sent"),
    [(403, "Forbidden", 1), (401, "Forbidden", 2), (422, "Invalid", 1), (404, "NotFound", 1)],
)
async def test_a_write_that_is_refused_for_good_is_sent_once_with_each_credentials(
    world: World, status: int, kind: str, sent: int
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, times=99, status=status, reason="because I say so")
    failed = await world.failed(await world.start())

    assert failed.kind == "StepFailed"
    assert failed.message.startswith(f"patch_image: {kind}: PATCH deployments shop/web: {status}: because I say so")
    assert failed.result.failed_step == "patch_image"
    assert len(patches(world)) == sent
    assert world.images() == {"app": MISSING}


async def test_a_target_that_may_not_be_read_fails_the_run_before_any_step(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    world.faults.add("GET", "/pods", times=99, status=403, reason="pods is forbidden")
    failed = await world.failed(await world.start((an_alert(pods[0]),)))

    assert (failed.kind, failed.message) == ("StepFailed", "observe: Forbidden: GET pods shop: 403: pods is forbidden")
    assert failed.result.steps == ()
    assert len(world.faults.sent("PATCH", dry_run=None)) == 0


async def test_an_api_server_that_has_not_read_its_roles_yet_is_asked_again(world: World) -> None:
    assert await resolved_after(world, "GET", "deployments/web", times=3, status=403, reason=MAY_NOT_READ) == 1


async def test_a_right_to_read_that_is_missing_fails_the_run_after_it_was_asked_for_four_times(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("GET", "deployments/web", times=99, status=403, reason=MAY_NOT_READ)
    handle = await world.start()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert (failed.kind, failed.message) == (
        "StepFailed",
        f"observe: Forbidden: GET deployments shop/web: 403: {MAY_NOT_READ}",
    )
    assert len(world.faults.sent("GET", "deployments/web")) == 4


async def test_a_right_to_write_that_is_missing_is_asked_for_once(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, times=99, status=403, reason=MAY_NOT_READ.replace("cannot get", "cannot patch"))
    failed = await world.failed(await world.start())

    assert failed.message.startswith("patch_image: Forbidden: ")
    assert len(patches(world)) == 1


async def test_a_secret_that_may_not_be_read_stops_nothing(world: World) -> None:
    assert await resolved_after(world, "GET", "/serviceaccounts/", times=99, status=403) == 1


async def test_an_api_server_that_is_down_for_20_seconds_is_waited_for(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    # The refusal keeps the run between two tries of its write, so that the server goes down in the middle.
    world.faults.add(*PATCH, status=500)
    handle = await world.start()
    await world.until(lambda: len(patches(world)) == 1)
    world.sandbox.pause()
    await world.skip(20)
    waiting_for = [each.last_failure.message for each in (await handle.describe()).raw_description.pending_activities]
    world.sandbox.resume()
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert ["did not answer" in words for words in waiting_for] == [True]
    assert result.outcome is Outcome.RESOLVED
    assert len(patches(world)) == 2


async def test_a_step_whose_time_is_spent_fails_with_the_last_errors_words(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, times=100, status=500, reason="etcd has no leader")
    handle = await world.start()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert (failed.kind, failed.message) == (
        "StepFailed",
        "patch_image spent its time: ServerError: PATCH deployments shop/web: 500: etcd has no leader",
    )
    assert len(patches(world)) > 10
    assert world.images() == {"app": MISSING}


async def test_an_api_server_that_stays_down_fails_the_step_and_says_so(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, status=500)
    handle = await world.start()
    await world.until(lambda: len(patches(world)) == 1)
    world.sandbox.pause()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert failed.kind == "StepFailed"
    assert failed.message.startswith(
        f"patch_image spent its time: Unreachable: the API server at {world.sandbox.url} did not answer"
    )
    assert failed.result.remarks == (
        (
            "patch_image may have written all the same: its last tries got no answer that says; look at "
            "Deployment shop/web"
        ),
    )
    world.sandbox.resume()
    assert world.api.get(WEB).json()["metadata"]["generation"] == 1
