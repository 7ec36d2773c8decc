"""A small registry on loopback that answers as a test scripts it, and remembers what it was asked."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runmend.core.settings import networks_in
from runmend.images.pull_secrets import Credentials

BASIC = f"Basic {base64.b64encode(b'robot:secret').decode()}"
BEARER = "Bearer a-token"
LOOPBACK = networks_in("127.0.0.0/8, ::1")
"""Where these registries are, which is refused where nobody names it."""

# Made for these tests and worth nothing: registry.test and auth.registry.test, valid from 2020 to 2120.
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVG4XM86D6mKZzzMc
W1qQrPeEsBbw9nru5hsQ2A/xOpKhRANCAARdezaH0qGl0Og726TBpMy9AOwzWR6X
kNJy7wBUc/VxCUsiyawV/Rm+oCwhJBvCHecPWqgF0HQKLP9Hj3id4SfG
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1yZWdpc3Ry
eS50ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
VQQDDA1yZWdpc3RyeS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXXs2
h9KhpdDoO9ukwaTMvQDsM1kel5DScu8AVHP1cQlLIsmsFf0ZvqAsISQbwh3nD1qo
BdB0Ciz/R494neEnxqNwMG4wDwYDVR0TAQH/BAUwAwEB/zAsBgNVHREEJTAjgg1y
ZWdpc3RyeS50ZXN0ghJhdXRoLnJlZ2lzdHJ5LnRlc3QwHQYDVR0OBBYEFM1HmttX
pd6n045Vhsb+0NQOlF/WMA4GA1UdDwEB/wQEAwIChDAKBggqhkjOPQQDAgNIADBF
AiAN1cdxFz9pyEPRuoMi27b0iUMQqIJHIQMbKRngTOGfiQIhAOAqikKAb2x6JrGa
2DGv7klfz3EIJWEAoU0iqQPowe/1
-----END CERTIFICATE-----
"""


@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    path: str
    host: str
    authorization: str | None
    query: dict[str, str]


@dataclass(slots=True)
class ScriptedRegistry:
    """Serves `shop/web:1.0` to whoever fulfils `challenge`; `scripted` answers, by path, come before everything."""

    port: int = 0
    challenge: str | None = None
    scripted: dict[str, Callable[[Request], Response]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def image(self) -> str:
        return f"{self.host}/shop/web:1.0"

    @property
    def asked(self) -> list[tuple[str, str, str | None]]:
        """Each request: method, path, Authorization."""
        return [(one.method, one.path, one.authorization) for one in self.seen]

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.host, "robot", SecretStr("secret"))

    def anew(self) -> "ScriptedRegistry":
        """The same server with nothing scripted and nothing seen; one server for all tests, because each takes 0.2 s to
        stop."""
        self.challenge, self.scripted, self.seen = None, {}, []
        return self

    def answer(self, request: Request) -> Response:
        path, given = request.url.path, request.headers.get("authorization")
        self.seen.append(Seen(request.method, path, request.headers["host"], given, dict(request.query_params)))
        if path in self.scripted:
            return self.scripted[path](request)
        if path == "/token":
            return JSONResponse({"token": "a-token"}, 200 if given in (None, BASIC) else 401)
        wanted = BASIC if (self.challenge or "").startswith("Basic") else BEARER
        if self.challenge is not None and given != wanted:
            return Response(status_code=401, headers={"WWW-Authenticate": self.challenge})
        found = path == "/v2/shop/web/manifests/1.0"
        return Response(status_code=200 if found else 404, media_type="application/vnd.oci.image.index.v1+json")


@contextmanager
def serving(
    registry: ScriptedRegistry, certificate: Path | None = None, key: Path | None = None
) -> Iterator[ScriptedRegistry]:
    app = Starlette(routes=[Route("/{path:path}", registry.answer, methods=["GET", "HEAD"])])
    config = uvicorn.Config(
        app, log_level="error", lifespan="off", ws="none", ssl_certfile=certificate, ssl_keyfile=key
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    registry.port = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield registry
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def plain_server() -> Iterator[ScriptedRegistry]:
    with serving(ScriptedRegistry()) as running:
        yield running


@pytest.fixture(scope="session")
def tls_server(tls_files: tuple[Path, Path]) -> Iterator[ScriptedRegistry]:
    with serving(ScriptedRegistry(), *tls_files) as running:
        yield running


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate's file and the key's."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(KEY)
    return certificate, key


@pytest.fixture
def registry(plain_server: ScriptedRegistry) -> ScriptedRegistry:
    """Over plain http, as only a registry on loopback may be."""
    return plain_server.anew()


@pytest.fixture
def tls_registry(tls_server: ScriptedRegistry) -> ScriptedRegistry:
    """Over https, as registry.test and auth.registry.test."""
    return tls_server.anew()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and their addresses, used up one after the other, the last one for good; every other name is looked up as
    always."""
    known: dict[str, list[str]] = {}
    really = socket.getaddrinfo

    def look_up(host: str, *args: object, **kwargs: object) -> object:
        addresses = known.get(host)
        if addresses is None:
            return really(host, *args, **kwargs)  # type: ignore[arg-type]
        now = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in now.split()]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture
def dripping() -> Iterator[str]:
    """`host:port` of a server that sends its headers byte by byte and never ends them."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not stop.wait(0.01):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    stop.set()
    thread.join()
    listener.close()
