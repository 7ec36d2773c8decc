"""A proxy in front of the API server, for tests: it holds a request before the server has it or the answer after, and
refuses in its stead.

It listens on loopback without TLS, in threads of the test's own process. Whoever uses it keeps its token and its user
agent, so rights and audit log are those of the real thing.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from tests.cluster.api import Json

LOOPBACK = "127.0.0.1"
PATIENCE = 90.0
"""Seconds to wait for a request."""
UPSTREAM_SECONDS = 120
"""Longer than any fault: it is the other side of the proxy whose patience is tested."""
_OWN = frozenset({"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"})


@dataclass
class Rule:
    """What is done to the requests of a method for something in a namespace: to `times` of them, after the first
    `skip`."""

    method: str
    namespace: str
    what: str
    """How the rest of the path begins."""
    skip: int = 0
    times: int = 1
    seen: list[float] = field(default_factory=list)
    """When each request came that it was done to."""

    def takes(self, method: str, path: str, now: float) -> bool:
        """Whether it is this request's turn; counts it."""
        if self.times == 0 or method != self.method or f"/{self.namespace}/{self.what}" not in path:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.seen.append(now)
        return True


@dataclass
class Hold(Rule):
    """One request that waits in the proxy, until it is released or dropped.

    `answered` says where: False before the API server has it, True with the server's answer, which nobody has seen yet.
    Whoever sent it has no patience without end, and would try again: so all that comes later for the namespace waits
    behind it, and the moment lasts.
    """

    answered: bool = False
    _here: threading.Event = field(default_factory=threading.Event)
    _on: threading.Event = field(default_factory=threading.Event)
    _others: threading.Event = field(default_factory=threading.Event)
    _dropped: bool = False
    _others_dropped: bool = False

    def takes(self, method: str, path: str, now: float) -> bool:
        """As every rule does; and what comes later, while it waits behind."""
        if self.seen and not self._others.is_set() and f"/{self.namespace}/" in path:
            self.seen.append(now)
            return True
        return super().takes(method, path, now)

    async def reached(self) -> None:
        """Wait until the request is here."""
        here = await asyncio.to_thread(self._here.wait, PATIENCE)
        assert here, f"no {self.method} of {self.what or 'anything'} in {self.namespace} within {PATIENCE:.0f} s"

    def release(self) -> None:
        """Let it go on, and what waits behind it."""
        self._on.set()
        self._others.set()

    def drop(self) -> None:
        """End its connection: what was not sent on is lost, and what was answered is never heard of. The same for what
        waits behind it."""
        self._dropped = True
        self._on.set()
        self.let_others_pass()

    def let_others_pass(self) -> None:
        """Keep it, and let pass what comes from now on; what waits behind it is dropped."""
        self._others_dropped = True
        self._others.set()

    def wait(self) -> bool:
        """In the request's thread: wait; whether it goes on."""
        self._here.set()
        self._on.wait()
        return not self._dropped

    def wait_behind(self) -> bool:
        """In the thread of a request that came later: wait; whether it goes on."""
        self._others.wait()
        return not self._others_dropped


@dataclass
class Refusal(Rule):
    """Requests that the proxy answers itself, as an API server that is asked too much does."""

    retry_after: int = 1

    @property
    def body(self) -> Json:
        """The answer's."""
        message = "Too many requests, please try again later."
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": message,
            "reason": "TooManyRequests",
            "code": 429,
        }


R = TypeVar("R", bound=Rule)


class Proxy:
    """One API server's proxy. What it does to which requests can be changed at any time; where nothing is said it
    passes them on."""

    def __init__(self, kubeconfig: Path) -> None:
        self._config = yaml.safe_load(kubeconfig.read_text())
        upstream = self._config["clusters"][0]["cluster"]
        # A connection for each request: one that was kept would break when the server is stopped, and not because of
        # what a test does.
        self._upstream = httpx.Client(
            base_url=upstream["server"],
            verify=ssl.create_default_context(cafile=upstream["certificate-authority"]),
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=UPSTREAM_SECONDS,
            trust_env=False,
        )
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._requests: list[tuple[float, str, str]] = []
        self._server = _Server(self)

    def hold(self, method: str, namespace: str, what: str = "", *, skip: int = 0) -> Hold:
        """Keep a request from the API server."""
        return self._add(Hold(method, namespace, what, skip))

    def hold_answer(self, method: str, namespace: str, what: str = "", *, skip: int = 0) -> Hold:
        """Let the API server do what a request asks, and keep its answer."""
        return self._add(Hold(method, namespace, what, skip, answered=True))

    def refuse(self, method: str, namespace: str, what: str = "", *, times: int = 1, retry_after: int = 1) -> Refusal:
        """Answer requests 429, and after how many seconds to come again."""
        return self._add(Refusal(method, namespace, what, times=times, retry_after=retry_after))

    def times_of(self, rule: Rule) -> list[float]:
        """When requests came that are of a rule's kind, whatever was done to them, oldest first."""
        part = f"/{rule.namespace}/{rule.what}"
        with self._lock:
            return [when for when, method, path in self._requests if method == rule.method and part in path]

    def kubeconfig(self, account: Path, folder: Path) -> Path:
        """The kubeconfig of an account, by way of the proxy; written into a folder."""
        config = yaml.safe_load(account.read_text())
        for each in config["clusters"]:
            each["cluster"] = {"server": f"http://{LOOPBACK}:{self._server.server_port}"}
        written = folder / account.name
        written.write_text(json.dumps(config))
        return written

    def start(self) -> None:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Listen no more, and drop what is held."""
        for rule in self._rules:
            if isinstance(rule, Hold):
                rule.drop()
        self._server.shutdown()
        self._server.server_close()
        self._upstream.close()

    def answer_to(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        """What a request is answered; None where its connection ends instead."""
        now = time.monotonic()
        with self._lock:
            self._requests.append((now, method, path))
            rule = next((rule for rule in self._rules if rule.takes(method, path, now)), None)
            behind = isinstance(rule, Hold) and len(rule.seen) > 1
        if isinstance(rule, Refusal):
            said = {"Retry-After": str(rule.retry_after), "Content-Type": "application/json"}
            return HTTPStatus.TOO_MANY_REQUESTS, said, json.dumps(rule.body).encode()
        hold = rule if isinstance(rule, Hold) else None
        if hold and behind and not hold.wait_behind():
            return None
        if hold and not behind and not hold.answered and not hold.wait():
            return None
        try:
            answer = self._upstream.request(method, path, headers=headers, content=body)
        except httpx.HTTPError:
            return None
        if hold and not behind and hold.answered and not hold.wait():
            return None
        return answer.status_code, _passed_on(answer.headers), answer.content

    def _add(self, rule: R) -> R:
        with self._lock:
            self._rules.append(rule)
        return rule


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__((LOOPBACK, 0), _Connection)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.proxy.answer_to(self.command, self.path, _passed_on(self.headers), body)
        if answer is None:
            self.close_connection = True
            return
        status, headers, content = answer
        try:
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # Whoever asked is gone: killed, or out of patience.
            self.close_connection = True

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


def _passed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OWN}


@contextmanager
def proxy(kubeconfig: Path) -> Iterator[Proxy]:
    """A proxy in front of a kubeconfig's API server, while the block runs."""
    made = Proxy(kubeconfig)
    made.start()
    try:
        yield made
    finally:
        made.stop()
