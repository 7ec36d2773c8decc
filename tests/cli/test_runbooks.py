import json
from pathlib import Path

import pytest

from runmend.cli.main import run
from runmend.runbook import compile_runbook, dump_plan
from tests.builders import SEED


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    file = tmp_path / "RB_BROKEN.md"
    file.write_text(
        SEED.read_text(encoding="utf-8").replace("kubectl patch deployment", "kubectl exec deployment"),
        encoding="utf-8",
    )
    return file


def test_lint_of_a_good_runbook_prints_no_diagnostic(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(SEED)]) == 0

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "1 runbook, 0 errors, 0 warnings\n"


def test_lint_without_paths_looks_at_the_directory_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, broken: Path
) -> None:
    monkeypatch.setenv("RUNMEND_RUNBOOKS", str(broken.parent))

    assert run(["lint"]) == 1
    assert capsys.readouterr().out.startswith(f"{broken}:")


def test_lint_of_a_broken_runbook_names_file_line_and_remedy(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    assert run(["lint", str(broken), str(SEED)]) == 1

    said = capsys.readouterr()
    lines = said.out.splitlines()
    command = next(
        number
        for number, line in enumerate(broken.read_text(encoding="utf-8").splitlines(), 1)
        if "kubectl exec" in line
    )
    assert any(line.startswith(f"{broken}:{command}:25: error: ") and "; " in line for line in lines), lines
    assert said.err.startswith("2 runbooks, ")


def test_lint_as_json_is_for_scripts(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    assert run(["lint", str(broken), "--format", "json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert set(told[0]) == {"file", "line", "severity", "problem", "remedy", "kind", "column"}
    assert "error" in {diagnostic["severity"] for diagnostic in told}


def test_lint_takes_warnings_for_errors_where_it_is_asked_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "RB_A.md"
    text = SEED.read_text(encoding="utf-8").replace("workflow:\n", "severity: page\nworkflow:\n", 1)
    file.write_text(text, encoding="utf-8")

    assert run(["lint", str(file)]) == 0
    assert capsys.readouterr().err == "1 runbook, 0 errors, 1 warning\n"
    assert run(["lint", str(file), "--strict"]) == 1
    said = capsys.readouterr()
    assert said.out == f"{file}:6: error: the key severity is not read; leave it if it is for people [unread-key]\n"
    assert said.err == "1 runbook, 1 error, 0 warnings\n"

    file.write_text(text.replace("severity", "silence: [unread-key]\nseverity", 1), encoding="utf-8")
    assert run(["lint", str(file), "--strict"]) == 0


def test_lint_of_a_path_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "nowhere.md"]) == 1
    assert capsys.readouterr().err == (
        "runmend: error: nowhere.md does not exist; "
        "name a runbook or a directory of runbooks, or set RUNMEND_RUNBOOKS\n"
    )


def test_compile_tells_the_plan_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", str(SEED)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RB_IMAGEPULL: ImagePullBackOff Remediation"
    assert lines[7:10] == [
        (
            "  problem    Pod container is in ImagePullBackOff state, indicating the image cannot be pulled from "
            "the registry."
        ),
        "  notes      This runbook assumes a known good fallback image exists",
        "             If multiple containers in pod, patch only the affected container",
    ]
    assert "   33  01-get_pod_events: get events in {namespace} where involvedObject.name={pod}" in lines
    assert any(
        line.startswith("   40  02-patch_image: if the pod is in ImagePullBackOff, patch Deployment ") for line in lines
    )
    assert lines[-1] == "  settles within 10 minutes, then holds for 5 minutes"


def test_compile_as_json_is_the_plan_and_the_same_bytes_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", str(SEED), "--format", "json"]) == 0
    first = capsys.readouterr().out
    assert run(["compile", str(SEED), "--format", "json"]) == 0

    assert capsys.readouterr().out == first
    assert first.encode() == dump_plan(compile_runbook(SEED.read_bytes(), str(SEED)).plan)


def test_compile_of_a_broken_runbook_prints_its_diagnostics_and_no_plan(
    capsys: pytest.CaptureFixture[str], broken: Path
) -> None:
    assert run(["compile", str(broken)]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{broken}:")


def test_compile_of_a_file_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "nowhere.md"]) == 1
    assert capsys.readouterr().err == (
        "runmend: error: nowhere.md cannot be read: No such file or directory; name a runbook, a Markdown file\n"
    )
