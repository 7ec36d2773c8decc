"""Requests that are not HTTP, or that two programs would read as two different ones."""

import json

import pytest

from runmend.bridge import serving
from tests.attacks.bridge.attackers import attacker, head
from tests.bridge.support import Installation, an_alert, webhook

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n"
POST = b"POST /alerts HTTP/1.1\r\nHost: bridge\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

REFUSED: dict[str, tuple[bytes, int]] = {
    "both lengths": (POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "both lengths, the other way round": (POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n", 400),
    "two lengths in one": (POST + b"Content-Length: 0, 40\r\n\r\n", 400),
    "a length with a sign": (POST + b"Content-Length: +0\r\n\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "two encodings": (POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 501),
    "an encoding that is none": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "an encoding before chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunks of HTTP/1.0": (POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "a chunk's size that is none": (POST + CHUNKED + b"\r\n0x0\r\n\r\n", 400),
    "a negative chunk's size": (POST + CHUNKED + b"\r\n-1\r\n\r\n", 400),
    "a chunk's size of 21 digits": (POST + CHUNKED + b"\r\n" + b"0" * 21 + b"\r\n\r\n", 400),
    "a chunk that is longer than it says": (POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n", 400),
    "a folded header": (POST + b"X-One: 1\r\n Content-Length: 40\r\n\r\n", 400),
    "a folded length": (POST + b"Content-Length:\r\n 0\r\n\r\n", 400),
    "lines that end without CR": (POST.replace(b"\r", b"") + b"Content-Length: 0\n\n", 400),
    "one line that ends without CR": (POST + b"X-One: 1\nContent-Length: 0\r\n\r\n", 400),
    "a bare CR": (POST + b"X-One: 1\rContent-Length: 40\r\n\r\n", 400),
    "a NUL": (POST + b"X-One: \x00\r\nContent-Length: 0\r\n\r\n", 400),
    "a blank before the colon": (POST + b"Content-Length : 0\r\n\r\n", 400),
    "no host": (b"POST /alerts HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
    "two hosts": (POST + b"Host: other\r\nContent-Length: 0\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "long headers": (POST + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_can_be_read_in_two_ways_is_a_problem_and_nothing_behind_it_is_read(
    installed: Installation, request_bytes: bytes, status: int
) -> None:
    async with (
        serving(installed.app, "127.0.0.1", 0) as address,
        attacker(address, request_bytes + SMUGGLED) as smuggler,
    ):
        answer = await smuggler.answered(5)

    given, headers = head(answer)
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (given, headers["content-type"], headers["connection"]) == (status, "application/problem+json", "close")
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert body["detail"].startswith("The request cannot be read: ")
    assert "bytearray" not in body["detail"]
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_headers_without_end_are_a_problem(installed: Installation) -> None:
    says = POST + b"X-Long: " + b"a" * 70_000
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as endless:
        assert head(await endless.answered(5))[0] == 431


async def test_a_request_for_another_protocol_is_answered_and_not_logged(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    says = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as asks:
        assert head(await asks.answered(5))[0] == 200

    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_a_body_in_chunks_is_taken(installed: Installation) -> None:
    body = json.dumps(webhook(an_alert(namespace="shop", pod="web-1"))).encode()
    says = POST + CHUNKED + b"Connection: close\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as sender:
        assert head(await sender.answered())[0] == 200


async def test_two_requests_at_once_are_two_answers(installed: Installation) -> None:
    says = SMUGGLED + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as sender:
        assert (await sender.answered()).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("path", ["/alerts/", "/api/v2/alerts/"])
async def test_a_slash_at_the_end_loses_no_alert(installed: Installation, path: str) -> None:
    (pod,) = await installed.deploy()

    response = await installed.http.post(path, json=webhook(an_alert(pod)))

    assert (response.status_code, response.json()["alerts"][0]["answer"]) == (200, "started")


async def test_nothing_is_redirected(installed: Installation) -> None:
    response = await installed.http.get("/healthz/")

    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
