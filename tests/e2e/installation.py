"""Runmend as it is installed: a Temporal server, workers and bridges, each a process of its own, under the accounts
that deploy/ ships."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.cluster.api import Cluster, eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes, clean_environment, free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RIGHTS = {
    "Namespace",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
SHIPPED = "runmend"
"""The namespace of the shipped accounts."""
WEBHOOK_SECONDS = 60


class Temporal:
    """A Temporal development server, its state in a file, that can be stopped and started again."""

    name = "temporal"

    def __init__(self, running: Processes, folder: Path) -> None:
        self.processes = running
        self._port, self._ui_port = free_port(), free_port()
        self._folder = folder
        self.address = f"127.0.0.1:{self._port}"
        self.web_ui = f"http://127.0.0.1:{self._ui_port}"

    def start(self) -> None:
        """Start it, for the first time or again on its file, and wait until it answers."""
        argv = [
            str(BIN / "temporal"),
            "server",
            "start-dev",
            "--ip",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--ui-port",
            str(self._ui_port),
        ]
        argv += ["--db-filename", str(self._folder / "temporal.db"), "--log-level", "error", "--ui-disable-news-fetch"]
        argv += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
        # A run's own clock can be moved, so that its window costs nothing; the cluster's stays as it is.
        argv += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
        # The server keeps notes of its own under HOME.
        self.processes.start(self.name, argv, clean_environment(HOME=str(self._folder)))
        self.processes.ready(self.name, self._answers)

    def stop(self) -> None:
        """End it as an operator does; its file stays."""
        self.processes.stop(self.name)

    def _answers(self) -> bool:
        try:
            return (
                httpx.get(f"{self.web_ui}/api/v1/namespaces/default", trust_env=False, timeout=2).status_code
                == httpx.codes.OK
            )
        except httpx.HTTPError:
            return False


class Installation:
    """The workers and the bridges of one cluster's name.

    Args:
        running: where its processes run.
        folder: for the token; it must exist.
        temporal: the server that holds its runs.
        accounts: `worker` and `bridge` → a kubeconfig.
        cluster: RUNMEND_CLUSTER.
        settings: further variables, RUNMEND_* or others, of both.
    """

    def __init__(
        self,
        running: Processes,
        folder: Path,
        temporal: Temporal,
        accounts: dict[str, Path],
        cluster: str = "e2e",
        **settings: str,
    ) -> None:
        self.processes = running
        self.temporal = temporal
        self.cluster = cluster
        self.accounts = accounts
        self.token = secrets.token_urlsafe(16)
        self._token_file = folder / f"{cluster}-token"
        self._token_file.write_text(self.token)
        self._token_file.chmod(0o600)
        # Most of these tests move a run's clock past its window at once; each look into it would be a move of its own.
        self._settings = {"RUNMEND_RUNBOOKS": str(ROOT / "runbooks"), "RUNMEND_LOOK_SECONDS": "3600"} | settings
        self._ports: dict[str, int] = {}

    def start_worker(self, name: str = "worker", **settings: str) -> str:
        """Start a worker, for the first time or again, and wait until it works; the process's name."""
        return self._start(name, "worker", "worker started", [], settings)

    def start_bridge(self, name: str = "bridge", **settings: str) -> str:
        """Start a bridge, for the first time or again on its port, and wait until it listens; the process's name."""
        port = self._ports.setdefault(name, free_port())
        settings = {"RUNMEND_TOKEN_FILE": str(self._token_file)} | settings
        return self._start(name, "bridge", "bridge listens", ["--port", str(port)], settings)

    def kill(self, name: str) -> None:
        """SIGKILL a worker or a bridge; it can be started again."""
        self.processes.kill(self.process(name))

    def pause(self, name: str) -> None:
        """SIGSTOP a worker or a bridge: it keeps its connections, and does nothing."""
        self.processes.pause(self.process(name))

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.processes.resume(self.process(name))

    def process(self, name: str) -> str:
        """What a worker or a bridge is called among the processes."""
        return f"{self.cluster}-{name}"

    def log(self, name: str) -> str:
        """All that a worker or a bridge has said."""
        return self.processes.log(self.process(name)).read_text()

    def bridge_url(self, name: str = "bridge") -> str:
        """A bridge's address."""
        return f"http://127.0.0.1:{self._ports[name]}"

    @property
    def token_file(self) -> Path:
        """The file with the token that the bridges ask for."""
        return self._token_file

    def post(self, webhook: dict[str, Any], name: str = "bridge") -> httpx.Response:
        """Post a webhook as Alertmanager does."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.bridge_url(name)}/alerts"
        return httpx.post(url, json=webhook, headers=headers, timeout=WEBHOOK_SECONDS, trust_env=False)

    def answers(self, webhook: dict[str, Any]) -> list[str]:
        """What the bridge answers to each alert of a webhook, which it must take."""
        answer = self.post(webhook)
        assert answer.status_code == httpx.codes.OK, answer.text
        return [alert["answer"] for alert in answer.json()["alerts"]]

    def workflow_id(self, namespace: str, name: str = "web", kind: str = "Deployment") -> str:
        """The id of a target's runs."""
        return f"{self.cluster}/{namespace}/{kind}/{name}"

    async def command(
        self, *arguments: str, account: str = "bridge", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """What a person does at a terminal of their own, under one of the accounts: a command that nobody can answer
        questions of."""
        argv, pipe = [sys.executable, "-m", "runmend.cli", *arguments], asyncio.subprocess.PIPE
        env = self._environment(account) | settings
        process = await asyncio.create_subprocess_exec(
            *argv, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        try:
            said, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return subprocess.CompletedProcess(argv, process.returncode, said.decode(), errors.decode())

    def _environment(self, account: str) -> dict[str, str]:
        """What worker, bridge and commands of the installation are told, under an account."""
        env = clean_environment(
            TEMPORAL_ADDRESS=self.temporal.address,
            KUBECONFIG=str(self.accounts[account]),
            RUNMEND_CLUSTER=self.cluster,
            PYTHONPATH=str(ROOT),
        )
        return env | self._settings

    def _start(self, name: str, command: str, says: str, arguments: Sequence[str], settings: dict[str, str]) -> str:
        process = self.process(name)
        log = self.processes.log(process)
        before = log.stat().st_size if log.exists() else 0
        argv = [sys.executable, "-m", "runmend.cli", command, *arguments]
        self.processes.start(process, argv, self._environment(command) | settings)
        self.processes.ready(process, lambda: says in log.read_text()[before:])
        return process


def rendered(kubectl: Kubectl, folder: Path, **overlay: object) -> str:
    """What an overlay of deploy/kubernetes, which it finds as `deploy`, comes to."""
    (folder / "deploy").symlink_to(ROOT / "deploy" / "kubernetes")
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
    return kubectl("kustomize", str(folder))


def shipped_rights(kubectl: Kubectl, folder: Path) -> None:
    """Create the accounts, roles and the admission policy that deploy/ ships, with the components that give rights in
    every namespace, to read Secrets too."""
    text = rendered(
        kubectl,
        folder,
        resources=["deploy/base"],
        components=[
            "deploy/components/whole-cluster",
            "deploy/components/nodes",
            "deploy/components/read-secrets",
        ],
    )
    rights = [each for each in yaml.safe_load_all(text) if each["kind"] in RIGHTS]
    kubectl("apply", "-f", "-", text="\n---\n".join(json.dumps(each) for each in rights))


def account(cluster: Cluster, folder: Path, name: str, namespace: str = SHIPPED) -> Path:
    """A kubeconfig with a token of a service account, for half a day."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
    eventually(lambda: cluster.http.get(path).status_code == httpx.codes.OK)
    answer = cluster.http.post(f"{path}/token", json={"spec": {"expirationSeconds": 12 * 3600}})
    assert answer.status_code == httpx.codes.CREATED, answer.text
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    current = next(each for each in config["contexts"] if each["name"] == config["current-context"])["context"]
    current["user"] = name
    config["users"] = [{"name": name, "user": {"token": answer.json()["status"]["token"]}}]
    written = folder / f"{namespace}-{name}.kubeconfig"
    written.write_text(json.dumps(config))
    return written
