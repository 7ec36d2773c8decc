"""`runmend replay --local FILE|RUN`: whether this Runmend's code fits a history, tried in this process.

Nothing is touched.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from rich.text import Text
from temporalio.client import WorkflowHistory

from runmend.cli.context import NotFoundHere, asking, load_settings, temporal_client
from runmend.cli.listing import find_run
from runmend.core.markdown import one_line
from runmend.runs.compatibility import Problem, fit, read_exported
from runmend.runs.terminal import console
from runmend.runs.timeline import CALL_SECONDS

_WHAT_TO_DO: Final = "docs/changing-workflows.md says how to change the workflow under open runs"


async def replay_locally(called: str) -> int:
    """Replay a history and say how it went; exit code 1 where it does not replay.

    Args:
        called: a file that was exported, else a run as `find_run` understands it.

    Raises:
        RunmendError: there is no such file or run, it is not a history of a run, or Temporal does not answer.
    """
    history = _of_file(Path(called)) or await _of_run(called)
    with _silence():
        found = await fit(history)
    out = console()
    ended = f"ended {found.ended}" if found.ended else "still open"
    about = one_line(f"{found.workflow_id}, {found.runbook_id}: {found.events} events, {ended}")
    if found.problem is None:
        far = "" if found.ended else " as far as it goes"
        out.print(
            Text(f"replays{far}: {about}; the code of this Runmend ({_version()}) fits this history"), soft_wrap=True
        )
        return 0
    out.print(Text(f"does not replay: {about}"), soft_wrap=True)
    for line in _explained(found.problem):
        out.print(Text(f"  {one_line(line)}"), soft_wrap=True)
    return 1


@contextmanager
def _silence() -> Iterator[None]:
    """What the SDK logs of a failed task is told here, in fewer words."""
    sdk = logging.getLogger("temporalio")
    level = sdk.level
    sdk.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        sdk.setLevel(level)


def _of_file(path: Path) -> WorkflowHistory | None:
    """The history in a file; None where there is no such file, and what was called does not look like one."""
    if path.is_file():
        return read_exported(path)
    if path.is_dir():
        raise NotFoundHere(f"{path} is a folder; name one file")
    if path.suffix == ".json":
        raise NotFoundHere(f"there is no file {path}")
    return None


async def _of_run(called: str) -> WorkflowHistory:
    client = await temporal_client()
    workflow_id, run_id = await find_run(client, load_settings(), called)
    with asking():
        return await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history(rpc_timeout=CALL_SECONDS)


def _explained(problem: Problem) -> list[str]:
    """What does not fit, in Temporal's own words, and what to do; or how the code fails, and where."""
    if problem.event is not None:
        return [f"it replays up to, and not with, {problem.event}", f"Temporal says: {problem.says}", _WHAT_TO_DO]
    if problem.place:
        return [f"the code itself fails, which is a fault and no change: {problem.says}", f"at {problem.place}"]
    return [f"Temporal cannot replay it: {problem.says}"]


def _version() -> str:
    try:
        return version("runmend")
    except PackageNotFoundError:
        return "not installed"
