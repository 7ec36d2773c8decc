"""`runmend test` as a CI job starts it: the shipped runbooks, what the documentation shows, and what fails."""

import re
import signal
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from runmend.local.shipped import shipped_runbooks
from tests.demo.test_demo import left_over
from tests.demo.test_simulating import ROOT, command, runmend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def shown(page: str, language: str) -> str:
    """The first example of a language in a page, or in the section of `runmend test`."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    text = text[text.find("## `runmend test ") :] if page == "cli.md" else text
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no {language}"
    return found[1]


def test_the_shipped_runbooks_and_one_for_a_custom_resource_do_what_is_expected_of_them(tmp_path: Path) -> None:
    custom = str(Path(__file__).with_name("custom"))
    done = runmend(tmp_path, "test", str(shipped_runbooks()), str(ROOT / "optional-runbooks"), custom, "--at-once", "8")

    assert done.returncode == 0, done.stdout + done.stderr
    cases = len(re.findall(r"^✓ ", done.stdout, re.MULTILINE))
    assert cases >= 2 * len(list(shipped_runbooks().glob("*.md")))
    assert done.stderr.splitlines()[-1] == f"{cases} cases, 0 failed"


def test_what_the_documentation_expects_comes_and_what_does_not_come_is_said(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "RB_NOT_READY.md").write_text(shown("runbooks.md", "markdown"), encoding="utf-8")
    (mine / "RB_NOT_READY.test.yaml").write_text(shown("runbooks.md", "yaml"), encoding="utf-8")
    (mine / "RB_IMAGEPULL.md").write_bytes((shipped_runbooks() / "RB_IMAGEPULL.md").read_bytes())
    wrong = """\
  - name: nobody is there
    scenario: bad-image
    alert: {labels: {pod: web-0, uid: ""}}
    expect: {outcome: resolved, steps: {patch_image: done}, changes: ["replicas: 1 → 2"], removed: 1}
  - name: a kind that is none
    objects: [{apiVersion: example.org/v1, kind: Widget, metadata: {name: w}}]
    alert: {labels: {namespace: shop, pod: w}}
    expect: {outcome: unrouted}
"""
    (mine / "RB_IMAGEPULL.test.yaml").write_text(shown("cli.md", "yaml") + wrong, encoding="utf-8")
    (mine / "RB_GONE.test.yaml").write_text("cases: []\n", encoding="utf-8")

    done = runmend(tmp_path, "test", "mine", "--junit", "results.xml")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        (
            "mine/RB_GONE.test.yaml:1: error: there is no runbook mine/RB_GONE.md; name it as its runbook, with "
            ".test.yaml for .md"
        ),
        "5 cases, 2 failed, 1 file cannot be used",
    ]
    assert len(re.findall(r"^✓ ", done.stdout, re.MULTILINE)) == 3, done.stdout
    failures = [
        "outcome: expected resolved, got gone: there is no pod shop/web-0",
        "step patch_image: expected done, got not reached",
        "changes: expected replicas: 1 → 2, got nothing",
        "removed: expected 1 pods, got 0",
    ]
    assert "\n".join(f"    {line}" for line in failures) in done.stdout
    assert "    the embedded cluster has no Widget of example.org/v1\n" in done.stdout
    suites = ET.parse(tmp_path / "results.xml").getroot()
    assert [(suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in suites] == [
        ("3", "1", "1"),
        ("2", "0", "0"),
        ("1", "0", "1"),
    ]
    [failure] = suites.iter("failure")
    assert failure.text == "\n".join(failures)
    assert failure.get("message") == failures[0]


def test_an_interrupted_test_ends_all_of_it_and_says_what_has_not_ended(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "RB_A.md").write_bytes((shipped_runbooks() / "RB_IMAGEPULL.md").read_bytes())
    case = "{{name: '{0}', scenario: bad-image, variation: healthy, expect: {{outcome: not_needed}}}}"
    cases = ", ".join(case.format(number) for number in range(40))
    (mine / "RB_A.test.yaml").write_text(f"cases: [{cases}]\n", encoding="utf-8")
    inside = tmp_path / "tmp"
    inside.mkdir()

    argv, env = command(inside, "test", str(mine))
    with subprocess.Popen(argv, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("✓".encode())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert re.fullmatch(rb"\d+ cases?, 0 failed, \d+ not ended: interrupted\n", said), said
    assert left_over(inside) == []
