"""The shipped runbook for crash loops: a rollout that brought the crash is undone, and nothing else is changed."""

import asyncio
from datetime import timedelta

import pytest

from runmend.core.outcomes import Outcome
from runmend.facts.expressions import compiled
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.snapshot import Snapshot
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.builders import GOOD, SEED, an_alert, deployment_facts
from tests.workflow.acts import revisions
from tests.workflow.scenes import nothing_written, patches
from tests.world import World

CRASH = "registry.example/app:crash"


@pytest.fixture(scope="module")
def plan() -> Plan:
    file = SEED.with_name("RB_CRASHLOOP.md")
    return compile_runbook(file.read_bytes(), file.name).plan


async def until_crashing(world: World) -> PodFacts:
    def crashing() -> list[PodFacts]:
        return [pod for pod in world.pods() if pod.waiting_for("CrashLoopBackOff") and pod.restarts]

    await world.until(crashing, "a crash loop")
    return (await asyncio.to_thread(crashing))[0]


async def test_a_rollout_that_brought_the_crash_is_undone_and_the_fix_is_proven(world: World, plan: Plan) -> None:
    world.deploy(replicas=3, images={"app": GOOD})
    await world.until_running(3)
    world.set_image("app", CRASH)
    pod = await until_crashing(world)

    handle = await world.start((an_alert(pod),), plan=plan)
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert [step.status for step in result.steps] == ["done", "done"]
    assert [(each.named, each.before, each.after) for each in result.changes] == [("container app", CRASH, GOOD)]
    assert (world.images(), len(patches(world)), revisions(world)) == ({"app": GOOD}, 1, 2)
    assert {verdict.status for verdict in result.verdicts} == {"passed"}


async def test_a_crash_that_no_rollout_brought_is_reported_and_left(world: World, plan: Plan) -> None:
    world.deploy(replicas=1, images={"app": CRASH})
    pod = await until_crashing(world)

    failed = await world.failed(await world.start((an_alert(pod),), plan=plan))

    assert failed.kind == Outcome.UNHANDLED
    assert "undo_rollout: its gate does not hold: workload.previous_revision is null" in failed.message
    assert nothing_written(world)


@pytest.mark.parametrize(
    ("age", "holds"), [(timedelta(minutes=20), True), (timedelta(days=90), False), (None, None)], ids=str
)
def test_pods_that_were_made_anew_do_not_make_a_release_young(plan: Plan, age: timedelta | None, holds: object) -> None:
    """A drain makes new pods of an old revision, and then what they depend on fails."""
    app = ContainerFacts(name="app", image=CRASH, state="waiting", reason="CrashLoopBackOff", restarts=4)
    pod = PodFacts(
        namespace="shop", name="web-1", uid="u", phase="Running", containers=(app,), age=timedelta(minutes=5)
    )
    workload = deployment_facts().model_copy(update={"previous_revision": 1, "revision_age": age})

    judged = compiled(plan.steps[1].gate).judge(Snapshot(pods=(pod,), all_pods=(pod,), workload=workload))

    assert judged.holds is holds
