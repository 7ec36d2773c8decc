"""What the bridge counts, in a registry of its own: two apps in one process do not meet."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from runmend.bridge.triage import Answer

# As the worker's metrics do, in `runmend.core.telemetry`.
disable_created_metrics()  # type: ignore[no-untyped-call]
_STATUSES: Final = (
    HTTPStatus.OK,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""What a webhook can be answered."""


class Metrics:
    """The bridge's metrics. Alerts are counted by their answer, webhooks by the status that was returned."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._alerts = Counter("runmend_alerts", "Alerts taken, by answer.", ["answer"], registry=self.registry)
        self._webhooks = Counter(
            "runmend_webhooks", "Webhooks answered, by HTTP status.", ["status"], registry=self.registry
        )
        self._too_large = Counter(
            "runmend_webhooks_too_large",
            "Webhooks of which nothing was taken, because they hold too much.",
            registry=self.registry,
        )
        self._runbooks = Gauge(
            "runmend_runbooks", "Runbooks of the directory, by state.", ["state"], registry=self.registry
        )
        self._reloads = Counter(
            "runmend_runbook_reloads", "How often the runbooks were compiled anew.", registry=self.registry
        )
        self._seconds = Histogram(
            "runmend_webhook_seconds",
            "How long a webhook took.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self._polling = Gauge(
            "runmend_workers_polling",
            "Workers that polled the task queue within five minutes; NaN: Temporal does not say.",
            ["task_queue"],
            registry=self.registry,
        )
        self._connections = Gauge("runmend_connections", "Connections that are open.", registry=self.registry)
        self._ended = Counter(
            "runmend_connections_ended",
            "Connections that the bridge ended: too slow, or too many.",
            ["why"],
            registry=self.registry,
        )
        self._stuck = Gauge(
            "runmend_runs_stuck",
            "Open runs whose workflow task fails again and again; NaN: Temporal does not say.",
            ["task_queue"],
            registry=self.registry,
        )
        self._background = Counter(
            "runmend_background_ends",
            "Background tasks that ended before the bridge did, and were started again.",
            ["task"],
            registry=self.registry,
        )
        # An increase needs a zero to begin from.
        for answer in Answer:
            self._alerts.labels(answer.value)
        for status in _STATUSES:
            self._webhooks.labels(str(status.value))

    def alert(self, answer: Answer, count: int = 1) -> None:
        """Count alerts."""
        self._alerts.labels(answer.value).inc(count)

    def too_large(self) -> None:
        """Count a webhook that was too large to be taken."""
        self._too_large.inc()

    def webhook(self, status: int, seconds: float) -> None:
        """Count a webhook."""
        self._webhooks.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def reloaded(self) -> None:
        """Count a reload."""
        self._reloads.inc()

    def polling(self, task_queue: str, workers: float) -> None:
        """Note how many workers poll; NaN where that is not known."""
        self._polling.labels(task_queue).set(workers)

    def stuck(self, task_queue: str, runs: float) -> None:
        """Note how many runs cannot go on; NaN where that is not known."""
        self._stuck.labels(task_queue).set(runs)

    def background_ended(self, task: str, count: int = 1) -> None:
        """Count a background task that ended too early; 0 shows it from the beginning."""
        self._background.labels(task).inc(count)

    def watch_runbooks(self, loaded: Callable[[], float], broken: Callable[[], float]) -> None:
        """Let the gauge ask how many runbooks are loaded, and how many do not compile."""
        self._runbooks.labels("loaded").set_function(loaded)
        self._runbooks.labels("broken").set_function(broken)

    def watch_connections(self, count: Callable[[], float]) -> None:
        """Let the gauge ask how many connections are open."""
        self._connections.set_function(count)

    def connection_ended(self, why: str) -> None:
        """Count a connection that the bridge ended."""
        self._ended.labels(why).inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
