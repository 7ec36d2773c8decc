"""The commands that run processes in a cluster, and print what it has to grant them."""

from pathlib import Path
from typing import Annotated, Final

import typer

from runmend.cli.commands.options import RUNBOOKS, finish

_ONLY_OF: Final = "Only what the runbooks of this directory need. Without it: what any runbook can need."


def rbac(runbooks: Annotated[Path | None, typer.Option(help=_ONLY_OF)] = None) -> int:
    """Print the roles that worker and bridge need in a cluster."""
    from runmend.cli.rights import print_roles

    return print_roles(runbooks)


def policy(runbooks: Annotated[Path | None, typer.Option(help=_ONLY_OF)] = None) -> int:
    """Print the admission policy that holds their accounts to what runbooks write."""
    from runmend.cli.rights import print_policy

    return print_policy(runbooks)


def worker(
    runbooks: Annotated[
        Path | None, typer.Option(help="Say at the start which runbooks of this directory do not compile.")
    ] = None,
) -> int:
    """Run runbooks for a cluster until SIGTERM; what runs then is finished first.

    Needs no runbooks: a run brings its plan.
    """
    from runmend.cli.worker import run_worker

    return finish(run_worker(runbooks))


def bridge(
    host: Annotated[
        str, typer.Option(help="Where to listen; off loopback only with RUNMEND_TOKEN_FILE or --insecure.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: a free one.")] = 8080,
    runbooks: Annotated[Path | None, typer.Option(help=RUNBOOKS)] = None,
    *,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen off loopback and ask nobody for a token.")
    ] = False,
) -> int:
    """Take Alertmanager's webhooks at `POST /alerts`, and start or join runs.

    Also `/healthz`, `/readyz`, `/metrics`.
    """
    from runmend.cli.bridge import run_bridge

    return finish(run_bridge(host, port, runbooks, insecure=insecure))
