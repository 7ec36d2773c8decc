"""What a worker asks of Temporal before it works, and what it says when that is not to be had."""

import logging
import os
import socket
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from runmend.runs.connection import (
    SEARCH_ATTRIBUTES,
    NoTemporal,
    WrongTemporal,
    connect,
    register_search_attributes,
    warn_of_short_retention,
)
from runmend.runs.converter import data_converter

KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
INT = IndexedValueType.INDEXED_VALUE_TYPE_INT


async def a_namespace(client: Client, retention: timedelta = timedelta(days=30)) -> Client:
    """A new namespace, and a client for it."""
    name = f"n-{uuid.uuid4().hex[:12]}"
    period = Duration()
    period.FromTimedelta(retention)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=period)
    )
    return await Client.connect(client.service_client.config.target_host, namespace=name, data_converter=data_converter)


async def add(client: Client, **attributes: Any) -> None:
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
    )


async def attributes_of(client: Client) -> dict[str, Any]:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return dict(known.custom_attributes)


async def test_search_attributes_that_are_missing_are_registered_and_usable(client: Client) -> None:
    fresh = await a_namespace(client)
    await register_search_attributes(fresh)

    assert await attributes_of(fresh) == SEARCH_ATTRIBUTES
    assert (await fresh.count_workflows("Outcome = 'resolved' AND Fingerprints = 'f'")).count == 0


async def test_search_attributes_that_are_there_are_kept(client: Client) -> None:
    fresh = await a_namespace(client)
    await add(fresh, Target=KEYWORD, Theirs=INT)
    await register_search_attributes(fresh)
    await register_search_attributes(fresh)

    assert await attributes_of(fresh) == SEARCH_ATTRIBUTES | {"Theirs": INT}


async def test_a_search_attribute_of_another_type_is_an_error_that_names_it(client: Client) -> None:
    fresh = await a_namespace(client)
    await add(fresh, Outcome=INT)

    with pytest.raises(WrongTemporal, match="search attributes of another type are in the way: Outcome"):
        await register_search_attributes(fresh)
    assert await attributes_of(fresh) == {"Outcome": INT}


async def test_search_attributes_that_do_not_fit_are_an_error_that_names_them(client: Client) -> None:
    """An SQL store has room for ten of type Keyword."""
    fresh = await a_namespace(client)
    await add(fresh, **{f"Theirs{number}": KEYWORD for number in range(8)})

    with pytest.raises(WrongTemporal, match=r"search attributes cannot be registered .*AlertName"):
        await register_search_attributes(fresh)


async def test_a_namespace_that_does_not_exist_is_an_error_that_names_it(temporal: str) -> None:
    elsewhere = await Client.connect(temporal, namespace="nowhere", data_converter=data_converter)

    with pytest.raises(WrongTemporal, match="nowhere"):
        await register_search_attributes(elsewhere)


@pytest.mark.parametrize(("days", "warnings"), [(7, 1), (30, 0)])
async def test_a_short_retention_is_warned_of(
    client: Client, caplog: pytest.LogCaptureFixture, days: int, warnings: int
) -> None:
    fresh = await a_namespace(client, timedelta(days=days))
    with caplog.at_level(logging.WARNING, "runmend.worker"):
        await warn_of_short_retention(fresh)

    assert [record.levelname for record in caplog.records if "less than 30 days" in record.message] == [
        "WARNING"
    ] * warnings


async def test_a_temporal_that_is_not_there_is_said_so_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    began = time.monotonic()

    with pytest.raises(NoTemporal, match=r"Temporal at 127\.0\.0\.1:1 cannot be reached: "):
        await connect()
    assert time.monotonic() - began < 10


async def test_a_temporal_that_listens_and_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runmend.runs.connection.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(NoTemporal, match=r"no answer in 0\.2 s"):
            await connect()


async def test_the_address_and_namespace_are_temporals_own_variables(
    temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "billing")

    assert (await connect()).namespace == "billing"


async def test_a_profile_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))
    (tmp_path / "temporal.toml").write_text("[profile.default\n")

    with pytest.raises(WrongTemporal, match="the Temporal profile cannot be read"):
        await connect()


async def test_profiles_without_an_end_are_refused_and_nobody_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("#" * 2_000_000)

    for name, why in {"pipe": "it is no regular file", "large": "it has more than 1048576 bytes"}.items():
        monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / name))
        with pytest.raises(WrongTemporal, match=f"the Temporal profile cannot be read: .*{why}"):
            await connect()
