"""Every contract test runs on the sandbox, or on a real cluster where `--cluster` says which.

One module is of what the sandbox does not have, and one of what a real cluster has not; each says why.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runmend.local.sandbox import Sandbox
from tests.cluster.api import Cluster, Namespace

REAL_ONLY = "test_accounts.py"
SANDBOX_ONLY = "test_sandbox_only.py"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    left_out = REAL_ONLY if config.getoption("--cluster") is None else SANDBOX_ONLY
    return True if collection_path.name == left_out else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cluster" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--cluster")
        metafunc.parametrize("cluster", ["real" if chosen else "sandbox"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if request.param == "real":
        yield request.getfixturevalue("real")
        return
    with Sandbox() as sandbox:
        embedded = Cluster("sandbox", sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "kubeconfig"))
        with embedded.http:
            yield embedded


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    with cluster.namespace() as made:
        yield made
