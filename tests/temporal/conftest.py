"""One Temporal dev server, in real time, for all of these tests; a sandbox and an installation of its own for each."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from runmend.core.settings import Settings
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.dev_server import dev_server
from tests.kept import kept
from tests.world import World, a_world_on


@pytest.fixture(scope="module")
def temporal(request: pytest.FixtureRequest) -> str:
    """The address of a Temporal dev server that knows our search attributes."""
    return kept(request, "temporal", _a_server)


@contextmanager
def _a_server() -> Iterator[str]:
    values = (
        "system.forceSearchAttributesCacheRefreshOnRead=true",  # a namespace that a test makes is known at once
        "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2",  # of 5, for which 20 s are waited
        'history.transferProcessorUpdateAckInterval="1s"',  # of 30 s, which a deletion waits for
        'history.visibilityProcessorUpdateAckInterval="1s"',
    )
    with dev_server(*(word for value in values for word in ("--dynamic-config-value", value))) as address:
        asyncio.run(_register(address))
        yield address


async def _register(address: str) -> None:
    await register_search_attributes(await Client.connect(address))


@pytest.fixture
async def client(temporal: str) -> Client:
    return await Client.connect(temporal, data_converter=data_converter)


@pytest.fixture
async def world(client: Client, tmp_path: Path) -> AsyncIterator[World]:
    """A world without a worker; its name keeps its runs apart from the other tests'."""
    settings = Settings(cluster=f"t-{uuid.uuid4().hex[:12]}")
    async with a_world_on(WorkflowEnvironment.from_client(client), tmp_path, settings) as world:
        yield world
