"""Workers that poll as versions of a deployment: open runs go on with the version that is current, resumed ones too."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.client import Client, WorkflowHandle

from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.worker.assembly import build_worker
from tests.runs import until
from tests.temporal.support import TEMPORAL, id_of, quick, reset
from tests.workflow.acts import patched
from tests.workflow.scenes import patches
from tests.world import PATIENCE, Offline, World

UNVERSIONED = "unversioned"


@asynccontextmanager
async def a_version(world: World, build_id: str | None) -> AsyncIterator[None]:
    """A worker as `RUNMEND_BUILD_ID` makes it; None: unversioned."""
    settings = world.settings.model_copy(update={"build_id": build_id})
    with ThreadPoolExecutor(max_workers=32) as threads:
        async with build_worker(world.env.client, world.cluster, settings, threads, Offline()):
            yield


async def temporal(world: World, *command: str) -> Any:
    """What the operator types: `temporal worker deployment … --output json`."""
    address = world.env.client.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        TEMPORAL,
        *command,
        "--address",
        address,
        "--output",
        "json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return json.loads(said) if said.strip() else None


async def make_current(world: World, build_id: str) -> None:
    """Set the current version, once a worker of it polls."""
    await until_polling(world, build_id)
    name = world.settings.deployment
    await temporal(
        world, "worker", "deployment", "set-current-version", "--deployment-name", name, "--build-id", build_id, "--yes"
    )


async def until_polling(world: World, build_id: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while build_id not in await known_versions(world):
        assert asyncio.get_running_loop().time() < deadline, f"no worker polls as {build_id}"
        await asyncio.sleep(0.1)


async def known_versions(world: World) -> set[str]:
    listed = await temporal(world, "worker", "deployment", "list")
    if world.settings.deployment not in {each["name"] for each in listed or ()}:
        return set()
    described = await temporal(world, "worker", "deployment", "describe", "--name", world.settings.deployment)
    return {each["BuildID"] for each in described["versionSummaries"]}


async def worked_on_by(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """The versions that did a run's workflow tasks, each once."""
    events = (await handle.fetch_history()).events
    done = [
        each.workflow_task_completed_event_attributes
        for each in events
        if each.HasField("workflow_task_completed_event_attributes")
    ]
    return list(dict.fromkeys(task.deployment_version.build_id or UNVERSIONED for task in done))


async def tried_by(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """The versions whose workers did a run's activities."""
    events = (await handle.fetch_history()).events
    begun = [
        each.activity_task_started_event_attributes
        for each in events
        if each.HasField("activity_task_started_event_attributes")
    ]
    return [task.worker_version.build_id for task in begun]


async def broken(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()


async def test_a_run_in_its_window_moves_to_the_version_that_becomes_current_and_a_new_one_begins_there(
    world: World,
) -> None:
    """Both versions' workers poll from the beginning to the end, and none does anything of the other's."""
    await broken(world)
    async with a_version(world, "1.0"), a_version(world, "2.0"):
        await make_current(world, "1.0")
        await until_polling(world, "2.0")
        handle = await world.start(plan=quick(world.plan, window=4))
        await world.window(handle)
        await make_current(world, "2.0")
        result = await world.completed(handle)
        new = await world.start()
        assert (await world.completed(new)).outcome is Outcome.NOT_NEEDED

    assert (result.outcome, len(patches(world))) == (Outcome.RESOLVED, 1)
    assert await worked_on_by(handle) == ["1.0", "2.0"]
    assert await tried_by(handle) == ["1.0"] * 4 + ["2.0"] * 2
    assert await worked_on_by(new) == ["2.0"]


async def test_a_run_whose_versions_workers_are_gone_while_it_settles_goes_on_with_the_current_ones(
    world: World,
) -> None:
    async with a_version(world, "1.0"):
        await make_current(world, "1.0")
        handle = await patched(world, quick(world.plan))
        await until(handle, "runmend.settle", PATIENCE)
    async with a_version(world, "2.0"):
        await make_current(world, "2.0")
        world.faults.clear()
        result = await world.completed(handle, 60)

    assert result.outcome is Outcome.RESOLVED
    assert await worked_on_by(handle) == ["1.0", "2.0"]


async def test_a_run_that_is_resumed_when_its_versions_workers_are_gone_runs_on_the_current_one(
    world: World, client: Client
) -> None:
    await broken(world)
    async with a_version(world, "1.0"):
        await make_current(world, "1.0")
        handle = await world.start(plan=quick(world.plan, window=2))
        await world.window(handle)
        world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 0}})
        assert (await world.failed(handle)).kind == "VerificationFailed"
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 1}})
    await world.until_running(1)
    async with a_version(world, "2.0"):
        await make_current(world, "2.0")
        again = await reset(handle, await id_of(handle, "runmend.settle"), client)
        result = await world.completed(again)

    assert result.outcome is Outcome.RESOLVED
    assert await worked_on_by(again) == ["1.0", "2.0"]


async def test_an_unversioned_run_moves_to_the_first_version_that_is_made_current_and_new_ones_back_when_none_is(
    world: World,
) -> None:
    await broken(world)
    async with a_version(world, None):
        handle = await world.start(plan=quick(world.plan, window=3))
        await world.window(handle)
        async with a_version(world, "1.0"):
            await make_current(world, "1.0")
            assert (await world.completed(handle)).outcome is Outcome.RESOLVED
        name = world.settings.deployment
        await temporal(
            world, "worker", "deployment", "set-current-version", "--deployment-name", name, "--unversioned", "--yes"
        )
        new = await world.start()
        assert (await world.completed(new)).outcome is Outcome.NOT_NEEDED

    assert await worked_on_by(handle) == [UNVERSIONED, "1.0"]
    assert await worked_on_by(new) == [UNVERSIONED]


async def test_a_version_that_is_not_current_gets_no_work(world: World) -> None:
    await broken(world)
    async with a_version(world, "1.0"):
        handle = await world.start(plan=quick(world.plan))
        await until_polling(world, "1.0")
        assert await worked_on_by(handle) == []
        await make_current(world, "1.0")
        assert (await world.completed(handle)).outcome is Outcome.RESOLVED

    assert await worked_on_by(handle) == ["1.0"]


async def test_a_cluster_with_a_dot_in_its_name_has_a_deployment_too(world: World) -> None:
    dotted = world.settings.model_copy(update={"cluster": f"{world.settings.cluster}.eu-1"})
    world = replace(world, settings=dotted, target=world.target.model_copy(update={"cluster": dotted.cluster}))
    await broken(world)
    async with a_version(world, "1.0"):
        await make_current(world, "1.0")
        handle = await world.start(plan=quick(world.plan))
        assert (await world.completed(handle)).outcome is Outcome.RESOLVED

    assert world.settings.deployment == f"runmend-{world.settings.cluster}".replace(".", "/")


@pytest.mark.parametrize("build_id", ["", "a:b", "-a", "a" * 64, "a b"])
def test_a_build_id_is_what_an_images_tag_may_be(build_id: str) -> None:
    with pytest.raises(ValidationError):
        Settings(build_id=build_id)
