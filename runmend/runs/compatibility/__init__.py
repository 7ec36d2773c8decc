"""Whether this code fits a run's history, which Temporal's Replayer replays in this process.

Nothing is connected to, no activity runs, nothing is written.
"""

import linecache
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

import workflows
from runmend.plan.messages import RunInput
from runmend.runs.compatibility.events import event_in_words, kind_of
from runmend.runs.compatibility.exported import NotAHistory, read_exported
from runmend.runs.converter import data_converter
from workflows.remediation import Remediation

__all__ = ["Fit", "NotAHistory", "Problem", "fit", "read_exported"]

_MESSAGE: Final = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
"""The message in what the core says, which is a tree of Rust values."""
_FRAME: Final = re.compile(r'File \\"([^"\\]+)\\", line (\d+), in (\w+)')
"""A line of the stack in the same."""
_OURS: Final = Path(workflows.__file__).parent
_ENDED: Final = {
    "workflow_execution_canceled": "cancelled",
    "workflow_execution_terminated": "terminated",
    "workflow_execution_timed_out": "timed out",
}
_SILENT: Final = TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="OFF", other_level="OFF")))
"""The core logs what is told here anyway."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a history does not replay.

    `event` is the first with which it does not, None where the code itself failed: then `place` is the innermost line
    of ours, or empty. `says` is Temporal's own message, or the exception's.
    """

    event: str | None
    says: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether the code fits a history. `ended` is the run's outcome as the history has it, empty where it is open."""

    workflow_id: str
    runbook_id: str
    events: int
    ended: str
    problem: Problem | None = None


async def fit(history: WorkflowHistory, workflow: type = Remediation) -> Fit:
    """Replay a history with the code of this process.

    Args:
        history: of a run, from its start.
        workflow: the code.

    Raises:
        NotAHistory: of another workflow than ours, or its input cannot be read.
    """
    _check_ours(history)
    replayer = Replayer(
        workflows=[workflow],
        data_converter=data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        runtime=Runtime(telemetry=_SILENT),
    )
    events: Sequence[HistoryEvent] = history.events
    failure = await _failure(replayer, history, len(events))
    problem = None
    if isinstance(failure, NondeterminismError):
        problem = Problem(event_in_words(await _first_misfit(replayer, history)), _message(failure))
    elif failure is not None:
        problem = Problem(None, _message(failure), _place(failure))
    started = events[0].workflow_execution_started_event_attributes
    return Fit(history.workflow_id, started.workflow_type.name, len(events), _ended(events[-1]), problem)


async def _failure(replayer: Replayer, history: WorkflowHistory, length: int) -> Exception | None:
    """How the first events of a history fail to replay."""
    begun = WorkflowHistory(history.workflow_id, history.events[:length])
    return (await replayer.replay_workflow(begun, raise_on_replay_failure=False)).replay_failure


async def _first_misfit(replayer: Replayer, history: WorkflowHistory) -> HistoryEvent:
    """The first event up to which a history does not replay, found by halving; Temporal does not always name it."""
    fits, misfits = 1, len(history.events)
    while misfits - fits > 1:
        middle = (fits + misfits) // 2
        if await _failure(replayer, history, middle) is None:
            fits = middle
        else:
            misfits = middle
    found: HistoryEvent = history.events[misfits - 1]
    return found


def _check_ours(history: WorkflowHistory) -> None:
    """Raise unless the history's input is a run's, of whatever version, and there is something to replay."""
    started = history.events[0].workflow_execution_started_event_attributes
    foreign = f"a workflow of type {started.workflow_type.name} ({history.workflow_id}) is not a run of Runmend"
    payloads = started.input.payloads
    if not payloads:
        raise NotAHistory(f"{foreign}: it has no input")
    encoding = payloads[0].metadata.get("encoding", b"").decode(errors="replace")
    if encoding != "json/plain":
        raise NotAHistory(
            f"{foreign}, or its input is encoded ({encoding or 'as nothing known'}); download it as Decoded from "
            "the Web UI"
        )
    converter = data_converter.payload_converter
    try:
        given = converter.from_payload(payloads[0])
    except (RuntimeError, ValueError) as error:
        raise NotAHistory(f"{foreign}: its input cannot be read") from error
    if not isinstance(given, dict) or not set(given) & set(RunInput.model_fields):
        raise NotAHistory(foreign)
    if len(history.events) == 1:
        # The Replayer would wait for ever.
        raise NotAHistory(f"the history of {history.workflow_id} has nothing but its start")


def _message(failure: Exception) -> str:
    found = _MESSAGE.search(str(failure))
    return re.sub(r"\\(.)", r"\1", found[1]) if found else str(failure)


def _place(failure: Exception) -> str:
    """`workflows/remediation.py:226 in _verify: self._note(settled=settled.summary)`, the innermost line of ours."""
    ours = [frame for frame in _FRAME.findall(str(failure)) if Path(frame[0]).is_relative_to(_OURS)]
    if not ours:
        return ""
    file, line, function = ours[-1]
    text = linecache.getline(file, int(line)).strip()
    return f"{Path(file).relative_to(_OURS.parent)}:{line} in {function}: {text}"


def _ended(last: HistoryEvent) -> str:
    converter = data_converter.payload_converter
    kind = kind_of(last)
    if kind == "workflow_execution_failed":
        return last.workflow_execution_failed_event_attributes.failure.application_failure_info.type or "failed"
    if kind == "workflow_execution_completed":
        result = converter.from_payloads(last.workflow_execution_completed_event_attributes.result.payloads)
        return str(result[0].get("outcome")) if result and isinstance(result[0], dict) else "completed"
    return _ENDED.get(kind, "")
