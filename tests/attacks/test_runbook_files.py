"""Directories of runbooks with files that are none, that wait for ever, or that their compiler does not survive."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from runmend.runbook import Catalog, RunbookError, UnreadableDirectory, lint, load_directory
from runmend.runbook.isolated import IsolatedCompiler, Stopped
from tests.builders import a_runbook

GOOD = "RB_GOOD.md"
NAMELESS = os.fsdecode(b"\xff\xfe.md")
FORGED = "x\nrunbook.md:1: error: forged\x1b[2J\u202e.md"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / GOOD).write_text(a_runbook("RB_GOOD"))
    return tmp_path


@pytest.fixture(params=["in process", "isolated"])
def catalog(request: pytest.FixtureRequest, directory: Path) -> Catalog:
    return Catalog(directory, isolated=request.param == "isolated")


def problem(catalog: Catalog, place: str) -> str:
    catalog.reload()
    assert list(catalog.plans) == ["RB_GOOD"]
    return str(catalog.problems[place])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "a link to a pipe", "socket", "device", "a large file"])
def test_what_is_no_regular_file_is_a_problem_and_is_not_waited_for(
    kind: str, directory: Path, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = directory / "x.md"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "a link to a pipe":
            pipe = tmp_path_factory.mktemp("elsewhere") / "pipe"
            os.mkfifo(pipe)
            place.symlink_to(pipe)
        case "socket":
            place.symlink_to(bound_socket(tmp_path_factory.mktemp("s")))
        case "device":
            place.symlink_to("/dev/zero")
        case _:
            with place.open("wb") as file:
                file.truncate(1 << 40)

    said = problem(catalog, "x.md")

    expected = (
        "the file has more than 64 KiB"
        if kind == "a large file"
        else f"it is a {kind.rsplit(maxsplit=1)[-1]} and no regular"
    )
    assert expected in said
    assert expected in str(lint([directory]).diagnostics[0])
    assert expected in str(lint([place]).diagnostics[0])


def test_a_link_that_cannot_be_followed_is_a_problem_and_the_others_compile(directory: Path, catalog: Catalog) -> None:
    (directory / "x.md").symlink_to("a" * 300)
    (directory / "not-looked-at").symlink_to("a" * 300)

    assert "the file cannot be read: File name too long" in problem(catalog, "x.md")
    assert "File name too long" in str(lint([directory]).diagnostics[0])


def bound_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "s"))
    return folder / "s"


@pytest.mark.timeout(20)
def test_a_readme_that_is_a_pipe_is_a_problem(directory: Path, catalog: Catalog) -> None:
    os.mkfifo(directory / "README.md")

    assert "it is a pipe and no regular file" in problem(catalog, "README.md")


@pytest.mark.parametrize("name", [NAMELESS, FORGED])
def test_a_name_that_cannot_be_printed_is_a_problem_in_one_printable_line(
    name: str, directory: Path, catalog: Catalog
) -> None:
    (directory / name).write_text(a_runbook("RB_OTHER", alertname="Other"))

    catalog.reload()

    assert list(catalog.plans) == ["RB_GOOD"]
    ((place, error),) = catalog.problems.items()
    assert f"{place}{error}".isprintable()
    assert "the file's name holds a character that is not printable, or no UTF-8; rename it" in str(error)


def test_directories_that_lead_to_each_other_are_looked_through_only_so_far(directory: Path) -> None:
    for number in range(12):
        (directory / f"d{number}").mkdir()
    for number in range(12):
        for other in range(12):
            (directory / f"d{number}" / f"to{other}").symlink_to(directory / f"d{other}")

    with pytest.raises(UnreadableDirectory, match="holds more than 10000 files and directories"):
        load_directory(directory)


def test_a_directory_of_any_depth_overflows_nothing(directory: Path) -> None:
    # Not in pytest's own folder: what a killed run left there would overflow the clean-up of every later one.
    deep = Path(tempfile.mkdtemp(prefix="runmend-deep-"))
    shutil.copytree(directory, deep, dirs_exist_ok=True)
    before = Path.cwd()
    os.chdir(deep)
    try:
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        loaded = load_directory(deep)
    finally:
        os.chdir(before)
        subprocess.run(["rm", "-rf", deep], check=True)  # shutil overflows

    assert list(loaded.plans) == ["RB_GOOD"]


def test_a_path_that_is_too_long_hides_no_other_file(directory: Path, catalog: Catalog) -> None:
    name = "d" * 255
    before = Path.cwd()
    os.chdir(directory)
    try:
        for _ in range(16):
            Path(name).mkdir()
            os.chdir(name)
    finally:
        os.chdir(before)

    catalog.reload()
    (place,) = catalog.problems

    assert list(catalog.plans) == ["RB_GOOD"]
    assert place.endswith(f"/{name}")
    assert "the directory cannot be read: File name too long" in str(catalog.problems[place])
    shutil.rmtree(directory / name)


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A child whose compiler does what the file says."""
    folder = tmp_path_factory.mktemp("trap")
    (folder / "sitecustomize.py").write_text(
        "import os, re, runmend.runbook.child as c\n"
        "real = c.compile_runbook\n"
        "def trapped(source, file):\n"
        "    if source.startswith(b'hang'): re.fullmatch('(a|a)*b', 'a' * 64)\n"
        "    if source.startswith(b'die'): os.abort()\n"
        "    if source.startswith(b'leave'): os._exit(3)\n"
        "    return real(source, file)\n"
        "c.compile_runbook = trapped\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))


def works(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip() != "" and not state.startswith("Z")


@pytest.mark.usefixtures("trap")
def test_a_file_that_holds_or_ends_its_compiler_is_a_problem_and_the_next_one_compiles() -> None:
    with IsolatedCompiler(file_seconds=2) as compiler:
        for source, why in (
            (b"hang", "it takes too long"),
            (b"die", "its compiler ended (signal 6)"),
            (b"leave", "its compiler ended (exit code 3)"),
        ):
            with pytest.raises(RunbookError) as caught:
                compiler.compile(source, "x.md")
            assert str(caught.value) == f"x.md:1: error: the file was not compiled: {why}; make it simpler"
            assert compiler.compile(a_runbook("RB_GOOD").encode(), "y.md").plan.runbook_id == "RB_GOOD"


@pytest.mark.usefixtures("trap")
def test_a_file_for_which_no_time_is_left_is_a_problem() -> None:
    with (
        IsolatedCompiler(all_seconds=0) as compiler,
        pytest.raises(RunbookError, match="no time was left for the file"),
    ):
        compiler.compile(b"", "x.md")


@pytest.mark.usefixtures("trap")
def test_a_compilation_that_hangs_is_ended_at_once_where_it_is_no_longer_wanted() -> None:
    with IsolatedCompiler() as compiler:
        compiler.compile(a_runbook().encode(), "y.md")
        threading.Timer(0.2, compiler.stop).start()
        began = time.monotonic()

        with pytest.raises(Stopped):
            compiler.compile(b"hang", "x.md")

    assert time.monotonic() - began < 9


def test_what_is_compiled_in_a_child_is_what_is_compiled_here(directory: Path) -> None:
    (directory / "warned.md").write_text(a_runbook("RB_W", alertname="W") + "\n## Something\n\ntext\n")
    (directory / "wrong.md").write_text("# no runbook\n")
    here = load_directory(directory)

    with IsolatedCompiler() as compiler:
        there = load_directory(directory, compiler.compile)

    assert (there.plans, there.warnings) == (here.plans, here.warnings)
    assert str(there.problems) == str(here.problems)
    assert here.warnings


def test_a_child_ends_with_whoever_started_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From a directory whose modules have the names of others."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "json.py").write_text("raise SystemExit('taken for another')\n")
    code = (
        "import os, signal, runmend.runbook as r; from runmend.runbook.isolated import IsolatedCompiler; "
        "c = IsolatedCompiler()\n"
        "try: c.compile(b'', 'x.md')\n"
        "except r.RunbookError as e: print('no front matter' in str(e), flush=True)\n"
        "print(c._child._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=elsewhere, capture_output=True, text=True, timeout=60, check=False
    )

    said, pid = done.stdout.split()
    assert (said, done.returncode) == ("True", -signal.SIGKILL)
    deadline = time.monotonic() + 10
    while works(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not works(int(pid))
