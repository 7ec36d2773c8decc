"""What the bridge does beside answering: a task that ends is started again, and readiness, metric and log say so."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runmend.bridge import background, connections, create_app, reload, serving
from runmend.bridge.background import Aside, Background, Busy
from runmend.bridge.metrics import Metrics
from runmend.runbook import Catalog
from tests.attacks.bridge.attackers import attacker
from tests.bridge.support import Installation, until
from tests.builders import a_runbook
from tests.loopback import async_http_client

Work = Callable[[asyncio.Event], Awaitable[None]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(reload, "LOOK_AGAIN_SECONDS", 1)


async def fails(_: asyncio.Event) -> None:
    raise ValueError("surrogates not allowed")


async def ends(_: asyncio.Event) -> None:
    return


async def is_cancelled(_: asyncio.Event) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (fails, "ValueError: surrogates not allowed"),
        (ends, "it came to its end"),
        (is_cancelled, "it was cancelled"),
    ],
)
async def test_a_task_that_ends_is_started_again_and_said_to_have_ended(
    first: Work, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "STEADY_SECONDS", 1)
    metrics, stop, works = Metrics(), asyncio.Event(), asyncio.Event()
    kept = Background(metrics)
    tries = iter([first, first])

    async def work(until: asyncio.Event) -> None:
        if (bad := next(tries, None)) is not None:
            await bad(until)
            return
        works.set()
        await until.wait()

    keeping = asyncio.create_task(kept.keep("reload", work, stop))
    await asyncio.wait_for(works.wait(), 5)

    assert kept.look() == {"ok": False, "detail": f"reload ended: {why}"}
    assert b'runmend_background_ends_total{task="reload"} 2.0' in metrics.text()
    assert [(record.levelno, record.__dict__["why"]) for record in caplog.records] == [(logging.ERROR, why)] * 2
    await until(lambda: kept.look() == {"ok": True, "detail": "works"})
    stop.set()
    await asyncio.wait_for(keeping, 5)


async def test_a_task_that_does_not_listen_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "END_SECONDS", 0.05)
    stop = asyncio.Event()

    async def deaf(_: asyncio.Event) -> None:
        await asyncio.sleep(3600)

    keeping = asyncio.create_task(Background(Metrics()).keep("reload", deaf, stop))
    await asyncio.sleep(0)
    stop.set()

    await asyncio.wait_for(keeping, 5)


async def test_work_aside_that_takes_too_long_is_left_to_itself_and_not_begun_twice() -> None:
    aside, go_on = Aside[bool](), threading.Event()

    with pytest.raises(TimeoutError):
        await aside.do(lambda: go_on.wait(30), 0.05)
    with pytest.raises(Busy):
        await aside.do(lambda: True, 5)
    go_on.set()
    await until(lambda: not any(thread.name == "aside" for thread in threading.enumerate()))

    assert await aside.do(lambda: True, 5)


async def test_readiness_says_that_a_task_ended_and_alerts_are_taken(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = iter([fails])
    watch = reload.Reload.watch

    async def once(self: reload.Reload, stop: asyncio.Event) -> None:
        await next(tries, lambda until: watch(self, until))(stop)

    monkeypatch.setattr(reload.Reload, "watch", once)

    async with installed.app.router.lifespan_context(installed.app):
        await until(lambda: "background task ended" in caplog.text)
        answer = (await installed.http.get("/readyz")).json()
        (installed.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))
        await until(lambda: "RB_OTHER" in installed.catalog.plans)

    assert answer["status"] == "degraded"
    assert answer["checks"]["background"] == {"ok": False, "detail": "reload ended: ValueError: surrogates not allowed"}


@pytest.mark.parametrize(("name", "method"), [("accept", "accept"), ("sweep", "keep_sweeping")])
async def test_connections_are_accepted_and_ended_though_their_task_ended_once(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, method: str
) -> None:
    monkeypatch.setitem(connections.SECONDS, connections.Waits.HEADERS, 0.3)
    real, fails_once = getattr(connections.Connections, method), iter([True])

    async def once(self: connections.Connections, *args: object) -> None:
        if next(fails_once, False):
            raise ValueError("no such thing")
        await real(self, *args)

    monkeypatch.setattr(connections.Connections, method, once)

    async with serving(installed.app, "127.0.0.1", 0) as address:
        await until(lambda: "background task ended" in caplog.text)
        async with attacker(address) as silent, async_http_client(address) as http:
            found = (await http.get("/readyz")).json()["checks"]["background"]
            assert await silent.answered() == b""

    assert found == {"ok": False, "detail": f"{name} ended: ValueError: no such thing"}


@pytest.mark.parametrize("isolated", [False, True])
async def test_names_and_files_of_any_kind_stop_no_reload(
    installed: Installation, caplog: pytest.LogCaptureFixture, *, isolated: bool
) -> None:
    folder: Path = installed.settings.runbooks
    catalog = Catalog(folder, isolated=isolated)
    app = create_app(installed.settings, installed.client, installed.cluster, catalog)
    async with app.router.lifespan_context(app):
        (folder / os.fsdecode(b"\xff\xfe.md")).write_text(a_runbook("RB_X", alertname="X"))
        os.mkfifo(folder / "x.md")
        (folder / "device.md").symlink_to("/dev/zero")
        (folder / "directory.md").mkdir()
        await until(lambda: len(catalog.problems) == 3)
        (folder / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))
        await until(lambda: "RB_OTHER" in catalog.plans)
        began = time.monotonic()

    assert time.monotonic() - began < 30
    assert "background task ended" not in caplog.text


async def test_a_name_that_comes_while_the_directory_is_watched_stops_no_reload(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    folder: Path = installed.settings.runbooks
    async with installed.app.router.lifespan_context(installed.app):
        (folder / "RB_FIRST.md").write_text(a_runbook("RB_FIRST", alertname="First"))
        await until(lambda: "RB_FIRST" in installed.catalog.plans)
        (folder / os.fsdecode(b"\xff")).mkdir()
        await until(lambda: "runbook directory cannot be watched" in caplog.text)
        (folder / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))
        await until(lambda: "RB_OTHER" in installed.catalog.plans)

    assert "background task ended" not in caplog.text


async def test_of_errors_in_a_group_the_first_one_is_told(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()

    async def fails_in_a_group(_: asyncio.Event) -> None:
        raise ExceptionGroup("unhandled", [ExceptionGroup("again", [ValueError("what it is")])])

    keeping = asyncio.create_task(Background(Metrics()).keep("reload", fails_in_a_group, stop))
    await until(lambda: "background task ended" in caplog.text)
    stop.set()
    await keeping

    assert caplog.records[0].__dict__["why"] == "ValueError: what it is"


async def test_a_reload_that_hangs_in_its_compiler_keeps_nothing_from_ending(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    catalog = Catalog(installed.settings.runbooks, isolated=True)
    trap = tmp_path_factory.mktemp("trap")
    (trap / "sitecustomize.py").write_text(
        "import pathlib, time, runmend.runbook.child as child\n"
        f"child.compile_runbook = lambda *_: (pathlib.Path({str(trap / 'hangs')!r}).touch(), time.sleep(60))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(trap))
    app = create_app(installed.settings, installed.client, installed.cluster, catalog)
    async with app.router.lifespan_context(app):
        (installed.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))
        await until((trap / "hangs").exists, 30)
        began = time.monotonic()

    assert time.monotonic() - began < 20
    assert list(catalog.plans) == ["RB_IMAGEPULL"]
