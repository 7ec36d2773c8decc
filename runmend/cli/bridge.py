"""`runmend bridge`: takes alerts until it is told to stop."""

from pathlib import Path

from runmend.bridge import check_exposure, serve
from runmend.cli.context import load_settings
from runmend.core.telemetry import log_to
from runmend.kube.client import Cluster
from runmend.runbook import Catalog
from runmend.runs.connection import connect, runtime_for
from runmend.runs.signing import keys_of


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
