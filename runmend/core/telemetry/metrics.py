"""The worker's metrics. The bridge has its own: `runmend.bridge.metrics`."""

from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, start_http_server

from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome

# Prometheus' text format has no place for when a count began, so each count would get a second series.
disable_created_metrics()  # type: ignore[no-untyped-call]
METRICS: Final = CollectorRegistry()
RUNS: Final = Counter(
    "runmend_runs_ended", "Runs that ended, by runbook and outcome.", ("runbook", "outcome"), registry=METRICS
)
UNVERIFIED: Final = Counter(
    "runmend_runs_resolved_unverified",
    "Runs that resolved while a criterion could not be checked.",
    ("runbook",),
    registry=METRICS,
)
TIME_TO_FIX: Final = Histogram(
    "runmend_time_to_fix_seconds",
    "From a run's start to the proof that the fix held, of resolved runs.",
    ("runbook",),
    # The window alone takes five minutes, where the runbook says nothing else.
    buckets=(60, 120, 180, 240, 300, 330, 360, 420, 480, 600, 900, 1200, 1800, 3600, 7200, 14400),
    registry=METRICS,
)
TRIES: Final = Histogram(
    "runmend_activity_try_seconds",
    "One try of an activity: of a step, or of observe, settle, check and report.",
    ("activity", "result"),
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=METRICS,
)
RETRIES: Final = Counter(
    "runmend_activity_retries", "Tries of an activity after its first.", ("activity",), registry=METRICS
)
NOT_SIGNED: Final = Counter(
    "runmend_not_signed", "Activities that were refused, because their run is not signed.", registry=METRICS
)


class CannotServeMetrics(PermanentError):
    """The metrics cannot be served there."""


def serve_metrics(host: str, port: int) -> None:
    """Serve the metrics to Prometheus from a thread of its own.

    Raises:
        CannotServeMetrics: the port is taken, or the host is none of this machine's.
    """
    try:
        start_http_server(port, addr=host, registry=METRICS)
    except OSError as error:
        raise CannotServeMetrics(
            f"RUNMEND_METRICS_PORT: metrics cannot be served on {host} port {port}: {error.strerror}"
        ) from error


def begin_runbook(runbook_id: str) -> None:
    """Let a runbook's counts begin at zero, where they have not begun: an increase needs something to increase from."""
    TIME_TO_FIX.labels(runbook=runbook_id)
    UNVERIFIED.labels(runbook=runbook_id)
    for outcome in Outcome:
        RUNS.labels(runbook=runbook_id, outcome=outcome.value)


def count_run(runbook_id: str, outcome: Outcome | None, took: timedelta | None, *, unverified: int = 0) -> None:
    """Count a run that ended, how long it took where it resolved, and whether criteria were left unverified then."""
    begin_runbook(runbook_id)
    RUNS.labels(runbook=runbook_id, outcome=str(outcome or "none")).inc()
    if outcome is Outcome.RESOLVED and unverified:
        UNVERIFIED.labels(runbook=runbook_id).inc()
    if outcome is Outcome.RESOLVED and took is not None:
        TIME_TO_FIX.labels(runbook=runbook_id).observe(took.total_seconds())
