"""The shipped runbook for containers that want more memory than they may use: the limit is doubled, up to a bound."""

import asyncio

import pytest

from runmend.core.outcomes import Outcome
from runmend.facts.pod import PodFacts
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.builders import SEED, an_alert
from tests.workflow.acts import WEB, revisions
from tests.workflow.scenes import nothing_written, patches
from tests.world import World

RUNBOOK = SEED.with_name("RB_OOMKILLED.md")
HUNGRY = "registry.example/app:needs-200mi"
"""It is ended for its memory while its limit is lower than 200 MiB."""
LIMIT = ("spec", "template", "spec", "containers", "app", "resources", "limits", "memory")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_runbook(RUNBOOK.read_bytes(), RUNBOOK.name).plan


def deploy(world: World, limit: str | None, *, image: str = HUNGRY, replicas: int = 2) -> None:
    resources = {"limits": {"memory": limit}} if limit else {}
    world.deploy(images={"app": image}, replicas=replicas)
    world.patch(
        WEB, {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image, "resources": resources}]}}}}
    )


async def until_killed(world: World) -> PodFacts:
    def killed() -> list[PodFacts]:
        limited = [pod for pod in world.pods() if pod.containers[0].limits.memory]
        return [pod for pod in limited if pod.containers[0].last_termination == "OOMKilled"]

    await world.until(killed, "a container that was ended for its memory")
    return (await asyncio.to_thread(killed))[0]


async def test_the_limit_is_raised_once_and_the_fix_is_proven(world: World, plan: Plan) -> None:
    deploy(world, "100Mi")
    pod = await until_killed(world)
    before = revisions(world)

    handle = await world.start((an_alert(pod),), plan=plan)
    await world.window(handle)
    await world.skip(plan.window_seconds + 1)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.steps[1].summary == (
        "changed container app resources.limits.memory: 100Mi → 256Mi "
        "(new_limit = 256Mi: max(256Mi, current_limit 100Mi * 2), at most 4Gi)"
    )
    assert [(change.path, change.after) for change in result.changes] == [(LIMIT, "256Mi")]
    assert (len(patches(world)), revisions(world)) == (1, before + 1)
    assert {verdict.status for verdict in result.verdicts} == {"passed"}


async def test_a_retry_whose_answer_was_lost_doubles_nothing_twice(world: World, plan: Plan) -> None:
    deploy(world, "150Mi", replicas=1)
    pod = await until_killed(world)
    world.faults.add("PATCH", "deployments/web", lose_answer=True)

    handle = await world.start((an_alert(pod),), plan=plan)
    await world.window(handle)
    await world.skip(plan.window_seconds + 1)
    result = await world.completed(handle)

    assert (result.outcome, result.steps[1].recovered) == (Outcome.RESOLVED, True)
    assert [change.after for change in result.changes] == ["300Mi"]
    assert world.cluster.read("Deployment", "shop", "web")["spec"]["template"]["spec"]["containers"][0][
        "resources"
    ] == {"limits": {"memory": "300Mi"}}


async def test_what_cannot_be_calculated_stops_the_run_before_anything_is_changed(world: World) -> None:
    deploy(world, "100Mi", replicas=1)
    pod = await until_killed(world)
    by_request = compile_runbook(RUNBOOK.read_bytes().replace(b"current_limit", b"current_request"), RUNBOOK.name).plan

    failed = await world.failed(await world.start((an_alert(pod),), plan=by_request))

    assert failed.kind == Outcome.PRECONDITION_FAILED
    why = "new_limit cannot be told: it needs current_request: container app has no memory request in the template"
    assert why in failed.message
    assert nothing_written(world)


async def test_one_that_may_use_as_much_as_the_bound_is_left_to_a_person(world: World) -> None:
    deploy(world, "100Mi", replicas=1)
    pod = await until_killed(world)
    bounded = compile_runbook(RUNBOOK.read_bytes().replace(b"(max 4Gi)", b"(max 100Mi)"), RUNBOOK.name).plan

    failed = await world.failed(await world.start((an_alert(pod),), plan=bounded))

    assert failed.kind == Outcome.PRECONDITION_FAILED
    assert "current_limit is 100Mi already, and the bound is 100Mi" in failed.message
    assert nothing_written(world)
