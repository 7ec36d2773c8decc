"""What a new user does with `runmend dev`: break something, watch it, kill the worker."""

import json
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from tests.cli.installation import Installation, children_of
from tests.loopback import http_client

pytestmark = pytest.mark.slow


def test_what_is_broken_is_taken_by_the_bridge_and_repaired(installation: Installation) -> None:
    namespace = installation.a_namespace()
    done = installation.run("break", "bad-image", "--namespace", namespace)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"Deployment {namespace}/web was made with an image that does not exist" in done.stdout
    assert done.stdout.count("waits (ImagePullBackOff)") == 2
    assert (
        f"Posted KubePodImagePullBackOff to {installation.bridge}/alerts, which answered:\n  started: run"
        in done.stdout
    )
    assert f"Follow it: runmend show {namespace}/web --follow\n" in done.stdout
    followed = installation.run("show", f"{namespace}/web", "--follow")
    assert followed.returncode == 0, followed.stdout + followed.stderr


def test_an_alert_that_no_runbook_is_for_is_told_as_such(installation: Installation) -> None:
    done = installation.run("break", "crash-loop", "--namespace", installation.a_namespace())

    assert done.returncode == 0, done.stderr
    assert "  unrouted: no runbook is loaded for alertname 'KubePodCrashLooping'\n" in done.stdout
    assert "Follow it" not in done.stdout


def test_without_the_alert_the_command_that_posts_it_starts_the_run(installation: Installation) -> None:
    namespace = installation.a_namespace()
    done = installation.run("break", "bad-image", "--namespace", namespace, "--no-alert")

    assert done.returncode == 0, done.stderr
    [command] = [line for line in done.stdout.splitlines() if "curl" in line]
    curl, _, address, _, header, _, body = shlex.split(command)
    name, value = header.split(": ")
    with http_client(installation.bridge, headers={name: value}) as sender:
        answer = sender.post("/alerts", content=Path(body.removeprefix("@")).read_bytes()).json()
    assert (curl, address) == ("curl", f"{installation.bridge}/alerts")
    assert [each["answer"] for each in answer["alerts"]] == ["started", "started"]


def test_its_worker_changes_nodes_of_the_embedded_cluster(installation: Installation) -> None:
    worker = _worker(children_of(installation.process.pid))

    assert b"RUNMEND_NODES=*" in Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")


def test_a_worker_that_is_killed_is_started_again_and_the_open_run_ends(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    before = children_of(installation.process.pid)
    worker = _worker(before)
    os.kill(worker, signal.SIGKILL)
    started = installation.run("run", "RB_IMAGEPULL", "-l", f"namespace={namespace}", "-l", f"pod={pod}", "--wait")

    assert started.returncode == 0, started.stdout + started.stderr
    for _ in range(100):
        if len(after := children_of(installation.process.pid)) == len(before):
            break
        time.sleep(0.1)
    assert len(after - before) == 1
    assert _worker(after) not in before
    noted = json.loads((Path(installation.env["KUBECONFIG"]).parent / "dev.json").read_text(encoding="utf-8"))
    assert noted == {"bridge": installation.bridge}


def _worker(children: set[int]) -> int:
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    [worker] = [pid for pid, line in lines.items() if line.endswith(b"\0worker\0")]
    return worker
