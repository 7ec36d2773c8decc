"""What the bridge's tests are built from: an installation, its broken Deployments, and webhooks about them."""

# ruff: noqa: ASYNC110  what is waited for happens in other processes, which set no event here

import asyncio
import copy
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio import workflow
from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    ListWorkflowsInput,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionDescription,
    WorkflowHandle,
)
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ApplicationError

from runmend.alerts.alert import Target
from runmend.bridge import create_app
from runmend.core.settings import Settings
from runmend.facts.pod import PodFacts
from runmend.kube.client import Cluster
from runmend.local.sandbox import Sandbox
from runmend.plan.attributes import OUTCOME
from runmend.plan.memo import EPISODES
from runmend.plan.messages import JOIN_SIGNAL, RESOLVED_SIGNAL, Joining, RunInput
from runmend.runbook.loader import Catalog
from tests.loopback import async_http_client

PAYLOADS = Path(__file__).parents[1] / "payloads"
STARTED_AT = "2026-11-22T13:31:12.482Z"


class Calls(Interceptor):
    """Counts what a client asks Temporal."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the SDK's name
        return _Counting(next, self.count)


class _Counting(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, count: Counter[str]) -> None:
        super().__init__(following)
        self._count = count

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
        self._count["start"] += 1
        return await super().start_workflow(input)

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:  # noqa: A002
        self._count["describe"] += 1
        return await super().describe_workflow(input)

    def list_workflows(self, input: ListWorkflowsInput) -> WorkflowExecutionAsyncIterator:  # noqa: A002
        self._count["list"] += 1
        return super().list_workflows(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002
        self._count["signal"] += 1
        await super().signal_workflow(input)


class Requests:
    """Stands in front of the sandbox's server: counts requests, and answers with a status of its own when told."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.only_for = ""

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            self.seen.append(scope["path"])
            if self.status is None or self.only_for not in scope["path"]:
                await app(scope, receive, send)
                return
            headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"{}"})

        return asked


class Wire:
    """A connection to Temporal that can be cut."""

    def __init__(self, address: str) -> None:
        self._host, _, self._port = address.rpartition(":")
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> str:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection(self._host, int(self._port))
        for source, sink in ((reader, here), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()


@workflow.defn(dynamic=True)
class Told:
    """A run that does nothing but end as it is told."""

    def __init__(self) -> None:
        self.end: dict[str, Any] | None = None

    @workflow.run
    async def run(self, _: Sequence[RawValue]) -> str:
        await workflow.wait_condition(lambda: self.end is not None)
        end = self.end or {}
        workflow.upsert_memo(end["memo"])
        if end["outcome"]:
            workflow.upsert_search_attributes([SearchAttributeKey.for_keyword(OUTCOME).value_set(end["outcome"])])
        if end["fails"]:
            raise ApplicationError("as told", type="VerificationFailed", non_retryable=True)
        return "as told"

    @workflow.signal(dynamic=True)
    async def other(self, name: str, args: Sequence[RawValue]) -> None:
        pass

    @workflow.signal(name="end")
    async def ended(self, end: dict[str, Any]) -> None:
        self.end = end


@dataclass
class Installation:
    """A bridge with its Temporal, its cluster, and its runbooks."""

    settings: Settings
    client: Client
    calls: Calls
    sandbox: Sandbox
    requests: Requests
    cluster: Cluster
    catalog: Catalog
    app: FastAPI
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = async_http_client("http://bridge", transport=transport)

    def with_settings(self, **changed: Any) -> "Installation":
        """Another bridge of the same installation."""
        settings = self.settings.model_copy(update=changed)
        app = create_app(settings, self.client, self.cluster, self.catalog)
        return replace(self, settings=settings, app=app)

    async def deploy(
        self, name: str = "web", *, replicas: int = 1, containers: Sequence[str] = ("app",), namespace: str = "shop"
    ) -> tuple[PodFacts, ...]:
        """A Deployment none of whose images can be pulled; returns its pods."""
        labels = {"app": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {
                "containers": [
                    {"name": each, "image": f"registry.example/{name}-{each}:missing"} for each in containers
                ]
            },
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        await self._kube("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        answer = await self._kube("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
        assert answer.status_code == 201, answer.text
        while len(pods := await self.pods(name, namespace)) < replicas:
            await asyncio.sleep(0.01)
        return pods

    async def a_bare_pod(self, name: str) -> PodFacts:
        """A pod without a controller."""
        await self._kube("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        spec = {"containers": [{"name": "app", "image": "registry.example/app:missing"}]}
        answer = await self._kube("POST", "/api/v1/namespaces/shop/pods", {"metadata": {"name": name}, "spec": spec})
        assert answer.status_code == 201, answer.text
        return next(pod for pod in await asyncio.to_thread(self.cluster.pods, "shop") if pod.name == name)

    async def pods(self, name: str, namespace: str = "shop") -> tuple[PodFacts, ...]:
        found = await asyncio.to_thread(self.cluster.pods, namespace)
        return tuple(pod for pod in found if pod.name.startswith(f"{name}-") and not pod.deleting)

    async def replace(self, pod: PodFacts) -> None:
        """Delete a pod and wait until it is gone; its ReplicaSet makes another."""
        await self._kube("DELETE", f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}?gracePeriodSeconds=0")
        while any(each.name == pod.name for each in await asyncio.to_thread(self.cluster.pods, pod.namespace)):
            await asyncio.sleep(0.01)

    async def remove(self, name: str, namespace: str = "shop") -> None:
        """Delete a Deployment and wait until its pods are gone."""
        await self._kube("DELETE", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        while await asyncio.to_thread(self.cluster.pods, namespace, f"app={name}"):
            await asyncio.sleep(0.01)

    async def _kube(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.sandbox.token}"}
        async with async_http_client(self.sandbox.url, headers=headers) as http:
            return await http.request(method, path, json=body)

    async def post(self, *alerts: Any, **envelope: Any) -> httpx.Response:
        return await self.http.post("/alerts", json=webhook(*alerts, **envelope))

    async def answers(self, *alerts: Any) -> list[str]:
        response = await self.post(*alerts)
        assert response.status_code == 200, response.text
        return [alert["answer"] for alert in response.json()["alerts"]]

    def target(self, name: str = "web", namespace: str = "shop") -> Target:
        return Target(cluster=self.settings.cluster, namespace=namespace, kind="Deployment", name=name)

    def run(self, name: str = "web") -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(self.target(name).workflow_id)

    async def run_id(self, name: str = "web") -> str:
        return (await self.run(name).describe()).run_id

    async def runs(self, count: int) -> list[str]:
        """The ids of this installation's runs; the visibility store may be late, so they are waited for."""
        query = f"TaskQueue = '{self.settings.task_queue}'"
        while len(found := [run.run_id async for run in self.client.list_workflows(query)]) < count:
            await asyncio.sleep(0.05)
        return found

    async def visible(self, fingerprint: str) -> None:
        """Wait until the visibility store knows an open run of a fingerprint."""
        query = (
            f"TaskQueue = '{self.settings.task_queue}' AND ExecutionStatus = 'Running' AND Fingerprints = "
            f"'{fingerprint}'"
        )
        while (await self.client.count_workflows(query)).count == 0:
            await asyncio.sleep(0.05)

    async def end(
        self, name: str = "web", *, fails: bool = False, outcome: str = "", learns: Sequence[str] = ()
    ) -> None:
        """Let a target's run end. Needs the fixture `worker`."""
        run = self.run(name)
        memo: dict[str, Any] = {}
        if learns:
            memo[EPISODES] = dict.fromkeys(learns, "2026-11-22T13:40:00+00:00")
        await run.signal("end", {"memo": memo, "fails": fails, "outcome": outcome})
        while (await run.describe()).close_time is None:
            await asyncio.sleep(0.01)

    async def input(self, name: str = "web") -> RunInput:
        async for event in self.run(name).fetch_history_events():
            payloads = event.workflow_execution_started_event_attributes.input.payloads
            (given,) = await self.client.data_converter.decode(payloads, [RunInput])
            assert isinstance(given, RunInput)
            return given
        raise AssertionError("no first event")

    async def signals(self, name: str = "web", signal: str = JOIN_SIGNAL) -> list[Joining]:
        found = []
        async for event in self.run(name).fetch_history_events():
            attributes = event.workflow_execution_signaled_event_attributes
            if attributes.signal_name == signal:
                (joining,) = await self.client.data_converter.decode(attributes.input.payloads, [Joining])
                found.append(joining)
        return found

    async def resolved_signals(self, name: str = "web") -> list[Joining]:
        return await self.signals(name, RESOLVED_SIGNAL)


def captured(name: str) -> dict[str, Any]:
    """A payload as a real Alertmanager sent it."""
    payload: dict[str, Any] = json.loads(_text(name))
    return payload


@cache
def _text(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


@cache
def _an_alert() -> dict[str, Any]:
    """The first captured one; thousands are made like it."""
    alert: dict[str, Any] = captured("firing")["alerts"][0]
    return alert


def about(payload: dict[str, Any], *pods: PodFacts) -> dict[str, Any]:
    """A captured payload, its alerts made to be about these pods."""
    adjusted = copy.deepcopy(payload)
    for alert, pod in zip(adjusted["alerts"], pods, strict=True):
        alert["labels"] |= {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
    return adjusted


def an_alert(
    pod: PodFacts | None = None, /, *, status: str = "firing", starts_at: str = STARTED_AT, **labels: str | None
) -> dict[str, Any]:
    """An alert like the captured ones, about a pod; a label that is None is left out."""
    alert = copy.deepcopy(_an_alert())
    if pod:
        alert["labels"] |= {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
    merged = alert["labels"] | labels
    alert["labels"] = {name: value for name, value in merged.items() if value is not None}
    digest = hashlib.sha256(json.dumps(alert["labels"], sort_keys=True).encode()).hexdigest()
    return alert | {"status": status, "startsAt": starts_at, "fingerprint": digest[:16]}


def webhook(*alerts: Any, **envelope: Any) -> dict[str, Any]:
    """A webhook like the captured ones with these alerts."""
    return captured("firing") | {"alerts": list(alerts)} | envelope


async def until(that: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not that():
            await asyncio.sleep(0.02)
