"""What addresses answer by HTTP, and which may be asked."""

import asyncio

import pytest

from runmend.facts.outside import AnswerFacts
from runmend.outside.addresses import Addresses
from runmend.outside.fetching import NoAnswer
from tests.answering import Answer, answering


def got(answer: Answer, path: str = "/health") -> AnswerFacts:
    with answering(lambda _: answer) as server:
        found = asyncio.run(Addresses((server.host,), 5).get(f"{server.url}{path}"))
    assert server.asked == [path]
    return found


def test_an_answer_is_its_status_and_its_json() -> None:
    answer = got((503, b'{"ready": false, "waiting": [1, null, "a"]}'), "/health?deep=1")

    assert answer == AnswerFacts(status=503, body={"ready": False, "waiting": [1, None, "a"]})


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[1"])
def test_an_answer_that_is_no_json_has_its_status_alone(body: bytes) -> None:
    assert got((200, body)) == AnswerFacts(status=200)


def test_what_looks_like_a_secret_is_hidden() -> None:
    token = "ghp_" + "a1B2" * 8

    assert got((200, f'{{"token": "{token}"}}'.encode())).body == {"token": "***"}


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        ((), "127.0.0.1 is not asked: RUNMEND_HTTP_HOSTS of the worker names no host"),
        (("shop.example.com",), r"127.0.0.1:\d+ is not asked: it is not among RUNMEND_HTTP_HOSTS of the worker"),
        (("127.0.0.1",), r"127.0.0.1:\d+ is not asked: it is not among RUNMEND_HTTP_HOSTS of the worker"),
        (("127.0.0.1:1",), r"127.0.0.1:\d+ is not asked: it is not among RUNMEND_HTTP_HOSTS of the worker"),
    ],
)
def test_a_host_that_is_not_named_is_not_asked(hosts: tuple[str, ...], why: str) -> None:
    with answering(lambda _: (200, b"")) as server, pytest.raises(NoAnswer, match=f"^{why}$"):
        asyncio.run(Addresses(hosts, 5).get(f"{server.url}/"))

    assert server.asked == []


def test_a_host_without_a_port_means_the_usual_one() -> None:
    addresses = Addresses(("nowhere.invalid",), 5)

    for address in ("https://nowhere.invalid/", "http://nowhere.invalid/", "https://NOWHERE.invalid:443/"):
        with pytest.raises(NoAnswer, match="its name has no address"):
            asyncio.run(addresses.get(address))
    with pytest.raises(NoAnswer, match="it is not among RUNMEND_HTTP_HOSTS"):
        asyncio.run(addresses.get("https://nowhere.invalid:8443/"))
