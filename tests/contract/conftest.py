"""Every contract test runs on the sandbox, and on the cluster of `--kubeconfig` where one is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runmend.sandbox import Sandbox
from tests.contract.cluster import Cluster, Namespace


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cluster" in metafunc.fixturenames:
        given = metafunc.config.getoption("--kubeconfig", default=None)
        metafunc.parametrize("cluster", ["sandbox", "cluster"] if given else ["sandbox"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if request.param == "cluster":
        try:
            real = Cluster("cluster", Path(request.config.getoption("--kubeconfig")))
        except ValueError as refused:
            pytest.exit(str(refused), returncode=pytest.ExitCode.USAGE_ERROR)
        with real.http:
            yield real
        return
    with Sandbox() as sandbox:
        embedded = Cluster("sandbox", sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "kubeconfig"))
        with embedded.http:
            yield embedded


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    with cluster.namespace() as made:
        yield made
