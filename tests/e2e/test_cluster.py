"""The test cluster itself: what the other tests take for granted."""

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.api import Cluster, Namespace, NotHere, a_deployment, a_pod, eventually, image_patch
from tests.cluster.control_plane import ControlPlane

ROOT = Path(__file__).parents[2]


@pytest.fixture
def namespace(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as made:
        yield made


def test_a_node_that_is_killed_is_noticed_and_can_be_brought_back(built: ControlPlane) -> None:
    try:
        built.kill_node("node-2")
        eventually(lambda: not built.node_is_ready("node-2"))
        assert built.node_is_ready("node-1")
    finally:
        built.start_node("node-2")
    assert built.node_is_ready("node-2")


def test_an_api_server_that_is_stopped_refuses_connections_and_comes_back(
    built: ControlPlane, namespace: Namespace
) -> None:
    namespace.create("deployments", a_deployment())
    built.stop_api()
    try:
        with pytest.raises(httpx.ConnectError):
            namespace.get("deployments", "web")
    finally:
        built.start_api()
    assert namespace.get("deployments", "web")["metadata"]["name"] == "web"


def test_an_api_server_that_is_paused_answers_nothing_until_it_is_resumed(built: ControlPlane) -> None:
    built.pause_api()
    try:
        assert not built.answers()
    finally:
        built.resume_api()
    assert eventually(built.answers)


def test_the_audit_log_counts_what_people_write_and_nothing_of_the_cluster_s_own(
    built: ControlPlane, namespace: Namespace
) -> None:
    namespace.create("deployments", a_deployment(replicas=2))
    namespace.patch("deployments", "web", image_patch("example.test/web:2"), dryRun="All")
    assert namespace.try_patch("deployments", "absent", {}).status_code == 404
    eventually(lambda: len(namespace.items("pods")) == 2)
    empty = a_deployment() | {"spec": {}}  # without a resourceVersion: the controller may write at the same time
    assert namespace.http.put(namespace.path("deployments", "web"), json=empty).status_code == 422
    assert namespace.http.delete(namespace.path("deployments", "web")).status_code == 200

    written = built.writes(namespace=namespace.name)
    assert [(write.verb, write.resource, write.name, write.code, write.dry_run, write.done) for write in written] == [
        ("create", "deployments", "web", 201, False, True),
        ("patch", "deployments", "web", 200, True, False),
        ("patch", "deployments", "absent", 404, False, False),
        ("update", "deployments", "web", 422, False, False),
        ("delete", "deployments", "web", 200, False, True),
    ]
    assert {write.user for write in written} == {"administrator"}


@pytest.mark.usefixtures("built")
def test_an_image_can_be_out_of_reach_of_one_node_alone(namespace: Namespace) -> None:
    for number in range(2):
        pod = a_pod(f"on-{number}", f"registry.example/{secrets.token_hex(4)}:unreachable-on-node-0")
        pod["spec"]["nodeName"] = f"node-{number}"
        namespace.create("pods", pod)
    eventually(lambda: namespace.get("pods", "on-1")["status"]["phase"] == "Running")
    waits = eventually(
        lambda: (
            namespace.get("pods", "on-0")["status"].get("containerStatuses", [{}])[0].get("state", {}).get("waiting")
        )
    )
    assert waits["reason"] in ("ContainerCreating", "ErrImagePull", "ImagePullBackOff")
    eventually(lambda: any("i/o timeout" in event["message"] for event in namespace.events_of("on-0")))


def test_an_init_container_that_behaves_ends_and_its_pod_runs(namespace: Namespace) -> None:
    pod = a_pod("web")
    pod["spec"]["initContainers"] = [{"name": "first", "image": "example.test/first:1"}]
    namespace.create("pods", pod)
    eventually(lambda: namespace.get("pods", "web")["status"]["phase"] == "Running")
    (first,) = namespace.get("pods", "web")["status"]["initContainerStatuses"]
    assert (first["state"]["terminated"]["exitCode"], first["state"]["terminated"]["reason"]) == (0, "Completed")


def test_tests_do_not_write_to_a_cluster_off_this_machine_unless_they_are_told(real: Cluster, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(real.kubeconfig.read_text().replace("https://127.0.0.1:", "https://192.0.2.1:"))
    with pytest.raises(NotHere, match=r"192\.0\.2\.1"):
        Cluster("real", elsewhere)
    Cluster("real", elsewhere, off_loopback=True).http.close()

    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/contract/test_discovery.py",
        "-q",
        "-k",
        "real",
        "--cluster=existing",
    ]
    run = subprocess.run([*command, "--kubeconfig", elsewhere], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "is not on loopback, and these tests write; --off-loopback lets them" in run.stdout + run.stderr


def test_the_same_tests_run_on_an_existing_cluster(real: Cluster) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/contract/test_discovery.py",
        "-q",
        "-k",
        "real",
        "--cluster=existing",
    ]
    run = subprocess.run(
        [*command, "--kubeconfig", real.kubeconfig], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout


def test_make_cluster_says_how_it_is_used_and_ends_when_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "tests.cluster", "run", "--nodes", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            said = ""
            while "Ctrl-C ends" not in said:
                line = run.stdout.readline()
                assert line, said
                said += line
            kubeconfig = Path(said.partition("export KUBECONFIG=")[2].split()[0])
            with Cluster("real", kubeconfig).http as http:
                (node,) = http.get("/api/v1/nodes").json()["items"]
            assert node["metadata"]["name"] == "node-0"
            run.send_signal(signal.SIGINT)
            assert run.wait(30) == 0
        finally:
            run.kill()
    assert not kubeconfig.parent.exists()
