"""Watches workflow code while it is replayed: which commands it gives, and from which of our lines.

Temporal says which command does not fit, and not where in the code it comes from. So the runner is wrapped, each
activation's commands are kept, and meanwhile Python's profiler tells each call that our code makes of Temporal's.
"""

import inspect
import linecache
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

import workflows
from runmend.runs.compatibility.events import ENDS, command_kind

OURS: Final = str(Path(workflows.__file__).parent)
HELPERS: Final = frozenset({"_do"})
"""Functions of ours through which others give their commands: the line of interest is the caller's."""
_COMMAND_OF: Final = {
    "execute_activity": "schedule_activity",
    "start_activity": "schedule_activity",
    "sleep": "start_timer",
    "wait_condition": "start_timer",
    "upsert_search_attributes": "upsert_workflow_search_attributes",
    "upsert_memo": "modify_workflow_properties",
    "patched": "set_patch_marker",
    "deprecate_patch": "set_patch_marker",
}
"""What a function of `temporalio.workflow`, or `asyncio.sleep`, has the SDK do."""
_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')


@dataclass(frozen=True, slots=True)
class Place:
    """A line of ours, and what it says."""

    line: str
    function: str
    text: str

    def __str__(self) -> str:
        return f"{self.line} in {self.function}"


@dataclass(slots=True)
class Watched:
    """What a replay has shown.

    Commands, calls as (the kind of command, the places from within outwards), and how a task failed.
    """

    commands: list[WorkflowCommand] = field(default_factory=list)
    void: set[int] = field(default_factory=set)
    """The numbers of commands that were taken back at once: timers that were cancelled before their task was over."""
    calls: list[tuple[str, tuple[Place, ...]]] = field(default_factory=list)
    left: tuple[Place, ...] = ()
    """Where functions of ours were left last, one out of the other."""
    failure: str = ""
    stack: str = ""

    def take(self, completion: WorkflowActivationCompletion) -> None:
        """Keep what an activation has given."""
        given = completion.successful.commands
        begun = {
            command.start_timer.seq: number
            for number, command in enumerate(given, len(self.commands))
            if _is(command, "start_timer")
        }
        self.void |= {
            begun[one.cancel_timer.seq] for one in given if _is(one, "cancel_timer") and one.cancel_timer.seq in begun
        }
        self.commands.extend(given)
        if completion.HasField("failed") and not self.failure:
            self.failure, self.stack = completion.failed.failure.message, completion.failed.failure.stack_trace

    def places_of(self, number: int | None) -> tuple[Place, ...]:
        """Where a command comes from, from within outwards; None: where the code is."""
        if number is None:
            return self.calls[-1][1] if self.calls else ()
        kind = command_kind(self.commands[number])
        if kind in ENDS:
            return in_stack(self.commands[number].fail_workflow_execution.failure.stack_trace) or self.left
        before = sum(command_kind(command) == kind for command in self.commands[:number])
        of_kind = [places for called, places in self.calls if called == kind]
        return of_kind[before] if before < len(of_kind) else ()


class WatchingRunner(WorkflowRunner):
    """Runs workflow code in another runner, and watches it."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner
        self.runs: list[Watched] = []

    def prepare_workflow(self, defn: Any) -> None:  # noqa: ANN401  the SDK's own class is private
        """Prepare, as the other runner does."""
        self._runner.prepare_workflow(defn)

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """Pass it on."""
        self._runner.set_worker_level_failure_exception_types(types)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance of the other runner's, watched."""
        self.runs.append(Watched())
        return _WatchedInstance(self._runner.create_instance(det), self.runs[-1])


class _WatchedInstance(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance, watched: Watched) -> None:
        self._instance = instance
        self._watched = watched

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        before = sys.getprofile()
        sys.setprofile(_Profile(self._watched))
        try:
            completion = self._instance.activate(act)
        finally:
            sys.setprofile(before)
        self._watched.take(completion)
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:  # noqa: ANN401  the SDK's own classes are private
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:  # noqa: ANN401  as above
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Any:  # noqa: ANN401  as above
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


class _Profile:
    """Called by Python at each call and return in the thread of an activation."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._outer: tuple[FrameType | None, int] = (None, 0)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "return" and _is_ours(frame) and code.co_flags & inspect.CO_COROUTINE:
            within = self._watched.left if (frame, frame.f_lineno) == self._outer else ()
            self._watched.left = (*within, _place(frame))
            self._outer = (frame.f_back, frame.f_back.f_lineno if frame.f_back else 0)
        if event != "call" or frame.f_back is None or not _is_ours(frame.f_back):
            return
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith("temporalio.workflow") and module != "asyncio.tasks":
            return
        # A coroutine is "called" again each time that it goes on; it stands at its first line only when it begins.
        if frame.f_lineno != code.co_firstlineno:
            return
        kind = _COMMAND_OF.get(code.co_name)
        if code.co_name == "wait_condition" and frame.f_locals.get("timeout") is None:
            kind = ""
        if kind is not None:
            self._watched.calls.append((kind, _places(frame.f_back)))


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(OURS)


def _places(frame: FrameType | None) -> tuple[Place, ...]:
    found = []
    while frame is not None:
        if _is_ours(frame):
            found.append(_place(frame))
        frame = frame.f_back
    return tuple(found)


def _is(command: WorkflowCommand, kind: str) -> bool:
    return command_kind(command) == kind


def in_stack(stack: str) -> tuple[Place, ...]:
    """The lines of ours in a stack trace, from within outwards."""
    found = [(file, int(line), function) for file, line, function in _FRAME.findall(stack) if file.startswith(OURS)]
    return tuple(_line(*each) for each in reversed(found))


def _place(frame: FrameType) -> Place:
    return _line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _line(file: str, line: int, function: str) -> Place:
    """A line of ours, its file named from the folder that holds the package."""
    return Place(f"{Path(file).relative_to(Path(OURS).parent)}:{line}", function, linecache.getline(file, line).strip())
