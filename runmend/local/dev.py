"""`runmend dev`: Temporal, a cluster, worker and bridge in one terminal, each a process of its own.

Called by the commands.
"""

import asyncio
import fcntl
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.local.processes import Child, NotStarted, check_free, dev_server, free_port, start_child, unless_stopped
from runmend.local.sandbox.sandbox import may_be_overwritten
from runmend.runbook import load_directory
from runmend.runs.terminal import console

_COLOURS: Final = {"temporal": "magenta", "cluster": "blue", "worker": "green", "bridge": "yellow"}
_START_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of 127.0.0.1; 0 is a free one."""

    bridge: int
    temporal: int
    ui: int

    def chosen(self) -> "Ports":
        """The same with a free port for each 0.

        Raises:
            NotStarted: one is taken.
        """
        for port, option in ((self.bridge, "--port"), (self.temporal, "--temporal-port"), (self.ui, "--ui-port")):
            if port:
                check_free(port, option)
        return Ports(self.bridge or free_port(), self.temporal or free_port(), self.ui or free_port())


class _Log:
    """The children's lines, each behind its child's name."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def of(self, name: str) -> Callable[[str], None]:
        prefix = Text(f"{name:<8} │ ", _COLOURS[name])

        def print_line(line: str) -> None:
            if line.strip():
                self._out.print(prefix + Text.from_ansi(line), soft_wrap=True)

        return print_line


async def develop(settings: Settings, ports: Ports, *, context: str | None, db: Path) -> int:
    """Run it all until SIGTERM or Ctrl-C, which is its ordinary end: 0.

    Args:
        settings: the installation's.
        ports: where to listen.
        context: a context of the user's kubeconfig; None: an embedded cluster.
        db: the file with Temporal's state.

    Raises:
        RunmendError: something cannot be started, or ended by itself.
    """
    ports = ports.chosen()
    if context is not None:
        Cluster.connect(context=context).close()
    load_directory(settings.runbooks)
    db.parent.mkdir(parents=True, exist_ok=True)
    with _alone(db):
        kubeconfig = _kubeconfig_beside(db)
        if context is None and not may_be_overwritten(kubeconfig):
            raise NotStarted(
                f"{kubeconfig} is there and no embedded cluster's, so it is left alone; choose another folder with --db"
            )
        return await unless_stopped(_develop(settings, ports, context, db), 0)


@contextmanager
def _alone(db: Path) -> Iterator[None]:
    """Keep others out of the folder: two servers would damage one file, and two clusters share a kubeconfig there.

    Raises:
        NotStarted: somebody is there already.
    """
    # It stays there: who removes it may remove another's.
    with (db.resolve().parent / "dev.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotStarted(
                f"another `runmend dev` works in {db.parent.absolute()}; end it, or choose another folder with --db"
            ) from None
        yield


def _kubeconfig_beside(db: Path) -> Path:
    return (db.parent / "kubeconfig").absolute()


async def _develop(settings: Settings, ports: Ports, context: str | None, db: Path) -> int:
    out = console()
    log = _Log(out)
    env = _surroundings(settings, ports, context, db)
    async with AsyncExitStack() as stack:
        temporal = await stack.enter_async_context(
            dev_server(env, port=ports.temporal, ui_port=ports.ui, db=db, on_line=log.of("temporal"))
        )
        children = [temporal.child]

        async def start(name: str, *arguments: str) -> Child:
            child = await start_child(name, [sys.executable, "-m", "runmend.cli", *arguments], env, log.of(name))
            stack.push_async_callback(child.end)
            children.append(child)
            return child

        if context is None:
            await _written(
                Path(env["KUBECONFIG"]), lambda: start("cluster", "sandbox", "--kubeconfig", env["KUBECONFIG"])
            )
        await start("worker", "worker")
        await start("bridge", "bridge", "--port", str(ports.bridge), "--runbooks", str(settings.runbooks))
        _print_addresses(out, settings, ports, env, context)
        try:
            ended = await _first_to_end(children)
        except asyncio.CancelledError:
            out.print("\nending all of it", style="dim")
            raise
        raise NotStarted(f"{ended.name} ended by itself, so everything was ended; its last lines above say why")


async def _first_to_end(children: list[Child]) -> Child:
    waiting = {asyncio.create_task(child.wait()): child for child in children}
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return waiting[next(iter(done))]
    finally:
        for task in waiting:
            task.cancel()


def _surroundings(settings: Settings, ports: Ports, context: str | None, db: Path) -> dict[str, str]:
    """The children's environment: the user's, with Temporal and the cluster replaced."""
    # Worker and bridge cannot both have the SDK's port.
    others = ("RUNMEND_KUBE_CONTEXT", "RUNMEND_SDK_METRICS_PORT")
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_") and name not in others
    }
    ours |= {
        "TEMPORAL_ADDRESS": f"127.0.0.1:{ports.temporal}",
        "TEMPORAL_NAMESPACE": "default",
        # A profile of the user's must not decide where this goes.
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "RUNMEND_WEB_UI": f"http://127.0.0.1:{ports.ui}",
        "RUNMEND_CLUSTER": settings.cluster,
        "PYTHONUNBUFFERED": "1",
    }
    if context:
        return ours | {"RUNMEND_KUBE_CONTEXT": context}
    return ours | {"KUBECONFIG": str(_kubeconfig_beside(db))}


async def _written(kubeconfig: Path, start: Callable[[], Awaitable[Child]]) -> None:
    """Start the embedded cluster and wait for its kubeconfig; an older one is of another cluster."""
    await asyncio.to_thread(kubeconfig.unlink, missing_ok=True)
    child = await start()
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(kubeconfig.exists):
                if child.ended:
                    raise NotStarted(f"the embedded cluster did not start: {' '.join(child.last_lines)[-300:]}")
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise NotStarted(f"the embedded cluster did not start within {_START_SECONDS} s") from None


def _print_addresses(
    out: Console, settings: Settings, ports: Ports, env: Mapping[str, str], context: str | None
) -> None:
    lines = {
        "Web UI": f"http://127.0.0.1:{ports.ui}",
        "alerts": f"POST http://127.0.0.1:{ports.bridge}/alerts",
        "runbooks": str(settings.runbooks),
        "cluster": f"context {context} of your kubeconfig" if context else "embedded, empty, and gone when this ends",
        "commands": f"export TEMPORAL_ADDRESS=127.0.0.1:{ports.temporal} RUNMEND_WEB_UI=http://127.0.0.1:{ports.ui}"
        + (f" RUNMEND_KUBE_CONTEXT={context}" if context else f" KUBECONFIG={env['KUBECONFIG']}"),
    }
    out.print()
    for name, where in lines.items():
        out.print(Text(f"  {name:<9} ", "dim") + Text(where), soft_wrap=True)
    out.print(Text("  Ctrl-C ends all of it\n", "dim"))
