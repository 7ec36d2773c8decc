"""The way to Temporal: connecting, and what its namespace must have before runs can be found.

Called by every process.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from runmend.core.errors import PermanentError, TemporaryError
from runmend.core.files import check_small
from runmend.core.settings import Settings
from runmend.core.telemetry import sdk_runtime
from runmend.plan.attributes import ALERT_NAME, FINGERPRINTS, KUBE_NAMESPACE, OUTCOME, REASON, TARGET
from runmend.runs.converter import data_converter

log = logging.getLogger("runmend.worker")

CONNECT_SECONDS = 10.0
_PROFILES_MAX = 1024 * 1024
"""Bytes of the file with Temporal's profiles."""
REGISTRATION_TRIES = 60
"""A second each."""
LEAST_RETENTION = timedelta(days=30)
SEARCH_ATTRIBUTES = {
    TARGET: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    KUBE_NAMESPACE: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    ALERT_NAME: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    FINGERPRINTS: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    OUTCOME: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    REASON: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}


class NoTemporal(TemporaryError):
    """Temporal cannot be reached."""


class WrongTemporal(PermanentError):
    """Temporal is there, and not set up for us."""


async def connect(runtime: Runtime | None = None) -> Client:
    """Connect by TEMPORAL_* variables and profiles.

    Args:
        runtime: what the client runs on; `runtime_for` makes one for a process that stays. None: the SDK's default,
            which tells nothing.

    Raises:
        NoTemporal: nothing answers there.
        WrongTemporal: the profile cannot be read.
    """
    try:
        if named := os.environ.get("TEMPORAL_CONFIG_FILE"):
            check_small(Path(named), _PROFILES_MAX)
        options = ClientConfig.load_client_connect_config()
    except (OSError, ValueError, RuntimeError) as error:
        raise WrongTemporal(f"the Temporal profile cannot be read: {error}") from error
    address = options.get("target_host") or "localhost:7233"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(
                **(options | {"target_host": address}), data_converter=data_converter, runtime=runtime
            )
    except TimeoutError as error:
        raise NoTemporal(f"Temporal at {address} cannot be reached: no answer in {CONNECT_SECONDS:g} s") from error
    except (RuntimeError, RPCError) as error:
        raise NoTemporal(f"Temporal at {address} cannot be reached: {error}") from error


def runtime_for(settings: Settings) -> Runtime:
    """What the client of a process that stays runs on: the SDK's logs among ours, its metrics where the settings say.

    Raises:
        CannotServeMetrics: the port is taken.
    """
    return sdk_runtime(settings.metrics_host, settings.sdk_metrics_port)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Translate Temporal's refusals: what may pass is `NoTemporal`, what will not is `WrongTemporal`."""
    try:
        yield
    except RPCError as error:
        passes = error.status in (
            RPCStatusCode.UNAVAILABLE,
            RPCStatusCode.DEADLINE_EXCEEDED,
            RPCStatusCode.RESOURCE_EXHAUSTED,
            RPCStatusCode.UNKNOWN,  # a connection that breaks
        )
        raise (NoTemporal if passes else WrongTemporal)(f"{what}: {error.message}") from error


async def register_search_attributes(client: Client) -> None:
    """Register those that are missing; what is there stays.

    Raises:
        WrongTemporal: one is there under another type, or may not be added; or the namespace is not there.
        NoTemporal: it does not answer.
    """
    with _asking("Temporal's search attributes cannot be read"):
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    wrong = [name for name, kind in SEARCH_ATTRIBUTES.items() if known.custom_attributes.get(name, kind) != kind]
    if wrong:
        raise WrongTemporal(f"search attributes of another type are in the way: {', '.join(wrong)}")
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known.custom_attributes}
    if not missing:
        return
    with _asking(f"search attributes cannot be registered ({', '.join(missing)})"):
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
    await _usable(client)
    log.info("search attributes registered", extra={"names": sorted(missing)})


async def _usable(client: Client) -> None:
    """Wait until the visibility store takes a query on each: a server knows a new search attribute only after
    seconds.
    """
    query = " AND ".join(f"{name} IS NULL" for name in SEARCH_ATTRIBUTES)
    for _ in range(REGISTRATION_TRIES):
        try:
            await client.count_workflows(query)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise NoTemporal(f"Temporal cannot be asked: {error}") from error
            await asyncio.sleep(1)
        else:
            return
    raise NoTemporal(f"the search attributes are registered and cannot be queried after {REGISTRATION_TRIES} s")


async def warn_of_short_retention(client: Client) -> None:
    """What a target's last run dealt with is kept in that run; when the server forgets it, old alerts look new."""
    with _asking("Temporal's namespace cannot be read"):
        answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    retention = answer.config.workflow_execution_retention_ttl.ToTimedelta()
    if retention < LEAST_RETENTION:
        log.warning(
            "closed runs are kept for less than 30 days, so alerts that they dealt with may start new ones",
            extra={"namespace": client.namespace, "retention": str(retention)},
        )
