"""The crash matrix: a run's worker is killed before and after every single request that it makes to the API server.

One run for each request and moment, each on an embedded cluster of its own, several at a time, all of them on one
Temporal server. "Before": the API server never has the request. "After": it has done what was asked, and nobody is
told. Then another worker goes on. Every run must end as the one whose worker lived, and each write be made as often.
"""

import asyncio
import os
import re
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.client import Client

from runmend.bridge import create_app
from runmend.core.kinds import BY_NAME
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.demo.broken import Breaking, Scenario, webhook
from runmend.local.sandbox import Sandbox
from runmend.runbook import Catalog
from runmend.runbook.loader import Loaded
from tests.commands import Started, started_command
from tests.runs import Failed, end

Moment = Literal["before", "after"]
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")
WINDOW_SECONDS: Final = 3
LOOK_SECONDS: Final = 1
PATIENCE: Final = 120.0
"""Seconds to wait for a run's end."""
AT_ONCE: Final = 10
"""How many runs there are at a time: a run whose worker died mostly waits for that to be noticed."""
_MADE_UP: Final = re.compile(r"(?<=-)[a-z0-9]{8,10}(-[a-z0-9]{5})?(?=$|/)")
"""What Kubernetes makes up in the names of ReplicaSets and pods."""


@dataclass(frozen=True)
class Point:
    """Where a worker is killed: at its so-manieth request, counted from 1."""

    number: int
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment} request {self.number}"


@dataclass(frozen=True)
class Ran:
    """A run: how it ended, and what was written for it. `asked` are its worker's requests, in their order; `reached`
    says whether the worker was killed."""

    end: dict[str, Any]
    writes: Counter[str]
    asked: tuple[str, ...]
    reached: bool = False


def differences(lived: Ran, killed: Ran) -> Iterator[str]:
    """In what a run whose worker was killed differs from the one whose worker lived."""
    for name, value in lived.end.items():
        if killed.end.get(name) != value:
            yield f"{name} is {killed.end.get(name)!r} and not {value!r}"
    for write in sorted(lived.writes | killed.writes):
        if lived.writes[write] != killed.writes[write]:
            yield f"{write} was made {killed.writes[write]} times and not {lived.writes[write]}"


@dataclass
class Killer:
    """Stands in front of an API server, counts what the worker asks for, and kills it at a point."""

    point: Point | None
    asked: list[str] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    killed: threading.Event = field(default_factory=threading.Event)
    worker: Started | None = None
    """Nothing is counted before there is one."""

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application to serve instead."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            agent = dict(scope.get("headers", ())).get(b"user-agent", b"")
            if self.worker is None or scope["type"] != "http" or not agent.startswith(b"runmend"):
                await app(scope, receive, send)
                return
            asked = f"{scope['method']} {_MADE_UP.sub('…', scope['path'])}"
            self.asked.append(asked)
            mine = self.point is not None and len(self.asked) == self.point.number
            if mine and self.point and self.point.moment == "before":
                self._kill(self.worker)
                return

            async def answered(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._count(scope, asked, message["status"])
                if not mine:
                    await send(message)

            await app(scope, receive, answered)
            if mine:
                self._kill(self.worker)

        return watched

    def _count(self, scope: Scope, asked: str, status: int) -> None:
        if scope["method"] != "GET" and status < 300 and b"dryRun" not in scope["query_string"]:
            self.writes[asked] += 1

    def _kill(self, worker: Started) -> None:
        os.kill(worker.pid, signal.SIGKILL)
        self.killed.set()


class Hurried(Catalog):
    """Runbooks whose windows last seconds."""

    def _load(self) -> Loaded:
        loaded = super()._load()
        for name, plan in loaded.plans.items():
            loaded.plans[name] = plan.model_copy(update={"window_seconds": WINDOW_SECONDS})
        return loaded


@dataclass
class Matrix:
    """Runs of one scenario on one Temporal server.

    Args:
        client: of the server.
        scenario: what is broken, and so which runbook runs.
        catalog: the runbooks.
    """

    client: Client
    scenario: Scenario
    catalog: Catalog

    async def every_point(self, at_once: int, say: Callable[[str], None]) -> list[str]:
        """Kill at every request, before and after; what differed, in words. Nothing: it is as it should be."""
        lived = await self.run(None)
        say(f"its worker lived: {lived.end['outcome']}, {len(lived.asked)} requests, writes {dict(lived.writes)}")
        points = [Point(number, moment) for number in range(1, len(lived.asked) + 1) for moment in MOMENTS]
        slots, ran = asyncio.Semaphore(at_once), dict[Point, Ran]()

        async def one(point: Point) -> None:
            async with slots:
                ran[point] = await self.run(point)
                reached = ran[point].asked[point.number - 1] if ran[point].reached else "not reached"
                say(f"[{len(ran)}/{len(points)}] {point} ({reached}): {ran[point].end['outcome']}")

        async with asyncio.TaskGroup() as group:
            for point in points:
                group.create_task(one(point))
        found = [f"{point}: {each}" for point in points for each in differences(lived, ran[point])]
        return found + list(unreached(lived, ran))

    async def run(self, point: Point | None) -> Ran:
        """One run, on a cluster of its own."""
        killer = Killer(point)
        name = f"crash-{point.moment}-{point.number}" if point else "crash-none"
        with tempfile.TemporaryDirectory() as folder, Sandbox(wrap=killer.wrap) as sandbox:
            kubeconfig = sandbox.write_kubeconfig(Path(folder) / "kubeconfig")
            run, run_id, target = await self._start(name, kubeconfig)
            handle = self.client.get_workflow_handle(run, run_id=run_id)
            async with self._worker(name, kubeconfig) as worker:
                killer.worker = worker
                ending = asyncio.create_task(end(handle, PATIENCE))
                dying = asyncio.create_task(asyncio.to_thread(killer.killed.wait, PATIENCE))
                await asyncio.wait([ending, dying], return_when=asyncio.FIRST_COMPLETED)
                reached = killer.killed.is_set()
                if reached:
                    async with self._worker(name, kubeconfig):
                        ended = await ending
                else:
                    ended = await ending
                    killer.killed.set()
                await dying
            result = ended.result if isinstance(ended, Failed) else ended
            headers = {"Authorization": f"Bearer {sandbox.token}"}
            async with httpx.AsyncClient(base_url=sandbox.url, headers=headers, trust_env=False) as api:
                spec = (await api.get(target)).raise_for_status().json()["spec"]
        told = {
            "outcome": str(result.outcome),
            "steps": [(step.action_id, str(step.status)) for step in result.steps],
            "changes": [change.model_dump(mode="json") for change in result.changes],
            "verdicts": [(verdict.text, str(verdict.status)) for verdict in result.verdicts],
            "the target": spec,
        }
        return Ran(told, killer.writes, tuple(killer.asked), reached)

    async def _start(self, name: str, kubeconfig: Path) -> tuple[str, str, str]:
        """Break something and post the alert: the run's ids, and its target's path. No worker is there yet."""
        connection = Connection.to(kubeconfig, None)
        cluster = Cluster(connection)
        broken = await Breaking(connection, cluster).make(self.scenario)
        app = create_app(Settings(cluster=name, nodes="*"), self.client, cluster, self.catalog)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge") as bridge:
            body = webhook(broken, cluster=name)
            [answer, *_] = (await bridge.post("/alerts", json=body)).json()["alerts"]
        cluster.close()
        assert answer["answer"] == "started", answer
        described = await self.client.get_workflow_handle(answer["run"]).describe()
        target = broken.target
        path = BY_NAME[target.kind].path.format(namespace=target.namespace, name=target.name)
        return described.id, described.run_id, path

    @asynccontextmanager
    async def _worker(self, name: str, kubeconfig: Path) -> AsyncIterator[Started]:
        env = {
            "PATH": os.environ["PATH"],
            "TEMPORAL_ADDRESS": self.client.service_client.config.target_host,
            "KUBECONFIG": str(kubeconfig),
            "RUNMEND_CLUSTER": name,
            "RUNMEND_NODES": "*",
            "RUNMEND_LOOK_SECONDS": str(LOOK_SECONDS),
        }
        with ExitStack() as stack:
            yield await asyncio.to_thread(stack.enter_context, _quiet_worker(env))


@contextmanager
def _quiet_worker(env: dict[str, str]) -> Iterator[Started]:
    with (
        Path(os.devnull).open("wb") as nothing,
        started_command(("worker",), env, (nothing.fileno(), nothing.fileno())) as worker,
    ):
        yield worker


def unreached(lived: Ran, ran: dict[Point, Ran]) -> Iterator[str]:
    """Which writes were never met. What waits reads more often in one run than in another, so a run may end before its
    point comes, and the same number may be another read.
    """
    for moment in MOMENTS:
        met = {each.asked[point.number - 1] for point, each in ran.items() if each.reached and point.moment == moment}
        for asked in lived.writes:
            if asked not in met:
                yield f"no worker was killed {moment} {asked}"
