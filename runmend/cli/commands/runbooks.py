"""The commands about runbooks: what they take and explain."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from runmend.cli.commands.options import OUTPUT, RUNBOOKS, Format, finish
from runmend.cli.lint_formats import LintFormat

_HOSTS: Final = "How it is printed: text, json, GitHub's workflow commands, or SARIF."
_EXPLAIN: Final = "Say for a reader what it reads, what it may change and when, and how success is judged."


def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Runbooks or directories; none: RUNMEND_RUNBOOKS.")
    ] = None,
    output: Annotated[LintFormat, typer.Option("--format", "-o", help=_HOSTS)] = LintFormat.TEXT,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
) -> int:
    """Say what is wrong with runbooks, each with its file, line and remedy. Exit code 1 where one does not compile."""
    from runmend.cli.runbooks import lint_runbooks

    return lint_runbooks(paths or [], form=output, strict=strict)


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its runbook_id, such as RB_MY_ALERT.")],
    alert: Annotated[str, typer.Option("--alert", help="The alertname that it answers.")],
    folder: Annotated[Path, typer.Option("--out", help="The directory that it is written to.")] = Path(),
) -> int:
    """Write a commented runbook to begin with, NAME.md; one that is there already is left."""
    from runmend.cli.runbooks import write_new

    return write_new(name, alert, folder)


def explain(file: Annotated[Path, typer.Argument(help="The runbook.")]) -> int:
    """Say as a page of Markdown what a runbook reads, changes and proves, for who reviews it."""
    from runmend.cli.runbooks import explain_one

    return explain_one(file)


def schema() -> int:
    """Print a JSON Schema of the front matter, for editors."""
    from runmend.cli.runbooks import print_schema

    return print_schema()


def compile_file(
    file: Annotated[Path, typer.Argument(help="The runbook.")],
    *,
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
    explain: Annotated[bool, typer.Option("--explain", help=_EXPLAIN)] = False,
) -> int:
    """Show what a runbook compiles to: the plan that a run would interpret. The same file gives the same bytes."""
    from runmend.cli.runbooks import compile_one

    return compile_one(file, as_json=output is Format.JSON, explained=explain)


def facts(
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
) -> int:
    """List what an expression may name: groups, functions, states, and the facts of each kind of object."""
    from runmend.cli.language import print_facts

    return print_facts(as_json=output is Format.JSON)


def verbs(
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
) -> int:
    """List the verbs: kinds of objects, flags, whether what they change can be undone, and their rights."""
    from runmend.cli.language import print_verbs

    return print_verbs(as_json=output is Format.JSON)


def sentences(
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
) -> int:
    """List the sentences that a criterion may be, each with the expression that it stands for."""
    from runmend.cli.language import print_sentences

    return print_sentences(as_json=output is Format.JSON)


def backtest(
    runbook: Annotated[str, typer.Argument(help="A runbook_id of the directory, or a runbook's file.")],
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Prometheus is, instead of RUNMEND_PROMETHEUS_URL.")
    ] = None,
    since: Annotated[str, typer.Option(help="From when on: 12h, 7d, 2w ago, or 2026-11-23T04:00.")] = "7d",
    token_file: Annotated[Path | None, typer.Option(help="The file with the bearer token to send.")] = None,
    runbooks: Annotated[Path | None, typer.Option(help=RUNBOOKS)] = None,
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
) -> int:
    """Say which runs a runbook would have started, by the alerts that Prometheus remembers: for how many targets at
    once at most, and how often for each. Reads only.
    """
    from runmend.cli.backtesting import run_backtest
    from runmend.core.durations import parse_since

    try:
        moment = parse_since(since, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    as_json = output is Format.JSON
    return finish(
        run_backtest(runbook, url=prometheus, token_file=token_file, since=moment, runbooks=runbooks, as_json=as_json)
    )
