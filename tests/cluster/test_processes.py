"""The processes of a test run end with it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.processes import NotReady, Processes, free_port, processes, wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def some(tmp_path: Path) -> Iterator[Processes]:
    with processes(tmp_path) as started:
        yield started


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pid: int) -> None:
    wait_for(f"the end of {pid}", lambda: not lives(pid), 20)


def test_they_end_with_the_block(tmp_path: Path) -> None:
    with processes(tmp_path) as some:
        pids = [some.start("one", SLEEP), some.start("two", SLEEP)]
        assert all(lives(pid) for pid in pids)
    assert not any(lives(pid) for pid in pids)


def test_one_that_is_deaf_to_sigterm_ends_as_well(tmp_path: Path) -> None:
    with processes(tmp_path) as some:
        pid = some.start("deaf", STUBBORN)
        some.ready("deaf", lambda: "deaf" in some.log("deaf").read_text())
    assert not lives(pid)


def test_one_that_is_paused_ends_as_well(tmp_path: Path) -> None:
    with processes(tmp_path) as some:
        pid = some.start("paused", SLEEP)
        some.pause("paused")
    assert not lives(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_they_end_with_a_test_run_that_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import signal, sys, time; from pathlib import Path; from tests.cluster.processes import processes\n"
        # Where the tests run in the background, SIGINT is ignored, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"with processes(Path({str(tmp_path)!r})) as some:\n"
        f"    print(some.start('one', {SLEEP!r}), flush=True)\n"
        "    time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        try:
            assert lives(pid)
            run.send_signal(number)
            run.wait(20)
        finally:
            run.kill()
    gone(pid)


def test_ctrl_c_in_the_terminal_does_not_reach_them(some: Processes) -> None:
    pid = some.start("one", SLEEP)
    assert os.getsid(pid) == pid
    assert os.getpgid(pid) != os.getpgid(0)


def test_one_that_is_killed_can_be_started_again_under_its_name(some: Processes) -> None:
    first = some.start("one", SLEEP)
    some.kill("one")
    assert some.code("one") == -signal.SIGKILL
    assert some.start("one", SLEEP) != first
    assert some.code("one") is None


def test_they_end_even_when_their_keeper_is_killed_and_that_is_told(some: Processes) -> None:
    pid = some.start("one", STUBBORN)
    some._keeper.kill()
    some._keeper.wait()
    gone(pid)
    with pytest.raises(NotReady, match="the keeper of the processes was killed"):
        some.start("two", SLEEP)
    with pytest.raises(NotReady, match="the keeper of the processes was killed"):
        some.raise_if_gone()


def test_a_folder_is_removed_with_them(tmp_path: Path) -> None:
    (folder := tmp_path / "theirs").mkdir()
    with processes(tmp_path) as some:
        some.remove_at_end(folder)
        some.start("one", SLEEP)
        assert folder.is_dir()
    assert not folder.exists()


def test_a_folder_is_kept_where_that_was_changed(tmp_path: Path) -> None:
    with processes(tmp_path) as some:
        some.remove_at_end(tmp_path)
        some.remove_at_end(None)
    assert tmp_path.is_dir()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_they_heed_the_signals_that_the_keeper_does_not(some: Processes, number: signal.Signals) -> None:
    some.start("one", ["/bin/sleep", "600"])
    some.tell("one", number)
    assert some.wait("one") == -number


def test_one_that_is_paused_goes_on_when_it_is_resumed(some: Processes) -> None:
    some.start("clock", [sys.executable, "-c", "import time\nwhile True: print(flush=True); time.sleep(0.01)"])
    log = some.log("clock")
    some.ready("clock", lambda: log.stat().st_size > 0)
    some.pause("clock")
    time.sleep(0.05)
    before = log.stat().st_size
    time.sleep(0.1)
    assert log.stat().st_size == before
    some.resume("clock")
    wait_for("more", lambda: log.stat().st_size > before)


def test_the_last_words_of_one_that_does_not_start_are_told(some: Processes) -> None:
    some.start("one", [sys.executable, "-c", "import sys; sys.exit('no such port')"])
    with pytest.raises(NotReady, match="one ended with 1: no such port"):
        some.ready("one", lambda: False)


def test_a_program_that_is_not_there_is_told(some: Processes) -> None:
    with pytest.raises(NotReady, match="No such file"):
        some.start("one", ["/no/such/program"])


def test_a_port_is_below_those_that_connections_get() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < lowest for _ in range(20))


def test_one_that_runs_is_not_started_a_second_time(some: Processes) -> None:
    some.start("sleeper", SLEEP)

    with pytest.raises(NotReady, match="sleeper runs already"):
        some.start("sleeper", SLEEP)
