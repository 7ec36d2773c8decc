"""The programs of a test cluster: built from the Go modules beside this file, or unpacked from Debian's packages.

They are kept outside the checkout, each under the hash of what it is made of, so that a second run builds nothing.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cluster.processes import NotReady

HERE = Path(__file__).parent
MONITORING = HERE / "monitoring"


@dataclass(frozen=True)
class GoProgram:
    """A program of a Go module: a package that its go.mod names as a tool, or a folder of its own."""

    package: str
    module: Path = HERE

    @property
    def made_of(self) -> list[Path]:
        """The files that decide what it is."""
        own = sorted((self.module / self.package).glob("*.go")) if self.package.startswith("./") else []
        return [self.module / "go.mod", self.module / "go.sum", *own]


PROGRAMS = {
    "etcd": GoProgram("go.etcd.io/etcd/server/v3"),
    "kube-apiserver": GoProgram("k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": GoProgram("k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": GoProgram("k8s.io/kubernetes/cmd/kube-scheduler"),
    "kubectl": GoProgram("k8s.io/kubernetes/cmd/kubectl"),
    "node": GoProgram("./node"),
    "key": GoProgram("./key"),
    "kube-state-metrics": GoProgram("k8s.io/kube-state-metrics/v2", MONITORING),
    "alertmanager": GoProgram("github.com/prometheus/alertmanager/cmd/alertmanager", MONITORING),
    "amtool": GoProgram("github.com/prometheus/alertmanager/cmd/amtool", MONITORING),
}
PACKAGES = {
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "promtool": ("prometheus", "usr/bin/promtool"),
    "docker-registry": ("docker-registry", "usr/bin/docker-registry"),
    "older-kubectl": ("kubernetes-client", "usr/bin/kubectl"),
}
"""Program → Debian's package, and the path in it. What is on the PATH under a program's name is taken instead."""


def kept_in() -> Path:
    """The folder that keeps them: RUNMEND_TEST_CACHE, else one of the user's cache."""
    own = os.environ.get("RUNMEND_TEST_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(own) if own else home / "runmend-tests"


def find(name: str, say: Callable[[str], None] = lambda _: None) -> Path:
    """The path of a program; it is built or unpacked where that was not done yet.

    Args:
        name: a key of PROGRAMS or PACKAGES.
        say: takes a line for each thing that takes a while.

    Raises:
        NotReady: it cannot be had; the message says what to install.
    """
    return _built(name, PROGRAMS[name], say) if name in PROGRAMS else _packaged(name, say)


def _built(name: str, program: GoProgram, say: Callable[[str], None]) -> Path:
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={_kubernetes_version()}"
    digest = hashlib.sha256(f"{_go_version()} {flags} {program.package}".encode())
    for path in program.made_of:
        digest.update(path.read_bytes())
    binary = kept_in() / digest.hexdigest()[:16] / name
    if binary.exists():
        return binary
    say(f"building {name} ...")
    started = time.monotonic()
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept_in()) as folder:
        made = Path(folder) / name
        command = [
            "go",
            "build",
            "-mod=readonly",
            "-buildvcs=false",
            f"-ldflags={flags}",
            "-o",
            str(made),
            program.package,
        ]
        done = subprocess.run(command, cwd=program.module, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise NotReady(f"{name} could not be built: {done.stderr.strip()[-1000:]}")
        made.rename(binary)
    say(f"built {name} in {time.monotonic() - started:.0f} s: {binary}")
    return binary


@cache
def _kubernetes_version() -> str:
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)$", (HERE / "go.mod").read_text(), re.MULTILINE)
    assert found, "go.mod requires no k8s.io/kubernetes"
    return found[1]


@cache
def _go_version() -> str:
    advice = "the test cluster is built with Go 1.26 or newer; install it and put it on the PATH"
    try:
        # In the module's folder, so that its go.mod says which version is asked for.
        done = subprocess.run(["go", "version"], cwd=HERE, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotReady(f"there is no `go` command; {advice}") from None
    if done.returncode:
        raise NotReady(f"{done.stderr.strip()}; {advice}")
    return done.stdout.strip()


def _packaged(name: str, say: Callable[[str], None]) -> Path:
    package, path = PACKAGES[name]
    installed = shutil.which(name)  # not its command: another kubectl on the PATH is not the older one
    if installed:
        return Path(installed)
    unpacked = kept_in() / f"debian-{package}"
    if not (unpacked / path).exists():
        say(f"unpacking Debian's package {package} ...")
        _unpack(package, unpacked)
    if not (unpacked / path).exists():
        raise NotReady(f"Debian's package {package} has no {path}; install {name} and put it on the PATH")
    return unpacked / path


def _unpack(package: str, target: Path) -> None:
    """Download a package with apt and unpack it beside the others; nothing is installed, and nobody has to be root.

    The lists of packages are the user's own, so that the system's are neither needed nor changed.
    """
    advice = f"install {package} by other means, and put its programs on the PATH"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotReady(f"there is no apt-get to get {package} with; {advice}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        folder = Path(temporary)
        lists, unpacked = kept_in() / "apt-lists", folder / "unpacked"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        apt = [
            "apt-get",
            "-qq",
            "-o",
            f"Dir::State::Lists={lists}",
            "-o",
            f"Dir::Cache={folder}",
            "-o",
            "APT::Sandbox::User=",
        ]
        for command in ([*apt, "update"], [*apt, "download", package]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotReady(f"`{' '.join(command[-2:])}` failed: {done.stderr.strip()[-500:]}; {advice}")
        (archive,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
        if not target.exists():
            unpacked.rename(target)
