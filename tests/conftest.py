"""Options of the whole test suite; pytest reads them here because a subfolder's conftest is loaded too late."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.cluster.api import Cluster, NotHere
from tests.cluster.control_plane import ControlPlane, NotReady, control_plane
from tests.cluster.kubectl import Kubectl
from tests.kept import end_kept

# A shell gives its background jobs a SIGINT that is ignored, which every child inherits: Ctrl-C would end none.
signal.signal(signal.SIGINT, signal.default_int_handler)


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


# A property's examples may be slow on a busy machine; pytest-timeout ends what hangs.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


def pytest_configure() -> None:
    """What is printed is as wide as its text, whatever the terminal, or the process that runs the tests, says."""
    os.environ.pop("COLUMNS", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What was imported and collected stays: the garbage collector looks for none of it, now or while tests run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """What a folder's tests share ends behind the last of them in this process."""
    try:
        return (yield)
    finally:
        end_kept(nextitem)


class _Groups(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests run in one process, and files that start the same servers in few: idle servers cost time too.

    On a real cluster, which each process has for its own, a test goes to the process that is free, but for those of a
    file whose fixtures are costly. (xdist's own groups, --dist=loadgroup, do nothing with pytest 9.2, which does not
    read the name that they write.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        if self.config.getoption("--cluster") is None:
            folder, number = path.parent.name, sum(path.stem.encode())
            return f"{folder} {number % _PROCESSES[folder]}" if folder in _PROCESSES else str(path)
        return str(path) if path.stem in _COSTLY else nodeid


_PROCESSES = {"cli": 2, "temporal": 3}
"""How many processes may start a folder's servers, where they are many."""
_COSTLY = {
    "test_admission",
    "test_alert_chain",
    "test_manifests",
    "test_registry",
    "test_other_runbooks",
    "test_rights",
    "test_shipped_runbooks",
}


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Groups:
    """Which tests a process is given."""
    return _Groups(config, log)


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
