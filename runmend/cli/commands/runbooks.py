"""The commands about runbooks: what they take and explain."""

from pathlib import Path
from typing import Annotated, Final

import typer

from runmend.cli.commands.options import OUTPUT, Format

_EXPLAIN: Final = "Say for a reader what it reads, what it may change and when, and how success is judged."


def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Runbooks or directories; none: RUNMEND_RUNBOOKS.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
) -> int:
    """Say what is wrong with runbooks, each with its file, line and remedy. Exit code 1 where one does not compile."""
    from runmend.cli.runbooks import lint_runbooks

    return lint_runbooks(paths or [], as_json=output is Format.JSON, strict=strict)


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
