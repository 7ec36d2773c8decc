"""Logs with constant messages and key-values, and the worker's metrics."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, start_http_server

METRICS = CollectorRegistry()
RUNS = Counter("runmend_runs_ended", "Runs that ended, by runbook and outcome.", ("runbook", "outcome"), registry=METRICS)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class KeyValues(logging.Formatter):
    """`2026-11-23T10:00:00Z INFO runmend.bridge alert answered answer="started"`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; an exception's text is its last line, because a traceback is for who reads the code (level DEBUG)."""
        when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        pairs = {name: value for name, value in vars(record).items() if name not in _STANDARD and not name.startswith(("temporal_", "__"))}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            pairs["error"] = f"{type(error).__name__}: {error}"
        told = " ".join(f"{name}={json.dumps(value, default=str, ensure_ascii=False)}" for name, value in pairs.items())
        line = f"{when} {record.levelname} {record.name} {record.getMessage()}"
        return f"{line} {told}" if told else line


def log_to(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send the process's logs to a stream; libraries speak only from WARNING on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(KeyValues())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("runmend").setLevel(level)


def serve_metrics(host: str, port: int) -> None:
    """Serve the metrics to Prometheus from a thread of its own.

    Raises:
        OSError: the port is taken.
    """
    start_http_server(port, addr=host, registry=METRICS)
