"""Faults in front of an API server, for tests: an ASGI application that answers in its stead, loses its answers, or
refuses to listen."""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Request:
    """A request as the faults saw it."""

    method: str
    path: str
    query: str
    body: bytes = b""


@dataclass
class Fault:
    """What to do to the next `times` requests that match."""

    matches: Callable[[Request], bool]
    times: int
    status: int | None = None
    """Answer this status instead of the server; None lets the server act."""
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    lose_answer: bool = False
    """The server acts, and the connection breaks before its answer is sent."""
    then: Callable[[Request], None] | None = None
    """Called, in a thread of its own, after the server acted and before its answer is sent: it may ask the server
    itself."""


class Faults:
    """Wraps the sandbox: `Sandbox(wrap=faults.wrap)`. Safe to use from the test's thread."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, method: str, part: str, *, times: int = 1, **what: Any) -> None:
        """Arm a fault for requests of a method whose path holds `part`."""
        with self._lock:
            self._faults.append(Fault(lambda request: request.method == method and part in request.path, times, **what))

    def clear(self) -> None:
        """Disarm all."""
        with self._lock:
            self._faults.clear()

    def sent(self, method: str, part: str = "", *, dry_run: bool | None = False) -> list[Request]:
        """The requests of a method so far; by default those that really write, `dry_run=None` for all."""
        return [
            request
            for request in self.requests
            if request.method == method
            and part in request.path
            and (dry_run is None or ("dryRun" in request.query) is dry_run)
        ]

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application to serve instead of `app`."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = await body_of(receive)
            request = Request(scope["method"], scope["path"], scope["query_string"].decode(), body)
            self.requests.append(request)
            fault = self._take(request)
            if fault is None:
                await app(scope, replayed(body), send)
            elif fault.status is not None:
                await _answer(send, fault)
            else:
                await _tampered(app, scope, body, send, fault, request)

        return faulty

    def _take(self, request: Request) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.matches(request):
                    fault.times -= 1
                    return fault
        return None


async def body_of(receive: Receive) -> bytes:
    """A request's whole body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def replayed(body: bytes) -> Receive:
    """What gives a body that was received already once more."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, fault: Fault) -> None:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": fault.reason or "a fault",
        "code": fault.status,
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    await send(
        {
            "type": "http.response.start",
            "status": fault.status,
            "headers": [(b"content-type", b"application/json"), *headers],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def _tampered(app: ASGIApp, scope: Scope, body: bytes, send: Send, fault: Fault, request: Request) -> None:
    held: list[Message] = []

    async def hold(message: Message) -> None:
        held.append(message)

    await app(scope, replayed(body), hold)
    if fault.then:
        await asyncio.to_thread(fault.then, request)
    if fault.lose_answer:
        # Half an answer: the client reads a connection that ends before its body does.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": False})
        return
    for message in held:
        await send(message)
