"""Faults in front of a sandbox: answers that a real API server gives only on a bad day.

faults = Faults()
with Sandbox(wrap=faults) as sandbox:
    faults.answer("PATCH", r"/deployments/web$", 409)
"""

import asyncio
import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REASONS = {
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Invalid",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalError",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
}


@dataclass(slots=True)
class _Fault:
    method: str
    path: re.Pattern[str]
    times: int
    response: Response | None = None
    delay_s: float = 0.0
    lost: bool = False

    def is_for(self, scope: Scope) -> bool:
        return self.times > 0 and self.method in ("*", scope["method"]) and self.path.search(scope["path"]) is not None


class Faults:
    """Passes requests on, except those that a fault is laid for. `times` is how many requests a fault meets.

    Faults may be laid from any thread, before or while the sandbox runs; the one that was laid first is met first.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self._faults: list[_Fault] = []
        self._app: ASGIApp | None = None

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """Stand in front of `app`; this is what `Sandbox(wrap=…)` takes."""
        self._app = app
        return self._serve

    def answer(self, method: str, path: str, code: int, *, message: str = "", retry_after_s: int | None = None, times: int = 1) -> None:
        """Answer with a Status of `code` instead; nothing reaches the server. `path` is a regular expression, `method` may be `*`."""
        status = HTTPStatus(code)
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message or status.phrase}
        body = {**head, "reason": _REASONS.get(status, ""), "code": code}
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        response = Response(json.dumps(body), code, headers, "application/json")
        self._lay(_Fault(method, re.compile(path), times, response=response))

    def hang(self, method: str, path: str, seconds: float, *, times: int = 1) -> None:
        """Answer, but only after a while."""
        self._lay(_Fault(method, re.compile(path), times, delay_s=seconds))

    def lose_answer(self, method: str, path: str, *, times: int = 1) -> None:
        """Do what was asked, and close the connection instead of answering."""
        self._lay(_Fault(method, re.compile(path), times, lost=True))

    def clear(self) -> None:
        """Take every fault away."""
        self._faults.clear()

    def _lay(self, fault: _Fault) -> None:
        self._faults.append(fault)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            raise RuntimeError("the faults stand in front of nothing")
        self.requests.append((scope["method"], scope["path"]))
        fault = next((found for found in self._faults if found.is_for(scope)), None)
        if fault is None:
            await self._app(scope, receive, send)
            return
        fault.times -= 1
        await asyncio.sleep(fault.delay_s)
        if fault.response is not None:
            await fault.response(scope, receive, send)
        elif fault.lost:
            await self._app(scope, receive, _nowhere)
            # A body that is promised and does not come: the server then closes the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]})
        else:
            await self._app(scope, receive, send)


async def _nowhere(_: Message) -> None:
    """Take a response and drop it."""
