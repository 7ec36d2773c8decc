"""What the demo runs in: Temporal, an embedded cluster, a worker and a bridge, on free ports of loopback and in a
temporary folder.

Nothing of the user's surroundings has a say: no kubeconfig, no variable, no profile.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runmend.bridge import create_app, serving
from runmend.core.settings import LOOK_SECONDS, LOOK_SECONDS_MAX, Settings
from runmend.core.telemetry import log_to
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.demo.broken import CLUSTER
from runmend.local.processes import DevServer, dev_server, free_port
from runmend.local.sandbox import Sandbox
from runmend.local.shipped import shipped_runbooks
from runmend.runbook import Catalog
from runmend.worker.assembly import run_worker

_OTHERS: Final = ("KUBE", "TEMPORAL_", "RUNMEND_")
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that the demo has started."""

    temporal: DevServer
    sandbox: Sandbox
    connection: Connection
    cluster: Cluster
    settings: Settings
    bridge: str
    """The bridge's address."""
    folder: Path
    working: asyncio.Task[None]
    """The worker; it ends only with the demo, or by a fault."""


@asynccontextmanager
async def environment(*, real_time: bool) -> AsyncIterator[Environment]:
    """Start Temporal, cluster, worker and bridge; end them in reverse order.

    Args:
        real_time: whether windows are waited for; those that are skipped are not looked into, because each look would
            be a skip of its own.

    Raises:
        RunmendError: something cannot be started.
    """
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="runmend-demo-", ignore_cleanup_errors=True))
        )
        stack.enter_context(_own_surroundings())
        log_to(stack.enter_context((folder / "demo.log").open("w", encoding="utf-8")))
        # The server looks for its profile and keeps a note of its version under HOME.
        env = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"HOME": str(folder)}
        server = dev_server(env, port=free_port(), ui_port=free_port(), db=folder / "temporal.db", skip_time=True)
        temporal = await stack.enter_async_context(server)
        sandbox = Sandbox(tls=True)
        await asyncio.to_thread(sandbox.start)
        stack.callback(sandbox.stop)
        kubeconfig = sandbox.write_kubeconfig(folder / "kubeconfig")
        connection = Connection.to(kubeconfig, None)
        cluster = Cluster(connection)
        stack.callback(cluster.close)
        settings = Settings(
            cluster=CLUSTER,
            runbooks=shipped_runbooks(),
            nodes="*",
            web_ui=temporal.web_ui,
            look_seconds=LOOK_SECONDS if real_time else LOOK_SECONDS_MAX,
        )
        working = await _work(stack, settings, temporal, cluster)
        app = create_app(settings, temporal.client, cluster, Catalog(settings.runbooks))
        bridge = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        yield Environment(temporal, sandbox, connection, cluster, settings, bridge, folder, working)


async def _work(stack: AsyncExitStack, settings: Settings, temporal: DevServer, cluster: Cluster) -> asyncio.Task[None]:
    until = asyncio.Event()
    working = asyncio.create_task(run_worker(settings, temporal.client, cluster, until), name="worker")

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
