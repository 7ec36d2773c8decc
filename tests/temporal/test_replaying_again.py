"""A closed run is done again as a new one: with its own plan, or with the runbook as it is now."""

import pytest
from temporalio.client import WorkflowExecutionStatus

from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.plan.memo import REPLAYS
from runmend.plan.messages import Options
from runmend.plan.plan import Plan
from runmend.runs.replaying.again import options_for, refuse_without_labels, start_again
from runmend.runs.replaying.points import NotReplayed
from runmend.runs.starting import Latest, Starter
from tests.builders import FALLBACK, GOOD, MISSING, an_alert
from tests.temporal.replays import PATCH, Handle, broken, closed, failed_at_its_write, past_of, short
from tests.workflow.acts import Held, happens, memo_of, with_fallback
from tests.workflow.scenes import patches
from tests.world import World, a_worker

BAD = "registry.example/other:missing"


async def started(world: World, handle: Handle, plan: Plan | None = None) -> Handle:
    past = await past_of(world, handle)
    run_id = await start_again(world.env.client, world.settings, past, plan or past.given.plan)
    return world.env.client.get_workflow_handle(handle.id, run_id=run_id)


async def test_a_run_that_failed_for_its_runbook_resolves_with_the_runbook_as_it_is_now(world: World) -> None:
    await broken(world)
    bad = short(with_fallback(world.plan, BAD)).model_copy(update={"settle_seconds": 2})
    async with a_worker(world):
        handle = await world.start(plan=bad)
        assert (await world.failed(handle)).kind == "VerificationFailed"
        new = await started(world, handle, short(world.plan))
        result = await world.completed(new)

    assert (result.outcome, world.images()) == (Outcome.RESOLVED, {"app": FALLBACK})
    assert (await memo_of(new))[REPLAYS] == handle.run_id
    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED


async def test_a_run_that_was_reverted_is_done_again_with_all_its_alerts(world: World) -> None:
    world.settings = Settings(cluster=world.settings.cluster, protect_serving=False)
    await broken(world)
    first, second = (an_alert(pod) for pod in world.pods())
    async with a_worker(world):
        handle = await world.start((first,), plan=short(world.plan, window=3))
        await world.window(handle)
        await world.start((second,), plan=short(world.plan, window=3))
        world.set_image("app", MISSING)
        assert (await world.failed(handle)).kind == "Reverted"
        await world.until_broken()
        new = await started(world, handle)
        result = await world.completed(new)

    assert (result.outcome, result.alerts, len(patches(world))) == (Outcome.RESOLVED, (first.brief, second.brief), 2)
    assert (await memo_of(new))["episodes"].keys() == {first.episode, second.episode}


async def test_a_run_that_is_done_again_remembers_the_episodes_before_it(world: World) -> None:
    earlier, alert = an_alert("web-1"), an_alert("web-2")
    await broken(world)
    async with a_worker(world):
        for each in (earlier, alert):
            handle = await world.start((each,), plan=short(world.plan), options=Options(mode=Mode.RECOMMEND))
            await world.completed(handle)
        new = await started(world, handle)
        result = await world.completed(new)

    assert (result.outcome, result.mode, result.alerts) == (Outcome.RECOMMENDED, Mode.RECOMMEND, (alert.brief,))
    assert (await memo_of(new))["episodes"].keys() == {earlier.episode, alert.episode}


async def test_an_older_run_may_be_done_again_while_none_is_open(world: World) -> None:
    async with a_worker(world):
        older = await failed_at_its_write(world)
        world.set_image("app", GOOD)
        await world.until_running(2)
        newer = await world.start((an_alert("web-9"),), plan=short(world.plan))
        await world.completed(newer)
        result = await world.completed(await started(world, older))

    assert result.outcome is Outcome.NOT_NEEDED


async def test_while_a_run_is_open_none_is_done_again(world: World) -> None:
    async with a_worker(world):
        handle = await failed_at_its_write(world)
        with Held(world, *PATCH) as held:
            new = await started(world, handle)
            await happens(held.reached)
            with pytest.raises(
                NotReplayed,
                match=f"a run of RB_IMAGEPULL is open for Deployment shop/web, one at a time: .*@{new.run_id}",
            ):
                await started(world, handle)
        await world.completed(new)


async def test_a_run_that_somebody_else_starts_at_this_moment_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> Latest | None:
        return None

    handle = await world.start((an_alert("web-1"),))
    await handle.terminate()
    await closed(handle)
    other = await world.start((an_alert("web-9"),))
    monkeypatch.setattr(Starter, "latest", none)

    with pytest.raises(
        NotReplayed,
        match=f"somebody else's run of Deployment shop/web started at this moment: .*@{other.run_id}; nothing",
    ):
        await started(world, handle)

    kinds = [str(event.WhichOneof("attributes")) for event in (await other.fetch_history()).events]
    assert kinds.count("workflow_execution_signaled_event_attributes") == 1
    await other.terminate()


@pytest.mark.parametrize(
    ("before", "now", "then"),
    [
        (Options(), Options(), Options()),
        (Options(mode=Mode.RECOMMEND), Options(), Options(mode=Mode.RECOMMEND)),
        (Options(), Options(mode=Mode.RECOMMEND), Options(mode=Mode.RECOMMEND)),
        (Options(mode=Mode.AUTO), Options(), Options(mode=Mode.AUTO)),
        (Options(protect_serving=False), Options(protect_serving=False), Options(protect_serving=False)),
        (Options(protect_serving=False), Options(), Options()),
        (Options(), Options(protect_serving=False), Options()),
        (Options(protect_serving=False), Options(protect_serving=True), Options(protect_serving=True)),
    ],
)
async def test_the_strictest_of_then_and_now_holds(world: World, before: Options, now: Options, then: Options) -> None:
    handle = await world.start((an_alert("web-1"),), options=before)
    await handle.terminate()
    await closed(handle)

    assert options_for(await past_of(world, handle), now) == then


async def test_a_runbook_that_requires_a_label_which_the_alerts_lack_is_refused(world: World) -> None:
    handle = await world.start((an_alert("web-1"),))
    await handle.terminate()
    await closed(handle)
    steps = tuple(step.model_copy(update={"required_labels": ("team",)}) for step in world.plan.steps)

    with pytest.raises(
        NotReplayed,
        match="requires the label team now, which the run's alert for pod web-1 does not carry; `runmend run",
    ):
        refuse_without_labels(await past_of(world, handle), world.plan.model_copy(update={"steps": steps}))


async def test_the_installation_decides_too_whether_anything_is_changed(world: World) -> None:
    world.settings = Settings(cluster=world.settings.cluster, mode=Mode.RECOMMEND)
    async with a_worker(world):
        handle = await failed_in_auto(world)
        result = await world.completed(await started(world, handle))

    assert (result.outcome, result.mode, patches(world)) == (Outcome.RECOMMENDED, Mode.RECOMMEND, [])


async def failed_in_auto(world: World) -> Handle:
    await broken(world)
    handle = await world.start(plan=short(world.plan), options=Options(mode=Mode.AUTO))
    await world.completed(handle)
    return handle
