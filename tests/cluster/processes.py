"""Servers that tests start, stop, pause and kill, by their process ids. They end with the test run, however that
ends."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

KEEPER = Path(__file__).with_name("keeper.py")
LAST_WORDS = 600
# Below the ports that Linux gives to connections, so that none of them is in the way when a server comes back to its
# own.
PORTS = range(20_000, 32_000)


class NotReady(Exception):
    """A server did not start, or something that it needs is missing; the message says what to do."""


class Processes:
    """Named processes, each in a session of its own, with a log file of its name."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._lock = threading.Lock()
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", str(KEEPER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, name: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
        """Start a process, or start one of that name again; its pid.

        Args:
            name: what it is called here.
            argv: the program and its arguments.
            env: its whole environment; ours where it is None.

        Raises:
            NotReady: it cannot be run.
        """
        pid = self._ask(
            "start",
            name=name,
            argv=[str(each) for each in argv],
            env=None if env is None else dict(env),
            log=str(self.log(name)),
        )
        return int(pid)

    def tell(self, name: str, number: signal.Signals) -> None:
        """Send it a signal."""
        self._ask("signal", name=name, number=int(number))

    def code(self, name: str) -> int | None:
        """Its exit code, negative where a signal ended it; None while it runs."""
        code: int | None = self._ask("state", name=name)
        return code

    def pause(self, name: str) -> None:
        """SIGSTOP: it keeps its connections, and answers nothing."""
        self.tell(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.tell(name, signal.SIGCONT)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self.tell(name, signal.SIGKILL)
        self.wait(name)

    def stop(self, name: str, seconds: float = 40) -> int:
        """SIGTERM, and wait until it has ended; its exit code."""
        self.tell(name, signal.SIGTERM)
        return self.wait(name, seconds)

    def wait(self, name: str, seconds: float = 40) -> int:
        """Wait until it has ended; its exit code.

        Raises:
            NotReady: it still runs.
        """
        wait_for(f"the end of {name}", lambda: self.code(name) is not None, seconds)
        code = self.code(name)
        assert code is not None
        return code

    def remove_at_end(self, folder: Path | None) -> None:
        """Remove a folder when all have ended, however that comes; None: none after all."""
        self._ask("remove", folder=folder and str(folder))

    def log(self, name: str) -> Path:
        """The file with what it said."""
        return self.logs / f"{name}.log"

    def ready(self, name: str, holds: Callable[[], Any], seconds: float = 60) -> None:
        """Wait until it does what it was started for.

        Raises:
            NotReady: it ended, or the time is over; with its last words.
        """

        def alive_and_so() -> bool:
            code = self.code(name)
            if code is not None:
                raise NotReady(f"{name} ended with {code}: {self._last_words(name)}")
            return bool(holds())

        try:
            wait_for(name, alive_and_so, seconds)
        except TimeoutError:
            raise NotReady(f"{name} is not ready after {seconds:.0f} s: {self._last_words(name)}") from None

    def raise_if_gone(self) -> None:
        """Look whether they are still kept.

        Raises:
            NotReady: their keeper was killed, and they with it.
        """
        if self._keeper.poll() is not None:
            raise NotReady("the keeper of the processes was killed, and they with it")

    def end(self) -> None:
        """End all of them; nothing if that is done."""
        with self._lock:
            if self._keeper.returncode is not None and self._keeper.stdin is not None and self._keeper.stdin.closed:
                return
            assert self._keeper.stdin is not None
            with suppress(BrokenPipeError):
                self._keeper.stdin.close()
            self._keeper.wait()
            assert self._keeper.stdout is not None
            self._keeper.stdout.close()

    def _last_words(self, name: str) -> str:
        return self.log(name).read_text(errors="replace")[-LAST_WORDS:].strip() or "it said nothing"

    def _ask(self, do: str, **what: Any) -> Any:
        with self._lock:
            assert self._keeper.stdin is not None
            assert self._keeper.stdout is not None
            try:
                self._keeper.stdin.write(json.dumps({"do": do, **what}) + "\n")
                self._keeper.stdin.flush()
                said = self._keeper.stdout.readline()
            except BrokenPipeError:
                said = ""
            if not said:
                raise NotReady("the keeper of the processes was killed, and they with it")
            answer = json.loads(said)
        if "error" in answer:
            raise NotReady(f"{what.get('name')}: {answer['error']}")
        return answer["answer"]


@contextmanager
def processes(logs: Path) -> Iterator[Processes]:
    """Processes that end with the block."""
    made = Processes(logs)
    try:
        yield made
    finally:
        made.end()


def wait_for(what: str, holds: Callable[[], Any], seconds: float = 60) -> None:
    """Ask until something holds.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def free_port() -> int:
    """A port of loopback that nobody listens on, and that no connection will take."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NotReady("no port of loopback is free")


def clean_environment(**more: str) -> dict[str, str]:
    """An environment with nothing of the user's that a client would obey."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | more
