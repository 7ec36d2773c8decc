"""The commands that need no cluster: they bring an embedded one."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runmend.cli.commands.options import RUNBOOKS, finish


class Scenario(StrEnum):
    """What is broken in the demo."""

    BAD_IMAGE = "bad-image"
    BAD_ROLLOUT = "bad-rollout"
    CRASH_LOOP = "crash-loop"
    BAD_PROGRAM = "bad-program"
    OUT_OF_MEMORY = "out-of-memory"
    CONTAINER_CREATING = "container-creating"
    NODE_NOT_READY = "node-not-ready"
    NODE_UNSCHEDULABLE = "node-unschedulable"


class Trouble(StrEnum):
    """What `runmend break` makes."""

    BAD_IMAGE = "bad-image"
    BAD_ROLLOUT = "bad-rollout"
    BAD_CREDENTIALS = "bad-credentials"
    REGISTRY_DOWN = "registry-down"
    CRASH_LOOP = "crash-loop"
    BAD_PROGRAM = "bad-program"
    OUT_OF_MEMORY = "out-of-memory"
    CONTAINER_CREATING = "container-creating"
    NOT_READY = "not-ready"
    NODE_NOT_READY = "node-not-ready"
    NODE_UNSCHEDULABLE = "node-unschedulable"


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on loopback; 0: a free one.")] = 0,
    kubeconfig: Annotated[Path, typer.Option(help="Where its kubeconfig is written.")] = Path(".runmend/kubeconfig"),
) -> int:
    """Serve an embedded cluster on loopback until Ctrl-C: a small Kubernetes API whose pods fail by their image's
    tag.
    """
    from runmend.cli.sandbox import run_sandbox

    return finish(run_sandbox(port, kubeconfig))


def dev(
    context: Annotated[
        str | None, typer.Option(help="A context of your kubeconfig; without it an embedded cluster is started.")
    ] = None,
    db: Annotated[Path, typer.Option(help="The file that keeps Temporal's state.")] = Path(".runmend/temporal.db"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The bridge's port; 0: a free one.")] = 8080,
    temporal_port: Annotated[int, typer.Option(min=0, max=65535, help="Temporal's port; 0: a free one.")] = 7233,
    ui_port: Annotated[int, typer.Option(min=0, max=65535, help="The Web UI's port; 0: a free one.")] = 8233,
    runbooks: Annotated[Path | None, typer.Option(help=RUNBOOKS)] = None,
) -> int:
    """Run Temporal, a cluster, worker and bridge in one terminal until Ctrl-C."""
    from runmend.cli.context import load_settings
    from runmend.local.dev import Ports, develop

    settings = load_settings(runbooks=runbooks)
    return finish(develop(settings, Ports(port, temporal_port, ui_port), context=context, db=db))


def break_something(
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
    return finish(
        make_trouble(
            console(), settings, scenario.value, namespace=namespace, name=name, kubeconfig=kubeconfig, alert=alert
        )
    )


def demo(
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
    """Break a Deployment, or a node, in an embedded cluster and watch its runbook repair it.

    Needs no cluster; touches nothing of yours.
    """
    from runmend.local.demo import run_demo

    return finish(run_demo(scenario.value, real_time=real_time, keep=keep, svg=svg))
