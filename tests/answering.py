"""Servers of the tests on loopback that answer GET as they are told, and remember what they were asked."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]]


@dataclass
class Answering:
    """A server: `answer` says by a path what is answered."""

    answer: Callable[[str], Answer]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def answering(answer: Callable[[str], Answer], tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    """A server for as long as the context lasts; with `tls`, of https."""
    this = Answering(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            this.asked.append(self.path)
            this.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, body, *more = this.answer(self.path)
            self.send_response(status)
            for name, value in more[0].items() if more else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    this.port = server.server_address[1]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield this
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_vector(*samples: tuple[Mapping[str, str], float | str]) -> Answer:
    """Prometheus' answer with these samples."""
    result = [{"metric": dict(labels), "value": [1_700_000_000.0, str(value)]} for labels, value in samples]
    return succeeded({"resultType": "vector", "result": result})


def as_matrix(*series: tuple[Mapping[str, str], list[float]]) -> Answer:
    """Prometheus' answer with these series, each 1 at these times."""
    result = [{"metric": dict(labels), "values": [[time, "1"] for time in times]} for labels, times in series]
    return succeeded({"resultType": "matrix", "result": result})


def succeeded(data: Any, **more: Any) -> Answer:
    """Prometheus' answer with this data."""
    return 200, json.dumps({"status": "success", "data": data, **more}).encode()


def query_of(path: str) -> str:
    """What Prometheus was asked for."""
    return parse_qs(urlsplit(path).query)["query"][0]
