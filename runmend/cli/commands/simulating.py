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
