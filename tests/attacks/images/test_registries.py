"""Registries that are anybody's: what they answer keeps nobody, leads nowhere else, and gets no credentials."""

import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from runmend.core.settings import networks_in
from runmend.images.pull_secrets import Credentials
from runmend.images.registry import Answer, Registry

LOOPBACK = networks_in("127.0.0.0/8")
SECONDS = 1.0
SLACK = 8.0
"""Seconds that a busy machine may add to those of the probe."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def status(line: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {line}", *headers, f"Content-Length: {len(body)}", "", "")).encode() + body


def asking_for(challenge: str) -> bytes:
    return status("401 Unauthorized", f"WWW-Authenticate: {challenge}")


def bearer(realm: str) -> bytes:
    return asking_for(f'Bearer realm="{realm}",service="x",scope="repository:app:pull"')


def moved(to: str) -> bytes:
    return status("307 Temporary Redirect", f"Location: {to}")


ELSEWHERE = (
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[fd00:ec2::254]/",
    "https://10.0.0.1/",
    "https://0x0a000001/",
    "https://100.100.100.200/",
    "https://192.168.1.1/",
    "file:///etc/passwd",
    "gopher://10.0.0.1/",
    "//10.0.0.1/",
    "https://user:password@10.0.0.1/",
    "https://10.0.0.1:99999/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "",
    "\x00",
)
ANSWERS = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a status alone": b"HTTP/1.1 200\r\n",
    "a status that is none": b"HTTP/1.1 9999 X\r\n\r\n",
    "another protocol": b"HTTP/2.0 200 OK\r\n\r\n",
    "a header without an end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2_000_000,
    "a hundred thousand headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
    "a body where none is": OK + b"x" * 2_000_000,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "control characters": b"HTTP/1.1 418 \x1b[2J\x07\r\nContent-Length: 0\r\n\r\n",
    "a challenge of one word": asking_for("a" * 60_000),
    "a challenge of commas": asking_for("," * 60_000),
    "a challenge of quotes": asking_for('Bearer realm="' + '\\"' * 30_000),
    "a challenge of blanks": asking_for("Bearer realm" + " " * 60_000),
    "a challenge of schemes": asking_for("Bearer, " * 8_000),
    "no scheme that is known": asking_for("Negotiate"),
    "a redirect in a circle": moved("/v2/app/manifests/1"),
} | {f"{kind} to {to!r}": make(to) for to in ELSEWHERE for kind, make in (("a redirect", moved), ("a realm", bearer))}

SAYS_YES = ("a body where none is", "another protocol")
"""They begin with a status that is good, and no more is read."""


class Hostile:
    """A server on loopback that says the same to everybody, and keeps what it heard."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.heard: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(SECONDS + SLACK)
                self.heard.append(connection.recv(65_536))
                self._answer(connection)

    def close(self) -> None:
        # Closing alone wakes nobody who waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@contextmanager
def hostile(answer: Callable[[socket.socket], None]) -> Iterator[Hostile]:
    server = Hostile(answer)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where connections were made to, besides loopback; none is made."""
    made: list[str] = []
    really = socket.socket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if not str(address[0]).startswith("127."):
            made.append(str(address[0]))
            raise ConnectionRefusedError
        really(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


def credentials_of(server: Hostile) -> list[Credentials]:
    return [Credentials(server.host, "robot", SecretStr("hunter2"))]


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_a_registry_says_the_answer_comes_in_time_and_leads_nowhere(name: str, connected: list[str]) -> None:
    with hostile(lambda connection: connection.sendall(ANSWERS[name])) as server:
        asker = Registry(networks=LOOPBACK, plain_http=[server.host], timeout=SECONDS)
        began = time.monotonic()

        told = asker.ask(f"{server.host}/app:1", credentials_of(server))

        assert time.monotonic() - began < SECONDS + SLACK
    assert told.answer is (Answer.EXISTS if name in SAYS_YES else Answer.UNKNOWN)
    assert told.why.isprintable()
    assert len(told.why) <= 500
    assert "hunter2" not in told.why
    assert connected == []
    # Basic's words of the same; a registry that asks for Basic itself may have them.
    assert not any(b"cm9ib3Q6aHVudGVyMg" in heard for heard in server.heard)


def test_a_connection_elsewhere_would_be_seen(connected: list[str]) -> None:
    Registry(networks=networks_in("10.0.0.0/8"), timeout=SECONDS).ask("10.0.0.1/app:1")

    assert connected == ["10.0.0.1"]


@pytest.mark.parametrize("piece", [b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", b"a"])
def test_one_that_never_ends_is_given_up_in_time_and_fills_no_memory(piece: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        ends = time.monotonic() + SECONDS + SLACK
        while time.monotonic() < ends:
            connection.sendall(piece * 1000)

    with hostile(drip) as server:
        asker = Registry(networks=LOOPBACK, plain_http=[server.host], timeout=SECONDS)
        tracemalloc.start()
        try:
            began = time.monotonic()
            told = asker.ask(f"{server.host}/app:1")
            took, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert told.answer is Answer.UNKNOWN
    assert took < SECONDS + SLACK
    assert peak < 32 * 1024 * 1024
