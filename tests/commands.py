"""Commands as processes of their own, without paying each time for what they import.

A process that has imported everything is forked for each command. The command has its own environment, directory,
output and exit code, as `python -m runmend.cli` has; what it imports was imported before. Tests of the process itself
(signals, how it leaves, what it prints while it works) start a real one.
"""

import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn, TextIO

ROOT = Path(__file__).parents[1]
_LONGEST_REQUEST = 1 << 20


def run_command(
    arguments: tuple[str, ...], env: dict[str, str], cwd: Path = ROOT, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `runmend ARGUMENTS` to its end.

    Raises:
        TimeoutExpired: it takes longer than `timeout` seconds; it is killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            with started_command(arguments, env, (out.fileno(), err.fileno()), cwd, timeout) as command:
                code = command.ended()
        except TimeoutError:
            raise subprocess.TimeoutExpired(arguments, timeout) from None
        for each in (out, err):
            each.seek(0)
        said = (out.read().decode(), err.read().decode())
    return subprocess.CompletedProcess(arguments, code, *said)


@dataclass
class Started:
    """A command that was started."""

    pid: int
    _answers: TextIO
    _code: int | None = None

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        if self._code is None:
            self._code = int(self._answers.readline())
        return self._code

    def kill(self) -> None:
        """SIGKILL, unless it was seen to end."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)


@contextmanager
def started_command(
    arguments: tuple[str, ...], env: dict[str, str], outputs: tuple[int, int], cwd: Path = ROOT, timeout: float = 60
) -> Iterator[Started]:
    """Start `runmend ARGUMENTS`, which writes to two open files. It is killed at the end of the block, as
    `subprocess.run` does, where it was not seen to end.

    Raises:
        TimeoutError: it is waited for longer than `timeout` seconds.
    """
    request = json.dumps({"argv": arguments, "env": env, "cwd": str(cwd)}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(_server())
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], list(outputs))
        connection.sendall(request)
        with connection.makefile("r", encoding="ascii") as answers:
            command = Started(int(answers.readline()), answers)
            try:
                yield command
            finally:
                with suppress(ProcessLookupError):
                    command.kill()


@cache
def _server() -> str:
    """The address of this test process's server, which ends with it: it waits for the end of its standard input."""
    # A socket's path is short, whatever TMPDIR says.
    path = f"{tempfile.mkdtemp(prefix='runmend-', dir='/tmp')}/commands"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.commands", path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        # Ctrl-C is for pytest, whose end the server sees.
        start_new_session=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    _SERVERS.append(server)
    return path


_SERVERS: list[subprocess.Popen[bytes]] = []
"""Kept: a Popen that is collected while its process runs is a warning."""


def _import_all() -> None:
    """Import what commands import."""
    for package in ("runmend", "activities", "workflows"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def _serve(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [], 1)
            _reap()
            if sys.stdin in ready:
                break
            if listening not in ready:
                continue
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _handle(connection)
            connection.close()
    Path(path).unlink()
    Path(path).parent.rmdir()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _handle(connection: socket.socket) -> NoReturn:
    """One command: a child of this process, whose pid and exit code are answered."""
    size, fds, _, _ = socket.recv_fds(connection, 4, 2)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        part = connection.recv(_LONGEST_REQUEST)
        if not part:
            os._exit(1)
        request += part
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(json.loads(request), fds)
    with suppress(BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict[str, object], fds: list[int]) -> NoReturn:
    from kubernetes.config import kube_config  # noqa: PLC0415  of the server alone

    from runmend.cli import main  # noqa: PLC0415

    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(fds[0], 1)
    os.dup2(fds[1], 2)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    env, argv = request["env"], request["argv"]
    assert isinstance(env, dict)
    assert isinstance(argv, list)
    os.environ.update(env)
    # The one thing of the environment that is read at import.
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = env.get("KUBECONFIG", "~/.kube/config")
    main(argv)


if __name__ == "__main__":
    _import_all()
    _serve(sys.argv[1])
