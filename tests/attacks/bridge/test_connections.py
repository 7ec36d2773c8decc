"""Clients that are slow, silent or many: each connection has an end, and who behaves is answered meanwhile."""

import asyncio
import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from fastapi import Request, Response

from runmend.bridge import connections, serving
from runmend.bridge.connections import Waits
from tests.attacks.bridge.attackers import PATIENCE, UNFINISHED_BODY, UNFINISHED_HEADERS, attacker, head
from tests.bridge.support import Installation, an_alert, until, webhook
from tests.cluster.processes import free_port
from tests.loopback import async_http_client

ROOT = Path(__file__).parents[3]
MIB = 1024 * 1024
FILES = 256
ATTACKERS = 300
ASKS = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for waits in Waits:
        monkeypatch.setitem(connections.SECONDS, waits, 0.3)


def ended(installed: Installation, why: str) -> float:
    return installed.app.state.connections._metrics._ended.labels(why)._value.get()  # type: ignore[no-any-return]


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("says", "why"), [(UNFINISHED_HEADERS, Waits.HEADERS), (UNFINISHED_BODY, Waits.BODY)], ids=["headers", "body"]
)
async def test_a_request_that_is_never_finished_is_a_problem_and_its_connection_ends(
    installed: Installation, says: bytes, why: Waits
) -> None:
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as slow:
        status, headers = head(answer := await slow.answered())

    assert (status, headers["content-type"], headers["connection"]) == (503, "application/problem+json", "close")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"].startswith(f"The request's {why} did not come within")
    assert ended(installed, why) == 1


@pytest.mark.usefixtures("_impatient")
async def test_who_sends_a_byte_now_and_then_is_no_better_off(installed: Installation) -> None:
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, UNFINISHED_HEADERS) as slow:
        answering = asyncio.create_task(slow.answered())
        while not answering.done():
            slow.writer.write(b"a")
            await asyncio.sleep(0.05)

    assert head(answering.result())[0] == 503


@pytest.mark.usefixtures("_impatient")
async def test_a_body_that_comes_drop_by_drop_ends_though_it_is_worked_on_meanwhile(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.01)

    @installed.app.post("/read")
    async def read(request: Request) -> None:
        async for _ in request.stream():
            await asyncio.sleep(0.07)

    says = UNFINISHED_BODY.replace(b"/alerts", b"/read")
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as slow:
        answering = asyncio.create_task(slow.answered(8))
        while not answering.done():
            slow.writer.write(b"a")
            await asyncio.sleep(0.05)

    assert head(answering.result())[0] == 503


@pytest.mark.usefixtures("_impatient")
async def test_who_says_nothing_is_told_nothing(installed: Installation) -> None:
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address) as silent:
        assert await silent.answered() == b""


@pytest.mark.usefixtures("_impatient")
async def test_who_was_answered_and_goes_on_with_the_body_is_hung_up_on(installed: Installation) -> None:
    says = UNFINISHED_BODY.replace(b"/alerts", b"/elsewhere")
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address, says) as slow:
        answering = asyncio.create_task(slow.answered())
        while not answering.done():
            slow.writer.write(b"1,")
            await asyncio.sleep(0.05)

    assert head(answering.result())[0] == 404
    assert ended(installed, Waits.BODY) == 1


@pytest.mark.usefixtures("_impatient")
async def test_an_answer_that_nobody_reads_is_not_kept(installed: Installation) -> None:
    installed.app.get("/large")(lambda: Response(b"x" * 16 * MIB))
    says = b"GET /large HTTP/1.1\r\nHost: bridge\r\n\r\n"
    async with serving(installed.app, "127.0.0.1", 0) as address:
        async with attacker(address, says, buffer=1024):
            await until(lambda: ended(installed, Waits.READER) == 1)
        await until(lambda: not installed.app.state.connections._open)


async def test_requests_one_after_the_other_on_one_connection_take_as_long_as_they_like(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for waits in Waits:
        monkeypatch.setitem(connections.SECONDS, waits, 1.0)
    async with serving(installed.app, "127.0.0.1", 0) as address, attacker(address) as steady:
        for _ in range(8):
            steady.writer.write(b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(steady.reader.readuntil(b'"ok"}'), PATIENCE)
            await asyncio.sleep(0.3)

    assert ended(installed, Waits.HEADERS) == 0


async def test_of_too_many_connections_the_one_that_waited_longest_goes_and_those_at_work_stay(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "YOUNG_SECONDS", 0.1)
    go = asyncio.Event()

    async def work() -> Response:
        await go.wait()
        return Response(b"worked")

    installed.app.get("/work")(work)
    installed.app.state.connections.most = 3
    asks = b"GET /work HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n"
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serving(installed.app, "127.0.0.1", 0))
        at_work = [await stack.enter_async_context(attacker(address, asks)) for _ in range(2)]
        oldest, newer = [await stack.enter_async_context(attacker(address, UNFINISHED_HEADERS)) for _ in range(2)]
        assert await oldest.answered() == b""
        at_work.append(await stack.enter_async_context(attacker(address, asks)))
        assert await newer.answered() == b""

        last = await stack.enter_async_context(attacker(address, asks))
        waiting = asyncio.create_task(last.answered())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        go.set()
        worked = [await waiting, *[await each.answered() for each in at_work]]

    assert all(answer.endswith(b"worked") for answer in worked)
    assert ended(installed, connections.CROWDED) == 2


async def test_a_connection_that_was_just_made_is_not_ended_for_another(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "YOUNG_SECONDS", PATIENCE)
    installed.app.state.connections.most = 1
    asks = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n"
    async with (
        serving(installed.app, "127.0.0.1", 0) as address,
        attacker(address) as young,
        attacker(address, asks) as other,
    ):
        await asyncio.sleep(0.3)
        young.writer.write(asks)
        answers = [await each.answered() for each in (young, other)]

    assert [head(answer)[0] for answer in answers] == [200, 200]


@asynccontextmanager
async def besieged(address: str, says: bytes) -> AsyncIterator[list[int]]:
    """Attackers who come back whenever they are thrown out; yields how often they were, by each."""
    thrown_out = [0] * ATTACKERS

    async def attack(number: int) -> None:
        while True:
            try:
                async with attacker(address, says) as mine:
                    await mine.answered(60)
            except OSError:
                await asyncio.sleep(0.1)
            thrown_out[number] += 1

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attack(number)) for number in range(ATTACKERS)]
        try:
            yield thrown_out
        finally:
            for task in tasks:
                task.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("says", [UNFINISHED_HEADERS, UNFINISHED_BODY], ids=["headers", "body"])
async def test_a_bridge_of_few_files_takes_webhooks_while_it_is_attacked(
    installed: Installation, temporal: str, tmp_path: Path, says: bytes
) -> None:
    """300 connections held a bridge of 256 files for ever, and it wrote 408 MB of log."""
    pods = [(await installed.deploy(f"web-{number}"))[0] for number in range(5)]
    port, log = free_port(), tmp_path / "log"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TEMPORAL_ADDRESS": temporal,
        "KUBECONFIG": str(installed.sandbox.write_kubeconfig(tmp_path / "config")),
        "RUNMEND_CLUSTER": installed.settings.cluster,
        "RUNMEND_RUNBOOKS": str(installed.settings.runbooks),
    }
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "runmend.cli", "bridge", "--port", str(port), env=env, cwd=ROOT, stderr=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)),
        )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while b"bridge listens" not in log.read_bytes():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        address = f"http://127.0.0.1:{port}"
        took = []
        async with besieged(address, says) as thrown_out:
            await asyncio.sleep(1)
            for pod in pods:
                began = time.monotonic()
                async with async_http_client(address, timeout=30) as http:
                    response = await http.post("/alerts", json=webhook(an_alert(pod)))
                took.append(time.monotonic() - began)
                assert (response.status_code, response.json()["alerts"][0]["answer"]) == (200, "started")
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0

    assert sum(thrown_out) > ATTACKERS
    assert max(took) < 25
    assert log.stat().st_size < 20_000, log.read_text()[:5000]


@pytest.mark.parametrize(("at_once", "pause"), [(1, 0.2), (100, 0.0)], ids=["one after the other", "pipelined"])
async def test_who_asks_again_and_again_keeps_nobody_out(installed: Installation, at_once: int, pause: float) -> None:
    installed.app.state.connections.most = 8

    async def asks(address: str) -> None:
        while True:
            with suppress(ConnectionError):
                async with attacker(address, ASKS * at_once) as one:
                    while await one.reader.read(65536):
                        await asyncio.sleep(pause)
                        one.writer.write(ASKS * at_once)

    async with serving(installed.app, "127.0.0.1", 0) as address:
        asking = [asyncio.create_task(asks(address)) for _ in range(16)]
        await asyncio.sleep(2)
        try:
            async with async_http_client(address, timeout=15) as http:
                assert (await http.get("/healthz")).status_code == 200
        finally:
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)


async def test_a_bridge_that_may_open_hardly_any_files_does_not_start(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))

    with pytest.raises(connections.TooFewFiles, match=r"the process may open 100 files, .*: `ulimit -n \d+`"):
        async with serving(installed.app, "127.0.0.1", 0):
            pass


async def test_fewer_files_are_fewer_connections_and_the_log_says_so(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (len([*Path("/dev/fd").iterdir()]) + 200, 4096))

    async with serving(installed.app, "127.0.0.1", 0):
        assert 120 < installed.app.state.connections.most < 140

    assert "fewer connections than RUNMEND_CONNECTIONS_MAX" in caplog.text


async def test_large_bodies_share_what_there_is_and_small_ones_are_always_taken(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODIES_MAX", MIB)
    large = b'POST /alerts HTTP/1.1\r\nHost: bridge\r\nContent-Length: 16000000\r\n\r\n{"a": "' + b"a" * MIB
    async with serving(installed.app, "127.0.0.1", 0) as address, async_http_client(address) as http:
        async with attacker(address, large):
            await until(lambda: installed.app.state.bodies.taken > MIB // 2)
            body = json.dumps(webhook(novelty="a" * MIB)).encode()
            refused = await http.post("/alerts", content=body)
            small = await http.post("/alerts", json=webhook())
        await until(lambda: installed.app.state.bodies.taken == 0)
        again = await http.post("/alerts", content=body)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert (small.status_code, again.status_code) == (200, 200)


async def test_what_is_said_of_connections_that_were_ended_alike_is_alike(
    installed: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(connections, "YOUNG_SECONDS", 0)
    installed.app.state.connections.most = 2
    async with serving(installed.app, "127.0.0.1", 0) as address, AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(attacker(address, UNFINISHED_HEADERS))
        await until(lambda: ended(installed, connections.CROWDED) == 18)

    alike = {(record.getMessage(), vars(record).get("why")) for record in caplog.records}
    assert alike == {("connection ended", "crowded")}
