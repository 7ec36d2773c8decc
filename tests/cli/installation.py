"""The commands as processes, and what `runmend dev` started for them."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.builders import MISSING
from tests.commands import run_command
from tests.loopback import http_client

ROOT = Path(__file__).parents[2]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """An environment with nothing of the tester's in it."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **more}


def runmend(
    env: dict[str, str], *arguments: str, cwd: Path = ROOT, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """A command as a process."""
    return run_command(arguments, env, cwd, timeout)


def children_of(pid: int) -> set[int]:
    """The child processes of a process."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()}


@dataclass
class Installation:
    """What `runmend dev` started, and what is needed to use it."""

    env: dict[str, str]
    bridge: str
    runbooks: Path
    process: subprocess.Popen[str]
    made: int = field(default=0)

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return runmend(self.env | more, *arguments)

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        """A command as a process that is looked at while it works."""
        argv = [sys.executable, "-m", "runmend.cli", *arguments]
        return subprocess.Popen(argv, env=self.env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def told(self, *arguments: str, **more: str) -> Any:
        """What a command prints as JSON."""
        done = self.run(*arguments, "--format", "json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        config = json.loads(Path(self.env["KUBECONFIG"]).read_text(encoding="utf-8"))
        headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        with http_client(config["clusters"][0]["cluster"]["server"], headers=headers) as http:
            answer = http.request(method, path, json=body)
        assert not answer.is_error, answer.text
        return answer.json()

    def a_namespace(self) -> str:
        """A namespace of the test's own."""
        self.made += 1
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": f"shop-{self.made}"}})
        return f"shop-{self.made}"

    def a_broken_deployment(self) -> tuple[str, str]:
        """A Deployment web whose image is missing; its namespace and pod, which waits in ImagePullBackOff."""
        namespace = self.a_namespace()
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": MISSING}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        self.api(
            "POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", {"metadata": {"name": "web"}, "spec": spec}
        )
        return namespace, self.broken_pod(namespace)

    def a_broken_bare_pod(self) -> tuple[str, str]:
        """A pod without a controller whose image is missing."""
        namespace = self.a_namespace()
        spec = {"containers": [{"name": "app", "image": MISSING}]}
        self.api("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "lonely"}, "spec": spec})
        return namespace, self.broken_pod(namespace)

    def broken_pod(self, namespace: str) -> str:
        for _ in range(200):
            for pod in self.api("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]:
                for status in pod["status"].get("containerStatuses", ()):
                    if status["state"].get("waiting", {}).get("reason") == "ImagePullBackOff":
                        return str(pod["metadata"]["name"])
            time.sleep(0.1)
        raise AssertionError("no pod came into ImagePullBackOff")
