"""The main job: the user's runbook, from an alert to a verified fix."""

from runmend.core.outcomes import Outcome
from runmend.plan.criteria import Status
from tests.builders import FALLBACK, GOOD, MISSING, an_alert
from tests.workflow.acts import EMPTY
from tests.world import World


async def test_two_replicas_with_one_broken_container_of_two_are_fixed_and_proven(world: World) -> None:
    world.deploy(images={"app": MISSING, "log": GOOD})
    pods = await world.until_broken(count=2)

    handle = await world.start(tuple(an_alert(pod) for pod in pods))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert world.images() == {"app": FALLBACK, "log": GOOD}
    assert [verdict.status for verdict in result.verdicts] == [Status.PASSED] * 3
    assert [(change.container, change.before, change.after) for step in result.steps for change in step.changes] == [
        ("app", MISSING, FALLBACK)
    ]
    assert len(world.faults.sent("PATCH")) == 1


async def test_a_run_started_by_one_webhook_costs_seven_activities_and_54_events(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)

    handle = await world.start(tuple(an_alert(pod) for pod in pods))
    await world.window(handle)
    await world.skip()
    await world.completed(handle)

    events = (await handle.fetch_history()).events
    activities = [
        event for event in events if event.WhichOneof("attributes") == "activity_task_scheduled_event_attributes"
    ]
    assert [event.activity_task_scheduled_event_attributes.activity_type.name for event in activities] == [
        "runmend.observe",
        "get_pod_events",
        "patch_image",
        "runmend.settle",
        "runmend.hold",
        "runmend.check",
        "runmend.report",
    ]
    assert [event.activity_task_scheduled_event_attributes.activity_id for event in activities][1:3] == [
        "01-get_pod_events",
        "02-patch_image",
    ]
    assert len(events) <= 54 + EMPTY
