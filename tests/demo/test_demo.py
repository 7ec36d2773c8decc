"""`runmend demo` as a user starts it: a process, with surroundings that must not have a say."""

import html
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runmend.cli.main import run

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Surroundings that would break or divert every client, were they obeyed."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "HOME": "/nowhere",
        "TMPDIR": str(tmp_path),
        "KUBECONFIG": "/nowhere",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "TEMPORAL_NAMESPACE": "nowhere",
        "TEMPORAL_PROFILE": "nobody",
        "RUNMEND_MODE": "recommend",
        "RUNMEND_CLUSTER": "a b",
        "RUNMEND_NAMESPACES": "none",
        "RUNMEND_TOKEN_FILE": "/nowhere",
        "http_proxy": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "runmend.cli", "demo", *arguments]


def left_over(folder: Path) -> list[str]:
    """What a demo with this TMPDIR left behind: files, and processes whose command line or directory names it."""
    found = [str(path) for path in folder.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def test_the_demo_resolves_and_leaves_nothing(hostile: dict[str, str], tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(demo(), env=hostile, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 60
    assert done.stderr == ""
    assert len(re.findall(r"✗  web-\S+ +Pending, app waits \(ImagePullBackOff\)", done.stdout)) == 2
    assert len(re.findall(r"✓  web-\S+ +started\n", done.stdout)) == 2
    assert "verification window    held for 5 minutes, skipped by moving this run's clock alone" in done.stdout
    assert "The 5 minutes of the window were skipped" in done.stdout
    assert "## ImagePullBackOff Remediation: resolved\n" in done.stdout
    # 54, and three more for a workflow task that a busy machine has not done before the window is skipped.
    assert (cost := re.search(r"(\d+) history events, 7 activities", done.stdout))
    assert int(cost[1]) in (54, 57)
    # The clock is moved once; or twice, where the server was asked while that workflow task was still to be done.
    added = "WorkflowExecutionOptionsUpdated, WorkflowExecutionTimeSkippingTransitioned"
    assert re.search(rf"The skipping added [23] events that no other run has: {added}\.\n", done.stdout), done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) < 500
    assert left_over(tmp_path) == []


def test_a_bad_rollout_ends_in_a_recommendation(hostile: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        demo("--scenario", "bad-rollout"),
        env=hostile,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"✓  web-\S+ +Running\n", done.stdout)) == 3
    assert "## ImagePullBackOff Remediation: recommended, nothing changed\n" in done.stdout
    assert "3 of 3 replicas still serve revision 1 (image registry.example/app:2.3" in done.stdout
    assert left_over(tmp_path) == []


def test_the_demo_ends_all_of_it_when_it_is_interrupted(hostile: dict[str, str], tmp_path: Path) -> None:
    # That other signals are the same to a command is in test_local_processes.py.
    with subprocess.Popen(
        demo("--real-time"), env=hostile, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if b"verification window" in line:
                break
        assert left_over(tmp_path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (130, b"")
    assert left_over(tmp_path) == []


def test_a_demo_that_is_kept_stays_up_until_it_is_ended(hostile: dict[str, str], tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    with subprocess.Popen(
        demo("--keep", "--svg", picture.name), env=hostile, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if b"logs  " in line:
                break
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 0
    drawn = picture.read_text(encoding="utf-8")
    picture.unlink()
    assert left_over(tmp_path) == []

    shown = html.unescape("\n".join(re.findall(r"<text [^>]*>([^<]*)</text>", drawn))).replace("\xa0", " ")
    assert shown.count("Pending, app waits (ImagePullBackOff)") == 2
    assert shown.count("verification window") == 1  # no animation
    assert "ImagePullBackOff Remediation: resolved" in shown
    assert set(re.findall(r"https?://[^\s\"]+", drawn)) == {"http://www.w3.org/2000/svg"}


def test_a_picture_that_cannot_be_written_is_said_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--svg", str(tmp_path / "nowhere" / "demo.svg")]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        r"runmend: error: \S+demo\.svg cannot be written \(No such file or directory\); name another .*\n", said.err
    )
    assert list(tmp_path.iterdir()) == []
