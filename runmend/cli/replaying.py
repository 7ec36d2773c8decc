"""`runmend replay`: a run is resumed where it failed, or done again; one, or all that failed together."""

import asyncio
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import typer
from temporalio.client import Client

from runmend.cli.context import NotFoundHere, asking, counted, load_settings, temporal_client
from runmend.cli.listing import find_run
from runmend.cli.running import find_plan
from runmend.cli.showing import follow_started
from runmend.core.errors import RunmendError
from runmend.core.printable import in_one_line
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.plan.plan import Plan
from runmend.reports.report import moment
from runmend.runs.replaying.again import refuse_unless_signed, refuse_without_labels, start_again
from runmend.runs.replaying.batch import Candidate, candidates, resume_all
from runmend.runs.replaying.difference import difference, does_the_same
from runmend.runs.replaying.points import NotReplayed, Point, where_named, where_to_resume
from runmend.runs.replaying.reading import Past, read_past, refuse_unless_good, refuse_unless_latest
from runmend.runs.replaying.rehearsal import Rehearsal, rehearse_again, rehearse_resume
from runmend.runs.replaying.resuming import resume
from runmend.runs.signing import keys_of
from runmend.runs.terminal import link
from runmend.runs.visibility import Wanted

_APART: Final = (
    *(("--failed", other) for other in ("RUN", "--from", "--again", "--latest", "--wait", "--local")),
    *(("--local", other) for other in ("--from", "--again", "--latest", "--wait", "--dry-run", "--yes")),
    *(("--from", other) for other in ("--again", "--latest")),
    ("--dry-run", "--wait"),
)
_BELONGS: Final = {
    "--runbook": "--failed",
    "--target": "--failed",
    "--since": "--failed",
    "--at-once": "--failed",
    "--runbooks": "--latest",
}


@dataclass(frozen=True, slots=True)
class How:
    """What was asked for. `step` is where to resume, empty: where it failed."""

    step: str = ""
    again: bool = False
    latest: bool = False
    dry_run: bool = False
    yes: bool = False
    wait: bool = False


def check_together(given: Collection[str]) -> None:
    """Check which options were given.

    Raises:
        ValueError: some do not go together, or something is missing.
    """
    for one, other in _APART:
        if one in given and other in given:
            raise ValueError(f"{one} and {other} do not go together")
    for name, to in _BELONGS.items():
        if name in given and to not in given:
            raise ValueError(f"{name} belongs to {to}")
    if "RUN" not in given and "--failed" not in given:
        raise ValueError("name a RUN, or say --failed for all that failed lately")


async def replay_run(called: str, how: How, *, runbooks: Path | None) -> int:
    """Resume a run, or do it again; with `wait`, follow it to its end: 0 where it completed, 1 where it failed."""
    settings = load_settings(runbooks=runbooks)
    client = await temporal_client()
    past = await _past(client, settings, called)
    if how.again or how.latest:
        return await _again(client, settings, past, how)
    refuse_unless_good(past, keys_of(settings))
    with asking():
        await refuse_unless_latest(client, past)
    point = where_named(past.history, how.step) if how.step else where_to_resume(past.history)
    if how.dry_run:
        sys.stdout.write(f"would resume {past.name} at {point.words}\n")
        return await _rehearsed(settings, lambda cluster: rehearse_resume(cluster, settings, past, point))
    with asking():
        run_id = await resume(client, past, point)
    sys.stderr.write(f"resumed {past.given.target} at {point.words}\n")
    return await _report_started(client, settings, past, run_id, wait=how.wait)


async def replay_failed(how: How, wanted: Wanted, *, since: datetime, at_once: int) -> int:
    """Resume the wanted runs that ended since then, a few at a time; 0 where all of them completed."""
    settings = load_settings()
    client = await temporal_client()
    with asking():
        found = await candidates(client, settings, wanted, since)
    chosen = [each for each in found if each.past and each.point]
    for each in found:
        sys.stdout.write(f"{in_one_line(_listed(each))}\n")
    if not chosen:
        whose = f" of {wanted.runbook}" if wanted.runbook else " that fits" if wanted.target or wanted.namespace else ""
        none = f"no run{whose} failed" if not found else f"none of the {len(found)} runs that failed is to be resumed"
        sys.stderr.write(f"{none} since {moment(since)}\n")
        return 0
    if how.dry_run:
        return await _rehearsed_all(settings, chosen)
    _confirm(f"resume {counted(len(chosen), 'run')}, at most {at_once} at once?", how)
    try:
        tally = await resume_all(client, chosen, at_once, _print_line)
    except asyncio.CancelledError:
        sys.stderr.write("what was resumed goes on; the same command resumes the rest, and none twice\n")
        raise
    sys.stdout.write(f"{counted(len(chosen), 'failed run')}: {tally.words}\n")
    return 0 if tally.all_completed else 1


async def _past(client: Client, settings: Settings, called: str) -> Past:
    try:
        workflow_id, run_id = await find_run(client, settings, called, exact=True)
    except NotFoundHere as error:
        raise NotFoundHere(f"{error} (a closed run is kept for the retention of Temporal's namespace)") from error
    with asking():
        return await read_past(client, settings, workflow_id, run_id)


async def _again(client: Client, settings: Settings, past: Past, how: How) -> int:
    plan = find_plan(past.runbook_id, settings.runbooks) if how.latest else past.given.plan
    refuse_without_labels(past, plan)
    refuse_unless_signed(past, plan, keys_of(settings))
    told = _difference(past.given.plan, plan) if how.latest else ""
    if how.dry_run:
        sys.stdout.write(
            f"would start {plan.runbook_id} for {past.given.target} with {counted(len(past.alerts), 'alert')}\n"
        )
        return await _rehearsed(settings, lambda cluster: rehearse_again(cluster, settings, past, plan))
    if told:
        _confirm(f"start {plan.runbook_id} for {past.given.target} with the runbook as it is now?", how)
    with asking():
        run_id = await start_again(client, settings, past, plan)
    sys.stderr.write(f"started {plan.runbook_id} for {past.given.target} with {counted(len(past.alerts), 'alert')}\n")
    return await _report_started(client, settings, past, run_id, wait=how.wait)


def _difference(before: Plan, after: Plan) -> str:
    """Show how the runbook has changed since; empty where it has not."""
    told = difference(before, after)
    if not told:
        sys.stderr.write(f"the runbook has not changed: {after.file}, sha256 {after.sha256}\n")
        return ""
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()
    if does_the_same(before, after):
        sys.stderr.write("what it does has not changed\n")
    return told


def _confirm(question: str, how: How) -> None:
    """Ask a person.

    Raises:
        NotReplayed: there is nobody to ask, or the answer is no.
    """
    if how.yes:
        return
    if not sys.stdin.isatty():
        raise NotReplayed(
            "nobody can be asked, because the input is not a terminal; nothing was started; --yes answers for you"
        )
    # The event loop's handler would only note a Ctrl-C, and the question would go on waiting.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        agreed = typer.confirm(question, err=True)
    finally:
        signal.signal(signal.SIGINT, before)
    if not agreed:
        raise NotReplayed("nothing was started")


async def _rehearsed(settings: Settings, rehearse: Callable[[Cluster], Rehearsal]) -> int:
    """Print what would be done now; 1 where the run would not complete as things are."""
    cluster = Cluster.connect(context=settings.kube_context)
    try:
        rehearsal = await asyncio.to_thread(rehearse, cluster)
    finally:
        cluster.close()
    sys.stdout.writelines(f"  {in_one_line(line)}\n" for line in rehearsal.lines)
    return int(rehearsal.fails)


async def _rehearsed_all(settings: Settings, chosen: list[Candidate]) -> int:
    failing = 0
    for each in chosen:
        past, point = each.past, each.point
        if past and point:
            sys.stdout.write(f"{in_one_line(past.name)}:\n")
            try:
                failing += await _rehearsed(settings, _resuming(settings, past, point))
            except RunmendError as error:
                said = in_one_line(str(error))
                sys.stdout.write(f"  cannot be told: {type(error).__name__}: {said}\n")
                failing += 1
    return int(failing > 0)


def _resuming(settings: Settings, past: Past, point: Point) -> Callable[[Cluster], Rehearsal]:
    return lambda cluster: rehearse_resume(cluster, settings, past, point)


def _print_line(line: str) -> None:
    """Progress, as it comes."""
    sys.stdout.write(f"{in_one_line(line)}\n")
    sys.stdout.flush()


def _listed(each: Candidate) -> str:
    what = f"{each.row.called}  {each.row.outcome}"
    return f"{what}: would be resumed at {each.point.step}" if each.point else f"{what}: not resumed: {each.why_not}"


async def _report_started(client: Client, settings: Settings, past: Past, run_id: str, *, wait: bool) -> int:
    if wait:
        return await follow_started(client, settings, past.given.target, run_id)
    sys.stdout.write(f"{in_one_line(past.workflow_id)}@{run_id}\n")
    sys.stderr.write(f"{link(settings.web_ui, client.namespace, past.workflow_id, run_id)}\n")
    return 0
