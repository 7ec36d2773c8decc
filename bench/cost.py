"""What one run asks of the API server, against the number of other pods: requests, bytes, and alert to patch.

From the webhook to the begin of the verification window, as a black box: the bridge's application and a worker with
the real activities, behind a counting application in front of the embedded cluster.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from bench.stub import NoRegistry
from runmend.bridge import create_app
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.demo.broken import NAMESPACE, SCENARIOS, Breaking, webhook
from runmend.local.processes import find_temporal
from runmend.local.sandbox import Sandbox
from runmend.runbook import Catalog
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from runmend.worker.assembly import THREADS, build_worker

RUNBOOKS = Path(__file__).parents[1] / "runbooks"
PODS_A_NODE = 100
ELSEWHERE = "elsewhere"
PATIENCE = 300.0
"""Seconds to wait for what must happen."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run asked for: requests, bytes of their answers, and the seconds from the webhook to the patch."""

    requests: int
    bytes: int
    seconds: float


class Counter:
    """Counts what an application answers to the product, and remembers when it was asked to patch."""

    def __init__(self) -> None:
        self.requests = self.bytes = 0
        self.patched = 0.0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application to serve instead."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            agent = dict(scope.get("headers", ())).get(b"user-agent", b"")

            async def passed_on(message: Message) -> None:
                self.requests += message["type"] == "http.response.start"
                self.bytes += len(message.get("body", b""))
                await send(message)

            ours = agent.startswith(b"runmend")
            if ours and scope["method"] == "PATCH":
                self.patched = self.patched or time.perf_counter()
            await app(scope, receive, passed_on if ours else send)

        return counted

    def begin(self) -> None:
        """Count from here."""
        self.requests = self.bytes = 0
        self.patched = 0.0


async def measure(counts: list[int]) -> None:
    """Measure for so many other pods in the target's namespace, and for the most of them elsewhere; print the table."""
    env = await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal(), dev_server_log_level="never", data_converter=data_converter
    )
    async with env:
        await register_search_attributes(env.client)
        print(f"{'other pods':<22}{'requests':>9}{'kB':>9}{'alert to patch':>16}{'requests':>10}{'bytes':>8}")
        first: Cost | None = None
        for number, (others, namespace) in enumerate([*((n, NAMESPACE) for n in counts), (max(counts), ELSEWHERE)]):
            cost = await _one(env.client, f"cost-{number}", others, namespace)
            first = first or cost
            where = f"{others:,}" + (" in another" if namespace == ELSEWHERE else "")
            print(
                f"{where:<22}{cost.requests:>9}{cost.bytes / 1000:>9.1f}{cost.seconds:>14.2f} s"
                f"{cost.requests / first.requests:>9.2f}x{cost.bytes / first.bytes:>7.2f}x",
                flush=True,
            )


async def _one(client: Client, name: str, others: int, namespace: str) -> Cost:
    counter = Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(wrap=counter.wrap, nodes=max(2, others // PODS_A_NODE)) as sandbox,
    ):
        connection = Connection.to(sandbox.write_kubeconfig(Path(folder) / "kubeconfig"), None)
        cluster = Cluster(connection)
        broken = await Breaking(connection, cluster).make(SCENARIOS["bad-image"])
        await _make_others(sandbox, namespace, others)
        settings = Settings(cluster=name, runbooks=RUNBOOKS)
        body = webhook(broken)
        for alert in body["alerts"]:
            alert["labels"]["cluster"] = name
        async with _bridge(settings, client, cluster) as bridge:
            with ThreadPoolExecutor(THREADS) as threads:
                async with build_worker(client, cluster, settings, threads, NoRegistry()):
                    counter.begin()
                    began = time.perf_counter()
                    answer = (await bridge.post("/alerts", json=body)).json()
                    run = answer["alerts"][0]["run"]
                    await _until_window(client, run)
                    cost = Cost(counter.requests, counter.bytes, counter.patched - began)
                    await client.get_workflow_handle(run).terminate("measured")
        cluster.close()
    return cost


@asynccontextmanager
async def _bridge(settings: Settings, client: Client, cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, client, cluster, Catalog(settings.runbooks))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge") as http:
        yield http


async def _make_others(sandbox: Sandbox, namespace: str, others: int) -> None:
    """Pods of another workload, all of which run."""
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    labels = {"app": "other"}
    containers = [{"name": "app", "image": "registry.example/app:2.3"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": others, "selector": {"matchLabels": labels}, "template": template}
    replica_sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    async with httpx.AsyncClient(base_url=sandbox.url, headers=headers, trust_env=False, timeout=60) as api:
        if namespace != NAMESPACE:
            (await api.post("/api/v1/namespaces", json={"metadata": {"name": namespace}})).raise_for_status()
        (await api.post(replica_sets, json={"metadata": {"name": "other"}, "spec": spec})).raise_for_status()
        async with asyncio.timeout(PATIENCE):
            while True:
                found = (await api.get(f"{replica_sets}/other")).json()
                if found["status"].get("readyReplicas", 0) == others:
                    return
                await asyncio.sleep(1)


async def _until_window(client: Client, workflow_id: str) -> None:
    handle = client.get_workflow_handle(workflow_id)
    async with asyncio.timeout(PATIENCE):
        while True:
            kinds = {event.WhichOneof("attributes") for event in (await handle.fetch_history()).events}
            if "timer_started_event_attributes" in kinds:
                return
            if any(
                kind and kind.startswith(("workflow_execution_failed", "workflow_execution_completed"))
                for kind in kinds
            ):
                raise SystemExit(f"bench: error: run {workflow_id} ended before its window")
            await asyncio.sleep(0.1)
