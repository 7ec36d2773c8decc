"""The installation of the bridge's own tests: it is attacked here."""

from tests.bridge.conftest import (
    calls,
    client,
    cluster,
    installed,
    leaving,
    requests,
    sandbox,
    settings,
    temporal,
    worker,
)

__all__ = (
    "calls",
    "client",
    "cluster",
    "installed",
    "leaving",
    "requests",
    "sandbox",
    "settings",
    "temporal",
    "worker",
)
