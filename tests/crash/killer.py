"""Stands in front of an API server, tells who asks it for what, and kills the worker at a point."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.commands import Started
from tests.crash.points import Asked, Point
from tests.faults import body_of, replayed

_MADE_UP: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=[a-z0-9]-)[a-z0-9]{8,10}(-[a-z0-9]{5})?(?![a-z0-9-])"
)
"""What Kubernetes makes up: uids, and the ends of the names of ReplicaSets and pods."""
_REFUSED: Final = 300


@dataclass
class Killer:
    """Counts what workers ask for, and kills the first of them at a point.

    Args:
        point: where. None: nowhere.
        at_work: tells which activity is at work; called in the thread of the API server.
        loop: where `killed` is waited for.
    """

    point: Point | None
    at_work: Callable[[], Awaitable[str]]
    loop: asyncio.AbstractEventLoop
    asked: list[Asked] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    """uid → how often the API server agreed to evict or delete the pod."""
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Started | None = None
    """Nothing is counted before there is one."""
    reached: bool = False
    """Whether it has killed."""
    _met: int = 0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application to serve instead."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            agent = dict(scope.get("headers", ())).get(b"user-agent", b"")
            if self.worker is None or scope["type"] != "http" or not agent.startswith(b"runmend"):
                await app(scope, receive, send)
                return
            body = await body_of(receive)
            request = request_of(scope)
            mine = await self._is_mine(request)
            if mine and self.point and self.point.moment == "before":
                await self._kill(self.worker, send)
                return

            async def answered(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] < _REFUSED:
                    self._count(request, body)
                if not mine:
                    await send(message)

            await app(scope, replayed(body), answered)
            if mine:
                await self._kill(self.worker, send)

        return watched

    async def _is_mine(self, request: str) -> bool:
        """Whether the worker is killed at this request. Only where that depends on it, it is asked who is at work."""
        if self.reached or (self.point and request != self.point.asked.request):
            return False
        asked = Asked(await self.at_work(), request)
        self.asked.append(asked)
        if self.point is None or asked != self.point.asked:
            return False
        self._met += 1
        return self._met == self.point.nth

    def _count(self, request: str, body: bytes) -> None:
        if request.startswith("GET ") or "dryRun" in request or b'"dryRun"' in body:
            return
        self.writes[request] += 1
        if request.partition("?")[0].endswith("/eviction") or request.startswith("DELETE "):
            options = json.loads(body)
            self.taken[options.get("deleteOptions", options)["preconditions"]["uid"]] += 1

    async def _kill(self, worker: Started, send: Send) -> None:
        os.kill(worker.pid, signal.SIGKILL)
        self.reached = True
        self.loop.call_soon_threadsafe(self.killed.set)
        # For nobody: the server logs requests that have no answer.
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def request_of(scope: Scope) -> str:
    """Method, path and query, without what Kubernetes made up."""
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(unquote(scope["query_string"].decode()))))
    path = f"{scope['method']} {scope['path']}{'?' if query else ''}{query}"
    return _MADE_UP.sub("…", path)
