"""The parent of a test run's servers: a program that ends them all when whoever started it goes away, however that
happens.

It reads one JSON object a line from its standard input, and answers each with one line: `start` (name, argv, env, log)
→ pid; `signal` (name, number) → null; `state` (name) → the exit code, or null while it runs; `remove` (folder) → null.
At the end of the input, every process that still runs gets SIGTERM, and SIGKILL where that is not enough, and the
folder is removed. Where the keeper itself is killed, the processes get SIGKILL from the kernel. Standard library only:
it is run by its path.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

PATIENCE_S = 5.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_folders: list[str] = []
_running: dict[str, subprocess.Popen[bytes]] = {}


def start(name: str, argv: list[str], env: dict[str, str] | None, log: str) -> int:
    """Start a process in a session of its own; what it says is appended to a file. One of a name runs at a time: two
    kubelets would speak for one node.
    """
    if name in _running and _running[name].poll() is None:
        raise OSError(f"{name} runs already")
    with open(log, "ab") as out:  # noqa: PTH123
        _running[name] = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_the_keeper,  # noqa: PLW1509  the keeper has one thread
        )
    return _running[name].pid


def _die_with_the_keeper() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def remove(folder: str | None) -> None:
    """Remove a folder when all have ended; None: none after all."""
    _folders[:] = [folder] if folder else []


def tell(name: str, number: int) -> None:
    """Send a signal to a process that runs; nothing if it has ended."""
    process = _running[name]
    if process.poll() is None:
        os.kill(process.pid, number)


def state(name: str) -> int | None:
    """Its exit code; None while it runs."""
    return _running[name].poll()


def end_all() -> None:
    """End them, the youngest first; one that is paused is continued, so that it can end."""
    for process in reversed(_running.values()):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
    deadline = time.monotonic() + PATIENCE_S
    for process in _running.values():
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


def _stay(number: int, frame: FrameType | None) -> None:
    """The end of the input ends the keeper, and nothing else."""


def main() -> None:
    """Serve until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, because what is ignored here would be ignored by every process that is started.
        signal.signal(number, _stay)
    does: dict[str, Callable[..., object]] = {"start": start, "signal": tell, "state": state, "remove": remove}
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                answer = {"answer": does[asked.pop("do")](**asked)}
            except OSError as error:
                answer = {"error": str(error)}
            try:
                print(json.dumps(answer), flush=True)
            except BrokenPipeError:
                break
    finally:
        end_all()


if __name__ == "__main__":
    main()
