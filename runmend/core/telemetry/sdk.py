"""Temporal's SDK in a process that stays: its core's logs among ours, its metrics on a port of their own."""

import logging
import socket
from typing import Final

from temporalio.runtime import LogForwardingConfig, LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig

from runmend.core.telemetry.metrics import CannotServeMetrics

_CORE: Final = logging.getLogger("temporalio.core")
"""As WARNING and ERROR, which is what the core is asked for."""


def sdk_runtime(host: str, port: int | None) -> Runtime:
    """What a client runs on. None: it serves no metrics.

    Raises:
        CannotServeMetrics: the port is taken, or the host is none of this machine's.
    """
    forwarding = LogForwardingConfig(
        _CORE, append_target_to_name=False, prepend_target_on_message=False, append_log_fields_to_message=False
    )
    logs = LoggingConfig(filter=LoggingConfig.default.filter, forwarding=forwarding)
    try:
        metrics = None if port is None else PrometheusConfig(bind_address=_address(host, port))
        return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics))
    except (OSError, ValueError) as error:
        why = (
            error.strerror
            if isinstance(error, OSError)
            else str(error).rpartition("exporter: ")[2].partition(" (os error")[0]
        )
        raise CannotServeMetrics(
            f"RUNMEND_SDK_METRICS_PORT: metrics cannot be served on {host} port {port}: {why}"
        ) from error


def _address(host: str, port: int) -> str:
    """The core takes addresses only, no names."""
    family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return f"[{where[0]}]:{port}" if family is socket.AF_INET6 else f"{where[0]}:{port}"
