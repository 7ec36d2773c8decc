"""kubectl's everyday commands on the embedded cluster: of the version that is built here, and one several years older.

The newer one runs the same commands on the real control plane, so that both say the same.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runmend.local.sandbox import Sandbox
from tests.cluster.api import Cluster, Namespace, eventually
from tests.cluster.binaries import find

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: app, image: "registry.example/web:{tag}"}}]
"""


class Kubectl:
    """A kubectl with a kubeconfig and a home of its own."""

    def __init__(self, program: Path, namespace: Namespace, home: Path) -> None:
        self._program = program
        self._namespace = namespace
        self._home = home
        self.embedded = namespace.cluster.name == "sandbox"

    def __call__(self, *arguments: str, **more: str) -> str:
        """What a command prints, which must succeed."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        where = ["--kubeconfig", str(self._namespace.cluster.kubeconfig), "-n", self._namespace.name]
        env = {"PATH": os.environ["PATH"], "HOME": str(self._home), **more}
        command = [str(self._program), *where, *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    def write(self, tag: str) -> str:
        path = self._home / f"{tag}.yaml"
        path.write_text(MANIFEST.format(tag=tag))
        return str(path)


@contextmanager
def embedded(folder: Path) -> Iterator[Cluster]:
    with Sandbox(tls=True) as sandbox:
        cluster = Cluster("sandbox", sandbox.write_kubeconfig(folder / "kubeconfig"))
        with cluster.http:
            yield cluster


@pytest.fixture(params=["kubectl on the real", "kubectl on the embedded", "older-kubectl on the embedded"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kubectl]:
    program, _, where = request.param.partition(" on the ")
    if where == "real":
        with request.getfixturevalue("real").namespace() as namespace:
            yield Kubectl(find(program), namespace, tmp_path)
        return
    with embedded(tmp_path) as cluster, cluster.namespace() as namespace:
        yield Kubectl(find(program), namespace, tmp_path)


def test_a_deployment_is_applied_changed_rolled_back_and_deleted(command: Kubectl, tmp_path: Path) -> None:
    assert command("apply", "-f", command.write("1")) == "deployment.apps/web created\n"
    assert "successfully rolled out" in command("rollout", "status", "deployment/web", "--timeout=30s")
    assert command("apply", "-f", command.write("1")) == "deployment.apps/web unchanged\n"
    assert command("apply", "-f", command.write("2")) == "deployment.apps/web configured\n"
    command("rollout", "status", "deployment/web", "--timeout=30s")
    assert len(re.findall(r"^\d+ ", command("rollout", "history", "deployment/web"), re.MULTILINE)) == 2
    assert "rolled back" in command("rollout", "undo", "deployment/web")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert command("get", "deployment", "web", "-o", image) == "registry.example/web:1"
    assert "restarted" in command("rollout", "restart", "deployment/web")
    assert "image updated" in command("set", "image", "deployment/web", "app=registry.example/web:3")
    assert "scaled" in command("scale", "deployment", "web", "--replicas=3")
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i '/^spec:/,/^status:/ s/replicas: 3/replicas: 1/' \"$1\"\n")
    editor.chmod(0o755)
    assert "edited" in command("edit", "deployment", "web", EDITOR=str(editor))
    assert command("annotate", "deployment", "web", "a=b").startswith("deployment.apps/web annotated")
    assert command("label", "deployment", "web", "c=d") == "deployment.apps/web labeled\n"
    found = command("get", "deploy", "-l", "c=d", "-o", "jsonpath={.items[*].spec.replicas} {.items[*].metadata.name}")
    assert found == "1 web"
    command("rollout", "status", "deployment/web", "--timeout=30s")
    assert re.search(r"^Name: +web$", command("describe", "deployment", "web"), re.MULTILINE)
    assert "deleted" in command("delete", "deployment", "web", "--timeout=30s")
    assert command.run("get", "deployment", "web").stderr.startswith("Error from server (NotFound): deployments.apps")


def test_what_is_created_is_shown_as_people_expect(command: Kubectl) -> None:
    assert command("create", "deployment", "api", "--image=registry.example/api:1") == "deployment.apps/api created\n"
    assert command("create", "secret", "generic", "token", "--from-literal=a=b") == "secret/token created\n"
    assert command("run", "lone", "--image=registry.example/lone:missing") == "pod/lone created\n"
    command("rollout", "status", "deployment/api", "--timeout=30s")
    eventually(lambda: "BackOff" in command("get", "pod", "lone"))

    heading, row = command("get", "deployments").splitlines()
    assert heading.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["api", "1/1", "1", "1"]
    heading, row = command("get", "pod", "lone", "-o", "wide").splitlines()
    assert heading.split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    assert row.split()[:4] == ["lone", "0/1", "ImagePullBackOff", "0"]
    assert command("get", "secret", "token", "-o", "jsonpath={.data.a}") == "Yg=="
    assert "kind: Pod\n" in command("get", "pod", "lone", "-o", "yaml")
    assert 'Failed to pull image "registry.example/lone:missing"' in command("describe", "pod", "lone")
    if command.embedded:  # the test cluster's nodes have no port to ask for logs
        assert 'container "lone" in pod "lone" is waiting to start: ' in command.run("logs", "lone").stderr
    assert "pod/lone" in command("get", "all")


def test_a_watch_shows_what_comes(command: Kubectl) -> None:
    watched = command.run("get", "secrets", "-w", "--request-timeout=3s", "-o", "name")
    assert "Unable" not in watched.stderr

    command("create", "secret", "generic", "one", "--from-literal=a=b")
    assert "secret/one" in command.run("get", "secrets", "-w", "--request-timeout=3s", "-o", "name").stdout


def test_nodes_are_cordoned_and_uncordoned(command: Kubectl) -> None:
    node = command("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    try:
        assert "cordoned" in command("cordon", node)
        assert re.search(rf"^{node} +Ready,SchedulingDisabled ", command("get", "nodes"), re.MULTILINE)
    finally:
        command("uncordon", node)


def test_a_drained_node_keeps_none_of_the_pods(command: Kubectl) -> None:
    command("create", "deployment", "drained", "--image=registry.example/web:1")
    command("rollout", "status", "deployment/drained", "--timeout=30s")
    node = command("get", "pods", "-l", "app=drained", "-o", "jsonpath={.items[0].spec.nodeName}")
    try:
        drained = command("drain", node, "--pod-selector=app=drained", "--grace-period=1", "--timeout=30s")
        assert re.search(r"^node/\S+ (drained|evicted|deleted)$", drained, re.MULTILINE)
        where = command("get", "pods", "-l", "app=drained", "-o", "jsonpath={.items[*].spec.nodeName}")
        assert node not in where.split()
    finally:
        command("uncordon", node)


def test_what_is_not_served_is_answered_as_an_unsupported_resource(command: Kubectl) -> None:
    done = command.run("get", "widgets")

    assert (done.returncode, done.stderr) == (1, 'error: the server doesn\'t have a resource type "widgets"\n')
