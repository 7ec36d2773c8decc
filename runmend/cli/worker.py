"""`runmend worker`: works until it is told to stop."""

import logging
from pathlib import Path

from runmend.cli.context import load_settings
from runmend.core.settings import Settings
from runmend.core.telemetry import log_to
from runmend.runbook import load_directory
from runmend.worker.assembly import work

log = logging.getLogger("runmend.worker")


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
