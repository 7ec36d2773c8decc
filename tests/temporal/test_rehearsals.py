"""What a replay would do now is told, and nothing is written: neither to the cluster nor to Temporal."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from runmend.core.errors import Unreachable
from runmend.core.modes import Mode
from runmend.core.settings import Settings
from runmend.plan.messages import Options
from runmend.runs.replaying.rehearsal import Rehearsal, rehearse_again, rehearse_resume
from tests.builders import FALLBACK, GOOD, MISSING
from tests.temporal.replays import Handle, broken, failed_at_its_write, past_of, point_of, resumed, runs_of, short
from tests.temporal.support import quick
from tests.unit.runbook.test_calculations import SCALE, compiled
from tests.workflow.acts import WEB, with_fallback
from tests.workflow.scenes import patches
from tests.world import World, a_worker, seed_plan

WOULD = f"2 patch_image: would change container app: {MISSING} → {FALLBACK} (accepted by a dry run)"


async def told(world: World, handle: Handle, rehearse: Callable[..., Rehearsal], *what: object) -> Rehearsal:
    """What is told; checks that nothing was written, and no run started."""
    past = await past_of(world, handle)
    before, runs = len(world.faults.requests), len(await runs_of(world.env.client, handle.id, 1))
    rehearsal = rehearse(world.cluster, world.settings, past, *what)
    writes = [
        each for each in world.faults.requests[before:] if each.method != "GET" and "dryRun=All" not in each.query
    ]
    assert writes == []
    assert len(await runs_of(world.env.client, handle.id, 1)) == runs
    return rehearsal


async def test_what_a_resumed_write_would_change_is_tried_with_a_dry_run(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    tried = len(patches(world, dry_run=True))

    rehearsal = await told(world, handle, rehearse_resume, await point_of(world, handle))

    assert rehearsal.lines[0].startswith("Deployment shop/web now: web-")
    assert re.fullmatch(
        rf"  container app waits \((ErrImagePull|ImagePullBackOff)\), image {MISSING}, in 2 of 2 pods",
        rehearsal.lines[1],
    )
    assert (rehearsal.lines[2:], rehearsal.fails) == ([WOULD], False)
    assert (len(patches(world, dry_run=True)) - tried, world.images()) == (1, {"app": MISSING})


async def test_a_person_s_mending_is_seen_by_what_would_be_resumed_and_by_what_would_be_done_again(
    world: World,
) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    world.set_image("app", GOOD)
    await world.until_running(2)

    resuming = await told(world, handle, rehearse_resume, await point_of(world, handle))
    anew = await told(world, handle, rehearse_again, world.plan)

    assert (
        "2 patch_image: would change nothing, the problem is gone: no container of Deployment shop/web"
        in resuming.lines[-1]
    )
    assert anew.lines[-1].startswith("observe: no container of Deployment shop/web is in ImagePullBackOff: ")
    assert anew.lines[-1].endswith("; the run would end here, not_needed")


async def test_a_new_run_is_rehearsed_with_its_reading_steps_and_the_newer_plan(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)

    rehearsal = await told(world, handle, rehearse_again, with_fallback(world.plan, GOOD))

    assert rehearsal.lines[2:] == [
        "1 get_pod_events: reads only (get events)",
        f"2 patch_image: would change container app: {MISSING} → {GOOD} (accepted by a dry run)",
    ]


async def test_what_a_step_would_calculate_is_told_from_what_is_there_now(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    scaling, said = compiled(SCALE, "- **calculation**: `new_replicas = replicas + 1`")
    assert scaling, said
    plan = seed_plan()
    plan = plan.model_copy(update={"steps": (plan.steps[0], scaling)})

    rehearsal = await told(world, handle, rehearse_again, plan)

    assert rehearsal.lines[-1] == (
        "2 do: would change replicas: 2 → 3 (new_replicas = 3: replicas 2 + 1) (accepted by a dry run)"
    )


async def test_a_write_where_this_installation_changes_nothing_is_told_as_refused_and_not_tried(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    elsewhere = replace(world, settings=world.settings.model_copy(update={"namespaces": "elsewhere"}))
    tried = len(patches(world, dry_run=True))

    rehearsal = await told(elsewhere, handle, rehearse_resume, await point_of(world, handle))

    assert rehearsal.fails
    assert rehearsal.lines[-1].startswith(
        "2 patch_image: would end the run, PreconditionFailed: namespace shop is not one where this installation"
    )
    assert len(patches(world, dry_run=True)) == tried


async def test_what_would_be_refused_is_told_as_how_the_run_would_end(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    world.patch(WEB, {"spec": {"paused": True}})

    rehearsal = await told(world, handle, rehearse_resume, await point_of(world, handle))

    assert rehearsal.fails
    assert rehearsal.lines[-1].startswith(
        "2 patch_image: would end the run, PreconditionFailed: Deployment shop/web is paused"
    )


async def test_what_the_api_server_does_not_accept_is_told(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    world.faults.add("PATCH", "deployments/web", status=422, reason="Invalid")

    rehearsal = await told(world, handle, rehearse_resume, await point_of(world, handle))

    assert rehearsal.fails
    assert rehearsal.lines[-1].startswith("2 patch_image: would fail, the API server refuses it: ")


async def test_an_installation_that_recommends_is_told_to_recommend(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    world.settings = Settings(cluster=world.settings.cluster, mode=Mode.RECOMMEND)

    rehearsal = await told(world, handle, rehearse_resume, await point_of(world, handle))

    assert rehearsal.lines[-1].startswith(
        "2 patch_image: would only recommend, the mode is recommend: would change container app: "
    )


async def test_pods_that_serve_are_told(world: World) -> None:
    world.deploy(images={"app": GOOD})
    await world.until_running(2)
    world.set_image("app", MISSING)
    await world.until_broken()
    async with a_worker(world):
        handle = await world.start(plan=short(world.plan), options=Options())
        await world.completed(handle)

    rehearsal = await told(world, handle, rehearse_again, world.plan)

    assert "2 patch_image: would only recommend: 2 of 2 replicas still serve revision 1" in rehearsal.lines[-1]


async def test_what_the_run_has_written_itself_is_recognised(world: World) -> None:
    handle = await failed_in_its_window(world)

    rehearsal = await told(world, handle, rehearse_resume, await point_of(world, handle, "patch_image"))

    assert rehearsal.lines[-1] == (
        f"2 patch_image: has written already, and would write nothing: container app: {MISSING} → {FALLBACK}"
    )


async def test_what_a_resumed_run_wrote_is_recognised_by_the_first_one_s_id(world: World) -> None:
    async with a_worker(world):
        first = await failed_at_its_write(world)
        second = await resumed(world, first)
        await world.window(second)
        await second.terminate()

    rehearsal = await told(world, second, rehearse_resume, await point_of(world, second, "patch_image"))

    assert "has written already" in rehearsal.lines[-1]


async def test_what_settle_would_wait_for_is_told_with_what_is_there(world: World) -> None:
    handle = await failed_in_its_window(world)
    point = await point_of(world, handle)

    ready = await told(world, handle, rehearse_resume, point)
    world.patch(WEB, {"spec": {"replicas": 4, "template": {"metadata": {"labels": {"a": "b"}}}}})
    world.faults.add("POST", "pods", times=1000, status=500)
    waits = await told(world, handle, rehearse_resume, point)
    world.patch(WEB, {"spec": {"replicas": 0}})
    hopeless = await told(world, handle, rehearse_resume, point)

    assert ready.lines[0] == "settle would wait for nothing, and the window would begin"
    assert ready.lines[1].startswith("Deployment shop/web now: web-")
    assert waits.lines[0].startswith(("settle would still wait: ", "settle: would wait: "))
    assert (hopeless.fails, ready.fails, waits.fails) == (True, False, False)


async def test_a_change_that_was_put_back_is_told(world: World) -> None:
    handle = await failed_in_its_window(world)
    world.set_image("app", GOOD)

    for step in ("settle", "patch_image"):
        rehearsal = await told(world, handle, rehearse_resume, await point_of(world, handle, step))
        assert rehearsal.fails
        assert (
            f"would end the run, Reverted: container app was set to {FALLBACK} and is {GOOD} now" in rehearsal.lines[-1]
        )


async def test_a_cluster_that_does_not_answer_is_an_error(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
    past, point = await past_of(world, handle), await point_of(world, handle)
    world.sandbox.stop()

    with pytest.raises(Unreachable):
        rehearse_resume(world.cluster, world.settings, past, point)


async def failed_in_its_window(world: World) -> Handle:
    """A run that wrote, and failed its verification; its target is well again."""
    await broken(world)
    async with a_worker(world):
        handle = await world.start(plan=quick(world.plan, window=2))
        await world.window(handle)
        world.patch(WEB, {"spec": {"replicas": 0}})
        assert (await world.failed(handle)).kind == "VerificationFailed"
    world.patch(WEB, {"spec": {"replicas": 2}})
    await world.until_running(2)
    return handle
