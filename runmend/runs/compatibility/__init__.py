"""Whether this code fits a run's history, which Temporal's Replayer replays in this process.

Nothing is connected to, no activity runs, nothing is written.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.workflow import NondeterminismError

from runmend.plan.messages import RunInput
from runmend.runs.compatibility.events import command_in_words, event_in_words, first_difference, kind_of
from runmend.runs.compatibility.exported import NotAHistory, read_history
from runmend.runs.compatibility.watching import HELPERS, Place, Watched, WatchingRunner, in_stack
from runmend.runs.converter import data_converter
from workflows.remediation import Remediation

__all__ = ["Fit", "NotAHistory", "Problem", "fit", "read_history"]

_MESSAGE: Final = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
"""The message in what the core says, which is a tree of Rust values."""
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

    `event` is the first that the code does not match, with what it was; None where the code itself failed. `instead` is
    what the code does, or how it failed; `places` are the lines of ours, from within outwards; `says` is Temporal's own
    message.
    """

    event: str | None
    instead: str
    places: tuple[Place, ...]
    says: str

    @property
    def place(self) -> Place | None:
        """The line of ours that matters: helpers left out."""
        return next((place for place in self.places if place.function not in HELPERS), None)


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether the code fits a history. `ended` is the run's outcome as the history has it, empty where it is open."""

    workflow_id: str
    runbook_id: str
    events: int
    ended: str
    problem: Problem | None = None


async def fit(history: WorkflowHistory, runner: WorkflowRunner | None = None, workflow: type = Remediation) -> Fit:
    """Replay a history with the code of this process.

    Args:
        history: of a run, from its start.
        runner: what the workflow code runs in; None: what a worker runs it in.
        workflow: the code.

    Raises:
        NotAHistory: of another workflow than ours, or its input cannot be read.
    """
    _check_ours(history)
    watching = WatchingRunner(runner or UnsandboxedWorkflowRunner())
    replayer = Replayer(
        workflows=[workflow],
        data_converter=data_converter,
        workflow_runner=watching,
        runtime=Runtime(telemetry=_SILENT),
    )
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    events: Sequence[HistoryEvent] = history.events
    problem = _problem(result.replay_failure, watching.runs[0] if watching.runs else Watched(), events)
    started = events[0].workflow_execution_started_event_attributes
    return Fit(history.workflow_id, started.workflow_type.name, len(events), _ended(events[-1]), problem)


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


def _problem(failure: Exception | None, watched: Watched, events: Sequence[HistoryEvent]) -> Problem | None:
    if failure is None:
        return None
    if watched.failure:
        return Problem(None, watched.failure, in_stack(watched.stack), _message(failure))
    if not isinstance(failure, NondeterminismError):
        return Problem(None, "Temporal cannot replay it", (), _message(failure))
    difference = first_difference(events, watched.commands, watched.void)
    if difference is None:
        return Problem("an event", "something else", watched.places_of(None), _message(failure))
    number = difference.command
    event = event_in_words(difference.event) if difference.event else f"the history's end, event {events[-1].event_id}"
    instead = "nothing more" if number is None else command_in_words(watched.commands[number])
    return Problem(event, instead, watched.places_of(number), _message(failure))


def _message(failure: Exception) -> str:
    found = _MESSAGE.search(str(failure))
    return re.sub(r"\\(.)", r"\1", found[1]) if found else str(failure)


def _ended(last: HistoryEvent) -> str:
    converter = data_converter.payload_converter
    kind = kind_of(last)
    if kind == "workflow_execution_failed":
        return last.workflow_execution_failed_event_attributes.failure.application_failure_info.type or "failed"
    if kind == "workflow_execution_completed":
        result = converter.from_payloads(last.workflow_execution_completed_event_attributes.result.payloads)
        return str(result[0].get("outcome")) if result and isinstance(result[0], dict) else "completed"
    return _ENDED.get(kind, "")
