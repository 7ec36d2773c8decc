"""A real control plane on loopback: etcd, kube-apiserver, controller manager, scheduler, and nodes that run the
kubelet's own code."""

import json
import secrets
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.audit import COMPONENTS, POLICY, Write, writes
from tests.cluster.binaries import find
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import NotReady, Processes, clean_environment, free_port, processes, wait_for

__all__ = ["ControlPlane", "NotReady", "control_plane"]

API = "kube-apiserver"
CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
LOOPBACK = "127.0.0.1"
NODES = 3
"""As many as the tests need."""


class ControlPlane:
    """Its processes, each of which can be stopped, paused and killed by its name, and its administrator's
    kubeconfig."""

    def __init__(self, folder: Path, running: Processes) -> None:
        self.folder = folder
        self.processes = running
        self.kubeconfig = folder / "kubeconfig"
        self.kubectl = Kubectl(self.kubeconfig)
        self._ca = folder / "certs" / "apiserver.crt"
        self._key = folder / "service-accounts.key"
        self._audit = folder / "audit.log"
        self._port = free_port()
        self._etcd = f"http://{LOOPBACK}:{free_port()}"
        self._components = folder / "components.kubeconfig"

    @property
    def kubectl_path(self) -> Path:
        """The path of the cluster's own kubectl."""
        return self.kubectl.path

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self._port}"

    def start(self, nodes: int) -> None:
        """Start everything, and wait until the nodes are ready.

        Raises:
            NotReady: something does not start.
        """
        subprocess.run([find("key"), self._key], check=True)
        self._write_accounts()
        self._start_etcd()
        self.start_api()
        self.start_controllers()
        for number in range(nodes):
            self.start_node(f"node-{number}")
        wait_for("the default service account", lambda: self.kubectl("get", "serviceaccount", "default", check=False))

    # The API server

    def start_api(self) -> None:
        """Start it, for the first time or again, and wait until it is ready."""
        self.processes.start(
            API,
            [
                find(API),
                f"--etcd-servers={self._etcd}",
                f"--bind-address={LOOPBACK}",
                f"--advertise-address={LOOPBACK}",
                f"--secure-port={self._port}",
                f"--cert-dir={self._ca.parent}",
                f"--token-auth-file={self.folder / 'tokens.csv'}",
                "--authorization-mode=Node,RBAC",
                f"--service-account-key-file={self._key}",
                f"--service-account-signing-key-file={self._key}",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--endpoint-reconciler-type=none",
                # So that the rest of a list expires within a test run, and not after the five minutes that are the
                # default.
                "--etcd-compaction-interval=10s",
                f"--audit-policy-file={self.folder / 'audit.yaml'}",
                f"--audit-log-path={self._audit}",
            ],
            clean_environment(),
        )
        self.processes.ready(API, self.answers)

    def stop_api(self) -> None:
        """End it; connections are refused until it is started again."""
        self.processes.kill(API)

    def pause_api(self) -> None:
        """SIGSTOP: connections are accepted by the kernel, and nothing is answered."""
        self.processes.pause(API)

    def resume_api(self) -> None:
        """SIGCONT."""
        self.processes.resume(API)

    def answers(self) -> bool:
        """Whether the API server says that it is ready."""
        if not self._ca.exists():
            return False
        try:
            with httpx.Client(
                verify=ssl.create_default_context(cafile=str(self._ca)), trust_env=False, timeout=2
            ) as client:
                return client.get(f"{self.server}/readyz").status_code == httpx.codes.OK
        except (httpx.HTTPError, ssl.SSLError):
            return False

    # Controllers

    def start_controllers(self) -> None:
        """Start the controller manager and the scheduler, for the first time or again."""
        common = [f"--kubeconfig={self._components}", "--leader-elect=false", f"--bind-address={LOOPBACK}"]
        manager = [
            f"--service-account-private-key-file={self._key}",
            f"--root-ca-file={self._ca}",
            "--use-service-account-credentials",
            "--node-monitor-grace-period=10s",
            "--node-monitor-period=1s",
        ]
        for name, more in zip(CONTROLLERS, (manager, []), strict=True):
            self.processes.start(
                name, [find(name), *common, f"--secure-port={free_port()}", *more], clean_environment()
            )

    def stop_controllers(self) -> None:
        """Kill them: no pod is made, deleted or given a node, and no node is called lost."""
        for name in CONTROLLERS:
            self.processes.kill(name)

    # Nodes

    def start_node(self, name: str, *, cordoned: bool = False) -> None:
        """Start a node, for the first time or again, and wait until it is ready; one that is cordoned is not waited
        for."""
        argv = [str(find("node")), f"--name={name}", f"--kubeconfig={self._components}", f"--registry-ca={self._ca}"]
        self.processes.start(name, [*argv, f"--root={self.folder / name}"], clean_environment())
        if not cordoned:
            self.processes.ready(name, lambda: self.node_is_ready(name))

    def node_runs(self, name: str) -> bool:
        """Whether its kubelet's process is there: two of them would speak for one node."""
        return self.processes.code(name) is None

    def kill_node(self, name: str) -> None:
        """SIGKILL; the cluster notices after about ten seconds."""
        self.processes.kill(name)

    def node_is_ready(self, name: str) -> bool:
        """Whether the API server believes that a node is ready, and pods may be put on it."""
        path = '{.status.conditions[?(@.type=="Ready")].status} {.spec.taints}'
        return self.kubectl("get", "node", name, "-o", f"jsonpath={path}", check=False).strip() == "True"

    # What was done

    def writes(self, **chosen: Any) -> list[Write]:
        """What was written, oldest first; see `tests.cluster.audit.writes`."""
        return list(writes(self._audit, **chosen))

    # Its parts

    def _write_accounts(self) -> None:
        """The administrator, and an account of the parts' own, so that the audit log can tell them apart."""
        accounts = {"administrator": (self.kubeconfig, ""), "components": (self._components, f",{COMPONENTS}")}
        lines = []
        for name, (path, groups) in accounts.items():
            token = secrets.token_urlsafe(24)
            lines.append(f'{token},{name},{name},"system:masters{groups}"\n')
            path.write_text(json.dumps(self._kubeconfig_for(name, token)))
            path.chmod(0o600)
        tokens = self.folder / "tokens.csv"
        tokens.touch(0o600)
        tokens.write_text("".join(lines))
        (self.folder / "audit.yaml").write_text(json.dumps(POLICY))

    def _kubeconfig_for(self, user: str, token: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.server, "certificate-authority": str(self._ca)}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }

    def _start_etcd(self) -> None:
        peers = f"http://{LOOPBACK}:{free_port()}"
        self.processes.start(
            "etcd",
            [
                find("etcd"),
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={self._etcd}",
                f"--advertise-client-urls={self._etcd}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                "--unsafe-no-fsync",
            ],
            clean_environment(),
        )


@contextmanager
def control_plane(nodes: int = NODES) -> Iterator[ControlPlane]:
    """Run one while the block runs, in a temporary folder; its logs are kept there where it does not start.

    Raises:
        NotReady: it cannot be built, or does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="runmend-cluster-"))
    with processes(folder) as running:
        running.remove_at_end(folder)
        plane = ControlPlane(folder, running)
        try:
            plane.start(nodes)
        except (NotReady, TimeoutError) as error:
            running.remove_at_end(None)
            raise NotReady(f"{error}\nthe logs are in {folder}") from None
        yield plane
