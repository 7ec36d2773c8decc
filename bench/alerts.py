"""What a webhook of many alerts asks of the bridge: its processor time, and the requests to the API server.

The bridge is a process of its own, behind it a dev server and the embedded cluster. No worker polls: what a run does
is measured by `bench.cost`.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from bench.cost import PATIENCE, RUNBOOKS, Counter
from runmend.local.processes import Child, find_temporal, free_port, start_child
from runmend.local.sandbox import Sandbox
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter

REPLICAS = 2
TICKS = os.sysconf("SC_CLK_TCK")
MISSING = "registry.example/app:missing"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a webhook cost: processor time and wall time in seconds, requests to the API server, and their bytes."""

    processor: float
    seconds: float
    requests: int
    bytes: int


async def measure(alerts: int, spreads: Sequence[int], rounds: int) -> None:
    """Measure webhooks of so many alerts, spread over so many namespaces; print the table."""
    env = await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal(), dev_server_log_level="never", data_converter=data_converter
    )
    async with env:
        await register_search_attributes(env.client)
        print(
            f"{'alerts':>7}{'targets':>9}{'namespaces':>12}{'requests':>10}{'kB':>9}"
            f"{'processor':>11}{'seconds':>9}{'again':>9}{'processor':>11}"
        )
        first = 0.0
        for number in range(rounds):
            for namespaces in spreads:
                began, again = await _one(env.client, f"b{number}n{namespaces}", alerts // REPLICAS, namespaces)
                first = first or began.processor
                print(
                    f"{alerts:>7,}{alerts // REPLICAS:>9,}{namespaces:>12,}{began.requests:>10,}"
                    f"{began.bytes / 1000:>9.0f}{began.processor:>9.2f} s{began.seconds:>7.2f} s"
                    f"{again.processor:>7.2f} s{began.processor / first:>10.2f}x",
                    flush=True,
                )


async def _one(client: Client, name: str, targets: int, namespaces: int) -> tuple[Taken, Taken]:
    """A webhook whose every target is new, and the same one again."""
    counter = Counter()
    with tempfile.TemporaryDirectory() as folder, Sandbox(wrap=counter.wrap, nodes=targets // 20 or 2) as sandbox:
        kubeconfig = sandbox.write_kubeconfig(Path(folder) / "kubeconfig")
        body = _webhook(await _broken(sandbox, targets, namespaces))
        port = free_port()
        surroundings = os.environ | {
            "RUNMEND_CLUSTER": name,
            "RUNMEND_RUNBOOKS": str(RUNBOOKS),
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "KUBECONFIG": str(kubeconfig),
        }
        argv = [sys.executable, "-m", "runmend.cli", "bridge", "--host", "127.0.0.1", "--port", str(port)]
        bridge = await start_child("bridge", argv, surroundings, lambda _: None)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE
            ) as http:
                await _ready(http, bridge)
                return await _post(http, bridge, counter, body), await _post(http, bridge, counter, body)
        finally:
            await bridge.end()


async def _post(http: httpx.AsyncClient, bridge: Child, counter: Counter, body: dict[str, Any]) -> Taken:
    loop = asyncio.get_running_loop()
    counter.begin()
    processor, began = _processor(bridge.pid), loop.time()
    answer = await http.post("/alerts", json=body)
    if answer.is_error:
        raise SystemExit(f"bench: error: the bridge answered {answer.status_code}: {answer.text[:300]}")
    seconds = loop.time() - began
    answers = {alert["answer"] for alert in answer.json()["alerts"]}
    if not answers <= {"started", "known"}:
        raise SystemExit(f"bench: error: the bridge answered {', '.join(sorted(answers))}")
    return Taken(_processor(bridge.pid) - processor, seconds, counter.requests, counter.bytes)


async def _broken(sandbox: Sandbox, targets: int, namespaces: int) -> list[dict[str, Any]]:
    """Deployments whose image is missing, and the metadata of their pods."""
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    async with httpx.AsyncClient(base_url=sandbox.url, headers=headers, trust_env=False, timeout=60) as api:
        for number in range(namespaces):
            answer = await api.post("/api/v1/namespaces", json={"metadata": {"name": f"team-{number}"}})
            answer.raise_for_status()
        for number in range(targets):
            labels = {"app": f"web-{number}"}
            spec = {
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "image": MISSING}]},
                },
            }
            deployments = f"/apis/apps/v1/namespaces/team-{number % namespaces}/deployments"
            answer = await api.post(deployments, json={"metadata": {"name": f"web-{number}"}, "spec": spec})
            answer.raise_for_status()
        async with asyncio.timeout(PATIENCE):
            while True:
                pods = [pod["metadata"] for pod in (await api.get("/api/v1/pods")).json()["items"]]
                if len(pods) == targets * REPLICAS:
                    return pods
                await asyncio.sleep(0.2)


def _webhook(pods: Sequence[dict[str, Any]]) -> dict[str, Any]:
    alerts = [
        {
            "status": "firing",
            "labels": {
                "alertname": "ImagePullBackOff",
                "namespace": pod["namespace"],
                "pod": pod["name"],
                "container": "app",
                "uid": pod["uid"],
            },
            "annotations": {"runbook_id": "RB_IMAGEPULL"},
            "startsAt": "2026-11-28T10:00:00Z",
            "fingerprint": f"{number:016x}",
        }
        for number, pod in enumerate(pods)
    ]
    return {"version": "4", "status": "firing", "receiver": "runmend", "alerts": alerts}


async def _ready(http: httpx.AsyncClient, bridge: Child) -> None:
    async with asyncio.timeout(PATIENCE):
        while not bridge.ended:
            try:
                if (await http.get("/healthz")).is_success:
                    return
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
    raise SystemExit("bench: error: the bridge ended: " + " ".join(bridge.last_lines[-1:]))


def _processor(pid: int) -> float:
    """The processor time that a process has used, user and system, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
