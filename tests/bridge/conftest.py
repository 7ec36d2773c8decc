"""One Temporal dev server for all of the bridge's tests; a sandbox and an installation of its own for each."""

import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.bridge import create_app
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.local.sandbox import Sandbox
from runmend.runbook.loader import Catalog
from tests.bridge.support import Calls, Installation, Requests, Told
from tests.builders import a_runbook
from tests.dev_server import dev_server
from tests.kept import kept

ATTRIBUTES = (
    "Target=Keyword",
    "KubeNamespace=Keyword",
    "AlertName=Keyword",
    "Fingerprints=KeywordList",
    "Outcome=Keyword",
)


@pytest.fixture(scope="module")
def temporal(request: pytest.FixtureRequest) -> str:
    """The address of a Temporal dev server."""
    attributes = [word for attribute in ATTRIBUTES for word in ("--search-attribute", attribute)]
    return kept(request, "temporal", lambda: dev_server(*attributes))


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture(scope="session")
def leaving() -> Iterator[ThreadPoolExecutor]:
    """Stops sandboxes, which takes each of them 0.2 s, while the next test runs."""
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def sandbox(requests: Requests, leaving: ThreadPoolExecutor) -> Iterator[Sandbox]:
    running = Sandbox(wrap=requests)
    running.start()
    yield running
    leaving.submit(running.stop)


@pytest.fixture
def cluster(sandbox: Sandbox, tmp_path: Path) -> Iterator[Cluster]:
    connected = Cluster.connect(kubeconfig=sandbox.write_kubeconfig(tmp_path / "kubeconfig"))
    yield connected
    connected.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A cluster name of its own for each test keeps their runs apart."""
    runbooks = tmp_path / "runbooks"
    runbooks.mkdir()
    (runbooks / "RB_IMAGEPULL.md").write_text(a_runbook())
    return Settings(cluster=f"t-{uuid.uuid4().hex[:12]}", runbooks=runbooks)


@pytest.fixture
async def calls() -> Calls:
    return Calls()


@pytest.fixture
async def client(temporal: str, calls: Calls) -> Client:
    return await Client.connect(temporal, data_converter=pydantic_data_converter, interceptors=[calls])


@pytest.fixture
async def installed(
    settings: Settings, client: Client, calls: Calls, sandbox: Sandbox, requests: Requests, cluster: Cluster
) -> AsyncIterator[Installation]:
    """The bridge and all that it needs; no worker, so runs stay open."""
    catalog = Catalog(settings.runbooks)
    app = create_app(settings, client, cluster, catalog)
    made = Installation(settings, client, calls, sandbox, requests, cluster, catalog, app)
    async with made.http:
        yield made


@pytest.fixture
async def worker(installed: Installation) -> AsyncIterator[None]:
    """A worker whose runs end as `installed.end` tells them."""
    async with Worker(
        installed.client,
        task_queue=installed.settings.task_queue,
        workflows=[Told],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield
