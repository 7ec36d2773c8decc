"""`runmend replay FILE --local` as a process: nothing is connected to, and what does not fit is explained."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory

from runmend.cli.replaying_locally import replay_locally
from runmend.runs.compatibility import Fit, fit
from tests.cli.installation import runmend, surroundings
from tests.histories import stored
from tests.histories.changes import changed
from workflows.remediation import Remediation

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
users: [{name: u, user: {}}]
"""


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[tuple[dict[str, str], list[socket.socket]]]:
    """An environment whose Temporal and cluster are sockets that nothing may knock at."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = [listener.getsockname()[1] for listener in listeners]
        (tmp_path / "kubeconfig").write_text(KUBECONFIG % ports[1], encoding="utf-8")
        env = surroundings(tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{ports[0]}", KUBECONFIG=str(tmp_path / "kubeconfig"))
        yield env, listeners


def was_called(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


def test_a_file_is_replayed_without_a_connection_to_anything(
    nowhere: tuple[dict[str, str], list[socket.socket]],
) -> None:
    env, listeners = nowhere
    done = runmend(env, "replay", str(stored.newest("failed-at-the-check")), "--local")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"replays: failed-at-the-check/shop/Deployment/web, RB_IMAGEPULL: \d+ events, ended VerificationFailed; "
        r"the code of this Runmend \(\S+\) fits this history\n",
        done.stdout,
    )
    assert [was_called(listener) for listener in listeners] == [False, False]


def test_the_sockets_would_tell_a_connection(nowhere: tuple[dict[str, str], list[socket.socket]]) -> None:
    _, listeners = nowhere
    for listener in listeners:
        with socket.create_connection(listener.getsockname()):
            pass
    assert [was_called(listener) for listener in listeners] == [True, True]


def test_a_file_that_is_no_history_is_one_line_and_exits_with_1(
    nowhere: tuple[dict[str, str], list[socket.socket]], tmp_path: Path
) -> None:
    env, _ = nowhere
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    for name, says in (
        ("broken.json", "is cut off"),
        ("missing.json", "there is no file"),
        (".", "is a folder; name one file"),
    ):
        done = runmend(env, "replay", str(tmp_path / name), "--local")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.startswith("runmend: error: ")
        assert says in done.stderr


async def told(capfd: pytest.CaptureFixture[str], kind: str, expected: int) -> list[str]:
    assert await replay_locally(str(stored.newest(kind))) == expected
    return capfd.readouterr().out.splitlines()


@pytest.fixture
def other_code(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """The code that the command replays with, at its end."""
    code: list[type] = [Remediation]

    async def with_it(history: WorkflowHistory) -> Fit:
        return await fit(history, workflow=code[-1])

    monkeypatch.setattr("runmend.cli.replaying_locally.fit", with_it)
    return code


async def test_an_open_run_replays_as_far_as_it_goes(capfd: pytest.CaptureFixture[str]) -> None:
    [line] = await told(capfd, "open-in-the-window", 0)

    assert line.startswith("replays as far as it goes: open-in-the-window/shop/Deployment/web, RB_IMAGEPULL: ")
    assert "still open" in line


async def test_what_does_not_fit_is_named_with_event_temporals_words_and_remedy(
    capfd: pytest.CaptureFixture[str], other_code: list[type]
) -> None:
    other_code.append(changed((r'"runmend\.settle"', '"runmend.wait"')))
    lines = await told(capfd, "resolved", 1)

    patterns = [
        r"does not replay: resolved/shop/Deployment/web, RB_IMAGEPULL: \d+ events, ended resolved",
        (
            r"  it replays up to, and not with, event \d+, ActivityTaskScheduled at "
            r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC: activity runmend\.settle, id 4"
        ),
        (
            r"  Temporal says: \[TMPRL1100\] Nondeterminism error: Activity type of scheduled event "
            r"'runmend\.settle' does not match activity type of activity command 'runmend\.wait'"
        ),
        r"  docs/changing-workflows\.md says how to change the workflow under open runs",
    ]
    assert [bool(re.fullmatch(pattern, line)) for pattern, line in zip(patterns, lines, strict=True)] == [True] * len(
        patterns
    ), lines


async def test_a_fault_of_the_code_is_told_with_its_line(
    capfd: pytest.CaptureFixture[str], other_code: list[type]
) -> None:
    other_code.append(changed((r"settled=settled\.summary", "settled=settled.sumary")))
    lines = await told(capfd, "resolved", 1)

    assert (
        lines[1]
        == "  the code itself fails, which is a fault and no change: 'Settled' object has no attribute 'sumary'"
    )
    assert lines[2].endswith(" in _verify: self._note(settled=settled.summary)")
    assert capfd.readouterr().err == ""


async def test_a_history_cannot_write_control_characters_to_a_terminal(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    read = json.loads(stored.newest("resolved").read_text(encoding="utf-8"))
    read["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"] = "a\x1b[2Jb\nc"
    file = tmp_path / "history.json"
    file.write_text(json.dumps(read), encoding="utf-8")
    assert await replay_locally(str(file)) == 0

    assert "a�[2Jb c" in capfd.readouterr().out
