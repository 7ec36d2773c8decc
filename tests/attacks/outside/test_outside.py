"""What a server, a name or a label may try when an expression asks outside of Kubernetes."""

import asyncio
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.facts.outside import Question, filled
from runmend.outside.addresses import Addresses
from runmend.outside.fetching import NoAnswer
from runmend.outside.prometheus import Prometheus, matchers_of
from tests.answering import answering

HOSTILE_JSON = (
    b"[" * 200_000,
    b'{"a":' * 40_000,
    b"[" + b"1," * 100_000 + b"1]",
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": 1' + b"0" * 400 + b"}",
    b'{"a": -Infinity}',
    b'"\xed\xa0\x80"',
    b'{"a": "\\ud800"}',
)


@contextmanager
def a_socket(told: bytes, *, again: bytes = b"", pause: float = 0) -> Iterator[str]:
    """A server that says something, and then something more, for as long as it is listened to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(4096)
                    connection.sendall(told)
                    while again and not over.is_set():
                        connection.sendall(again)
                        over.wait(pause)
                    over.wait(5)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            with socket.socket() as waking:
                waking.connect_ex(server.getsockname())
            thread.join()


def refused(host: str, address: str, seconds: float = 5) -> str:
    with pytest.raises(NoAnswer) as found:
        asyncio.run(Addresses((host,), seconds).get(address))
    return str(found.value)


def test_a_redirect_to_another_host_is_not_followed() -> None:
    with answering(lambda _: (200, b'{"stolen": true}')) as other:
        moved = (302, b'{"a": 1}', {"Location": f"{other.url}/latest/meta-data"})
        with answering(lambda _: moved) as server:
            found = asyncio.run(Addresses((server.host,), 5).get(server.url))

    assert (found.status, found.body, other.asked) == (302, None, [])


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.1", "2130706433", "0x7f.1", "0"])
def test_a_name_that_means_this_machine_is_refused(name: str) -> None:
    with answering(lambda _: (200, b"")) as server:
        why = refused(f"{name}:{server.port}", f"http://{name}:{server.port}/")

    assert "is refused: it is of this machine, of its link or of a cloud" in why
    assert server.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
    ],
)
def test_an_inner_address_that_a_name_means_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    async def look_up(_: str) -> tuple[object, ...]:
        return (ipaddress.ip_address("203.0.113.1"), ipaddress.ip_address(address.strip("[]")))

    monkeypatch.setattr("runmend.outside.fetching.look_up", look_up)

    assert "is refused: it is of this machine" in refused("shop.example.com", "https://shop.example.com/")


@pytest.mark.parametrize(
    "address",
    [
        "http://allowed.example@127.0.0.1/",
        "http://127.0.0.1\\@allowed.example/",
        "http://allowed.example.evil.example/",
        "http://evil.example/allowed.example",
        "http://evil.example?allowed.example",
        "http://evil.example#allowed.example",
        "http://allowed.example:81/",
        "ftp://allowed.example/",
        "file:///etc/passwd",
        "//allowed.example/",
        "http://",
        "http://[::1",
    ],
)
def test_an_address_that_only_looks_allowed_is_not_asked(address: str) -> None:
    assert re.search("is not asked|cannot be asked", refused("allowed.example", address))


def test_an_endless_body_ends() -> None:
    began = time.monotonic()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    with a_socket(head, again=b"x" * 65536) as host:
        assert refused(host, f"http://{host}/") == f"{host} answers with more than 256 KiB"
    assert time.monotonic() - began < 5


def test_endless_headers_end() -> None:
    with a_socket(b"HTTP/1.1 200 OK\r\n", again=b"X-More: " + b"y" * 8000 + b"\r\n") as host:
        assert refused(host, f"http://{host}/", 2).startswith(f"{host} ")


@pytest.mark.parametrize("told", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
def test_a_server_that_drips_is_given_up(told: bytes) -> None:
    began = time.monotonic()
    with a_socket(told, again=b" ", pause=0.05) as host:
        assert refused(host, f"http://{host}/", 0.4) == f"{host} did not answer within 0.4 s"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("body", HOSTILE_JSON, ids=range(len(HOSTILE_JSON)))
def test_hostile_json_is_no_json(body: bytes) -> None:
    with answering(lambda _: (200, body)) as server:
        found = asyncio.run(Addresses((server.host,), 5).get(server.url))

    assert found.status == 200
    assert found.body in (None, "?", {"a": "?"})


@pytest.mark.parametrize("body", HOSTILE_JSON, ids=range(len(HOSTILE_JSON)))
def test_hostile_json_is_no_sample(body: bytes) -> None:
    with answering(lambda _: (200, body)) as server, pytest.raises(NoAnswer, match="not as its API does"):
        asyncio.run(Prometheus(server.url).samples("up"))


def test_what_a_server_says_is_shown_in_plain_characters() -> None:
    said = b'{"status": "error", "error": "\\u001b[2J \\u202e one\\ntwo ' + b"x" * 5000 + b'"}'
    with answering(lambda _: (422, said)) as server, pytest.raises(NoAnswer) as found:
        asyncio.run(Prometheus(server.url).samples("up"))

    assert str(found.value).isascii()
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 400


def test_a_gzipped_body_is_not_unpacked() -> None:
    packed = {"Content-Encoding": "gzip"}
    with answering(lambda _: (200, b"\x1f\x8b" + b"\0" * 100, packed)) as server:
        found = asyncio.run(Addresses((server.host,), 5).get(server.url))

    assert (found.status, found.body) == (200, None)
    assert server.headers[0]["accept-encoding"] == "identity"


VALUES = st.text(min_size=1, max_size=40).filter(str.isprintable)
STRING = re.compile(r'"((?:\\.|[^"\\])*)"')


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


@given(VALUES)
def test_a_label_stays_within_its_quotes(value: str) -> None:
    query = filled(Question("prometheus", 'up{job="{alert.job}",a="b"}'), {"alert.job": value})

    whole = re.fullmatch(r'up\{job=("(?:\\.|[^"\\])*"),a="b"\}', query)
    assert whole is not None
    assert unquoted(whole[1][1:-1]) == value


@given(VALUES)
def test_a_label_in_a_pattern_means_itself(value: str) -> None:
    query = filled(Question("prometheus", "up{job=~'{alert.job}-.*'}"), {"alert.job": value})

    whole = re.fullmatch(r"up\{job=~'((?:\\.|[^'\\])*)-\.\*'\}", query)
    assert whole is not None
    assert re.fullmatch(unquoted(whole[1]), value)


@given(VALUES)
def test_a_label_of_an_alert_stays_within_its_matcher(value: str) -> None:
    found = STRING.sub('""', matchers_of({"alertname": value, "job": value}))

    assert found == 'alertname="",alertstate="",job=~""'


@given(VALUES)
def test_a_label_becomes_no_other_host_path_or_query(value: str) -> None:
    address = filled(Question("http", "https://a.example/{alert.x}/end?q={alert.x}"), {"alert.x": value})

    assert re.fullmatch(r"https://a\.example/[A-Za-z0-9._~%-]+/end\?q=[A-Za-z0-9._~%-]+", address)


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00b", "x" * 301, "\u2028"])
def test_a_label_that_cannot_be_filled_in_is_not(value: str) -> None:
    with pytest.raises(ValueError, match="fill"):
        filled(Question("prometheus", 'up{a="{alert.a}"}'), {"alert.a": value})
