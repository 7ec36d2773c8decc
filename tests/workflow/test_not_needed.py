"""Where there is nothing to do any more, nothing is done, and the run says what it saw instead."""

from runmend.core.outcomes import Outcome
from tests.builders import GOOD, MISSING, an_alert
from tests.faults import Request
from tests.workflow.acts import freeze, waits
from tests.workflow.scenes import a_stray_pod, nothing_written, target_of
from tests.world import World


async def test_a_target_fixed_before_the_run_needs_nothing(world: World) -> None:
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()
    world.set_image("app", GOOD)
    await world.until_running(1)

    result = await world.completed(await world.start((an_alert(pod),)))

    assert result.outcome is Outcome.NOT_NEEDED
    assert result.summary.startswith("no container of Deployment shop/web is in ImagePullBackOff: web-")
    assert result.steps == ()
    assert nothing_written(world)


async def test_a_target_fixed_between_observing_and_the_patch_needs_nothing(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    asked = 0

    def somebody_fixes_it(_: Request) -> None:
        # The first question about events is the diagnosis', the second that of get_pod_events.
        nonlocal asked
        asked += 1
        if asked == 2:
            world.set_image("app", GOOD)

    world.faults.add("GET", "/events", times=2, then=somebody_fixes_it)
    result = await world.completed(await world.start())

    assert result.outcome is Outcome.NOT_NEEDED
    assert result.observation is not None
    assert [one.container for one in result.observation.affected] == ["app"]
    assert [step.status for step in result.steps] == ["done", "not_needed"]
    assert result.summary.startswith("no container of Deployment shop/web is in ImagePullBackOff: ")
    assert nothing_written(world)


async def test_a_deployment_that_is_gone_needs_nothing(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()

    def somebody_deletes_it(_: Request) -> None:
        world.api.delete("/apis/apps/v1/namespaces/shop/deployments/web").raise_for_status()

    world.faults.add("GET", "/events", then=somebody_deletes_it)
    result = await world.completed(await world.start())

    assert (result.outcome, result.summary) == (Outcome.NOT_NEEDED, "Deployment shop/web no longer exists")
    assert nothing_written(world)


async def test_a_bare_pod_that_is_gone_needs_nothing(world: World) -> None:
    pod = await a_stray_pod(world, None, "lonely")
    target = target_of(world, pod)
    world.api.delete("/api/v1/namespaces/shop/pods/lonely", params={"gracePeriodSeconds": 0}).raise_for_status()
    await world.until(lambda: not world.cluster.pods("shop"))

    result = await world.completed(await world.start((an_alert(pod),), target=target))

    assert (result.outcome, result.summary) == (
        Outcome.NOT_NEEDED,
        "no container of Pod shop/lonely is in ImagePullBackOff: there is no pod",
    )


async def test_an_alert_that_names_a_healthy_container_leaves_the_others_to_theirs(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": GOOD})
    (pod,) = await world.until_broken()

    result = await world.completed(await world.start((an_alert(pod, "log"),)))

    assert (result.outcome, result.summary) == (
        Outcome.NOT_NEEDED,
        "log of Deployment shop/web is not in ImagePullBackOff; app is, and is left to its own alerts",
    )
    assert nothing_written(world)


async def test_a_target_that_is_broken_in_another_way_says_in_which(world: World) -> None:
    world.deploy(replicas=1, images={"app": GOOD})
    await world.until_running(1)
    (pod,) = world.pods()
    freeze(world, pod, phase="Pending", state=waits("ErrImageNeverPull"))

    handle = await world.start((an_alert(pod),))
    result = await world.completed(handle)

    assert (result.outcome, result.reason) == (Outcome.NOT_NEEDED, "another state: ErrImageNeverPull")
    assert result.summary == (
        "no container of Deployment shop/web is in ImagePullBackOff; it is in ErrImageNeverPull, which this runbook "
        f"does not treat: {pod.name}: Pending, app waits (ErrImageNeverPull)"
    )
    assert nothing_written(world)
