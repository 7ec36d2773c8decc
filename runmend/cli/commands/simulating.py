"""The commands that show or test runbooks at work in an embedded cluster."""

from pathlib import Path
from typing import Annotated

import typer

from runmend.cli.commands.embedded import Trouble
from runmend.cli.commands.options import OUTPUT, Format, finish


def simulate(
    runbook: Annotated[Path, typer.Argument(help="The runbook, a Markdown file.")],
    scenario: Annotated[
        Trouble | None, typer.Option(help="What is broken; without it what is known to break for its alert.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-o", help=OUTPUT)] = Format.TEXT,
) -> int:
    """Show a runbook at work in an embedded cluster, in seconds: on what it is for, and on what it should leave alone.

    Needs no cluster; touches nothing of yours. 1 where a run does not end as it has to.
    """
    from runmend.cli.simulating import simulate_one

    return finish(simulate_one(runbook, scenario.value if scenario else None, as_json=output is Format.JSON))


def run_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Directories of runbooks, or runbooks; without any: RUNMEND_RUNBOOKS.", show_default=False),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results to this file too, as JUnit XML.")
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="How many cases there are at a time.")] = 6,
) -> int:
    """Run what runbooks are expected to do, from the RB_X.test.yaml beside each RB_X.md, in embedded clusters.

    Needs no cluster; touches nothing of yours. 1 where anything comes otherwise.
    """
    from runmend.cli.simulating import run_expectations

    return finish(run_expectations(paths or (), junit=junit, at_once=at_once))
