"""The product on a real cluster: Temporal, worker and bridge as processes under the shipped accounts, started once for all tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from runmend.converter import data_converter
from tests.cluster.api import Cluster
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes, processes
from tests.e2e.installation import Installation, Temporal, account, shipped_rights
from tests.e2e.shop import Shop


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the product's files and logs; pytest keeps the last three."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def running(folder: Path) -> Iterator[Processes]:
    """Where the product's processes run."""
    with processes(folder) as started:
        yield started


@pytest.fixture(scope="session")
def temporal(running: Processes, folder: Path) -> Temporal:
    server = Temporal(running, folder)
    server.start()
    return server


@pytest.fixture(scope="session")
def accounts(real: Cluster, kubectl: Kubectl, folder: Path) -> dict[str, Path]:
    """`worker` and `bridge` → a kubeconfig of the shipped account."""
    shipped_rights(kubectl)
    return {name: account(real, folder, name) for name in ("worker", "bridge")}


@pytest.fixture(scope="session")
def installation(running: Processes, folder: Path, temporal: Temporal, accounts: dict[str, Path]) -> Installation:
    """One worker and one bridge for all tests that do not stop them."""
    installed = Installation(running, folder, temporal, accounts)
    installed.start_worker()
    installed.start_bridge()
    return installed


@pytest.fixture
async def client(temporal: Temporal) -> Client:
    return await Client.connect(temporal.address, data_converter=data_converter)


@pytest.fixture
async def shop(real: Cluster, installation: Installation, client: Client) -> AsyncIterator[Shop]:
    with real.namespace() as namespace:
        yield Shop(namespace, installation, client)
