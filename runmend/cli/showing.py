"""`runmend show`: one run in words, or all that is known of it for a script."""

import json
import sys
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.text import Text
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from runmend.cli.listing import find_run
from runmend.cli.surroundings import asking, load_settings, temporal_client
from runmend.progress import Progress, State, progress_of
from runmend.run import REPORT_QUERY, RunResult
from runmend.settings import Settings
from runmend.terminal import console, link, print_report

_QUERY_SECONDS: Final = timedelta(seconds=3)


async def show_run(called: str, *, as_json: bool) -> int:
    """Print a run."""
    settings = load_settings()
    client = await temporal_client()
    workflow_id, run_id = await find_run(client, settings, called)
    with asking():
        progress = await progress_of(client, workflow_id, run_id)
    if not progress.closed and (newer := await _asked(client, progress)):
        progress.result = newer
    if as_json:
        sys.stdout.write(json.dumps(_told(progress, settings, client.namespace), indent=2, ensure_ascii=False) + "\n")
    else:
        print_run(console(), progress, settings, client.namespace)
    return 0


def print_run(out: Console, progress: Progress, settings: Settings, namespace: str) -> None:
    """The report, what the run does right now, and where to read more."""
    print_report(out, progress.result)
    if not progress.closed:
        out.print()
        for phase in progress.phases:
            if phase.state is State.DOING:
                tried = f", try {phase.attempt}" if phase.attempt > 1 else ""
                out.print(Text(f"Now: {phase.name}{tried}" + (f": {phase.says}" if phase.says else "")))
    out.print()
    out.print(Text(f"{progress.workflow_id}@{progress.run_id}: {progress.events} events, {progress.activities} activities"))
    out.print(Text(link(settings.web_ui, namespace, progress.workflow_id, progress.run_id)), soft_wrap=True)


async def _asked(client: Client, progress: Progress) -> RunResult | None:
    """What the run itself says; None where no worker answers, or it has read nothing yet."""
    handle = client.get_workflow_handle(progress.workflow_id, run_id=progress.run_id)
    try:
        found: RunResult | None = await handle.query(REPORT_QUERY, result_type=RunResult, rpc_timeout=_QUERY_SECONDS)
    except (RPCError, WorkflowQueryFailedError):
        return None
    return found


def _told(progress: Progress, settings: Settings, namespace: str) -> dict[str, object]:
    return {
        "workflow_id": progress.workflow_id,
        "run_id": progress.run_id,
        "status": progress.status.name.lower(),
        "web_ui": link(settings.web_ui, namespace, progress.workflow_id, progress.run_id),
        "events": progress.events,
        "activities": progress.activities,
        "phases": [
            {"name": phase.name, "state": phase.state.value, "says": phase.says, "attempt": phase.attempt} for phase in progress.phases
        ],
        "result": progress.result.model_dump(mode="json"),
    }
