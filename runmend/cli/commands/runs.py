"""The commands about runs: what they take and explain."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from runmend.cli.commands.options import OUTPUT, RUNBOOKS, Format, finish, wanted_runs

_OUTCOME: Final = "Only runs that ended so, or are running; repeat it. A wrong one is answered with the list of them."
_RUNBOOK_ID: Final = "Only runs of this runbook, by its runbook_id."
_TARGET: Final = "Only runs on this target: shop/web, or a part of its name without a slash."
_NAMESPACE: Final = "Only runs whose target is in this namespace."
_FROM: Final = "Resume there: observe, an action's id or its number, or settle; it must have begun in that run."
_SINCE: Final = "Only runs started since: 1h, 90m, 2d ago, or 2026-11-23T04:00."


class RunMode(StrEnum):
    """What a run may do by itself."""

    AUTO = "auto"
    RECOMMEND = "recommend"


def start(
    runbook: Annotated[str, typer.Argument(help="A runbook_id of the directory, or a runbook's file.")],
    target: Annotated[
        str, typer.Argument(metavar="[TARGET]", help="What to fix, as `show` names it: shop/web. Or labels say.")
    ] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="NAME=VALUE", help="A label of the alert; repeat it.")
    ] = None,
    mode: Annotated[
        RunMode | None, typer.Option(help="What the run may do; the strictest of it, runbook and installation wins.")
    ] = None,
    runbooks: Annotated[Path | None, typer.Option(help=RUNBOOKS)] = None,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the run to its end; exit code 0 only where it completes.")
    ] = False,
) -> int:
    """Start a runbook for a target as an alert would: `runmend run RB_IMAGEPULL shop/web`, or by the labels of a
    workload or a pod, `-l namespace=shop -l deployment=web`.

    Where a run of it is open for the target already, that one is joined.
    """
    from runmend.cli.running import Asked, labels_of, run_runbook
    from runmend.cli.targets import named_target
    from runmend.core.modes import Mode

    try:
        labels = labels_of(label or [])
        named = named_target(target, labels)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    asked = Asked(named, labels, Mode(mode.value) if mode else None, wait)
    return finish(run_runbook(runbook, asked, runbooks=runbooks))


def list_runs(  # noqa: PLR0913  the options of a command
    outcome: Annotated[list[str] | None, typer.Option(metavar="OUTCOME", help=_OUTCOME)] = None,
    runbook: Annotated[str | None, typer.Option(help=_RUNBOOK_ID)] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help=_TARGET)] = None,
    namespace: Annotated[str | None, typer.Option(help=_NAMESPACE)] = None,
    since: Annotated[str, typer.Option(help=_SINCE)] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many at most.")] = 20,
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only runs that failed; the same as --outcome failed.")
    ] = False,
) -> int:
    """List runs, the newest first: outcome, target, runbook, why, when, how long, and what `show` takes."""
    from runmend.cli.listing import show_list

    wanted = wanted_runs([*(outcome or []), *(["failed"] if failed else [])], runbook, target, namespace, since)
    return finish(show_list(wanted, limit=limit, as_json=output is Format.JSON))


def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="shop/web, or what `list` prints; an older run with @ and its run id.")
    ],
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
    *,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow it to its end, as `run --wait` does.")
    ] = False,
) -> int:
    """Tell a run in words: target, diagnosis, steps with before and after, criteria with evidence, outcome, link."""
    from runmend.cli.showing import follow_run, show_run

    as_json = output is Format.JSON
    return finish(follow_run(run, as_json=as_json) if following else show_run(run, as_json=as_json))


def cancel(
    run: Annotated[str, typer.Argument(metavar="RUN", help="As `show` takes it, with the target's whole name.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the run's history, and its report says it.")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end, and print its report.")] = False,
) -> int:
    """End an open run. A write that has begun is waited for; what was changed stays, and the report says how to
    restore it.
    """
    from runmend.cli.cancelling import LONGEST_REASON, cancel_run

    why = " ".join(reason.split())
    if not why or len(why) > LONGEST_REASON:
        raise typer.BadParameter(f"--reason is {'empty' if not why else f'longer than {LONGEST_REASON} characters'}")
    return finish(cancel_run(run, why, wait=wait))


def stats(
    runbook: Annotated[str | None, typer.Option(help=_RUNBOOK_ID)] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help=_TARGET)] = None,
    namespace: Annotated[str | None, typer.Option(help=_NAMESPACE)] = None,
    since: Annotated[str, typer.Option(help=_SINCE)] = "",
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
) -> int:
    """Count runs by runbook and by target: how they ended, why they failed, the median time to fix, repeat
    offenders.
    """
    from runmend.cli.statistics import show_stats

    return finish(show_stats(wanted_runs([], runbook, target, namespace, since), as_json=output is Format.JSON))


def replay(  # noqa: PLR0913  the options of a command
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="As `show` takes it; with --local also a file. None with --failed.")
    ] = "",
    step: Annotated[str, typer.Option("--from", metavar="STEP", help=_FROM)] = "",
    runbook: Annotated[str | None, typer.Option(help=f"With --failed: {_RUNBOOK_ID}")] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help=f"With --failed: {_TARGET}")] = None,
    since: Annotated[str, typer.Option(help="With --failed: only runs that ended since; 1h by default.")] = "",
    at_once: Annotated[
        int | None, typer.Option(min=1, max=100, help="With --failed: how many run at once; 5 by default.")
    ] = None,
    runbooks: Annotated[Path | None, typer.Option(help=f"With --latest: {RUNBOOKS}")] = None,
    *,
    again: Annotated[bool, typer.Option("--again", help="Start a new run with the same plan and alerts.")] = False,
    latest: Annotated[
        bool, typer.Option("--latest", help="Start a new run with the runbook as it is now; shows what changed.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Resume all runs that failed lately, a few at a time.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Only replay the history, in this process; touches nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done now; change and start nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the new run to its end; exit code 0 only where it completes.")
    ] = False,
) -> int:
    """Resume a failed run where it failed, keeping what was done before.

    Or start it anew, or resume all that failed in an outage.
    """
    from runmend.cli.replaying import How, check_together, replay_failed, replay_run
    from runmend.core.durations import parse_since

    flags = {
        "--again": again,
        "--latest": latest,
        "--failed": failed,
        "--local": local,
        "--dry-run": dry_run,
        "--yes": yes,
    }
    values = {
        "RUN": run,
        "--from": step,
        "--runbook": runbook,
        "--target": target,
        "--since": since,
        "--at-once": at_once,
    }
    given = flags | values | {"--wait": wait, "--runbooks": runbooks}
    try:
        check_together(
            [name for name, value in given.items() if value or (value == "" and name in ("--runbook", "--target"))]
        )
        moment = parse_since(since or "1h", datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if local:
        from runmend.cli.replaying_locally import replay_locally

        return finish(replay_locally(run))
    how = How(step=step, again=again, latest=latest, dry_run=dry_run, yes=yes, wait=wait)
    if failed:
        return finish(
            replay_failed(how, wanted_runs(["failed"], runbook, target, None, ""), since=moment, at_once=at_once or 5)
        )
    return finish(replay_run(run, how, runbooks=runbooks))
