"""Alerts that come while a run is at work: those that join, those that resolved, those of another runbook."""

import logging
import threading

import pytest
from temporalio.common import SearchAttributeKey

from runmend.core.outcomes import Outcome
from runmend.plan.attributes import FINGERPRINTS
from runmend.plan.messages import RESOLVED_SIGNAL, Joining
from tests.builders import GOOD, an_alert
from tests.workflow.acts import Held, events_of, events_until, happens, memo_of, outcome_of
from tests.workflow.scenes import patches
from tests.world import PATIENCE, World


async def test_a_resolved_alert_is_noted_and_ends_no_window(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    alert = an_alert(pods[0])
    handle = await world.start((alert,))
    await world.window(handle)
    await handle.signal(RESOLVED_SIGNAL, Joining(runbook_id="RB_IMAGEPULL", alerts=(alert,)))
    await world.skip(280)
    assert (await handle.describe()).close_time is None
    await world.skip(30)
    result = await world.completed(handle)

    assert (result.outcome, result.window_seconds) == (Outcome.RESOLVED, 300)
    assert result.remarks == (f"alert KubePodImagePullBackOff for pod {pods[0].name} resolved meanwhile",)


async def test_a_second_alert_for_the_target_joins_the_run(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    first, second = (an_alert(pod) for pod in pods)
    handle = await world.start((first,))
    await world.window(handle)
    joined = await world.start((second,))
    await world.skip()
    result = await world.completed(handle)

    assert joined.run_id == handle.run_id
    assert result.alerts == (first.brief, second.brief)
    assert set((await memo_of(handle))["episodes"]) == {first.episode, second.episode}
    found_by = (await handle.describe()).typed_search_attributes.get(SearchAttributeKey.for_keyword_list(FINGERPRINTS))
    assert found_by == [first.fingerprint, second.fingerprint]
    assert len(patches(world)) == 1


async def test_an_alert_that_joins_costs_four_events_its_memo_one_and_its_fingerprint_one(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    handle = await world.start((an_alert(pods[0]),))
    await world.window(handle)
    before = await events_of(handle)
    await world.start((an_alert(pods[1]),))
    after = await events_until(handle, "upsert_workflow_search_attributes")

    assert after[len(before) :] == [
        "workflow_execution_signaled",
        "workflow_task_scheduled",
        "workflow_task_started",
        "workflow_task_completed",
        "workflow_properties_modified",
        "upsert_workflow_search_attributes",
    ]


async def test_an_alert_that_is_known_is_not_added_again_and_changes_no_memo(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    alert = an_alert(pods[0])
    handle = await world.start((alert,))
    await world.window(handle)
    await world.start((alert,))
    await world.skip()
    result = await world.completed(handle)

    assert result.alerts == (alert.brief,)
    assert "workflow_properties_modified" not in await events_of(handle)


async def test_alerts_of_another_runbook_are_dropped_and_remarked(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    alert = an_alert(pods[0])
    handle = await world.start((alert,))
    await world.window(handle)
    other = world.plan.model_copy(update={"runbook_id": "RB_OTHER"})
    stray = an_alert(pods[1])
    await world.start((stray,), plan=other)
    await handle.signal(RESOLVED_SIGNAL, Joining(runbook_id="RB_OTHER", alerts=(stray,)))
    await world.skip()
    result = await world.completed(handle)

    assert result.alerts == (alert.brief,)
    assert result.remarks == ("dropped 1 alert of runbook RB_OTHER", "dropped 1 alert of runbook RB_OTHER")
    assert set((await memo_of(handle))["episodes"]) == {alert.episode}


async def test_an_alert_that_joins_while_the_target_is_observed_may_name_the_container_that_is_affected(
    world: World,
) -> None:
    """It came while the run looked, and found that the container of the first alert is healthy."""
    world.deploy(images={"app": GOOD, "log": "registry.example/log:missing"})
    pods = await world.until_broken("log", 2)
    with Held(world, "GET", "deployments/web") as held:
        handle = await world.start((an_alert(pods[0], "app"),))
        await happens(held.reached)
        await world.start((an_alert(pods[0], "log"),))
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED


async def test_a_run_that_fails_in_its_window_costs_49_events(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    handle = await world.start(tuple(an_alert(pod) for pod in pods))
    await world.window(handle)
    world.set_image("app", "registry.example/app:missing")
    await world.skip()
    failed = await world.failed(handle)

    assert failed.kind == "Reverted"
    assert len(await events_of(handle)) <= 49
    assert await outcome_of(handle) == "Reverted"


async def test_an_alert_that_comes_when_the_outcome_stands_is_not_remembered(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing will deal with it, so its next delivery must not be a known one."""
    world.deploy(images={"app": GOOD})
    await world.until_running(2)
    first, late = (an_alert(pod) for pod in world.pods())
    reporting, go = threading.Event(), threading.Event()

    class Hold(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            reporting.set()
            go.wait(PATIENCE)

    caplog.set_level(logging.INFO, "runmend.runs")
    hold = Hold()
    logging.getLogger("runmend.runs").addHandler(hold)
    try:
        handle = await world.start((first,))
        await happens(reporting)
        await world.start((late,))
        go.set()
        result = await world.completed(handle)
    finally:
        logging.getLogger("runmend.runs").removeHandler(hold)

    assert (result.outcome, result.alerts) == (Outcome.NOT_NEEDED, (first.brief,))
    assert set((await memo_of(handle))["episodes"]) == {first.episode}
