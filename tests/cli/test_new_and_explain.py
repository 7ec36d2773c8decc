"""A runbook to begin with, and the page for who reviews one."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from runmend.cli.main import run
from runmend.runbook.compiler import compile_runbook
from runmend.runbook.explain import explain, page
from tests.builders import a_runbook

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["RB_MY_ALERT", "x", "RB_", "a-b_c"])
def test_what_is_written_compiles_and_nothing_is_to_be_said_of_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", name, "--alert", "KubePodCrashLooping", "--out", str(tmp_path / "new")]) == 0
    written = Path(capsys.readouterr().out.strip())

    assert written == tmp_path / "new" / f"{name}.md"
    assert run(["lint", "--strict", str(written)]) == 0
    assert capsys.readouterr().err == "1 runbook, 0 errors, 0 warnings\n"
    plan = compile_runbook(written.read_bytes(), written.name).plan
    assert (plan.runbook_id, plan.alertname, plan.mode) == (name, "KubePodCrashLooping", "recommend")


def test_a_file_that_is_there_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "RB_A.md").write_text("mine")

    assert run(["new", "RB_A", "--alert", "A", "--out", str(tmp_path)]) != 0
    assert "RB_A.md is there already" in capsys.readouterr().err
    assert (tmp_path / "RB_A.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "alert", "says"),
    [
        ("../x", "A", "write letters, digits"),
        ("1A", "A", "write letters, digits"),
        ("A", "x: y", "is no name of an alert"),
        ("A", "", "is no name of an alert"),
        ("A", "a\nb", "is no name of an alert"),
    ],
)
def test_names_that_are_none_are_refused_in_a_line(
    name: str, alert: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", name, "--alert", alert, "--out", str(tmp_path)]) != 0
    said = capsys.readouterr().err

    assert says in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_page_says_all_that_the_explanation_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "RB_A.md"
    file.write_text(a_runbook())

    assert run(["explain", str(file)]) == 0
    said = capsys.readouterr().out

    plan = compile_runbook(file.read_bytes(), str(file)).plan
    assert said == "".join(f"{line}\n" for line in page(plan))
    tokens = MarkdownIt().parse(said)
    text = "".join(each.content for token in tokens if token.type == "inline" for each in token.children or ())
    for line in list(explain(plan))[1:]:
        assert line.strip() in text, line


def test_a_page_of_what_does_not_compile_is_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "RB_A.md"
    file.write_text(a_runbook().replace("kubectl patch", "kubectl ptch", 1))

    assert run(["explain", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "ptch" in printed.err
