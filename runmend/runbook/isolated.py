"""Compiles runbooks in a child process with a time limit, for a process that does other things too: no file can hold
its interpreter, or end it.

Used by `loader` for the bridge.
"""

import json
import os
import select
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from runmend.core.errors import PermanentError
from runmend.plan.plan import Plan
from runmend.runbook.child import LENGTH
from runmend.runbook.compiler import Compiled
from runmend.runbook.diagnostics import Diagnostic, Kind, Report, RunbookError, Severity

FILE_SECONDS: Final = 10.0
"""For one file. The largest and most twisted takes a second or two on an idle machine."""
ALL_SECONDS: Final = 60.0
"""For all files of one directory."""
START_SECONDS: Final = 30.0
_ANSWER_MAX: Final = 16 * 1024 * 1024
_ROOT: Final = str(Path(__file__).parents[2])
_END_SECONDS: Final = 1.0
"""Its input has ended, so it ends by itself where it is not busy."""
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What of the environment the child gets, besides Python's own variables: no credentials."""
# -P: the working directory may hold modules of any name.
_COMMAND: Final = (
    sys.executable,
    "-P",
    "-c",
    f"import sys; sys.path.append({_ROOT!r}); from runmend.runbook.child import main; main()",
)


class Stopped(PermanentError):
    """The compiler was told to stop."""


class _Ended(Exception):
    """The child ended, or did not answer in time."""


class _Child:
    """One child process, and our ends of the pipes to and from it."""

    def __init__(self) -> None:
        child_reads, self._asks = os.pipe()
        self._answers, child_writes = os.pipe()
        env = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PYTHON")}
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                _COMMAND,
                stdin=child_reads,
                stdout=child_writes,
                stderr=subprocess.DEVNULL,
                env=env,
                start_new_session=True,  # a terminal's Ctrl-C is for the parent
            )
        except OSError:
            os.close(self._asks)
            os.close(self._answers)
            raise
        finally:
            os.close(child_reads)
            os.close(child_writes)
        os.set_blocking(self._asks, False)

    def ask(self, request: bytes, until: float) -> dict[str, Any]:
        """What it answers.

        Raises:
            _Ended: it does not in time, or not at all.
        """
        left = memoryview(len(request).to_bytes(LENGTH) + request)
        while left:
            _wait(self._asks, select.POLLOUT, until)
            try:
                left = left[os.write(self._asks, left) :]
            except BrokenPipeError:
                raise _Ended from None
        return self.answer(until)

    def answer(self, until: float) -> dict[str, Any]:
        """Its next answer.

        Raises:
            _Ended: there is none in time.
        """
        size = int.from_bytes(self._read(LENGTH, until))
        if size > _ANSWER_MAX:
            raise _Ended("what it compiles to is too large")
        answer: dict[str, Any] = json.loads(self._read(size, until))
        return answer

    def _read(self, size: int, until: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            _wait(self._answers, select.POLLIN, until)
            chunk = os.read(self._answers, size - len(data))
            if not chunk:
                raise _Ended
            data += chunk
        return bytes(data)

    def kill(self) -> None:
        """End it; its pipes stay for whoever waits at them."""
        self._process.kill()

    def end(self) -> str:
        """End it, and say how it ended where it did so by itself."""
        os.close(self._asks)
        os.close(self._answers)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        code = self._process.returncode
        self._process.kill()
        self._process.wait()
        return "" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"


def _wait(descriptor: int, event: int, until: float) -> None:
    """Wait for a pipe; `poll`, because `select` knows only the first 1,024 files of a process.

    Raises:
        _Ended: it takes too long.
    """
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(until - time.monotonic(), 0) * 1000):
        raise _Ended("it takes too long")


class IsolatedCompiler:
    """A child process that compiles one file after the other; another one after a file that it did not survive.

    Args:
        file_seconds: how long one file may take.
        all_seconds: how long all of them may take.
    """

    def __init__(self, file_seconds: float = FILE_SECONDS, all_seconds: float = ALL_SECONDS) -> None:
        self._file_seconds = file_seconds
        self._until = time.monotonic() + all_seconds
        self._child: _Child | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def stop(self) -> None:
        """End it, from another thread; what is being compiled raises `Stopped`."""
        self._stopped = True
        if child := self._child:
            child.kill()

    def compile(self, source: bytes, file: str) -> Compiled:
        """Compile one runbook, as `compile_runbook` does.

        Raises:
            RunbookError: it does not compile, takes too long, or ends the child.
            Stopped: it was told to stop.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise _refused(file, "no time was left for the file", "mend the files before it that take long")
        try:
            answer = self._ask(source, file, min(self._file_seconds, left))
        except (_Ended, OSError) as error:
            how = self._end()
            if self._stopped:
                raise Stopped from None
            why = str(error) or f"its compiler ended ({how or 'it was ended'})"
            raise _refused(file, f"the file was not compiled: {why}", "make it simpler") from None
        diagnostics = tuple(map(_diagnostic, answer["diagnostics"]))
        if answer["plan"] is None:
            raise RunbookError(diagnostics)
        return Compiled(Plan.model_validate_json(answer["plan"]), diagnostics, answer["lines"])

    def _ask(self, source: bytes, file: str, seconds: float) -> dict[str, Any]:
        if self._child is None:
            self._child = _Child()
            self._child.answer(time.monotonic() + START_SECONDS)
        if self._stopped:
            raise _Ended
        asked = {"source": b64encode(source).decode(), "file": file, "seconds": int(seconds) + 2}
        return self._child.ask(json.dumps(asked).encode(), time.monotonic() + seconds)

    def _end(self) -> str:
        child, self._child = self._child, None
        return child.end() if child else ""


def _refused(file: str, problem: str, remedy: str) -> RunbookError:
    report = Report(file)
    report.error(1, problem, remedy)
    return RunbookError(report.diagnostics)


def _diagnostic(told: dict[str, Any]) -> Diagnostic:
    kind = Kind(told["kind"]) if told["kind"] else None
    return Diagnostic(**{**told, "severity": Severity(told["severity"]), "kind": kind})
