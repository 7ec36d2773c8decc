"""Where the recorded histories are: `recorded/RECORDING/KIND.json`, each a file as the `temporal` command exports
it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from google.protobuf.json_format import MessageToDict
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner

from runmend.runs.converter import data_converter
from runmend.worker.assembly import RUNNER
from workflows.remediation import Remediation

RECORDED: Final = Path(__file__).parent / "recorded"


def recordings() -> list[Path]:
    """The folders of all recordings, the oldest first: `0.1.0-1`, `0.1.0-2`, `0.2.0-1`, …"""
    return sorted((path for path in RECORDED.iterdir() if path.is_dir()), key=lambda path: _order(path.name))


def files() -> list[Path]:
    """The recorded histories of all recordings."""
    return [file for recording in recordings() for file in sorted(recording.glob("*.json"))]


def newest(kind: str) -> Path:
    """The latest recording of a kind of run."""
    return next(file for recording in reversed(recordings()) if (file := recording / f"{kind}.json").exists())


def next_name(version: str) -> str:
    """What a new recording of this version is called: no name is used twice."""
    numbers = [
        number
        for recording in recordings()
        for of, number in [_order(recording.name)]
        if of == _order(f"{version}-1")[0]
    ]
    return f"{version}-{max(numbers, default=0) + 1}"


def history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


async def unfit(workflow: type = Remediation, runner: WorkflowRunner | None = None) -> dict[str, str]:
    """The recordings that the code does not replay, and what Temporal says of each."""
    replayer = Replayer(workflows=[workflow], data_converter=data_converter, workflow_runner=runner or RUNNER)

    async def recorded() -> AsyncIterator[WorkflowHistory]:
        for file in files():
            yield WorkflowHistory(str(file.relative_to(RECORDED)), history(file).events)

    async with replayer.workflow_replay_iterator(recorded()) as results:
        return {each.history.workflow_id: str(each.replay_failure) async for each in results if each.replay_failure}


def written(events: History) -> str:
    """A history as a file, an event on each line."""
    lines = [
        json.dumps(event, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        for event in MessageToDict(events)["events"]
    ]
    return '{"events":[\n' + ",\n".join(lines) + "\n]}\n"


def _order(name: str) -> tuple[tuple[int, ...], int]:
    version, _, number = name.rpartition("-")
    return tuple(int(part) for part in version.split(".")), int(number)
