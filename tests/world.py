"""A world for a run: the sandbox with faults in front, Temporal's time-skipping server, a worker with the real
activities.

The window alone is skipped: a run is started with skipping off, waits in real time until its timer is in the history,
the test does to the cluster what it will, and only then is the window passed over. Otherwise the run's clock would
outrun the cluster, and no criterion could fail.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from runmend.alerts.alert import Alert, Target
from runmend.core.settings import Settings
from runmend.facts.pod import PodFacts
from runmend.images.pull_secrets import Credentials
from runmend.images.references import ImageReference
from runmend.images.registry import Answer, Registry, RegistryAnswer
from runmend.kube.client import Cluster
from runmend.local.sandbox import Sandbox
from runmend.plan.messages import Options, RunResult
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from runmend.runs.connection import SEARCH_ATTRIBUTES
from runmend.runs.converter import data_converter
from runmend.runs.starting import Starter
from runmend.worker.assembly import build_worker
from tests.builders import a_deployment, an_alert
from tests.faults import Faults
from tests.loopback import client_of
from tests.runs import Failed, end

SEED = Path(__file__).parents[1] / "runbooks" / "RB_IMAGEPULL.md"
SERVER = Path(sys.prefix) / "bin" / "temporal-test-server"
PATIENCE = 20.0
"""Seconds to wait for what must happen in real time."""


@cache
def seed_plan() -> Plan:
    """The user's runbook, compiled once: no test changes a plan."""
    return compile_runbook(SEED.read_bytes(), SEED.name).plan


class Offline(Registry):
    """A registry that cannot be asked: no test may depend on the network."""

    def __init__(self) -> None:
        """Without the machine's certificates, which take 70 ms of processor time to read."""

    def ask(self, image: str | ImageReference, credentials: Sequence[Credentials] = ()) -> RegistryAnswer:  # noqa: ARG002
        return RegistryAnswer(str(image), Answer.UNKNOWN, "no test asks a registry")


@dataclass
class World:
    """Everything a run touches."""

    sandbox: Sandbox
    faults: Faults
    cluster: Cluster
    settings: Settings
    env: WorkflowEnvironment
    api: httpx.Client
    plan: Plan
    target: Target

    @property
    def starter(self) -> Starter:
        return Starter(self.env.client, self.settings)

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST an object; the path is the collection's."""
        answer = self.api.post(path, json=body)
        assert answer.is_success, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def patch(self, path: str, body: dict[str, Any], manager: str = "tests") -> dict[str, Any]:
        """A strategic merge patch under a field manager's name."""
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        answer = self.api.patch(path, json=body, headers=headers, params={"fieldManager": manager})
        assert answer.is_success, answer.text
        patched: dict[str, Any] = answer.json()
        return patched

    def deploy(self, **how: Any) -> None:
        """Create a Deployment in shop; see `a_deployment`."""
        self.create("/apis/apps/v1/namespaces/shop/deployments", a_deployment(**how))

    def set_image(
        self, container: str, image: str, *, name: str = "web", manager: str = "tests", listed: str = "containers"
    ) -> None:
        """What a person or a controller does: change one image of a Deployment's template."""
        body = {"spec": {"template": {"spec": {listed: [{"name": container, "image": image}]}}}}
        self.patch(f"/apis/apps/v1/namespaces/shop/deployments/{name}", body, manager)

    def images(self, name: str = "web") -> dict[str, str]:
        """Container → image of the live template."""
        deployment = self.cluster.deployment("shop", name)
        return deployment.containers | deployment.init_containers

    def pods(self) -> tuple[PodFacts, ...]:
        return tuple(pod for pod in self.cluster.pods("shop") if not pod.deleting)

    async def until(self, holds: Callable[[], Any], what: str = "it") -> None:
        """Wait in real time until something holds."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await asyncio.to_thread(holds):
            assert asyncio.get_running_loop().time() < deadline, (
                f"{what} did not happen: {[pod.in_words for pod in self.pods()]}"
            )
            await asyncio.sleep(0.1)

    async def until_broken(self, container: str = "app", count: int = 1) -> tuple[PodFacts, ...]:
        """Wait until a container of `count` pods cannot pull, and return those pods."""

        def broken() -> list[PodFacts]:
            return [
                pod
                for pod in self.pods()
                if container in {c.name for c in pod.waiting_for("ErrImagePull", "ImagePullBackOff")}
            ]

        await self.until(lambda: len(broken()) >= count, f"{container} broken in {count} pods")
        return tuple(broken())

    async def until_running(self, count: int) -> None:
        await self.until(lambda: sum(pod.running for pod in self.pods()) >= count, f"{count} running pods")

    async def start(
        self,
        alerts: tuple[Alert, ...] | None = None,
        *,
        plan: Plan | None = None,
        options: Options | None = None,
        target: Target | None = None,
    ) -> WorkflowHandle[Any, Any]:
        """Start a run as the bridge does; by default for an alert of the first pod."""
        target = target or self.target
        alerts = alerts or (an_alert(self.pods()[0]),)
        latest = await self.starter.latest(target)
        run_id = await self.starter.start(
            plan or self.plan, target, alerts, options or self.starter.options("shop"), latest
        )
        return self.env.client.get_workflow_handle(target.workflow_id, run_id=run_id)

    async def window(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Wait until the verification window has begun; a second is skipped at each look, so that retries are not
        waited for."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            kinds = {event.WhichOneof("attributes") for event in (await handle.fetch_history()).events}
            if "timer_started_event_attributes" in kinds:
                return
            ended = [
                kind
                for kind in kinds
                if kind and kind.startswith("workflow_execution_") and ("completed" in kind or "failed" in kind)
            ]
            assert not ended, f"the run ended before its window: {await self.end(handle)}"
            assert asyncio.get_running_loop().time() < deadline, f"no window: {[pod.in_words for pod in self.pods()]}"
            await asyncio.sleep(0.1)
            if self.env.supports_time_skipping_v1:
                await self.skip(1)

    async def skip(self, seconds: float = 301) -> None:
        """Pass over the window, or another time that only Temporal waits for."""
        await self.env.sleep(seconds)

    async def end(self, handle: WorkflowHandle[Any, Any], patience: float = PATIENCE) -> RunResult | Failed:
        """How the run ended; waits in real time."""
        return await end(handle, patience)

    async def completed(self, handle: WorkflowHandle[Any, Any], patience: float = PATIENCE) -> RunResult:
        """The result of a run that must complete."""
        end = await self.end(handle, patience)
        assert isinstance(end, RunResult), end
        return end

    async def failed(self, handle: WorkflowHandle[Any, Any]) -> Failed:
        """The failure of a run that must fail."""
        end = await self.end(handle)
        assert isinstance(end, Failed), end
        return end


@asynccontextmanager
async def a_world(directory: Path, **settings: Any) -> AsyncIterator[World]:
    """Start all of it on a server that skips time; `settings` are ours, by their field names."""
    env = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(SERVER), data_converter=data_converter
    )
    async with env:
        await env.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=env.client.namespace, search_attributes=SEARCH_ATTRIBUTES)
        )
        with env.auto_time_skipping_disabled():
            async with (
                a_world_on(env, directory, Settings(**({"cluster": "test"} | settings))) as world,
                a_worker(world),
            ):
                yield world


@asynccontextmanager
async def a_world_on(env: WorkflowEnvironment, directory: Path, settings: Settings) -> AsyncIterator[World]:
    """A world on a Temporal server that is there already; without a worker."""
    faults = Faults()
    with (
        Sandbox(wrap=faults.wrap) as sandbox,
        client_of(sandbox) as api,
    ):
        await asyncio.to_thread(
            lambda: api.post("/api/v1/namespaces", json={"metadata": {"name": "shop"}}).raise_for_status()
        )
        cluster = Cluster.connect(kubeconfig=sandbox.write_kubeconfig(directory / "kubeconfig"))
        target = Target(cluster=settings.cluster, namespace="shop", kind="Deployment", name="web")
        yield World(sandbox, faults, cluster, settings, env, api, seed_plan(), target)
        cluster.close()


@asynccontextmanager
async def a_worker(world: World, runner: WorkflowRunner | None = None) -> AsyncIterator[None]:
    """A worker with the real activities, in this process; its workflow code runs in Temporal's sandbox, where no other
    runner is given."""
    with ThreadPoolExecutor(max_workers=32) as threads:
        async with build_worker(
            world.env.client, world.cluster, world.settings, threads, Offline(), runner or SandboxedWorkflowRunner()
        ):
            yield
