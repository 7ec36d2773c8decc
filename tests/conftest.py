"""Options of the whole test suite; pytest reads them here because a subfolder's conftest is loaded too late."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.cluster.api import Cluster, NotHere
from tests.cluster.control_plane import ControlPlane, NotReady, control_plane
from tests.cluster.kubectl import Kubectl


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cluster", "a real Kubernetes")
    group.addoption(
        "--cluster",
        choices=["built", "existing"],
        help="built: start one of real parts; existing: the one of --kubeconfig",
    )
    group.addoption("--kubeconfig", type=Path, help="the kubeconfig of --cluster=existing; it must listen on loopback")
    group.addoption(
        "--off-loopback",
        action="store_true",
        help="let the tests write to an existing cluster that is not on this machine",
    )


def pytest_configure() -> None:
    """What is printed is as wide as its text, whatever the terminal, or the process that runs the tests, says."""
    os.environ.pop("COLUMNS", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """A file's tests run in one process, and files that start the same servers in few: idle servers cost time too.

    Not on a real cluster: each process has one, and takes the next test when it is done with one.
    """
    for item in items if config.getoption("--cluster") is None else ():
        item.add_marker(pytest.mark.xdist_group(_group(item.path.relative_to(config.rootpath))))
    # xdist reads the markers first of all, but for what wraps it.
    yield


def _group(path: Path) -> str:
    folder, number = path.parent.name, sum(path.stem.encode())
    return f"{folder} {number % _PROCESSES[folder]}" if folder in _PROCESSES else str(path)


_PROCESSES = {"cli": 2, "temporal": 3}
"""How many processes may start a folder's servers, where they are many."""


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """The control plane whose processes are ours: nodes can be killed, and the API server stopped and paused."""
    if request.config.getoption("--cluster") != "built":
        pytest.skip("stops processes of the cluster, and those of this one are not ours: --cluster=built")
    try:
        with control_plane() as plane:
            yield plane
    except NotReady as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A connection to the real cluster, as its administrator: the built one, or the existing one."""
    chosen, off_loopback = request.config.getoption("--cluster"), request.config.getoption("--off-loopback")
    if chosen is None:
        pytest.exit(
            "these tests need a real cluster: `make e2e`, or --cluster=built", returncode=pytest.ExitCode.USAGE_ERROR
        )
    try:
        kubeconfig = request.getfixturevalue("built").kubeconfig if chosen == "built" else _given(request.config)
        connection = Cluster("real", kubeconfig, off_loopback=off_loopback)
    except NotHere as refused:
        pytest.exit(str(refused), returncode=pytest.ExitCode.USAGE_ERROR)
    with connection.http:
        yield connection


@pytest.fixture(scope="session")
def kubectl(real: Cluster) -> Kubectl:
    """kubectl as the real cluster's administrator."""
    return Kubectl(real.kubeconfig)


def _given(config: pytest.Config) -> Path:
    path: Path | None = config.getoption("--kubeconfig")
    if path is None or not path.is_file():
        raise NotHere(f"--cluster=existing needs --kubeconfig with a file; {path or 'none'} was given")
    return path
