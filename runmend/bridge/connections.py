"""Connections whose other side is slow, silent, or many: each has an end, and there are no more than are affordable.

Called by `bridge.server`, which keeps both tasks of `Connections` at work. uvicorn ends a connection that idles
between two requests, and no other: one that never finishes its headers, its body or the reading of its answer is kept
for ever. It has no bound on how many there are that asks no running request to go. And h11 reads what a proxy before it
may read otherwise.
"""

import asyncio
import errno
import logging
import re
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from runmend.bridge.metrics import Metrics
from runmend.bridge.problems import Problem
from runmend.core.errors import PermanentError

HEAD_MAX: Final = 16 * 1024
"""The most bytes of a request's line and headers."""
BACKLOG: Final = 512
"""How many connections wait in the kernel to be accepted; they cost no open file."""
SPARE_FILES: Final = 64
"""How many files the process may open besides its connections and what it has open when it begins to listen."""
LEAST: Final = 8
"""Fewer connections than this are no service."""
BODIES_MAX: Final = 64 * 1024 * 1024
"""The most bytes of large bodies that are worked on at once, all together."""
SMALL_BODY: Final = 256 * 1024
"""A body of so many bytes is always taken: there are no more of them than connections."""
_RETRY_SECONDS: Final = "5"

_LOOSE: Final = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""In a request's head: a line that ends without a carriage return, or goes on in the next one (obs-fold)."""

_log = logging.getLogger(__name__)


class TooFewFiles(PermanentError):
    """The process may open too few files to serve anybody."""


class Waits(StrEnum):
    """What a connection waits for, by which its end is counted."""

    HEADERS = "headers"
    BODY = "body"
    READER = "reader"
    """The other side is to read what it was answered."""
    GOODBYE = "goodbye"
    """It was refused, and is to hang up: to close at once would take the refusal away from it."""


SECONDS: Final = {Waits.HEADERS: 10.0, Waits.BODY: 30.0, Waits.READER: 30.0, Waits.GOODBYE: 2.0}
"""For how long a connection waits for its other side."""
YOUNG_SECONDS: Final = 1.0
"""For how long a connection may wait whoever else wants its place: who behaves needs less."""
PIPELINED_MOST: Final = 16
"""A connection is closed when it had so many requests in a row waiting behind the one that was answered: it would never
wait for its other side, and keep its place for ever.
"""
CROWDED: Final = "crowded"
"""It waited longest when there was no room for another one."""
_SWEEP_SECONDS: Final = 0.5
_ROOM_AGAIN_SECONDS: Final = 0.02
_ACCEPT_AGAIN_SECONDS: Final = 1.0
_NO_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_LATE: Final = {
    Waits.HEADERS: f"The request's headers did not come within {SECONDS[Waits.HEADERS]:.0f} seconds.",
    Waits.BODY: f"The request's body did not come within {SECONDS[Waits.BODY]:.0f} seconds.",
}


class Strict(h11.Connection):
    """h11, which refuses what others read otherwise: what two programs read as two requests smuggles the second one."""

    def next_event(self) -> Any:  # noqa: ANN401  as h11 has it: an event, or one of two markers
        """The next event.

        Raises:
            h11.RemoteProtocolError: it is not HTTP, or can be read in more than one way.
        """
        before = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            _check(event, before[: len(before) - len(self.trailing_data[0])])
        return event


def _check(request: h11.Request, head: bytes) -> None:
    names = [name for name, _ in request.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise h11.RemoteProtocolError("it has both Content-Length and Transfer-Encoding")
    if b"transfer-encoding" in names and request.http_version < b"1.1":
        raise h11.RemoteProtocolError("it has a Transfer-Encoding, which HTTP/1.0 has not")
    if len(head) > HEAD_MAX:
        raise h11.RemoteProtocolError(f"its headers have more than {HEAD_MAX} bytes", error_status_hint=431)
    if _LOOSE.search(head):
        raise h11.RemoteProtocolError("a line of its headers is folded, or ends without a carriage return")


class Connections:
    """The connections of a server.

    Args:
        most: how many there may be.
        metrics: what counts them.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self._metrics = metrics
        self._open: set[Connection] = set()
        metrics.watch_connections(lambda: len(self._open))

    def add(self, config: Config, state: ServerState, app_state: dict[str, Any]) -> "Connection":
        """One more."""
        self._open = cast("set[Connection]", state.connections)
        return Connection(config, state, app_state)

    def sweep(self) -> None:
        """End what waits for too long."""
        now = time.monotonic()
        for connection in list(self._open):
            waits = connection.look(now)
            if waits is not None and now - connection.since > SECONDS[waits]:
                connection.give_up(waits)
                self.ended(waits)

    async def keep_sweeping(self, _: asyncio.Event) -> None:
        """Look for what waits for too long, until it is cancelled."""
        while True:
            self.sweep()
            await asyncio.sleep(_SWEEP_SECONDS)

    async def accept(self, listener: socket.socket, make: Callable[[], asyncio.Protocol], _: asyncio.Event) -> None:
        """Accept connections for as long as there is room, until it is cancelled.

        asyncio's own server accepts whatever comes, and where no file can be opened any more it says so as many times
        as its backlog is long, in each second.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _NO_FILES:
                    _log.warning("no connection can be accepted", extra={"error": error.strerror})
                    await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
                continue  # else it was one connection's trouble
            try:
                await self._room()
                await loop.connect_accepted_socket(make, client)
            except OSError:
                client.close()
            except BaseException:
                client.close()
                raise

    async def _room(self) -> None:
        """Make room for a new connection: the one goes that has waited longest for its other side, but for those that
        are young. One between two requests has waited since it was opened: who asks again and again keeps no place by
        it. Who comes meanwhile waits in the kernel's queue.
        """
        while len(self._open) >= self.most:
            now = time.monotonic()
            waiting = [each for each in self._open if each.look(now) is not None]
            oldest = min(waiting, key=Connection.keeps_since, default=None)
            if oldest is None or now - oldest.keeps_since() < YOUNG_SECONDS:
                await asyncio.sleep(_ROOM_AGAIN_SECONDS)
                continue
            oldest.abort()
            self.ended(CROWDED)

    def ended(self, why: str) -> None:
        """Count and log a connection that was ended here."""
        self._metrics.connection_ended(why)
        _log.warning("connection ended", extra={"why": why})


class Connection(H11Protocol):
    """uvicorn's connection, which knows for what it waits, and since when."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.conn = Strict(h11.SERVER, HEAD_MAX)
        self.since = self._opened = time.monotonic()
        self._pipelined = 0
        self._state: tuple[Waits | None, int] = (Waits.HEADERS, id(None))
        self._body_seconds = 0.0
        """For how long its request's body was waited for before it was last at work."""
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """The other side sent something; who was refused is not listened to."""
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; called by uvicorn while it handles h11's error."""
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        why = str(error or msg).partition(": bytearray(")[0]  # behind it h11 repeats what it was sent
        self.refuse(Problem(HTTPStatus(hint), f"The request cannot be read: {why}."))

    def _unsupported_upgrade_warning(self) -> None:
        """A request for another protocol is answered as one of this; uvicorn would advise to install something."""

    def shutdown(self) -> None:
        """The server ends."""
        if self._refused:
            self.transport.close()
        else:
            super().shutdown()

    def look(self, now: float) -> Waits | None:
        """What it waits for; None while it is at work. `since` says since when."""
        state = (self._waits(), id(self.cycle))
        if state != self._state:
            waited, cycle = self._state
            self._body_seconds = now - self.since if waited is Waits.BODY else self._body_seconds
            if cycle != state[1]:
                self._body_seconds = 0.0
            # Who sends a little now and then has a body that is at work now and then.
            self._state, self.since = state, now - (self._body_seconds if state[0] is Waits.BODY else 0.0)
        return state[0]

    def keeps_since(self) -> float:
        """Since when it keeps a place that another one could have, where it waits."""
        cycle: RequestResponseCycle | None = self.cycle
        idle = cycle is not None and self._state[0] is Waits.HEADERS and not self.conn.trailing_data[0]
        return self._opened if idle else self.since

    def on_response_complete(self) -> None:
        """An answer was written; called by uvicorn, which then reads the next request."""
        self._pipelined = self._pipelined + 1 if self.conn.trailing_data[0] else 0
        if self._pipelined >= PIPELINED_MOST:
            self.transport.close()
        super().on_response_complete()

    def give_up(self, waits: Waits) -> None:
        """End it, with a word where the other side may listen."""
        begun = waits is Waits.BODY or (waits is Waits.HEADERS and self.conn.trailing_data[0])
        if begun:
            # A sender repeats after a 503, and not after a 408: a slow one may well have alerts to tell.
            late = {"Retry-After": _RETRY_SECONDS}
            self.refuse(Problem(HTTPStatus.SERVICE_UNAVAILABLE, _LATE[waits], headers=late))
        else:
            self.abort()

    def refuse(self, problem: Problem) -> None:
        """Answer a problem, and nothing more; what still comes is thrown away until the other side hangs up."""
        cycle: RequestResponseCycle | None = self.cycle
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._unset_keepalive_if_required()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.abort()
                return
        elif cycle is not None and self.conn.their_state is h11.SEND_BODY:
            self.abort()  # it has its answer
            return
        self.flow.resume_reading()
        self.transport.write(_as_bytes(problem))
        self.transport.write_eof()

    def abort(self) -> None:
        """End it now, whatever has not been written."""
        self.connections.discard(self)
        self.transport.abort()

    def _waits(self) -> Waits | None:
        cycle: RequestResponseCycle | None = self.cycle
        if self._refused:
            return Waits.GOODBYE
        if self.flow.write_paused or self.transport.is_closing() or self.transport.get_write_buffer_size():
            return Waits.READER
        if cycle is None:
            return Waits.HEADERS
        if self.conn.their_state is h11.SEND_BODY and (cycle.response_complete or not cycle.message_event.is_set()):
            return Waits.BODY
        return Waits.HEADERS if cycle.response_complete else None


class Bodies:
    """The bodies that are worked on: small ones always are, large ones share what there is.

    `taken` is how many bytes of it the large ones have.
    """

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """One more body; what is yielded is told of each part how long it is.

        Raises:
            Problem: 503, where large ones take all that there is.
        """
        size = taken = 0

        def grow(more: int) -> None:
            nonlocal size, taken
            size += more
            wanted = max(0, size - SMALL_BODY) - taken
            if self.taken + wanted > BODIES_MAX:
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "As many large webhooks are worked on as can be; nothing of this one was taken.",
                    headers={"Retry-After": _RETRY_SECONDS},
                )
            taken += wanted
            self.taken += wanted

        try:
            yield grow
        finally:
            self.taken -= taken


def affordable(most: int) -> int:
    """How many connections of those that are wanted the process can open files for.

    Raises:
        TooFewFiles: hardly any.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    others = sum(1 for _ in Path("/dev/fd").iterdir()) + SPARE_FILES
    if soft - others < LEAST:
        raise TooFewFiles(
            f"the process may open {soft} files, which leaves too few for connections; {others + most} are enough: "
            f"`ulimit -n {others + most}`"
        )
    if soft - others < most:
        _log.warning(
            "fewer connections than RUNMEND_CONNECTIONS_MAX, because the process may open too few files",
            extra={"connections": soft - others, "files": soft, "enough": others + most},
        )
    return min(most, soft - others)


def _as_bytes(problem: Problem) -> bytes:
    response = problem.response()
    head = [f"HTTP/1.1 {problem.status.value} {problem.status.phrase}".encode()]
    head += [name + b": " + value for name, value in (*response.raw_headers, (b"connection", b"close"))]
    return b"\r\n".join((*head, b"", bytes(response.body)))
