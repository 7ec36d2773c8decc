"""`runmend dev`: Temporal, a cluster, worker and bridge in one terminal, each a process of its own.

Called by the commands.
"""

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final, NoReturn

from rich.console import Console
from rich.text import Text

from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.local.addresses import Addresses, written
from runmend.local.processes import (
    Child,
    Kept,
    NotStarted,
    check_free,
    dev_server,
    free_port,
    start_child,
    unless_stopped,
)
from runmend.local.sandbox.sandbox import may_be_overwritten
from runmend.local.shipped import shipped_runbooks
from runmend.runbook import load_directory
from runmend.runs.terminal import console

_COLOURS: Final = {"temporal": "magenta", "cluster": "blue", "worker": "green", "bridge": "yellow"}
_DEFAULT: Final = Settings.model_fields["runbooks"].default
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

    def note(self, text: str) -> None:
        """A line of `runmend dev` itself."""
        self._out.print(Text(f"{'dev':<8} │ {text}", "bold"), soft_wrap=True)

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
    settings = _with_runbooks(settings)
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


def _with_runbooks(settings: Settings) -> Settings:
    """The same with the shipped runbooks, where nobody named a directory and there is none of the default's name."""
    if settings.runbooks != _DEFAULT or "runbooks" in settings.model_fields_set or settings.runbooks.is_dir():
        return settings
    return settings.model_copy(update={"runbooks": shipped_runbooks()})


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
        needed = [temporal.child]

        async def start(name: str, *arguments: str) -> Child:
            return await start_child(name, [sys.executable, "-m", "runmend.cli", *arguments], env, log.of(name))

        async def keep(name: str, *arguments: str) -> tuple[Kept, Child]:
            kept = Kept(name, lambda: start(name, *arguments), log.note)
            stack.push_async_callback(kept.end)
            return kept, await kept.start()

        if context is None:
            kubeconfig = Path(env["KUBECONFIG"])
            await asyncio.to_thread(kubeconfig.unlink, missing_ok=True)  # an older one is of another cluster
            cluster = await start("cluster", "sandbox", "--kubeconfig", str(kubeconfig))
            stack.push_async_callback(cluster.end)
            needed.append(cluster)
            await _written(kubeconfig, cluster)
        worker, process = await keep("worker", "worker")
        bridge, _ = await keep("bridge", "bridge", "--port", str(ports.bridge), "--runbooks", str(settings.runbooks))
        stack.enter_context(written(db.parent, Addresses(bridge=f"http://127.0.0.1:{ports.bridge}")))
        _print_addresses(out, settings, ports, env, context)
        _print_what_to_try(out, process.pid, embedded=context is None)
        try:
            await _until_one_ends(needed, [worker, bridge])
        except asyncio.CancelledError:
            out.print("\nending all of it", style="dim")
            raise


async def _until_one_ends(needed: list[Child], kept: list[Kept]) -> NoReturn:
    """Keep up what can be started again.

    Raises:
        NotStarted: what cannot be has ended by itself, or what can be ends again and again.
    """
    ends = {asyncio.create_task(child.wait()): child for child in needed}
    keeping = [asyncio.create_task(one.keep(), name=f"keeping {one.name}") for one in kept]
    tasks = [*ends, *keeping]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        [name, *_] = [ends[task].name for task in ends if task in done]
        raise NotStarted(f"{name} ended by itself, so everything was ended; its last lines above say why")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


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
    return {"RUNMEND_NODES": "*"} | ours | {"KUBECONFIG": str(_kubeconfig_beside(db))}


async def _written(kubeconfig: Path, child: Child) -> None:
    """Wait for the kubeconfig of the embedded cluster."""
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
        + (f" RUNMEND_KUBE_CONTEXT={context}" if context else f" KUBECONFIG={quote(env['KUBECONFIG'])}")
        + (f" RUNMEND_NODES={quote(nodes)}" if (nodes := env.get("RUNMEND_NODES")) else "")
        + (f" RUNMEND_RUNBOOKS={quote(str(settings.runbooks.absolute()))}" if settings.runbooks != _DEFAULT else ""),
    }
    out.print()
    for name, where in lines.items():
        out.print(Text(f"  {name:<9} ", "dim") + Text(where), soft_wrap=True)
    out.print(Text("  Ctrl-C ends all of it\n", "dim"))


def _print_what_to_try(out: Console, worker: int, *, embedded: bool) -> None:
    """What somebody who sees this for the first time can do next."""
    steps = {
        "runmend break bad-image": "make trouble in the embedded cluster, and post its alert; --help: other kinds",
        "runmend list": "the runs; `runmend show shop/web --follow` follows one",
        f"kill -9 {worker}": "kill the worker: it is started again, and the open run goes on where it was",
    }
    if not embedded:
        del steps["runmend break bad-image"]
    out.print(Text("  Try in a second terminal, after that export line:", "dim"))
    for command, does in steps.items():
        out.print(Text(f"    {command:<25}") + Text(does, "dim"), soft_wrap=True)
    out.print()
