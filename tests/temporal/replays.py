"""What the tests of `runmend replay` share: runs that failed in different ways, and how they are taken up again."""

import asyncio
from contextlib import suppress
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle

from runmend.plan.plan import Plan
from runmend.runs.replaying.points import Point, where_named, where_to_resume
from runmend.runs.replaying.reading import Past, read_past
from runmend.runs.replaying.resuming import resume
from tests.temporal.support import quick
from tests.world import PATIENCE, World

PATCH = ("PATCH", "deployments/web")
Handle = WorkflowHandle[Any, Any]


def short(plan: Plan, *, window: int = 1, budget: int = 1) -> Plan:
    """The plan with a window of seconds, and steps whose tries last seconds together."""
    plan = quick(plan, window=window, try_seconds=1)
    return plan.model_copy(
        update={"steps": tuple(step.model_copy(update={"budget_seconds": budget}) for step in plan.steps)}
    )


async def broken(world: World, **how: Any) -> None:
    """A Deployment web of two pods that cannot pull."""
    world.deploy(**how)
    await world.until_broken(count=2)


async def failed_at_its_write(world: World, plan: Plan | None = None) -> Handle:
    """A run that failed because the API server answered none of its writes; it does from now on."""
    await broken(world)
    world.faults.add(*PATCH, times=1000, status=503)
    handle = await world.start(plan=plan or short(world.plan))
    failed = await world.failed(handle)
    assert (failed.kind, failed.result.failed_step) == ("StepFailed", "patch_image")
    world.faults.clear()
    return handle


async def past_of(world: World, handle: Handle) -> Past:
    return await read_past(world.env.client, world.settings, handle.id, handle.run_id or handle.result_run_id or "")


async def point_of(world: World, handle: Handle, step: str = "") -> Point:
    story = (await past_of(world, handle)).history
    return where_named(story, step) if step else where_to_resume(story)


async def resumed(world: World, handle: Handle, step: str = "") -> Handle:
    """The run that goes on where a run is resumed, by default or at a step."""
    past = await past_of(world, handle)
    point = where_named(past.history, step) if step else where_to_resume(past.history)
    run_id = await resume(world.env.client, past, point)
    return world.env.client.get_workflow_handle(handle.id, run_id=run_id)


async def runs_of(client: Client, workflow_id: str, count: int) -> list[str]:
    """The ids of all runs of a target, once the visibility store knows of so many."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        found = [run.run_id async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'")]
        if len(found) >= count:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"{len(found)} of {count} runs"
        await asyncio.sleep(0.1)


async def kept(before: Handle, after: Handle) -> list[str]:
    """The activities of a run whose results another has as they were: by their types."""
    old, new = await _payloads(before), await _payloads(after)
    return [name for event_id, (name, result) in new.items() if old.get(event_id) == (name, result)]


async def _payloads(handle: Handle) -> dict[int, tuple[str, bytes]]:
    types: dict[int, str] = {}
    found: dict[int, tuple[str, bytes]] = {}
    for event in (await handle.fetch_history()).events:
        match event.WhichOneof("attributes"):
            case "activity_task_scheduled_event_attributes":
                types[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
            case "activity_task_completed_event_attributes":
                completed = event.activity_task_completed_event_attributes
                found[event.event_id] = (types[completed.scheduled_event_id], completed.result.SerializeToString())
    return found


async def closed(handle: Handle) -> WorkflowExecutionStatus | None:
    """How a run ended that ends without a result."""
    with suppress(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), PATIENCE)
    return (await handle.describe()).status
