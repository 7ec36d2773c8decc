"""The crash matrix: a run's worker is killed before and after every single request that it makes to the API server.

One run for each request and moment, each on an embedded cluster of its own, many at a time, all of them on one Temporal
server. "Before": the API server never has the request. "After": it has done what was asked, and nobody is told. The
worker is a process, and is killed by SIGKILL; then another one goes on. Every run must end as the one whose worker
lived, and each write be made as often.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle

from runmend.alerts.alert import Target
from runmend.bridge import create_app
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.demo.broken import SCENARIOS, Breaking, Scenario, webhook
from runmend.local.hurried import Hurried
from runmend.local.sandbox import Sandbox
from runmend.plan.messages import RunResult
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.commands import Started, started_command
from tests.crash.killer import Killer
from tests.crash.points import Point, Ran, differences, points_of, polled, unmet
from tests.runs import Failed, end

WINDOW_SECONDS: Final = 3
LOOK_SECONDS: Final = 1
PATIENCE: Final = 240.0
"""Seconds to wait for a run's end."""
AT_ONCE: Final = 10
"""How many runs there are at a time: a run whose worker died mostly waits for that to be noticed."""
TRIES: Final = 3
"""How often a run is made that ends before it comes to its point."""
_STARTED: Final = (
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
)
Say = Callable[[str], None]
Handle = WorkflowHandle[Any, Any]


@dataclass
class Row:
    """What came of one scenario."""

    runbook: str
    scenario: str
    requests: int = 0
    writes: int = 0
    runs: int = 0
    polled: list[Point] = field(default_factory=list)
    """The points that no run came to."""
    differences: list[str] = field(default_factory=list)


async def prepare(address: str) -> None:
    """Register our search attributes at a Temporal server."""
    await register_search_attributes(await Client.connect(address))


def run_scenario(address: str, name: str, directory: Path, at_once: int = AT_ONCE, *, quiet: bool = False) -> Row:
    """Kill at every request of a scenario's run, before and after. For a process of its own, or the only one of its
    process: sandboxes take turns in it.

    Args:
        address: of a Temporal server that is prepared.
        name: the scenario's.
        directory: of the runbooks.
        at_once: how many runs there are at a time.
        quiet: whether to print nothing.
    """

    async def run() -> Row:
        # What waits in a thread for an embedded cluster must not keep others from beginning.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * at_once))
        client = await Client.connect(address, data_converter=data_converter)
        catalog = Hurried(directory, window_seconds=WINDOW_SECONDS)
        matrix = Matrix(client, SCENARIOS[name], catalog, asyncio.Semaphore(at_once))
        return await matrix.every_point((lambda _: None) if quiet else partial(print, flush=True))

    return asyncio.run(run())


@dataclass
class Matrix:
    """Runs of one scenario on one Temporal server.

    Args:
        client: of the server.
        scenario: what is broken.
        catalog: the runbooks.
        slots: how many runs there are at a time.
    """

    client: Client
    scenario: Scenario
    catalog: Hurried
    slots: asyncio.Semaphore
    _begun: int = 0

    async def every_point(self, say: Say) -> Row:
        """Kill at every request, before and after; what differed."""
        lived = await self.run(None)
        row = Row(lived.end.get("runbook", ""), self.scenario.name, len(lived.asked), lived.writes.total())
        counts = f"{row.requests} requests, {row.writes} writes"
        say(f"{self.scenario.name}, its worker lived: {lived.end['outcome']}, {counts}")
        if lived.end["outcome"] != self.scenario.expects:
            row.differences.append(f"its worker lived, and it ended {lived.end}")
        points, ran, done = points_of(lived), dict[Point, Ran](), 0

        async def one(point: Point) -> None:
            nonlocal done
            for _ in range(TRIES):
                ran[point] = await self.run(point)
                row.runs += 1
                row.differences += [f"{point}: {each}" for each in differences(lived, ran[point])]
                if ran[point].reached:
                    break
            done += 1
            unreached = "" if ran[point].reached else ", which no run came to"
            say(f"{self.scenario.name} [{done}/{len(points)}] {point}{unreached}: {ran[point].end['outcome']}")

        async with asyncio.TaskGroup() as group:
            for point in points:
                group.create_task(one(point))
        row.differences += unmet(points, ran)
        row.polled = polled(points, ran)
        return row

    async def run(self, point: Point | None) -> Ran:
        """One run, on a cluster of its own."""
        async with self.slots:
            self._begun += 1
            name = f"crash-{self.scenario.name}-{self._begun}"
            working = Working(asyncio.get_running_loop())
            killer = Killer(point, working.at_work, working.loop)
            with tempfile.TemporaryDirectory() as folder, Sandbox(wrap=killer.wrap) as sandbox:
                kubeconfig = sandbox.write_kubeconfig(Path(folder) / "kubeconfig")
                working.run, target = await self._start(name, kubeconfig)
                async with self._worker(name, kubeconfig) as worker:
                    killer.worker = worker
                    try:
                        told = _told(await self._ended(working.run, killer, name, kubeconfig))
                    except TimeoutError:
                        told = {"outcome": f"not ended within {PATIENCE:.0f} s: {await working.waits_for()}"}
                killer.worker = None  # what is asked from here on is the matrix's own question
                with closing(Cluster(Connection.to(kubeconfig, None))) as cluster:
                    spec = await asyncio.to_thread(cluster.read, target.kind, target.namespace, target.name)
            return Ran(
                {**told, "the target": spec["spec"]}, killer.writes, tuple(killer.asked), killer.reached, killer.taken
            )

    async def _ended(self, run: Handle, killer: Killer, name: str, kubeconfig: Path) -> RunResult:
        """How it ended; where its worker was killed, by another one's work."""
        ending = asyncio.create_task(end(run, PATIENCE))
        dying = asyncio.create_task(killer.killed.wait())
        await asyncio.wait([ending, dying], return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if ending.done():
            ended = ending.result()
        else:
            async with self._worker(name, kubeconfig):
                ended = await ending
        return ended.result if isinstance(ended, Failed) else ended

    async def _start(self, name: str, kubeconfig: Path) -> tuple[Handle, Target]:
        """Break something and post the alert: the run, and its target. No worker is there yet."""
        connection = Connection.to(kubeconfig, None)
        with closing(Cluster(connection)) as cluster:
            broken = await Breaking(connection, cluster, seconds=PATIENCE).make(self.scenario)
            app = create_app(Settings(cluster=name, nodes="*"), self.client, cluster, self.catalog)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge") as bridge:
                body = webhook(broken, cluster=name)
                [answer, *_] = (await bridge.post("/alerts", json=body)).json()["alerts"]
        assert answer["answer"] == "started", answer
        described = await self.client.get_workflow_handle(answer["run"]).describe()
        return self.client.get_workflow_handle(described.id, run_id=described.run_id), broken.target

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


@dataclass
class Working:
    """Tells which activity of a run is at work.

    Args:
        loop: the one of the run's client.
    """

    loop: asyncio.AbstractEventLoop
    run: Handle | None = None

    async def at_work(self) -> str:
        """Its type; of a step, the action's id. For any thread."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._described(), self.loop))

    async def waits_for(self) -> str:
        """What the run waits for, in words."""
        return "; ".join(
            f"{each.activity_type.name}, try {each.attempt}: {each.last_failure.message}"
            for each in await self._pending()
        )

    async def _pending(self) -> Sequence[PendingActivityInfo]:
        assert self.run is not None
        return (await self.run.describe()).raw_description.pending_activities

    async def _described(self) -> str:
        pending = await self._pending()
        begun = [each for each in pending if each.state in _STARTED]
        # A look at the window may still be under way when the check has begun.
        newest = max(begun, key=lambda each: each.last_started_time.ToNanoseconds(), default=None)
        return newest.activity_type.name if newest else "nobody"


def _told(result: RunResult) -> dict[str, Any]:
    return {
        "runbook": result.runbook_id,
        "outcome": str(result.outcome),
        "steps": [(step.action_id, str(step.status)) for step in result.steps],
        "changes": [change.model_dump(mode="json") for change in result.changes],
        "pods that were taken away": len(result.removed),
        "verdicts": [(verdict.text, str(verdict.status)) for verdict in result.verdicts],
    }


@contextmanager
def _quiet_worker(env: dict[str, str]) -> Iterator[Started]:
    with (
        Path(os.devnull).open("wb") as nothing,
        started_command(("worker",), env, (nothing.fileno(), nothing.fileno()), timeout=PATIENCE) as worker,
    ):
        yield worker
