"""What a process tells of itself: logs, metrics, and the metrics of Temporal's SDK."""

from runmend.telemetry.logs import log_to
from runmend.telemetry.metrics import METRICS, CannotServeMetrics, count_run, serve_metrics
from runmend.telemetry.sdk import sdk_runtime
from runmend.telemetry.tries import Tries

__all__ = ["METRICS", "CannotServeMetrics", "Tries", "count_run", "log_to", "sdk_runtime", "serve_metrics"]
