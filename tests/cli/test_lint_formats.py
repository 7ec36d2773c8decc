"""What lint prints for code hosts and editors, the hook and the action that run it, and the schema of the header."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import frontmatter
import jsonschema_rs
import pytest
import yaml

from runmend.cli.main import run
from runmend.runbook.keys import OF_RUNBOOKS, OF_STEPS
from runmend.runbook.schema import front_matter_schema
from tests.builders import a_runbook

ROOT = Path(__file__).parents[2]
VALIDATES = jsonschema_rs.validator_for(front_matter_schema())
SHIPPED = [*(ROOT / "runbooks").glob("*.md"), *(ROOT / "optional-runbooks").glob("*.md")]
TASKS = json.loads(
    re.findall(r"^```json\n(.*?)^```", (ROOT / "docs" / "editors.md").read_text(), re.DOTALL | re.MULTILINE)[0]
)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A runbook with an error, which has a column, and a warning; and one that is well, but for a note."""
    folder = tmp_path / "run books, 100%"
    folder.mkdir()
    text = a_runbook().replace("kubectl patch deployment", "kubectl ptch deployment", 1)
    (folder / "RB_BAD.md").write_text(text.replace("alertname:", "team: shop\nalertname:", 1))
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["lint", *arguments])
    return code, capsys.readouterr().out


def test_github_is_told_by_workflow_commands(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = printed(capsys, str(bad), "-o", "github")

    lines = said.splitlines()
    assert code == 1
    where = str(bad / "RB_BAD.md").replace("%", "%25").replace(",", "%2C")
    assert any(
        re.fullmatch(rf"::error file={re.escape(where)},line=\d+,col=\d+::.*\"ptch\".*", line) for line in lines
    ), lines
    assert any(f"::warning file={where},line=" in line and ",title=unread-key::" in line for line in lines), lines


def test_sarif_has_a_result_for_each_and_a_rule_for_its_kind(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, as_json = printed(capsys, str(bad), "-o", "json")
    code, said = printed(capsys, str(bad), "-o", "sarif")

    document = json.loads(said)
    (ran,) = document["runs"]
    rules = {rule["id"] for rule in ran["tool"]["driver"]["rules"]}
    results = ran["results"]
    assert (code, document["version"]) == (1, "2.1.0")
    assert {result["ruleId"] for result in results} <= rules
    told = json.loads(as_json)
    assert [result["level"] for result in results] == [each["severity"] for each in told]
    assert [result["message"]["text"] for result in results] == [
        f"{each['problem']}; {each['remedy']}" for each in told
    ]
    places = [result["locations"][0]["physicalLocation"] for result in results]
    assert [place["region"]["startLine"] for place in places] == [each["line"] for each in told]
    assert [place["region"].get("startColumn", 0) for place in places] == [each["column"] for each in told]
    assert places[0]["artifactLocation"]["uri"].endswith("/run%20books%2C%20100%25/RB_BAD.md")


def test_a_warning_fails_where_it_is_strict_and_a_note_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = tmp_path / "warned.md"
    warned.write_text(a_runbook().replace("alertname:", "team: shop\nalertname:", 1))

    assert printed(capsys, str(warned))[0] == 0
    assert printed(capsys, str(warned), "--strict")[0] == 1


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT), **more}


def test_the_hook_lints_the_files_that_it_is_given(bad: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files = [str(file) for file in bad.iterdir() if re.search(hook["files"], str(file))]

    done = subprocess.run(
        [*hook["entry"].split(), *files], env=environment(), capture_output=True, text=True, check=False
    )

    assert files
    assert done.returncode == 1
    assert '"ptch"' in done.stdout


@pytest.mark.parametrize(("folder", "strict", "code"), [("runbooks", "false", 0), ("optional-runbooks", "true", 0)])
def test_the_action_lints_a_folder(folder: str, strict: str, code: int) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = {step["name"]: step for step in action["runs"]["steps"]}
    assert set(steps["lint"]["env"]) == {"RUNBOOKS", "STRICT"}
    assert set(action["inputs"]) == {"path", "strict"}

    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", steps["lint"]["run"]],
        cwd=ROOT,
        env=environment(RUNBOOKS=folder, STRICT=strict),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stdout + done.stderr


def test_the_action_fails_where_lint_does(bad: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    lint = next(step for step in action["runs"]["steps"] if step["name"] == "lint")

    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", lint["run"]],
        env=environment(RUNBOOKS=str(bad), STRICT="false"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout.startswith("::")


def test_the_problem_matcher_of_the_docs_reads_what_lint_prints(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = printed(capsys, str(bad))
    pattern = TASKS["tasks"][0]["problemMatcher"]["pattern"]

    found = [re.fullmatch(pattern["regexp"], line) for line in said.splitlines()]

    assert all(found), said
    for each in filter(None, found):
        assert each[pattern["file"]].endswith("RB_BAD.md")
        assert each[pattern["line"]].isdigit()
        assert each[pattern["severity"]] in ("error", "warning")
        assert each[pattern["message"]]
    assert any(each[pattern["column"]] for each in found if each)


# The schema of the front matter


def header(path: Path) -> dict[str, Any]:
    return dict(frontmatter.loads(path.read_text(encoding="utf-8")).metadata)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_runbook_s_header_is_valid(path: Path) -> None:
    assert [str(error) for error in VALIDATES.iter_errors(header(path))] == []


@pytest.mark.parametrize("key", OF_RUNBOOKS, ids=lambda key: key.name)
def test_the_example_of_every_key_is_valid_and_described(key: Any) -> None:
    least = {"runbook_id": "RB_A", "alertname": "A"}

    assert VALIDATES.is_valid(least | yaml.safe_load(key.example))
    assert front_matter_schema()["properties"][key.name]["description"] == key.means


@pytest.mark.parametrize("key", OF_STEPS, ids=lambda key: key.name)
def test_the_example_of_every_key_of_a_step_is_valid(key: Any) -> None:
    step = {"action_id": "fix"} | yaml.safe_load(key.example)

    assert VALIDATES.is_valid({"runbook_id": "RB_A", "alertname": "A", "workflow": [step]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"runbook_id": None},
        {"runbook_id": "1A"},
        {"alertname": []},
        {"mode": "sometimes"},
        {"protect_serving": "no"},
        {"workflow": []},
        {"workflow": [{"when": "a"}]},
        {"workflow": [{"action_id": "a", "retry": 3}]},
        {"workflow": [{"action_id": "a", "retries": 101}]},
        {"workflow": [{"action_id": "a", "on_error": "ignore"}]},
        {"silence": ["everything"]},
        {"alert_name": "A"},
        {"target": 3},
    ],
)
def test_a_header_that_the_compiler_refuses_is_not_valid(wrong: dict[str, Any]) -> None:
    assert not VALIDATES.is_valid({"runbook_id": "RB_A", "alertname": "A"} | wrong)


def test_what_only_describes_is_let_through() -> None:
    assert VALIDATES.is_valid({"runbook_id": "RB_A", "alertname": "A", "team": "shop", "severity": "critical"})


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == front_matter_schema()
