"""Never make it worse: while pods of the target serve, its template is left to a person, unless the runbook says
otherwise."""

from pathlib import Path

import pytest

from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.plan.messages import Options
from runmend.plan.plan import Plan
from tests.builders import FALLBACK, GOOD, MISSING, a_deployment, an_alert
from tests.runs import until_tried
from tests.workflow.acts import freeze, node_is_silent, skip_to_end, waits
from tests.workflow.scenes import a_runbook, break_pod, patches, recommendation
from tests.world import PATIENCE, World, a_world

UNPROTECTED = ("alertname: Kube", "protect_serving: false\nalertname: Kube")
PROTECTED = ("alertname: Kube", "protect_serving: true\nalertname: Kube")


async def a_bad_rollout(world: World, replicas: int = 3, *others: str) -> None:
    """The old revision serves, the new one cannot be pulled; its pods have the container app, and these others."""
    world.deploy(replicas=replicas, images={"app": GOOD} | dict.fromkeys(others, GOOD))
    await world.until_running(replicas)
    world.set_image("app", MISSING)
    await world.until_broken()


async def test_an_old_revision_that_serves_is_left_to_a_rollback(world: World) -> None:
    await a_bad_rollout(world, 3, "log")
    (pod,) = await world.until_broken()

    handle = await world.start((an_alert(pod),))
    result = await world.completed(handle)

    assert result.outcome is Outcome.RECOMMENDED
    assert recommendation(result) == (
        f"3 of 3 replicas still serve revision 1 (image {GOOD}); "
        "`kubectl rollout undo deployment/web --to-revision=1 -n shop` restores it; "
        f"would change container app: {MISSING} → {FALLBACK} (accepted by a dry run)"
    )
    assert (len(patches(world)), len(patches(world, dry_run=True))) == (0, 1)
    assert world.images() == {"app": MISSING, "log": GOOD}


async def test_pods_that_are_ready_and_not_yet_available_serve(world: World) -> None:
    """As a Deployment's minReadySeconds makes it, for as long as it says."""
    deployment = a_deployment(replicas=3, images={"app": GOOD})
    deployment["spec"] |= {"minReadySeconds": 600, "progressDeadlineSeconds": 3600}
    world.create("/apis/apps/v1/namespaces/shop/deployments", deployment)
    await world.until_running(3)
    world.set_image("app", MISSING)
    (pod,) = await world.until_broken()
    await world.until(lambda: world.cluster.deployment("shop", "web").ready == 3)
    assert world.cluster.deployment("shop", "web").available == 0

    result = await world.completed(await world.start((an_alert(pod),)))

    assert result.outcome is Outcome.RECOMMENDED
    assert recommendation(result).startswith("3 of 3 replicas still serve revision 1 (")
    assert patches(world) == []


@pytest.mark.parametrize(
    ("status", "why", "said"),
    [
        (403, "ValidatingAdmissionPolicy 'p' denied the request", ", and a dry run was refused: PATCH "),
        (422, "spec: Invalid value", ", and a dry run was refused: PATCH "),
        (403, 'User "r" cannot patch resource "deployments"', " (not checked by a dry run, which needs the right to "),
        (500, 'failed calling webhook "w": context deadline exceeded', " (not checked by a dry run: PATCH "),
    ],
    ids=["denied", "invalid", "not allowed", "a webhook that does not answer"],
)
async def test_what_serves_is_told_whatever_becomes_of_the_dry_run(
    world: World, status: int, why: str, said: str
) -> None:
    await a_bad_rollout(world)
    world.faults.add("PATCH", "/deployments/web", status=status, reason=why)

    result = await world.completed(await world.start())

    assert result.outcome is Outcome.RECOMMENDED
    assert f"; would change container app: {MISSING} → {FALLBACK}{said}" in recommendation(result)
    assert recommendation(result).startswith("3 of 3 replicas still serve revision 1 (")
    assert why in recommendation(result)
    step = result.steps[-1]
    assert step.rollback == "kubectl rollout undo deployment/web --to-revision=1 -n shop"
    assert bool(step.refused) == ("refused" in said)


async def test_pods_whose_nodes_are_silent_serve_when_they_speak_again(world: World) -> None:
    """As after an outage of the API server, when every node was silent."""
    await a_bad_rollout(world, replicas=1)
    (served,) = [pod for pod in world.pods() if pod.running]
    node_is_silent(world, served)
    await world.until(lambda: world.cluster.deployment("shop", "web").ready == 0)

    handle = await world.start()
    await until_tried(handle, "looked at again", PATIENCE)
    node_is_silent(world, served, silent=False)
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RECOMMENDED
    assert recommendation(result).startswith("1 of 1 replicas still serve revision 1 (")
    assert patches(world) == []


async def test_the_rollback_goes_to_the_revision_that_serves_past_another_that_was_bad_too(world: World) -> None:
    await a_bad_rollout(world)
    world.set_image("app", "registry.example/app:unreachable")
    await world.until(lambda: world.cluster.deployment("shop", "web").revision == 3)
    await world.until_broken()

    result = await world.completed(await world.start())

    assert "3 of 3 replicas still serve revision 1 (" in recommendation(result)
    assert "--to-revision=1 -n shop` restores it" in recommendation(result)


async def test_where_the_same_revision_serves_the_pods_that_cannot_pull_are_named_with_their_nodes(
    world: World,
) -> None:
    world.deploy(images={"app": GOOD}, replicas=3)
    await world.until_running(3)
    victim, other, _ = world.pods()
    break_pod(world, victim, MISSING)
    freeze(world, other, state=waits("CrashLoopBackOff"))
    await world.until_broken()
    await world.until(lambda: world.cluster.deployment("shop", "web").available == 2)

    result = await world.completed(await world.start((an_alert(victim),)))

    assert result.outcome is Outcome.RECOMMENDED
    assert recommendation(result).startswith(
        f"2 of 3 replicas of the same revision serve; these pods cannot pull: {victim.name} on node "
        f"{victim.node}; would change"
    )
    assert world.images() == {"app": GOOD}
    assert patches(world) == []


@pytest.mark.parametrize(
    ("plan", "setting", "acts"),
    [
        (a_runbook(), None, False),
        (a_runbook(), False, True),
        (a_runbook(), True, False),
        (a_runbook(UNPROTECTED), None, True),
        (a_runbook(UNPROTECTED), True, True),
        (a_runbook(PROTECTED), False, False),
    ],
    ids=[
        "silent",
        "setting false",
        "setting true",
        "runbook false",
        "runbook false before setting true",
        "runbook true before setting false",
    ],
)
async def test_the_front_matter_decides_then_the_setting_and_else_serving_pods_are_protected(
    world: World, plan: Plan, *, setting: bool | None, acts: bool
) -> None:
    await a_bad_rollout(world, replicas=1)

    handle = await world.start(plan=plan, options=Options(protect_serving=setting))
    if acts:
        await world.window(handle)
    else:
        assert (await world.completed(handle)).outcome is Outcome.RECOMMENDED

    assert world.images()["app"] == (FALLBACK if acts else MISSING)


async def test_the_installations_setting_reaches_the_run(tmp_path: Path) -> None:
    async with a_world(tmp_path, protect_serving=False) as world:
        await a_bad_rollout(world, replicas=1)

        await world.window(await world.start())

        assert world.images()["app"] == FALLBACK


def test_the_setting_is_silent_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().protect_serving is None
    monkeypatch.setenv("RUNMEND_PROTECT_SERVING", "false")
    assert Settings().protect_serving is False
