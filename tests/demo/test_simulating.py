"""`runmend simulate` as a user starts it: a process, and a runbook of the user's own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runmend.cli.main import run

ROOT = Path(__file__).parents[2]
ALWAYS = """---
runbook_id: RB_OURS
alertname: OurAlert
match: [team="shop"]
title: An older image, whatever it is called for
description: Takes an older image.
protect_serving: false
workflow:
  - action_id: older
---

# An older image

## Actions

### Older

- **action_id**: `older`
- **description**: Takes an older image.
- **command**: `kubectl set image deployment/{deployment} app=registry.example/app:2.2 -n {namespace}`
- **conditions**:
  - Requires: `namespace`, `pod` labels

## Success Criteria

- Pods are Ready
"""


def command(folder: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """A command, and surroundings that would break or divert every client, were they obeyed."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder),
        "KUBECONFIG": "/nowhere",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "RUNMEND_MODE": "recommend",
        "http_proxy": "http://127.0.0.1:1",
    }
    return [sys.executable, "-m", "runmend.cli", *arguments], env


def runmend(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same, run to its end in the folder."""
    argv, env = command(folder, *arguments)
    return subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, timeout=170, check=False)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_runbook_that_changes_what_is_healthy_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "ours.md").write_text(ALWAYS, encoding="utf-8")

    done = runmend(tmp_path, "simulate", "ours.md", "--scenario", "registry-down", "-o", "json")

    assert (done.returncode, done.stderr) == (1, "")
    told: dict[str, Any] = json.loads(done.stdout)
    runs = {each["variation"]: each for each in told["runs"]}
    assert (told["runbook"], told["scenario"]) == ("RB_OURS", "registry-down")
    assert list(runs) == ["broken", "healthy", "other-owner", "under-way", "put-back"]
    assert (runs["broken"]["outcome"], runs["broken"]["expected"]) == ("resolved", None)
    assert (runs["healthy"]["expected"], runs["healthy"]["as_expected"]) == ("nothing is changed", False)
    assert runs["healthy"]["changes"] == ["container app: registry.example/app:2.3 → registry.example/app:2.2"]
    assert (runs["other-owner"]["changes"], runs["other-owner"]["as_expected"]) == ([], True)
    assert (runs["put-back"]["outcome"], runs["put-back"]["as_expected"]) == ("Reverted", True)
    assert list(tmp_path.iterdir()) == [tmp_path / "ours.md"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_simulation_that_starts_no_run_has_shown_nothing(tmp_path: Path) -> None:
    (tmp_path / "ours.md").write_text(ALWAYS.replace("`namespace`, `pod`", "`team_of_claims`"), encoding="utf-8")

    done = runmend(tmp_path, "simulate", "ours.md", "--scenario", "bad-credentials")

    assert (done.returncode, done.stderr) == (1, "")
    why = "the label team_of_claims is missing; RB_OURS requires it"
    assert f"  ✗ expected: a run is started; it came to: unrouted: {why}\n" in done.stdout


def test_a_runbook_for_which_nothing_is_known_to_break_needs_a_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.md").write_text(ALWAYS, encoding="utf-8")

    assert run(["simulate", str(tmp_path / "ours.md")]) == 1

    said = capsys.readouterr().err
    assert said.startswith("runmend: error: RB_OURS: nothing is known to break for OurAlert; choose with --scenario: ")
    assert "bad-image" in said


def test_a_runbook_that_does_not_compile_is_not_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours.md").write_text(ALWAYS.replace("set image", "exec"), encoding="utf-8")

    assert run(["simulate", str(tmp_path / "ours.md")]) == 1

    assert "ours.md:" in capsys.readouterr().err
