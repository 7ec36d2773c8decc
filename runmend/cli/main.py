"""The `runmend` command: what it takes and explains.

What a command does is imported when it is called, so that --help is quick.
"""

import asyncio
import codecs
import os
import re
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException

from runmend.cli.output import printable_stream
from runmend.core.errors import RunmendError

if TYPE_CHECKING:
    from runmend.runs.visibility import Wanted

USAGE: Final = 2
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
"""As a shell reports a process that SIGPIPE ended."""
_HINTS: Final = {
    "NoTemporal": "start one with `runmend dev`, or set TEMPORAL_ADDRESS",
    "NotConfigured": "set KUBECONFIG, or start an embedded cluster with `runmend sandbox`",
    "Unreachable": "is KUBECONFIG right?",
    "UnreadableDirectory": "name the directory with --runbooks or RUNMEND_RUNBOOKS",
    "Forbidden": "this kubeconfig's user lacks a permission",
}
# What Temporal's client and worker say of a refused connection is a tree of Rust values.
_TONIC: Final = re.compile(r'(?:Failed client connect: |Status \{).*message: "([^"]*)".*', re.DOTALL)

app = typer.Typer(
    name="runmend",
    help="Durable remediation: Markdown runbooks compile into Temporal workflows that fix Kubernetes alerts and "
    "prove that the fix held.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How something is printed."""

    TEXT = "text"
    JSON = "json"


class RunMode(StrEnum):
    """What a run may do by itself."""

    AUTO = "auto"
    RECOMMEND = "recommend"


class Scenario(StrEnum):
    """What is broken in the demo."""

    BAD_IMAGE = "bad-image"
    BAD_ROLLOUT = "bad-rollout"
    CRASH_LOOP = "crash-loop"
    BAD_PROGRAM = "bad-program"
    OUT_OF_MEMORY = "out-of-memory"


class Trouble(StrEnum):
    """What `runmend break` makes."""

    BAD_IMAGE = "bad-image"
    BAD_ROLLOUT = "bad-rollout"
    BAD_CREDENTIALS = "bad-credentials"
    REGISTRY_DOWN = "registry-down"
    CRASH_LOOP = "crash-loop"
    BAD_PROGRAM = "bad-program"
    OUT_OF_MEMORY = "out-of-memory"
    NOT_READY = "not-ready"


_RUNBOOKS: Final = "The directory of runbooks, instead of RUNMEND_RUNBOOKS."
_ONLY_OF: Final = "Only what the runbooks of this directory need. Without it: what any runbook can need."
_EXPLAIN = "Say for a reader what it reads, what it may change and when, and how success is judged."
_OUTPUT: Final = "text, or json for a script."
_OUTCOME: Final = "Only runs that ended so, or are running; repeat it. A wrong one is answered with the list of them."
_RUNBOOK_ID: Final = "Only runs of this runbook, by its runbook_id."
_TARGET: Final = "Only runs on this target: shop/web, or a part of its name without a slash."
_NAMESPACE: Final = "Only runs whose target is in this namespace."
_FROM: Final = "Resume there: observe, an action's id or its number, or settle; it must have begun in that run."
_SINCE: Final = "Only runs started since: 1h, 90m, 2d ago, or 2026-11-23T04:00."


@app.callback(invoke_without_command=True)
def _runmend(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False
) -> None:
    if show_version:
        sys.stdout.write(f"runmend {_version()}\n")
        raise typer.Exit


@app.command("lint", rich_help_panel="Runbooks")
def _lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Runbooks or directories; none: RUNMEND_RUNBOOKS.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
) -> int:
    """Say what is wrong with runbooks, each with its file, line and remedy. Exit code 1 where one does not compile."""
    from runmend.cli.runbooks import lint_runbooks

    return lint_runbooks(paths or [], as_json=output is Format.JSON, strict=strict)


@app.command("compile", rich_help_panel="Runbooks")
def _compile(
    file: Annotated[Path, typer.Argument(help="The runbook.")],
    *,
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
    explain: Annotated[bool, typer.Option("--explain", help=_EXPLAIN)] = False,
) -> int:
    """Show what a runbook compiles to: the plan that a run would interpret. The same file gives the same bytes."""
    from runmend.cli.runbooks import compile_one

    return compile_one(file, as_json=output is Format.JSON, explained=explain)


@app.command("facts", rich_help_panel="Runbooks")
def _facts(
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
) -> int:
    """List what an expression may name: groups, functions, states, and the facts of each kind of object."""
    from runmend.cli.language import print_facts

    return print_facts(as_json=output is Format.JSON)


@app.command("verbs", rich_help_panel="Runbooks")
def _verbs(
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
) -> int:
    """List the verbs: kinds of objects, flags, whether what they change can be undone, and their rights."""
    from runmend.cli.language import print_verbs

    return print_verbs(as_json=output is Format.JSON)


@app.command("sentences", rich_help_panel="Runbooks")
def _sentences(
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
) -> int:
    """List the sentences that a criterion may be, each with the expression that it stands for."""
    from runmend.cli.language import print_sentences

    return print_sentences(as_json=output is Format.JSON)


@app.command("run", rich_help_panel="Runs")
def _run(
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
    runbooks: Annotated[Path | None, typer.Option(help=_RUNBOOKS)] = None,
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
    return _finish(run_runbook(runbook, asked, runbooks=runbooks))


@app.command("list", rich_help_panel="Runs")
def _list(  # noqa: PLR0913  the options of a command
    outcome: Annotated[list[str] | None, typer.Option(metavar="OUTCOME", help=_OUTCOME)] = None,
    runbook: Annotated[str | None, typer.Option(help=_RUNBOOK_ID)] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help=_TARGET)] = None,
    namespace: Annotated[str | None, typer.Option(help=_NAMESPACE)] = None,
    since: Annotated[str, typer.Option(help=_SINCE)] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many at most.")] = 20,
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only runs that failed; the same as --outcome failed.")
    ] = False,
) -> int:
    """List runs, the newest first: outcome, target, runbook, why, when, how long, and what `show` takes."""
    from runmend.cli.listing import show_list

    wanted = _wanted([*(outcome or []), *(["failed"] if failed else [])], runbook, target, namespace, since)
    return _finish(show_list(wanted, limit=limit, as_json=output is Format.JSON))


@app.command("show", rich_help_panel="Runs")
def _show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="shop/web, or what `list` prints; an older run with @ and its run id.")
    ],
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
    *,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow it to its end, as `run --wait` does.")
    ] = False,
) -> int:
    """Tell a run in words: target, diagnosis, steps with before and after, criteria with evidence, outcome, link."""
    from runmend.cli.showing import follow_run, show_run

    as_json = output is Format.JSON
    return _finish(follow_run(run, as_json=as_json) if following else show_run(run, as_json=as_json))


@app.command("cancel", rich_help_panel="Runs")
def _cancel(
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
    return _finish(cancel_run(run, why, wait=wait))


@app.command("stats", rich_help_panel="Runs")
def _stats(
    runbook: Annotated[str | None, typer.Option(help=_RUNBOOK_ID)] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help=_TARGET)] = None,
    namespace: Annotated[str | None, typer.Option(help=_NAMESPACE)] = None,
    since: Annotated[str, typer.Option(help=_SINCE)] = "",
    output: Annotated[Format, typer.Option("--format", "-o", help=_OUTPUT)] = Format.TEXT,
) -> int:
    """Count runs by runbook and by target: how they ended, why they failed, the median time to fix, repeat
    offenders.
    """
    from runmend.cli.statistics import show_stats

    return _finish(show_stats(_wanted([], runbook, target, namespace, since), as_json=output is Format.JSON))


@app.command("replay", rich_help_panel="Runs")
def _replay(  # noqa: PLR0913  the options of a command
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
    runbooks: Annotated[Path | None, typer.Option(help=f"With --latest: {_RUNBOOKS}")] = None,
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

        return _finish(replay_locally(run))
    how = How(step=step, again=again, latest=latest, dry_run=dry_run, yes=yes, wait=wait)
    if failed:
        return _finish(
            replay_failed(how, _wanted(["failed"], runbook, target, None, ""), since=moment, at_once=at_once or 5)
        )
    return _finish(replay_run(run, how, runbooks=runbooks))


@app.command("rbac", rich_help_panel="Processes")
def _rbac(runbooks: Annotated[Path | None, typer.Option(help=_ONLY_OF)] = None) -> int:
    """Print the roles that worker and bridge need in a cluster."""
    from runmend.cli.rights import print_roles

    return print_roles(runbooks)


@app.command("policy", rich_help_panel="Processes")
def _policy(runbooks: Annotated[Path | None, typer.Option(help=_ONLY_OF)] = None) -> int:
    """Print the admission policy that holds their accounts to what runbooks write."""
    from runmend.cli.rights import print_policy

    return print_policy(runbooks)


@app.command("worker", rich_help_panel="Processes")
def _worker(
    runbooks: Annotated[
        Path | None, typer.Option(help="Say at the start which runbooks of this directory do not compile.")
    ] = None,
) -> int:
    """Run runbooks for a cluster until SIGTERM; what runs then is finished first.

    Needs no runbooks: a run brings its plan.
    """
    from runmend.cli.worker import run_worker

    return _finish(run_worker(runbooks))


@app.command("bridge", rich_help_panel="Processes")
def _bridge(
    host: Annotated[
        str, typer.Option(help="Where to listen; off loopback only with RUNMEND_TOKEN_FILE or --insecure.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: a free one.")] = 8080,
    runbooks: Annotated[Path | None, typer.Option(help=_RUNBOOKS)] = None,
    *,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen off loopback and ask nobody for a token.")
    ] = False,
) -> int:
    """Take Alertmanager's webhooks at `POST /alerts`, and start or join runs.

    Also `/healthz`, `/readyz`, `/metrics`.
    """
    from runmend.cli.bridge import run_bridge

    return _finish(run_bridge(host, port, runbooks, insecure=insecure))


@app.command("sandbox", rich_help_panel="Without a cluster")
def _sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on loopback; 0: a free one.")] = 0,
    kubeconfig: Annotated[Path, typer.Option(help="Where its kubeconfig is written.")] = Path(".runmend/kubeconfig"),
) -> int:
    """Serve an embedded cluster on loopback until Ctrl-C: a small Kubernetes API whose pods fail by their image's
    tag.
    """
    from runmend.cli.sandbox import run_sandbox

    return _finish(run_sandbox(port, kubeconfig))


@app.command("dev", rich_help_panel="Without a cluster")
def _dev(
    context: Annotated[
        str | None, typer.Option(help="A context of your kubeconfig; without it an embedded cluster is started.")
    ] = None,
    db: Annotated[Path, typer.Option(help="The file that keeps Temporal's state.")] = Path(".runmend/temporal.db"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The bridge's port; 0: a free one.")] = 8080,
    temporal_port: Annotated[int, typer.Option(min=0, max=65535, help="Temporal's port; 0: a free one.")] = 7233,
    ui_port: Annotated[int, typer.Option(min=0, max=65535, help="The Web UI's port; 0: a free one.")] = 8233,
    runbooks: Annotated[Path | None, typer.Option(help=_RUNBOOKS)] = None,
) -> int:
    """Run Temporal, a cluster, worker and bridge in one terminal until Ctrl-C."""
    from runmend.cli.context import load_settings
    from runmend.local.dev import Ports, develop

    settings = load_settings(runbooks=runbooks)
    return _finish(develop(settings, Ports(port, temporal_port, ui_port), context=context, db=db))


@app.command("break", rich_help_panel="Without a cluster")
def _break(
    scenario: Annotated[Trouble, typer.Argument(help="What to break.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where.")] = "shop",
    name: Annotated[str, typer.Option(help="The Deployment; one that is there is replaced.")] = "web",
    kubeconfig: Annotated[
        Path | None, typer.Option(help="The embedded cluster's, instead of KUBECONFIG or .runmend/kubeconfig.")
    ] = None,
    *,
    alert: Annotated[
        bool, typer.Option("--alert/--no-alert", help="Post the alert to dev's bridge; or tell the command that does.")
    ] = True,
) -> int:
    """Make trouble in the embedded cluster of `runmend dev`, and post the alert for it, so that a run starts.

    Every other cluster is refused.
    """
    from runmend.cli.context import load_settings
    from runmend.local.breaking import make_trouble
    from runmend.runs.terminal import console

    settings = load_settings()
    return _finish(
        make_trouble(
            console(), settings, scenario.value, namespace=namespace, name=name, kubeconfig=kubeconfig, alert=alert
        )
    )


@app.command("demo", rich_help_panel="Without a cluster")
def _demo(
    scenario: Annotated[Scenario, typer.Option(help="What is broken.")] = Scenario.BAD_IMAGE,
    *,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Wait the window's five minutes, instead of skipping them.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything up afterwards, with the Web UI, until Ctrl-C.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a picture of what was shown to this file, as SVG.")
    ] = None,
) -> int:
    """Break a Deployment in an embedded cluster and watch its runbook repair it.

    Needs no cluster; touches nothing of yours.
    """
    from runmend.local.demo import run_demo

    return _finish(run_demo(scenario.value, real_time=real_time, keep=keep, svg=svg))


_PLAIN: Final = "runmend.plain"
_PLAINER: Final = {"✓": "+", "✗": "x", "∅": "-", "…": "...", "→": "->", "■": "#", "│": "|"}


def plainer(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows that lacks a character: marks must still be told apart."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAINER.get(char, "?") for char in error.object[error.start : error.end]), error.end


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave the process.

    By `os._exit`: a short-lived Temporal client now and then aborts the interpreter on its way out (sdk-python#300),
    after the right answer was printed.
    """
    codecs.register_error(_PLAIN, plainer)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_PLAIN)  # a ✓ must not end a run on a terminal that has none
    sys.stdout, sys.stderr = printable_stream(sys.stdout), printable_stream(sys.stderr)
    code = run(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            code = code or BROKEN_PIPE
    if connection := sys.modules.get("runmend.kube.connection"):  # only where a command has asked a cluster
        connection.forget_files()
    os._exit(code)


def run(argv: Sequence[str]) -> int:
    """Run a command; its exit code. What went wrong is said on stderr in one line."""
    try:
        code = app(list(argv) or ["--help"], prog_name="runmend", standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "runmend"
        return _fail(
            f"{error.format_message().replace('Value error, ', '').rstrip('.')}; see `{command} --help`", USAGE
        )
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except RunmendError as error:
        hint = _HINTS.get(type(error).__name__)
        message = _TONIC.sub(r"\1", str(error))
        return _fail(f"{message}; {hint}" if hint else message, 1)
    except OSError as error:
        return _fail(str(error), 1)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"runmend: error: {' '.join(message.split())}\n")
    return code


def _wanted(
    outcomes: list[str], runbook: str | None, target: str | None, namespace: str | None, since: str
) -> "Wanted":
    """The filters of `list`, `stats` and `replay --failed`."""
    from runmend.core.durations import parse_since
    from runmend.runs.visibility import Wanted, check_outcome

    for name, value in (("--runbook", runbook), ("--target", target), ("--namespace", namespace)):
        if value is not None and not value.strip():
            # As a script's variable that is not set gives it: it must not mean all.
            raise typer.BadParameter(f"{name} is empty; leave it out for all")
    try:
        moment = parse_since(since, datetime.now(UTC)) if since else None
        return Wanted(
            tuple(check_outcome(outcome) for outcome in outcomes), runbook or "", namespace or "", target or "", moment
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _finish(command: Coroutine[None, None, int]) -> int:
    return asyncio.run(command)


def _version() -> str:
    try:
        return version("runmend")
    except PackageNotFoundError:
        return "(not installed)"
