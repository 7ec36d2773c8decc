"""Which files are expectations of which runbook, and how results are told."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.local.shipped import shipped_runbooks
from runmend.local.simulating.expectations import Expect
from runmend.local.simulating.junit import as_junit
from runmend.local.simulating.playing import Ended, pass_over
from runmend.local.simulating.testing import NothingToTest, Result, differences, find
from runmend.plan.messages import RunResult
from runmend.runbook import load_directory
from tests.world import SEED

RESULT = RunResult(
    runbook_id="RB_IMAGEPULL",
    title="",
    sha256="",
    target=Target(cluster="c", namespace="shop", kind="Deployment", name="web"),
    alerts=(),
    mode=Mode.AUTO,
    outcome=Outcome.RESOLVED,
    summary="it held",
)
CASES = "cases: [{name: one, scenario: bad-image, expect: {outcome: resolved}}]\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "RB_A.md").write_bytes(SEED.read_bytes())
    (tmp_path / "a" / "RB_A.test.yaml").write_text(CASES, encoding="utf-8")
    return tmp_path


def problems(directory: Path) -> list[str]:
    return [str(each).removeprefix(f"{directory}/") for each in find([directory]).problems]


@pytest.mark.parametrize("place", ["", "a", "a/RB_A.md", "a/RB_A.test.yaml"])
def test_expectations_are_found_by_directory_by_runbook_and_by_their_own_file(directory: Path, place: str) -> None:
    found = find([directory / place])

    assert [(trial.file, trial.case.name, trial.plan.runbook_id) for trial in found.trials] == [
        (str(directory / "a" / "RB_A.test.yaml"), "one", "RB_IMAGEPULL")
    ]
    assert (found.problems, found.untested) == ((), ())


def test_expectations_are_no_runbook(directory: Path) -> None:
    loaded = load_directory(directory)

    assert (list(loaded.places.values()), loaded.problems) == (["a/RB_A.md"], {})


def test_a_runbook_without_expectations_is_named(directory: Path) -> None:
    (directory / "RB_B.md").write_text("not even a runbook", encoding="utf-8")

    assert find([directory]).untested == (str(directory / "RB_B.md"),)


def test_a_directory_in_which_nothing_is_expected_is_refused(directory: Path) -> None:
    (directory / "a" / "RB_A.test.yaml").unlink()

    with pytest.raises(NothingToTest, match=r"there is no file \*\.test\.yaml under "):
        find([directory])


def test_expectations_of_a_runbook_that_does_not_compile_say_so(directory: Path) -> None:
    (directory / "a" / "RB_A.md").write_text("nothing", encoding="utf-8")

    [problem] = problems(directory)

    assert problem.startswith("a/RB_A.test.yaml:1: error: its runbook does not compile: ")
    assert "front matter" in problem


@pytest.mark.parametrize(
    ("bytes_", "says"),
    [
        (b"\xff\xfe", "1: error: the file is not UTF-8; save it as UTF-8"),
        (b"#" * 1_000_001, "1: error: the file has more than 1000000 bytes; make it several runbooks' files"),
        (b"cases:\n- name: x\n", "2: error: cases.expect is missing; docs/cli.md says how expectations are written"),
    ],
    ids=["no text", "too large", "incomplete"],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(directory: Path, bytes_: bytes, says: str) -> None:
    (directory / "a" / "RB_A.test.yaml").write_bytes(bytes_)

    assert problems(directory)[0] == f"a/RB_A.test.yaml:{says}"


def test_a_pipe_is_not_waited_for(directory: Path) -> None:
    (directory / "a" / "RB_A.test.yaml").unlink()
    os.mkfifo(directory / "a" / "RB_A.test.yaml")

    assert problems(directory) == [
        (
            "a/RB_A.test.yaml:1: error: the file cannot be read: it is a pipe and no regular file; write it, or let "
            "the process read it"
        ),
    ]


@pytest.mark.parametrize(
    ("expect", "ended", "said"),
    [
        ({"outcome": "gone", "says": "no pod"}, Ended("gone", "there is no pod"), []),
        ({"outcome": "gone", "says": "a pod"}, Ended("gone", "no"), ['says: expected "a pod", got "no"']),
        (
            {"outcome": "resolved"},
            Ended("started", "", RESULT.model_copy(update={"runbook_id": "RB_OTHER"})),
            ["runbook: expected RB_IMAGEPULL, got RB_OTHER, which answered the alert"],
        ),
        (
            {"outcome": "not_needed", "removed": 0, "changes": []},
            Ended("started", "", RESULT),
            ["outcome: expected not_needed, got resolved: it held"],
        ),
        (
            {"outcome": "resolved", "steps": {"patch_image": "done"}},
            Ended("started", "", RESULT.model_copy(update={"failed_step": "patch_image"})),
            ["step patch_image: expected done, got failed"],
        ),
    ],
)
def test_what_comes_otherwise_is_said_with_what_was_expected(
    expect: dict[str, object], ended: Ended, said: list[str], directory: Path
) -> None:
    [trial] = find([directory]).trials
    case = trial.case.model_copy(update={"expect": Expect.model_validate(expect)})

    assert list(differences(replace(trial, case=case), ended)) == said


class Skipping(TimeSkipper):
    """Moves no clock, and is answered so."""

    def __init__(self, status: RPCStatusCode) -> None:
        self.status = status

    async def fast_forward(self, handle: Any, duration: Any = None, /) -> bool:  # noqa: ARG002  the SDK's own names
        raise RPCError("workflow execution already completed", self.status, b"")


async def test_the_clock_of_a_run_that_has_ended_meanwhile_is_left_alone() -> None:
    handle: WorkflowHandle[Any, Any] = None  # type: ignore[assignment]  # nobody looks at it

    await pass_over(Skipping(RPCStatusCode.NOT_FOUND), handle, 301)
    with pytest.raises(RPCError):
        await pass_over(Skipping(RPCStatusCode.UNAVAILABLE), handle, 301)


def test_results_are_xml_whatever_stands_in_them() -> None:
    name = 'a <case> & "more" \x1b[31m'
    results = [Result("f", name, "RB_A", 1.5, ("outcome: expected a, got <b>\x00",)), Result("f", "g", "RB_A", 2.0)]

    root = ET.fromstring(as_junit(results, []))

    [suite] = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("time")) == (
        "2",
        "1",
        "0",
        "3.500",
    )
    assert suite[0].get("name") == 'a <case> & "more" \\u001b[31m'
    assert suite[0][0].text == "outcome: expected a, got <b>\\u0000"
    assert [len(case) for case in suite] == [1, 0]


def test_each_shipped_runbook_has_a_case_that_it_is_for_and_one_that_it_leaves_alone() -> None:
    found = find([shipped_runbooks()])
    outcomes: dict[str, set[str]] = {}
    for trial in found.trials:
        outcomes.setdefault(trial.plan.runbook_id, set()).add(trial.case.expect.outcome)

    assert (found.problems, found.untested) == ((), ())
    assert [name for name, those in outcomes.items() if len(those) < 2 or Outcome.NOT_NEEDED not in those] == []
