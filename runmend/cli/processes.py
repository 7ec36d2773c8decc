"""`runmend worker`, `bridge` and `sandbox`: processes that work until they are told to stop."""

import asyncio
import logging
import sys
from pathlib import Path

from runmend.bridge import check_exposure, serve
from runmend.cli.context import load_settings
from runmend.core.errors import PermanentError
from runmend.core.settings import Settings
from runmend.core.telemetry import log_to
from runmend.kube.client import Cluster
from runmend.local.sandbox import Sandbox
from runmend.local.sandbox.sandbox import may_be_overwritten
from runmend.runbook import Catalog, load_directory
from runmend.runs.connection import connect, runtime_for
from runmend.runs.signing import keys_of
from runmend.worker.assembly import stop_on_signals, work

log = logging.getLogger("runmend.worker")


class CannotServe(PermanentError):
    """The embedded cluster cannot be served there."""


async def run_worker(runbooks: Path | None) -> int:
    """Work until SIGTERM. A run brings its own plan, so a directory of runbooks is only looked at."""
    settings = load_settings(runbooks=runbooks)
    if runbooks is not None:
        _look_at(settings)
    await work(settings)
    return 0


def _look_at(settings: Settings) -> None:
    log_to(form=settings.log_format)
    loaded = load_directory(settings.runbooks)
    for error in loaded.problems.values():
        for diagnostic in error.diagnostics:
            log.warning("runbook does not compile", extra={"says": str(diagnostic)})
    log.info("runbooks compile", extra={"directory": str(settings.runbooks), "runbooks": sorted(loaded.plans)})


async def run_bridge(host: str, port: int, runbooks: Path | None, *, insecure: bool) -> int:
    """Take alerts until SIGTERM."""
    settings = load_settings(runbooks=runbooks)
    check_exposure(host, settings, insecure)
    keys_of(settings)  # a file that cannot be used is said before anything is asked
    log_to(form=settings.log_format)
    catalog = Catalog(settings.runbooks, isolated=True)
    cluster = Cluster.connect(context=settings.kube_context)
    try:
        await serve(
            settings, await connect(runtime_for(settings)), cluster, catalog, host=host, port=port, insecure=insecure
        )
    finally:
        cluster.close()
    return 0


async def run_sandbox(port: int, kubeconfig: Path) -> int:
    """Serve an embedded cluster until SIGTERM or Ctrl-C."""
    if not may_be_overwritten(kubeconfig):
        raise CannotServe(
            f"{kubeconfig} is there and no embedded cluster's, so it is left alone; name another file with --kubeconfig"
        )
    until = asyncio.Event()
    stop_on_signals(until)
    sandbox = Sandbox(port=port, tls=True)
    try:
        sandbox.start()
    except OSError as error:
        raise CannotServe(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}); choose another with --port"
        ) from error
    try:
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        where = sandbox.write_kubeconfig(kubeconfig)
        sys.stdout.write(
            f"embedded cluster at {sandbox.url}; it is empty, and forgets everything when it ends (Ctrl-C)\n"
        )
        sys.stdout.write(f"export KUBECONFIG={where.absolute()}\n")
        sys.stdout.flush()
        await until.wait()
    finally:
        sandbox.stop()
    return 0
