"""What the demo, simulations and tests of runbooks run in: Temporal, an embedded cluster, a worker and a bridge, on
free ports of loopback and in a temporary folder.

Nothing of the user's surroundings has a say: no kubeconfig, no variable, no profile.
"""

import asyncio
import io
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from runmend.bridge import create_app, serving
from runmend.core.errors import PermanentError
from runmend.core.settings import LOOK_SECONDS, LOOK_SECONDS_MAX, Settings
from runmend.core.telemetry import log_to
from runmend.images.registry import Registry
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.demo.broken import CLUSTER
from runmend.local.processes import DevServer, dev_server, free_port
from runmend.local.sandbox import Sandbox
from runmend.local.shipped import shipped_runbooks
from runmend.runbook import Catalog
from runmend.worker.assembly import run_worker

_WEBHOOK_SECONDS: Final = 30
_OTHERS: Final = ("KUBE", "TEMPORAL_", "RUNMEND_")
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class NoAnswer(PermanentError):
    """The bridge did not take alerts."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that was started."""

    temporal: DevServer
    sandbox: Sandbox
    connection: Connection
    cluster: Cluster
    settings: Settings
    bridge: str
    """The bridge's address."""
    folder: Path
    working: asyncio.Task[None]
    """The worker; it ends only with the rest, or by a fault."""

    async def post(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Post a webhook as Alertmanager would; the answer for each alert.

        Raises:
            NoAnswer: the bridge did not take it.
        """
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=_WEBHOOK_SECONDS) as sender:
                answer = await sender.post(f"{self.bridge}/alerts", json=body)
        except httpx.HTTPError as error:
            raise NoAnswer(f"the bridge did not answer: {error}") from error
        if answer.is_error:
            raise NoAnswer(f"the bridge answered {answer.status_code}: {answer.text[:300]}")
        alerts: list[dict[str, Any]] = answer.json()["alerts"]
        return alerts


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What several installations share: a Temporal server, and a folder for what they write."""

    temporal: DevServer
    folder: Path


@asynccontextmanager
async def surroundings() -> AsyncIterator[Surroundings]:
    """Start Temporal, for a process whose user's surroundings have no say from then on; end it.

    Raises:
        RunmendError: it cannot be started.
    """
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="runmend-demo-", ignore_cleanup_errors=True))
        )
        stack.enter_context(_own_surroundings())
        log_to(stack.enter_context((folder / "demo.log").open("w", encoding="utf-8")))
        # What is interrupted may say something after the file is closed.
        stack.callback(log_to, io.StringIO())
        # The server looks for its profile and keeps a note of its version under HOME.
        env = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"HOME": str(folder)}
        server = dev_server(env, port=free_port(), ui_port=free_port(), db=folder / "temporal.db", skip_time=True)
        yield Surroundings(await stack.enter_async_context(server), folder)


@asynccontextmanager
async def environment(*, real_time: bool) -> AsyncIterator[Environment]:
    """Start Temporal, cluster, worker and bridge; end them in reverse order.

    Args:
        real_time: whether windows are waited for.

    Raises:
        RunmendError: something cannot be started.
    """
    catalog = Catalog(shipped_runbooks())
    async with (
        surroundings() as shared,
        installation(shared, CLUSTER, catalog, shipped_runbooks(), real_time=real_time, tls=True) as env,
    ):
        yield env


@asynccontextmanager
async def installation(
    shared: Surroundings,
    name: str,
    catalog: Catalog,
    runbooks: Path,
    *,
    registry: Registry | None = None,
    real_time: bool = False,
    tls: bool = False,
) -> AsyncIterator[Environment]:
    """Start a cluster, worker and bridge of their own; end them in reverse order.

    Args:
        shared: the Temporal server, and the folder.
        name: the cluster's, which no other installation there has.
        catalog: the runbooks.
        runbooks: where they are.
        registry: who is asked about images. None: the registries.
        real_time: whether windows are waited for; those that are skipped are not looked into, because each look would
            be a skip of its own.
        tls: whether the cluster is served over https, as kubectl wants it.

    Raises:
        RunmendError: something cannot be started.
    """
    async with AsyncExitStack() as stack:
        sandbox = Sandbox(tls=tls)
        await asyncio.to_thread(sandbox.start)
        stack.callback(sandbox.stop)
        kubeconfig = sandbox.write_kubeconfig(shared.folder / f"kubeconfig-{name}")
        connection = Connection.to(kubeconfig, None)
        cluster = Cluster(connection)
        stack.callback(cluster.close)
        settings = Settings(
            cluster=name,
            runbooks=runbooks,
            nodes="*",
            kinds="*",
            web_ui=shared.temporal.web_ui,
            look_seconds=LOOK_SECONDS if real_time else LOOK_SECONDS_MAX,
        )
        working = await _work(stack, settings, shared.temporal, cluster, registry)
        app = create_app(settings, shared.temporal.client, cluster, catalog)
        bridge = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        yield Environment(shared.temporal, sandbox, connection, cluster, settings, bridge, shared.folder, working)


async def _work(
    stack: AsyncExitStack, settings: Settings, temporal: DevServer, cluster: Cluster, registry: Registry | None
) -> asyncio.Task[None]:
    until = asyncio.Event()
    working = asyncio.create_task(run_worker(settings, temporal.client, cluster, until, registry), name="worker")

    async def end() -> None:
        until.set()
        await asyncio.wait([working])

    stack.push_async_callback(end)
    return working


@contextmanager
def _own_surroundings() -> Iterator[None]:
    """Take the variables away that clients of Kubernetes, Temporal and HTTP would obey; they come back at the end."""
    taken = {
        name: value for name, value in os.environ.items() if name.startswith(_OTHERS) or name.lower().endswith("_proxy")
    }
    for name in taken:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(taken)
