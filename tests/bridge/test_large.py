"""Webhooks that hold much, or much nonsense: all is taken or nothing, and the event loop goes on meanwhile."""

import asyncio
import gc
import itertools
import json
import logging
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runmend.bridge import webhook as reading
from runmend.bridge.webhook import SLICE, BadWebhook, TooLarge, Webhook, WebhookReader
from tests.bridge.support import Installation, an_alert, webhook

KIB = 1024
MIB = 1024 * KIB


@asynccontextmanager
async def breathing() -> AsyncIterator[Callable[[], float]]:
    """Measures for how long the event loop did nothing else, at most; in seconds of this process's processor time, so
    that a busy machine is not taken for a busy loop.
    """
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    beating = asyncio.create_task(beat())
    try:
        yield lambda: longest
    finally:
        beating.cancel()


def read(body: Iterator[bytes]) -> Webhook:
    """Read a body, and see to it that no slice of it takes long."""
    reader = WebhookReader()
    for data in body:
        began = time.thread_time()
        reader.feed(data)
        assert time.thread_time() - began < 0.1
    return reader.close()


def in_slices(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        for begin in range(0, len(part), SLICE):
            yield part[begin : begin + SLICE]


def repeated(part: bytes, size: int) -> bytes:
    return part * (size // len(part))


SIZE = 256 * KIB
HUGE = {
    "one-byte alerts": (b'{"alerts": [', repeated(b"1,", SIZE), b"1]}"),
    "empty alerts": (b'{"alerts": [', repeated(b"{},", SIZE), b"{}]}"),
    "one alert of many labels": (b'{"alerts": [{"labels": {', repeated(b'"a":"",', SIZE), b'"b":""}}]}'),
    "an alert of lists": (b'{"alerts": [{"labels": [', repeated(b"[],", SIZE), b"1]}]}"),
    "a tower of lists": (b'{"alerts": [', repeated(b"[", SIZE // 2), repeated(b"]", SIZE // 2), b"]}"),
    "a field that nobody knows": (b'{"novelty": [', repeated(b'{"a":[1]},', SIZE), b'1], "alerts": []}'),
    "one long text": (b'{"novelty": "', repeated(b"a", SIZE), b'", "alerts": []}'),
}


@pytest.mark.parametrize("parts", HUGE.values(), ids=HUGE)
def test_whatever_a_body_holds_it_is_read_in_short_slices(parts: tuple[bytes, ...]) -> None:
    assert read(in_slices(*parts)).alerts == ()


@pytest.mark.parametrize("parts", HUGE.values(), ids=HUGE)
def test_whatever_a_body_holds_little_of_it_is_kept(parts: tuple[bytes, ...]) -> None:
    reader = WebhookReader()
    tracemalloc.start()
    try:
        for data in in_slices(*parts):
            reader.feed(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 5 * SIZE


@pytest.mark.parametrize("number", [b"1" * 100_000, b"1." + b"1" * 100_000, b"1e99999999999999999999", b"1" * 5000])
def test_a_number_that_nobody_needs_is_no_fault_of_the_bridges(number: bytes) -> None:
    try:
        found = read(in_slices(b'{"alerts": [{"status": "firing", "values": {"A": ', number, b"}}]}"))
    except BadWebhook:
        return
    assert found.malformed is not None


def test_what_ten_thousand_alerts_with_labels_of_their_own_keep_is_bounded() -> None:
    alert = an_alert(namespace="shop", pod="web-1")
    alerts = [
        alert | {"labels": {f"label_{name}": f"value {name} of {number}" for name in range(15)}}
        for number in range(1000)
    ]
    reader = WebhookReader()
    body = json.dumps({"alerts": alerts}).encode()
    tracemalloc.start()
    try:
        for data in in_slices(body):
            reader.feed(data)
        kept = [each.alert for each in reader.close().alerts]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(kept) == 1000
    assert most < 6.4 * MIB  # a tenth of 64 MiB


def test_malformed_alerts_are_one_with_their_count() -> None:
    found = read(in_slices(b'{"alerts": [', b"1," * 20, json.dumps(an_alert()).encode(), b', {"status": "firing"}]}'))

    assert len(found.alerts) == 1
    assert found.malformed is not None
    assert (found.malformed.count, found.malformed.why) == (21, "malformed alert: it is not an object")


async def test_malformed_alerts_are_one_line_of_the_log_and_one_entry_of_the_answer(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    response = await installed.http.post("/alerts", content=b'{"alerts": [' + b"1," * 999 + b"1]}")

    (answered,) = response.json()["alerts"]
    assert (response.status_code, answered["answer"], answered["count"]) == (200, "unrouted", 1000)
    (line,) = [record for record in caplog.records if record.getMessage() == "alerts answered"]
    assert vars(line)["alerts"] == 1000
    assert 'runmend_alerts_total{answer="unrouted"} 1000.0' in (await installed.http.get("/metrics")).text


BEYOND: dict[str, tuple[str, int, str]] = {
    "bytes": ("BODY_MAX", 2000, "the body has more than 2000 bytes"),
    "alerts": ("ALERTS_MAX", 2, "it holds more than 2 alerts"),
    "labels": ("KEPT_MAX", 700, "the labels of its alerts take more than 700 bytes"),
    "namespaces": ("NAMESPACES_MAX", 2, "its alerts are about 3 namespaces, and at most 2 are looked at"),
}


@pytest.mark.parametrize(("bound", "value", "said"), BEYOND.values(), ids=BEYOND)
async def test_what_is_beyond_the_bounds_alarms_a_person_and_nothing_of_it_is_taken(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, said: str
) -> None:
    module = "runmend.bridge.intake" if bound == "NAMESPACES_MAX" else "runmend.bridge.webhook"
    monkeypatch.setattr(f"{module}.{bound}", value)
    alerts = [an_alert(namespace=f"team-{number}", pod="web-1") for number in range(3)]

    response = await installed.post(*alerts)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "60"
    assert response.json()["detail"].startswith(f"The webhook is too large, and nothing of it was taken: {said}. ")
    assert "runmend_webhooks_too_large_total 1.0" in (await installed.http.get("/metrics")).text
    assert installed.requests.seen == []
    assert installed.calls.count == {}


def test_a_body_is_given_up_where_it_becomes_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_MAX", 10 * SLICE)
    fed = itertools.count()
    endless = (b" " * SLICE for _ in iter(lambda: next(fed), None))

    with pytest.raises(TooLarge):
        read(endless)

    assert next(fed) == 11


async def test_ten_thousand_alerts_are_taken_whole_while_the_loop_goes_on(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    more = {f"label_{number}": f"value of {number}" for number in range(12)}
    body = json.dumps(webhook(*(an_alert(pod, number=str(number), **more) for number in range(10_000)))).encode()
    assert len(body) > 5 * MIB

    gc.collect()
    gc.freeze()  # as the bridge does when it starts
    async with breathing() as longest:
        response = await installed.http.post("/alerts", content=body)
    gc.unfreeze()

    answers = [alert["answer"] for alert in response.json()["alerts"]]
    assert response.status_code == 200
    assert len(answers) == 10_000
    assert set(answers) == {"started", "busy"}
    assert longest() < 0.1


async def test_alerts_of_many_namespaces_cost_bounded_requests(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runmend.bridge.intake.NAMED_MAX", 20)
    places = [(f"team-{place}", f"web-{number}") for place in range(10) for number in range(3)]
    alerts: list[Any] = [an_alert(namespace=namespace, pod=pod) for namespace, pod in places]

    assert set(await installed.answers(*alerts)) == {"gone"}

    assert len(installed.requests.seen) == 20
