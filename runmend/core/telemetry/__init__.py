"""What a process tells of itself: logs, metrics, and the metrics of Temporal's SDK."""

from runmend.core.telemetry.logs import log_to
from runmend.core.telemetry.metrics import METRICS, NOT_SIGNED, CannotServeMetrics, count_run, serve_metrics
from runmend.core.telemetry.sdk import sdk_runtime

__all__ = [
    "METRICS",
    "NOT_SIGNED",
    "CannotServeMetrics",
    "count_run",
    "log_to",
    "sdk_runtime",
    "serve_metrics",
]
