"""What a reader of the Temporal Web UI sees without decoding JSON.

The static summary and details are looked at in the bridge's tests: the time-skipping server drops them.
"""

import asyncio
import json
import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.attributes import ALERT_NAME, FINGERPRINTS, KUBE_NAMESPACE, TARGET
from runmend.plan.messages import RESOLVED_SIGNAL, Joining, Options
from runmend.reports.report import moment, render
from tests.builders import GOOD, MISSING, an_alert
from tests.workflow.acts import outcome_of, patched
from tests.world import PATIENCE, World


def _text(payload: Payload) -> str:
    text: str = pydantic_data_converter.payload_converter.from_payload(payload, str)
    return text


async def summaries(handle: WorkflowHandle[Any, Any], kind: str) -> list[str]:
    """The summaries of a history's events of one kind."""
    events = (await handle.fetch_history()).events
    return [
        _text(event.user_metadata.summary)
        for event in events
        if event.WhichOneof("attributes") == f"{kind}_event_attributes"
    ]


async def test_a_runs_history_reads_in_words(world: World) -> None:
    world.deploy(images={"app": MISSING, "log": GOOD})
    pods = await world.until_broken(count=2)

    handle = await world.start(tuple(an_alert(pod) for pod in pods))
    await world.window(handle)
    await world.skip()
    await world.completed(handle)

    assert await summaries(handle, "activity_task_scheduled") == [
        "observe and diagnose Deployment shop/web",
        f"get events of pod shop/{pods[0].name}",
        "patch Deployment shop/web: container app → hello-app:1.0",
        "wait until Deployment shop/web has recovered, at most 10 minutes",
        "watch over the window",
        "check 3 criteria",
        "report: resolved",
    ]
    [window] = await summaries(handle, "timer_started")
    assert re.fullmatch(r"verification window until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", window)


async def test_an_init_containers_patch_says_so(world: World) -> None:
    world.deploy(replicas=1, images={"app": GOOD}, init={"migrate": MISSING})
    (pod,) = await world.until_broken("migrate")

    handle = await world.start((an_alert(pod, "migrate"),), options=Options(protect_serving=False))
    await world.window(handle)

    assert "patch Deployment shop/web: init container migrate → hello-app:1.0" in await summaries(
        handle, "activity_task_scheduled"
    )


async def test_a_run_is_found_by_its_runbook_target_namespace_alert_and_fingerprints(world: World) -> None:
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()

    found = await (await world.start((an_alert(pod, fingerprint="f00d"),))).describe()

    assert found.workflow_type == "RB_IMAGEPULL"
    assert {pair.key.name: pair.value for pair in found.typed_search_attributes} == {
        TARGET: "Deployment shop/web",
        KUBE_NAMESPACE: "shop",
        ALERT_NAME: "KubePodImagePullBackOff",
        FINGERPRINTS: ["f00d"],
    }


@pytest.mark.parametrize("image", [MISSING, GOOD], ids=["resolved", "not needed"])
async def test_a_completed_run_is_found_by_its_outcome(world: World, image: str) -> None:
    world.deploy(replicas=1, images={"app": image})
    await world.until(world.pods)
    if image == MISSING:
        await world.until_broken()

    handle = await world.start()
    if image == MISSING:
        await world.window(handle)
        await world.skip()
    result = await world.completed(handle)

    assert await outcome_of(handle) == result.outcome == (Outcome.RESOLVED if image == MISSING else Outcome.NOT_NEEDED)


async def test_a_failed_run_is_red_and_found_by_its_outcome(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": GOOD})
    await world.until_broken()
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"paused": True}})

    handle = await world.start()
    failed = await world.failed(handle)

    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED
    assert await outcome_of(handle) == failed.kind == failed.result.outcome == Outcome.PRECONDITION_FAILED
    assert (await summaries(handle, "activity_task_scheduled"))[-1] == "report: PreconditionFailed"


async def test_what_a_run_has_found_so_far_can_be_asked_for(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()

    handle = await world.start()
    await world.window(handle)
    so_far = await handle.query("report")

    assert so_far["outcome"] is None
    assert [step["action_id"] for step in so_far["steps"]] == ["get_pod_events", "patch_image"]
    assert so_far["settled"].startswith("1 of 1 pods are Running")


async def test_a_runs_current_details_follow_it_and_end_as_its_report(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": GOOD})
    await world.until_broken()

    handle = await world.start()
    await world.window(handle)
    held = await details_of(handle)
    [started] = [
        event for event in (await handle.fetch_history()).events if event.HasField("timer_started_event_attributes")
    ]
    until = started.event_time.ToDatetime(UTC) + timedelta(seconds=300)
    assert held.startswith(
        "## ImagePullBackOff Remediation: running\n\n**Now: verification window of 5 minutes, until "
    )
    assert f"until {moment(until)}, at once over where the fix does not hold: " in held
    assert "; then the criteria are checked: " in held
    assert "### What was done" in held
    await world.skip()
    result = await world.completed(handle)

    assert await details_of(handle) == render(result)


async def test_alerts_that_join_or_resolve_stand_in_the_current_details_at_once(world: World) -> None:
    world.deploy()
    first, second = (an_alert(pod) for pod in await world.until_broken(count=2))
    handle = await world.start((first,))
    await world.window(handle)
    before = await details_of(handle)

    await world.start((second,))
    await handle.signal(RESOLVED_SIGNAL, Joining(runbook_id="RB_IMAGEPULL", alerts=(first,)))
    told = await details_of(handle)

    assert second.pod not in before.partition("### What was wrong")[0]
    assert f"- Alert: KubePodImagePullBackOff for pod {second.pod}, container app\n" in told
    assert f"- alert KubePodImagePullBackOff for pod {first.pod} resolved meanwhile" in told
    assert told.partition("\n\n- Target")[0] == before.partition("\n\n- Target")[0], "and what it does now"


async def test_while_a_step_is_tried_the_details_say_which_of_how_many(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.faults.add("PATCH", "/deployments/", times=1000, status=503)

    handle = await world.start()
    await world.until(lambda: world.faults.sent("PATCH"))
    told = await details_of(handle)

    assert "**Now: step 2 of 2, patch_image: patch Deployment shop/web: container app → hello-app:1.0**" in told
    assert "1. get_pod_events: done: " in told


async def test_while_it_settles_the_details_say_what_for_and_where_it_stands_what_is_missing(world: World) -> None:
    handle = await patched(world)
    while "**Now: step" in (told := await details_of(handle)):  # noqa: ASYNC110  the worker takes the step's answer
        await asyncio.sleep(0.05)

    assert (
        "**Now: settling, at most 10 minutes: waits until all pods of Deployment shop/web are of the new "
        "revision and running" in told
    )
    assert (
        "and: Pod transitions from ImagePullBackOff to Running; Container starts successfully; the pending "
        "activity runmend.settle" in told
    )


async def test_while_it_checks_the_details_say_so(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    handle = await world.start()
    await world.window(handle)
    world.faults.add("GET", "/pods", times=1000, status=503)
    await world.skip()
    async with asyncio.timeout(PATIENCE):
        while "**Now: verification window" in (told := await details_of(handle)):  # noqa: ASYNC110  a worker's
            await asyncio.sleep(0.05)

    assert "**Now: checking 3 criteria against what was there when the target had settled**" in told


async def test_a_summary_of_many_containers_is_cut_to_what_temporal_takes(world: World) -> None:
    names = [f"container-{number}-{'n' * 40}" for number in range(8)]
    world.deploy(replicas=1, images=dict.fromkeys(names, MISSING))
    for name in names:
        await world.until_broken(name)

    alert = an_alert(world.pods()[0], names[0])
    handle = await world.start((alert,), options=Options(mode=Mode.RECOMMEND))
    await world.completed(handle)

    events = (await handle.fetch_history()).events
    kinds = {event.event_id: event for event in events if event.HasField("activity_task_scheduled_event_attributes")}
    summaries = [json.loads(event.user_metadata.summary.data) for event in kinds.values()]
    assert [len(summary.encode()) for summary in summaries if summary.endswith("…")] == [390]
    assert max(len(summary.encode()) for summary in summaries) == 390
    assert all(f"container {name} → hello-app:1.0" in " ".join(summaries) for name in names[:3])


async def test_a_run_began_and_ended_by_its_own_clock(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()

    handle = await world.start()
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    [first, *_] = (await handle.fetch_history()).events
    assert result.began == first.event_time.ToDatetime(UTC)
    assert result.ended is not None
    assert result.ended - result.began >= timedelta(minutes=5)


async def details_of(handle: WorkflowHandle[Any, Any]) -> str:
    """What the Web UI asks a worker for."""
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details
