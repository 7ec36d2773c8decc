"""The product on a real cluster: Temporal, worker and bridge as processes under the shipped accounts, started once for
all tests."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from temporalio.client import Client

from runmend.runs.converter import data_converter
from tests.cluster.api import Cluster
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes, processes
from tests.e2e.alert_chain import ACCOUNT, MONITORING
from tests.e2e.installation import SHIPPED, Installation, Temporal, account, shipped_rights
from tests.e2e.proxy import Proxy
from tests.e2e.proxy import proxy as proxy_of
from tests.e2e.shop import Shop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest begins first, so that nothing long is left when there is nothing to do beside it."""
    items.sort(key=_patience, reverse=True)


def _patience(item: pytest.Item) -> float:
    """The seconds that a test asks for; 0 where it asks for no more than any other."""
    asked = item.get_closest_marker("timeout")
    return asked.args[0] if asked else 0


@pytest.fixture(scope="session", autouse=True)
def _without_an_installation(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a cluster that was there before, refuse to touch an installation of Runmend, and leave nothing of these tests'
    own."""
    if request.config.getoption("--cluster") == "built":
        yield
        return
    kubectl: Kubectl = request.getfixturevalue("kubectl")
    if kubectl("get", "namespace", SHIPPED, "--ignore-not-found"):
        pytest.exit(
            f"the cluster has a namespace {SHIPPED}, and these tests would change the rights in it",
            pytest.ExitCode.USAGE_ERROR,
        )
    yield
    kubectl("delete", "namespace", SHIPPED, MONITORING, "--ignore-not-found", "--wait=false")
    kinds = "clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding"
    kubectl("delete", kinds, "-l", "app.kubernetes.io/part-of=runmend")
    kubectl("delete", "clusterrole,clusterrolebinding", f"{MONITORING}-{ACCOUNT}", "--ignore-not-found")


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
    overlay = folder / "shipped"
    overlay.mkdir()
    shipped_rights(kubectl, overlay)
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


@pytest.fixture
def proxy(built: ControlPlane) -> Iterator[Proxy]:
    """A proxy in front of the API server; it passes everything on until it is told otherwise."""
    with proxy_of(built.kubeconfig) as started:
        yield started


@pytest.fixture
def own(proxy: Proxy, tmp_path: Path, temporal: Temporal, accounts: dict[str, Path]) -> Iterator[Installation]:
    """An installation of this test's own, behind the proxy: its processes, none of which runs yet, may be stopped and
    killed."""
    with processes(tmp_path) as started:
        behind = {name: proxy.kubeconfig(path, tmp_path) for name, path in accounts.items()}
        yield Installation(started, tmp_path, temporal, behind, cluster=f"own-{tmp_path.name[:40]}")


@pytest.fixture
def shops(real: Cluster, own: Installation, client: Client) -> Iterator[Callable[[], Shop]]:
    """Makes a namespace that the test's own installation looks after, as often as it is called."""
    with ExitStack() as stack:
        yield lambda: Shop(stack.enter_context(real.namespace()), own, client)
