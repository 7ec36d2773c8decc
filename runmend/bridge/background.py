"""What the bridge does beside answering: each task works as long as the app does, is started again when it ends before,
and readiness, a metric and the log say that it did.

Runs in the app's lifespan, and beside it where connections are accepted.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

from runmend.bridge.metrics import Metrics

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Before a task is started again that ended for the first, second … time in a row."""
STEADY_SECONDS: Final = 60.0
"""A task that has worked for so long is all right again."""
END_SECONDS: Final = 3.0
"""How long a task may take to end when it is told to."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Works until an event is set."""


class Background:
    """Tasks that end with an event and never before it.

    Args:
        metrics: where it is counted that one did.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._troubles: dict[str, tuple[str, float]] = {}

    def look(self) -> dict[str, Any]:
        """The check of readiness: which tasks ended, until they have worked for a minute again."""
        now = time.monotonic()
        told = [said for said, until in self._troubles.values() if now < until]
        return {"ok": not told, "detail": "; ".join(told) or "works"}

    async def keep(self, name: str, work: Work, stop: asyncio.Event) -> None:
        """Let a task work until `stop`, or until this is cancelled, however often it ends before."""
        ended = 0
        self._metrics.background_ended(name, 0)
        while not stop.is_set():
            began = time.monotonic()
            why = await _ended(work, stop)
            if why is None:
                return
            ended = 0 if time.monotonic() - began >= STEADY_SECONDS else ended
            pause = PAUSES[min(ended, len(PAUSES) - 1)]
            ended += 1
            self._metrics.background_ended(name)
            self._troubles[name] = (f"{name} ended: {why}", time.monotonic() + pause + STEADY_SECONDS)
            _log.error("background task ended; it is started again", extra={"task": name, "why": why, "pause": pause})
            await _until(stop, pause)


async def _ended(work: Work, stop: asyncio.Event) -> str | None:
    """Why a task ended; None where it was told to."""
    task = asyncio.ensure_future(work(stop))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await asyncio.wait([task], timeout=END_SECONDS)
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.wait([task], timeout=END_SECONDS)
    if stop.is_set():
        if task.done() and not task.cancelled() and (error := task.exception()):
            _log.warning("background task failed at its end", extra={"why": _said(error)})
        return None
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return "it came to its end" if error is None else _said(error)


def cause(error: BaseException) -> BaseException:
    """What went wrong: of a group of errors, which says only how many there are, the first one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _said(error: BaseException) -> str:
    first = cause(error)
    return f"{type(first).__name__}: {first}"


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


class Busy(Exception):
    """What was begun before has not come to its end."""


class Aside(Generic[_T]):
    """Blocking work, such as reading files, in a thread that keeps neither the caller nor the process waiting: a file
    system may never answer. One piece of work at a time.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    async def do(self, work: Callable[[], _T], seconds: float) -> _T:
        """Do it, and wait for so long.

        Raises:
            TimeoutError: it takes longer; it is left to itself.
            Busy: what was left to itself has not come to its end.
        """
        if self._thread and self._thread.is_alive():
            raise Busy
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def tell(call: Callable[[Any], None], value: object) -> None:
            if not done.done():
                call(value)

        def run() -> None:
            try:
                value = work()
            except BaseException as error:  # noqa: BLE001  it is raised in the caller
                _tell_soon(loop, tell, done.set_exception, error)
            else:
                _tell_soon(loop, tell, done.set_result, value)

        self._thread = threading.Thread(target=run, name="aside", daemon=True)
        self._thread.start()
        return await asyncio.wait_for(done, seconds)


def _tell_soon(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], call: object, value: object) -> None:
    try:
        loop.call_soon_threadsafe(tell, call, value)
    except RuntimeError:  # the loop is closed, so nobody waits
        return
