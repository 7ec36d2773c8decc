"""Temporal is trusted where an installation signs nothing: what comes of a plan that somebody brought, and what holds
it all the same. docs/security.md tells of it."""

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.messages import Options, RunInput
from runmend.plan.plan import Plan
from tests.builders import MISSING, a_deployment, an_alert
from tests.runs import Failed
from tests.workflow.acts import with_fallback
from tests.workflow.scenes import nothing_written
from tests.world import World, a_world

THEIRS = "theirs.example/miner:1"
PASSWORD = "hunter2-of-the-registry"


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An installation without keys."""
    async with a_world(tmp_path) as made:
        yield made


async def brought(world: World, plan: Plan) -> Failed:
    """How a run ends that somebody starts with this plan, without the bridge."""
    (pod, *_) = await world.until_broken(count=2)
    given = RunInput(plan=plan, target=world.target, alerts=(an_alert(pod),), options=Options(mode=Mode.AUTO))
    handle = await world.env.client.start_workflow(
        plan.runbook_id, given, id=world.target.workflow_id, task_queue=world.settings.task_queue
    )
    return await world.failed(handle)


async def test_without_keys_a_plan_that_somebody_brought_is_done(world: World) -> None:
    world.deploy()
    plan = with_fallback(world.plan, THEIRS).model_copy(update={"settle_seconds": 1})

    await brought(world, plan)

    assert world.images() == {"app": THEIRS}


async def test_a_command_that_names_another_object_than_the_runs_target_changes_nothing(world: World) -> None:
    world.deploy()
    world.create("/apis/apps/v1/namespaces/shop/deployments", a_deployment("payment"))
    step = world.plan.steps[-1]
    other = step.model_copy(update={"operation": step.operation.model_copy(update={"name": "payment"})})
    plan = world.plan.model_copy(update={"steps": (*world.plan.steps[:-1], other)})

    failed = await brought(world, plan)

    assert failed.kind == Outcome.PRECONDITION_FAILED
    assert "the command names Deployment shop/payment, and the target of this run is Deployment shop/web" in (
        failed.message
    )
    assert nothing_written(world)


async def test_a_history_holds_no_password_of_a_pull_secret(world: World) -> None:
    auth = b64encode(f"robot:{PASSWORD}".encode()).decode()
    held = f'{{"auths": {{"registry.example": {{"auth": "{auth}"}}}}}}'
    secret = {"metadata": {"name": "regcred"}, "type": "kubernetes.io/dockerconfigjson"}
    world.create("/api/v1/namespaces/shop/secrets", secret | {"stringData": {".dockerconfigjson": held}})
    deployment = a_deployment(replicas=1, images={"app": MISSING})
    deployment["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "regcred"}]
    world.create("/apis/apps/v1/namespaces/shop/deployments", deployment)
    await world.until_broken()

    handle = await world.start(options=Options(mode=Mode.RECOMMEND))
    result = await world.completed(handle)

    assert "regcred has credentials" in str(result.observation), "it was read"
    history = b"".join(event.SerializeToString() for event in (await handle.fetch_history()).events)
    for secret_text in (PASSWORD, auth, b64encode(held.encode()).decode()):
        assert secret_text.encode() not in history
