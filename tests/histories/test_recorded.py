"""Every kind of run has been recorded, and the code of today replays all of them; docs/testing.md."""

import asyncio
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from runmend.plan.messages import CheckCall, ObserveCall, ReportCall, SettleCall, StepCall
from runmend.runs.compatibility import fit
from runmend.runs.compatibility.events import kind_of
from runmend.runs.converter import data_converter
from runmend.worker.assembly import RUNNER
from tests.histories import stored
from tests.histories.kinds import KINDS
from tests.histories.recording import MOST_BYTES, anonymous, record, traces

STEPS = "observe get_pod_events patch_image"
WATCHED = f"{STEPS} settle hold window"
VERIFIED = f"{WATCHED} check report"
SIGNALLED, RESET, CANCEL_ASKED = (
    "workflow_execution_signaled",
    "workflow_task_failed",
    "workflow_execution_cancel_requested",
)
MEMO = "workflow_properties_modified"


class Kind(NamedTuple):
    """What a recording of a kind of run must show: how it ended, what it did, events, and how often the step that tried
    most was tried."""

    ended: str
    did: str
    events: frozenset[str] = frozenset()
    tries: int = 0


EXPECTED = {
    "resolved": Kind("resolved", VERIFIED),
    "resolved-with-retries": Kind("resolved", VERIFIED, tries=2),
    "resolved-with-a-recovered-write": Kind("resolved", VERIFIED, tries=2),
    "resolved-after-a-second-look": Kind("resolved", f"observe {VERIFIED}", frozenset({MEMO})),
    "not-needed-at-observe": Kind("not_needed", "observe report"),
    "not-needed-at-the-step": Kind("not_needed", f"{STEPS} report"),
    "not-needed-after-a-second-look": Kind("not_needed", "observe observe report", frozenset({MEMO})),
    "recommended-while-it-serves": Kind("recommended", f"{STEPS} report"),
    "recommended-by-mode": Kind("recommended", f"{STEPS} report"),
    "observed-by-a-reading-runbook": Kind("observed", "observe get_pod_events report"),
    "failed-at-observe": Kind("StepFailed", "observe report"),
    "failed-at-the-first-step": Kind("StepFailed", "observe get_pod_events report"),
    "failed-at-a-precondition": Kind("PreconditionFailed", f"{STEPS} report"),
    "failed-at-a-refused-write": Kind("StepFailed", f"{STEPS} report"),
    "failed-at-a-spent-write": Kind("StepFailed", f"{STEPS} report", tries=2),
    "failed-at-an-unanswered-write": Kind("StepFailed", f"{STEPS} report", frozenset({"activity_task_timed_out"})),
    "failed-at-settle": Kind("VerificationFailed", f"{STEPS} settle report", tries=2),
    "failed-at-the-check": Kind("VerificationFailed", VERIFIED),
    "reverted-at-settle": Kind("Reverted", f"{STEPS} settle report"),
    "reverted-at-the-check": Kind("Reverted", VERIFIED),
    "failed-in-the-window": Kind("VerificationFailed", f"{WATCHED} report", frozenset({"timer_canceled"}), tries=2),
    "reverted-in-the-window": Kind("Reverted", f"{WATCHED} report", frozenset({"timer_canceled"}), tries=2),
    "resolved-though-nobody-watched": Kind("resolved", VERIFIED, frozenset({"activity_task_failed"}), tries=5),
    "cancelled-at-observe": Kind("cancelled", "observe report", frozenset({CANCEL_ASKED})),
    "cancelled-at-the-first-step": Kind("cancelled", "observe get_pod_events report", frozenset({CANCEL_ASKED})),
    "cancelled-at-its-write": Kind(
        "cancelled", f"{STEPS} report", frozenset({CANCEL_ASKED, "activity_task_cancel_requested"})
    ),
    "cancelled-between-two-tries-of-its-write": Kind(
        "cancelled", f"{STEPS} report", frozenset({CANCEL_ASKED, "activity_task_canceled"})
    ),
    "cancelled-at-settle": Kind("cancelled", f"{STEPS} settle report", frozenset({CANCEL_ASKED})),
    "cancelled-in-the-window": Kind("cancelled", f"{WATCHED} report", frozenset({CANCEL_ASKED, "timer_canceled"})),
    "cancelled-while-it-reports": Kind("resolved", VERIFIED, frozenset({CANCEL_ASKED})),
    "terminated-in-the-window": Kind("terminated", WATCHED),
    "open-at-settle": Kind("", f"{STEPS} settle"),
    "open-in-the-window": Kind("", WATCHED),
    "reset-to-its-write": Kind("resolved", VERIFIED, frozenset({RESET})),
    "reset-to-settle": Kind("resolved", VERIFIED, frozenset({RESET})),
    "reset-of-a-reset": Kind("resolved", VERIFIED, frozenset({RESET})),
    "joined": Kind("resolved", VERIFIED, frozenset({SIGNALLED, MEMO})),
    "resolved-meanwhile": Kind("resolved", VERIFIED, frozenset({SIGNALLED})),
    "another-runbooks-alert-dropped": Kind("resolved", VERIFIED, frozenset({SIGNALLED})),
    "joined-too-late": Kind("resolved", VERIFIED, frozenset({SIGNALLED})),
    "report-failed": Kind("resolved", VERIFIED, frozenset({"activity_task_failed"})),
    "unreadable-input": Kind("ValidationError", ""),
}
CALLS: dict[str, type[Any]] = {
    "runmend.observe": ObserveCall,
    "runmend.settle": SettleCall,
    "runmend.hold": CheckCall,
    "runmend.check": CheckCall,
    "runmend.report": ReportCall,
}


def scheduled(history: WorkflowHistory) -> list[Any]:
    events = [each for each in history.events if kind_of(each) == "activity_task_scheduled"]
    return [each.activity_task_scheduled_event_attributes for each in events]


def did(history: WorkflowHistory) -> str:
    """The activities that were begun, with "window" for the timer."""
    names = []
    for event in history.events:
        if kind_of(event) == "activity_task_scheduled":
            names.append(event.activity_task_scheduled_event_attributes.activity_type.name.removeprefix("runmend."))
        elif kind_of(event) == "timer_started":
            names.append("window")
    return " ".join(names)


def test_every_kind_of_run_is_known_to_the_recorder_and_recorded() -> None:
    """An empty folder, or one that lacks a kind, fails here."""
    assert set(KINDS) == set(EXPECTED)
    assert {file.stem for file in stored.files()} == set(EXPECTED)


@pytest.mark.parametrize("kind", EXPECTED)
async def test_a_recording_shows_its_kind(kind: str) -> None:
    expected, history = EXPECTED[kind], stored.history(stored.newest(kind))
    tries = [each.activity_task_started_event_attributes.attempt for each in history.events]

    assert (await fit(history)).ended == expected.ended
    assert did(history) == expected.did
    assert expected.events <= {kind_of(event) for event in history.events}
    assert max(tries, default=0) >= expected.tries


@pytest.mark.parametrize(
    "runner", [RUNNER, SandboxedWorkflowRunner()], ids=["the product's runner", "Temporal's sandbox"]
)
async def test_all_recordings_replay(runner: WorkflowRunner) -> None:
    assert await stored.unfit(runner=runner) == {}


@pytest.mark.parametrize("file", stored.files(), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_recording_is_small_and_says_nothing_of_a_machine(file: Path) -> None:
    assert file.stat().st_size <= MOST_BYTES
    assert set(traces(History(events=stored.history(file).events))) == set()


@pytest.mark.parametrize("file", stored.files(), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_was_asked_of_an_activity_then_can_be_read_by_one_of_today(file: Path) -> None:
    """A step that is tried again after an update has the input that the older worker gave it."""
    for asked in scheduled(stored.history(file)):
        expected = CALLS.get(asked.activity_type.name, StepCall)
        [call] = data_converter.payload_converter.from_payloads(asked.input.payloads, [expected])
        assert isinstance(call, expected)


def test_what_tells_of_the_machine_is_found_in_texts_payloads_and_memos_and_taken_out_where_it_means_nothing() -> None:
    events = History(events=stored.history(stored.newest("failed-at-the-check")).events)
    assert set(traces(events)) == set()
    failure = events.events[-1].workflow_execution_failed_event_attributes.failure
    failure.stack_trace = f'File "{stored.__file__}", line 1'
    failure.cause.stack_trace = failure.stack_trace
    done = events.events[4].workflow_task_completed_event_attributes
    done.worker_version.build_id = "4711"
    assert len(set(traces(events))) == 1
    anonymous(events)
    assert set(traces(events)) == set()
    assert (failure.stack_trace, failure.cause.stack_trace, done.worker_version.build_id) == ("", "", "runmend")

    done.identity = f"123@{socket.gethostname()}"
    assert set(traces(events)) == {f"123@{socket.gethostname()}"}
    done.identity = "runmend"
    started = events.events[0].workflow_execution_started_event_attributes
    started.memo.fields["episodes"].data += f" {socket.gethostname()} ".encode()
    assert set(traces(events)) == {socket.gethostname()}


def test_recordings_are_named_by_version_and_number_and_none_is_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "RECORDED", tmp_path)
    assert stored.next_name("0.1.0") == "0.1.0-1"
    for name in ("0.1.0-1", "0.1.0-9", "0.1.0-10", "0.10.0-1", "0.9.0-3"):
        (tmp_path / name).mkdir()

    assert [path.name for path in stored.recordings()] == ["0.1.0-1", "0.1.0-9", "0.1.0-10", "0.9.0-3", "0.10.0-1"]
    assert [stored.next_name(version) for version in ("0.1.0", "0.9.0", "0.11.0")] == [
        "0.1.0-11",
        "0.9.0-4",
        "0.11.0-1",
    ]


def test_a_recording_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "RECORDED", tmp_path)
    (tmp_path / "0.1.0-1").mkdir()

    with pytest.raises(FileExistsError, match="no recording is overwritten"):
        asyncio.run(record(print, "0.1.0-1"))
