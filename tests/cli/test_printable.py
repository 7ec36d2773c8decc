"""Texts from outside in what commands print: nothing in them is obeyed by a terminal, and none begins a line."""

import io
import re
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text
from temporalio.client import Client

from runmend.cli.main import run
from runmend.cli.output import printable_stream
from runmend.runs.terminal import console
from tests.builders import a_runbook
from tests.cli.installation import Installation, runmend, surroundings
from tests.loopback import http_client

HOSTILE = "x\x1b[31m\x1b]0;t\x07\x9b2J\u202ey\u2066\u200b\r\nrunmend: error: forged"
DEV = ["dev", "--port", "0", "--temporal-port", "0", "--ui-port", "0"]
OBEYED = {*"\x1b\x07\x08\r\x7f\x9b\u202e\u2066\u200b"}


def check(said: str) -> None:
    assert not OBEYED & {*said}
    assert not [line for line in said.splitlines() if line.startswith(("runmend: error: forged", "forged"))]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts before a command what `main` puts there. Called by the test: pytest takes it away before."""

    def put() -> None:
        monkeypatch.setattr(sys, "stdout", printable_stream(sys.stdout))
        monkeypatch.setattr(sys, "stderr", printable_stream(sys.stderr))

    return put


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("command", ["lint", "compile"])
def test_a_files_name_and_text_are_printable(
    command: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], door: Callable[[], None]
) -> None:
    door()
    hostile = tmp_path / f"{HOSTILE.replace('/', '')}.md"
    hostile.write_text(a_runbook())
    text = a_runbook().replace("Pod cannot pull", f"x{HOSTILE[:-21].replace(chr(13), '')}Pod cannot pull", 1)
    worded = tmp_path / "b.md"
    worded.write_text(text.replace("\n## Notes", f"\n## {HOSTILE[:20]}\n\n## Notes", 1))

    for file in (hostile, worded, tmp_path / f"nowhere{HOSTILE}"):
        run([command, str(file), "-o", form])
    if command == "lint":
        run(["lint", str(tmp_path), "-o", form])

    said = capsys.readouterr()
    check(said.out)
    check(said.err)
    assert r"\u202e" in said.out + said.err


def test_what_rich_prints_is_printable_and_has_its_own_colours(
    capsys: pytest.CaptureFixture[str], door: Callable[[], None]
) -> None:
    door()
    out = console()
    table = Table.grid()
    table.add_row(Text(HOSTILE))
    for each in (Text(HOSTILE), table, Markdown(HOSTILE), HOSTILE):
        out.print(each, markup=False)

    said = capsys.readouterr().out
    assert not OBEYED & {*said}
    assert r"\u202e" in said


def test_colours_are_ours_alone_on_a_terminal() -> None:
    out = console()
    out.file, out._force_terminal, out._color_system = io.StringIO(), True, None
    out.print(Text(HOSTILE, "red"))

    assert isinstance(out.file, io.StringIO)
    assert r"x\u001b[31m" in out.file.getvalue()
    assert "\x1b[31m\x1b]" not in out.file.getvalue()


def test_every_command_prints_through_the_same_door() -> None:
    """Rich's own consoles, and print, would go past it."""
    package = Path(__file__).parents[2] / "runmend"
    ours = {"runs/terminal.py", "local/demo/picture.py", "core/telemetry/logs.py"}
    past = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "Console(" in (text := file.read_text(encoding="utf-8")) or "sys.__std" in text or ".buffer.write(" in text
    }

    assert past - ours == {"runbook/child.py"}, "what writes bytes speaks to its parent"


@pytest.mark.slow
async def test_a_workflow_of_others_is_printable(installation: Installation) -> None:
    client = await Client.connect(installation.env["TEMPORAL_ADDRESS"])
    workflow_id = f"c/shop/Deployment/{uuid.uuid4()}{HOSTILE}"
    handle = await client.start_workflow(
        f"Theirs{HOSTILE}", f"input{HOSTILE}", id=workflow_id, task_queue="nobody", memo={"why": HOSTILE}
    )
    try:
        for command in (
            ["show", workflow_id],
            ["show", workflow_id, "-o", "json"],
            ["show", workflow_id, "--follow"],
            ["list", "--target", HOSTILE],
            ["list"],
            ["stats"],
            ["cancel", workflow_id, "--reason", HOSTILE],
            ["replay", workflow_id, "--dry-run"],
            ["replay", workflow_id, "--again"],
            ["replay", workflow_id, "--local"],
            ["run", HOSTILE, "shop/web"],
            ["run", "RB_IMAGEPULL", f"shop/{HOSTILE}"],
        ):
            done = installation.run(*command)
            check(done.stdout)
            check(done.stderr)
    finally:
        await handle.terminate()


@pytest.mark.parametrize(
    ("command", "env"),
    [
        (["bridge", "--runbooks", HOSTILE], {}),
        (["bridge", "--host", HOSTILE], {}),
        (["bridge"], {"RUNMEND_TOKEN_FILE": HOSTILE}),
        (["worker"], {"RUNMEND_MODE": HOSTILE}),
        (["worker"], {"RUNMEND_PLAN_KEY_FILE": HOSTILE}),
        (["worker"], {"KUBECONFIG": HOSTILE}),
        ([*DEV, "--runbooks", HOSTILE], {}),
        ([*DEV, "--db", f"/proc/{HOSTILE}/x"], {}),
        (["break", "bad-image", "--namespace", HOSTILE], {}),
        (["break", "bad-image", "--kubeconfig", HOSTILE], {}),
        (["break", "bad-image"], {"KUBECONFIG": HOSTILE}),
        (["demo", "--svg", f"/proc/{HOSTILE}.svg"], {}),
        (["demo", "--scenario", HOSTILE], {}),
        (["sandbox", "--kubeconfig", f"/proc/{HOSTILE}"], {}),
        ([HOSTILE], {}),
    ],
)
def test_what_a_process_cannot_start_with_is_told_in_printable_words(
    command: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    done = runmend(surroundings(tmp_path, **env), *command, cwd=tmp_path)

    assert done.returncode in (1, 2)
    assert done.stderr.startswith("runmend: error: ")
    assert r"\u202e" in done.stderr
    check(done.stdout + done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["console", "json"])
def test_what_the_bridge_logs_while_it_works_is_printable(
    installation: Installation, tmp_path: Path, form: str
) -> None:
    (tmp_path / f"{HOSTILE.replace('/', '')}.md").write_text(a_runbook("RB_OTHER", alertname="Other"))
    (tmp_path / "wrong.md").write_text(f"---\nrunbook_id: '{HOSTILE[:12]}'\n---\n# {HOSTILE}\n")
    (tmp_path / "RB_GOOD.md").write_text(a_runbook("RB_GOOD"))
    labels = {"alertname": HOSTILE, "namespace": HOSTILE, "pod": HOSTILE, HOSTILE: HOSTILE, "runbook_id": HOSTILE}
    alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-11-22T13:31:12Z"}
    webhook = {"version": "4", "status": "firing", "receiver": HOSTILE, "alerts": [alert]}
    installation.env["RUNMEND_LOG_FORMAT"] = form
    bridge = installation.started("bridge", "--port", "0", "--runbooks", str(tmp_path))
    said = []
    try:
        assert bridge.stderr
        for line in bridge.stderr:
            said.append(line)
            if "bridge listens" in line:
                break
        found = re.search(r"http://[0-9.:]+", said[-1])
        assert found, said
        with http_client(found[0]) as http:
            answer = http.post("/alerts", json=webhook)
    finally:
        del installation.env["RUNMEND_LOG_FORMAT"]
        bridge.terminate()
        out, rest = bridge.communicate(timeout=30)
    lines = "".join([*said, rest])

    assert answer.json()["alerts"][0]["answer"] == "unrouted"
    assert lines.count("runbook does not compile") == 2
    assert lines.count("alerts answered") == 1
    assert r"\u202e" in lines
    check(out + lines)
