"""`runmend show`: one run in words, or all that is known of it for a script; live, where it is followed."""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.text import Text
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from runmend.alerts.alert import Target
from runmend.cli.context import asking, load_settings, temporal_client
from runmend.cli.listing import cell, find_run
from runmend.core.durations import took
from runmend.core.printable import in_one_line
from runmend.core.settings import Settings
from runmend.plan.messages import REPORT_QUERY, RunResult
from runmend.reports.report import moment
from runmend.runs.terminal import Screen, console, follow, link, print_report, print_verdict
from runmend.runs.timeline import CALL_SECONDS, Progress, State, progress_of
from runmend.runs.visibility import short_run

_UNSTUCK: Final = (
    "It goes on once a worker can do that task; the worker's log says more. `temporal workflow terminate` gives it up, "
    "and lets others have the target."
)
_QUERY_SECONDS: Final = timedelta(seconds=3)


async def show_run(called: str, *, as_json: bool) -> int:
    """Print a run."""
    settings = load_settings()
    client = await temporal_client()
    workflow_id, run_id = await find_run(client, settings, called)
    with asking():
        progress = await progress_of(client, workflow_id, run_id)
        latest = await _latest(client, workflow_id)
    if not progress.closed and (newer := await _asked(client, progress)):
        progress.result = newer
    _print(progress, settings, client.namespace, latest, as_json=as_json)
    return 0


async def follow_run(called: str, *, as_json: bool) -> int:
    """Show a run until it has ended, then print it: 0 where it completed, 1 where it failed.

    What follows it goes to stderr where JSON is asked for, so that stdout has the JSON alone.
    """
    settings = load_settings()
    client = await temporal_client()
    workflow_id, run_id = await find_run(client, settings, called)
    out = console(stderr=as_json)
    with asking():
        progress = await progress_of(client, workflow_id, run_id)
    if not progress.closed:
        try:
            with asking(), Screen(out) as screen:
                progress = await follow(client, workflow_id, progress.run_id, screen)
        except asyncio.CancelledError:
            sys.stderr.write(f"the run goes on; `runmend show {_short(progress, progress.run_id)}` tells how\n")
            raise
        out.print()
    with asking():
        latest = await _latest(client, workflow_id)
    _print(progress, settings, client.namespace, latest, as_json=as_json)
    return 0 if progress.completed else 1


async def follow_started(client: Client, settings: Settings, target: Target, run_id: str) -> int:
    """Follow a run that a command has just started to its end, then print it: 0 where it completed, 1 where it
    failed.
    """
    return 0 if (await follow_to_end(client, settings, target.workflow_id, run_id)).completed else 1


async def follow_to_end(client: Client, settings: Settings, workflow_id: str, run_id: str) -> Progress:
    """Follow a run to its end, and print it."""
    out = console()
    try:
        with asking(), Screen(out) as screen:
            progress = await follow(client, workflow_id, run_id, screen)
    except asyncio.CancelledError:
        target = Target.of(workflow_id)
        called = target.short if target else workflow_id
        sys.stderr.write(f"the run goes on; `runmend show {called}` tells how\n")
        raise
    out.print()
    print_run(out, progress, settings, client.namespace)
    return progress


def print_run(out: Console, progress: Progress, settings: Settings, namespace: str, latest: str = "") -> None:
    """The report, what the run does right now, and where to read more.

    Args:
        out: where to.
        progress: the run.
        settings: the installation's.
        namespace: Temporal's.
        latest: the run id of the target's latest run; empty: not known.
    """
    print_report(out, progress.result, advise=latest in ("", progress.run_id))
    if not progress.closed:
        out.print()
        if progress.problem:
            out.print(Text(f"Stuck: {cell(progress.problem)}"), soft_wrap=True)
            out.print(Text(_UNSTUCK), soft_wrap=True)
        elif not progress.activities:
            out.print(Text("Now: it waits for a worker"))
        for phase in progress.phases:
            if phase.state is State.DOING:
                tried = f", try {phase.attempt}" if phase.attempt > 1 else ""
                out.print(Text(f"Now: {phase.name}{tried}" + (f": {phase.says}" if phase.says else "")))
    out.print()
    for line in _kin(progress, latest):
        out.print(Text(line), soft_wrap=True)
    lasted = f"took {took(progress.seconds)}" if progress.closed else f"for {took(progress.seconds)} now"
    counts = f"{progress.events} events, {progress.activities} activities, {lasted}"
    out.print(Text(in_one_line(f"{progress.workflow_id}@{progress.run_id}: {counts}")))
    out.print(Text(link(settings.web_ui, namespace, progress.workflow_id, progress.run_id)), soft_wrap=True)
    print_verdict(out, progress.result)


def _kin(progress: Progress, latest: str) -> Iterator[str]:
    """What the run has to do with others of its target."""
    if progress.resumes:
        when = moment(progress.started)
        goes_on = f", at {progress.resumed_at}" if progress.resumed_at else ""
        yield (
            f"This run resumes {_short(progress, progress.resumes)} since {when}{goes_on}; what that one had done "
            "before is kept."
        )
    elif progress.replays:
        yield f"This run does {_short(progress, progress.replays)} again, as a new run with the same alerts."
    if progress.resumed_as:
        yield f"This run was resumed as {_short(progress, progress.resumed_as)}."
    if latest not in ("", progress.run_id, progress.resumed_as):
        yield f"The target's latest run is {_short(progress, latest)}."


def _short(progress: Progress, run_id: str) -> str:
    """What `runmend show` takes for a run of the same target."""
    target = progress.result.target
    return f"{target.short}@{short_run(run_id)}"


def _print(progress: Progress, settings: Settings, namespace: str, latest: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(
            json.dumps(_as_json(progress, settings, namespace, latest), indent=2, ensure_ascii=False) + "\n"
        )
    else:
        print_run(console(), progress, settings, namespace, latest)


async def _latest(client: Client, workflow_id: str) -> str:
    """The run id of a target's latest run; empty where all have gone meanwhile."""
    try:
        return (await client.get_workflow_handle(workflow_id).describe(rpc_timeout=CALL_SECONDS)).run_id
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return ""
        raise


async def _asked(client: Client, progress: Progress) -> RunResult | None:
    """What the run itself says; None where no worker answers, or it has read nothing yet."""
    handle = client.get_workflow_handle(progress.workflow_id, run_id=progress.run_id)
    try:
        found: RunResult | None = await handle.query(REPORT_QUERY, result_type=RunResult, rpc_timeout=_QUERY_SECONDS)
    except (RPCError, WorkflowQueryFailedError):
        return None
    return found


def _as_json(progress: Progress, settings: Settings, namespace: str, latest: str) -> dict[str, object]:
    return {
        "workflow_id": progress.workflow_id,
        "run_id": progress.run_id,
        "status": progress.status.name.lower(),
        "web_ui": link(settings.web_ui, namespace, progress.workflow_id, progress.run_id),
        "started": progress.started.isoformat(),
        "ended": progress.closed_at.isoformat() if progress.closed_at else None,
        "seconds": round(progress.seconds, 3),
        "resumes": progress.resumes or None,
        "resumed_as": progress.resumed_as or None,
        "replays": progress.replays or None,
        "latest": latest or None,
        "problem": progress.problem or None,
        "events": progress.events,
        "activities": progress.activities,
        "phases": [
            {
                "name": phase.name,
                "state": phase.state.value,
                "says": phase.says,
                "attempt": phase.attempt,
                "kept": phase.kept,
            }
            for phase in progress.phases
        ],
        "result": progress.result.model_dump(mode="json"),
    }
