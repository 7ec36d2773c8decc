"""`runmend replay` as a process, against what `runmend dev` started; and what it is not told to do."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from runmend.cli.main import run
from runmend.local.processes import free_port
from tests.builders import FALLBACK, MISSING, a_runbook
from tests.cli.installation import ROOT, Installation

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments/web"


def pause(installation: Installation, namespace: str, *, paused: bool) -> None:
    config = json.loads(Path(installation.env["KUBECONFIG"]).read_text(encoding="utf-8"))
    url = config["clusters"][0]["cluster"]["server"] + DEPLOYMENTS.format(namespace)
    token = config["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/strategic-merge-patch+json"}
    answer = httpx.patch(url, json={"spec": {"paused": paused}}, headers=headers, trust_env=False, verify=False)
    assert answer.is_success, answer.text


def image(installation: Installation, namespace: str) -> str:
    spec = installation.api("GET", DEPLOYMENTS.format(namespace))["spec"]["template"]["spec"]
    return str(spec["containers"][0]["image"])


@pytest.fixture
def failed(installation: Installation) -> str:
    """A namespace whose Deployment web could not be changed, because it was paused; it is not any more."""
    namespace, pod = installation.a_broken_deployment()
    pause(installation, namespace, paused=True)
    done = installation.run("run", "RB_IMAGEPULL", "-l", f"namespace={namespace}", "-l", f"pod={pod}", "--wait")
    assert (done.returncode, "is paused" in done.stdout) == (1, True), done.stderr
    pause(installation, namespace, paused=False)
    return namespace


def runs(installation: Installation, namespace: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = installation.told("list", "--target", f"{namespace}/web")
    return told


@pytest.mark.slow
def test_a_failed_run_is_rehearsed_and_then_resumed_and_followed(installation: Installation, failed: str) -> None:
    before = runs(installation, failed)
    rehearsed = installation.run("replay", f"{failed}/web", "--dry-run")
    assert runs(installation, failed) == before

    done = installation.run("replay", f"{failed}/web", "--wait")

    [old] = before
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert rehearsed.stdout.splitlines()[0] == (
        f"would resume {old['workflow_id']}@{old['run_id']} at patch_image: observe and get_pod_events keep "
        "their results"
    )
    assert rehearsed.stdout.endswith(
        f"  2 patch_image: would change container app: {MISSING} → {FALLBACK} (accepted by a dry run)\n"
    )
    assert done.returncode == 0, done.stderr
    assert (
        f"resumed Deployment {failed}/web at patch_image: observe and get_pod_events keep their results\n"
        in done.stderr
    )
    assert "## ImagePullBackOff Remediation: resolved" in done.stdout
    new, _ = runs(installation, failed)
    assert (new["outcome"], image(installation, failed)) == ("resolved", FALLBACK)


@pytest.mark.slow
def test_a_resumed_runs_id_is_printed_with_its_page_and_it_is_not_resumed_once_it_has_completed(
    installation: Installation, failed: str
) -> None:
    done = installation.run("replay", f"{failed}/web", "--from", "observe")
    assert done.returncode == 0, done.stderr
    workflow_id, _, run_id = done.stdout.strip().partition("@")
    assert (workflow_id, done.stdout.count("\n")) == (f"default/{failed}/Deployment/web", 1)
    assert done.stderr.splitlines()[-1].endswith(
        f"/workflows/default%2F{failed}%2FDeployment%2Fweb/{run_id}/user-metadata"
    )
    assert installation.run("show", f"{failed}/web@{run_id}", "--follow").returncode == 0

    again = installation.run("replay", f"{failed}/web@{run_id}")

    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == (
        "runmend: error: the run completed, so there is nothing to resume; `--again` starts a new one with the "
        "same plan and alerts\n"
    )


@pytest.mark.slow
def test_a_run_that_is_followed_goes_on_when_that_is_interrupted(installation: Installation, failed: str) -> None:
    argv = (
        "replay",
        f"{failed}/web",
        "--latest",
        "--yes",
        "--wait",
        "--runbooks",
        str(newer(installation, window="5 minutes")),
    )
    with installation.started(*argv) as following:
        assert following.stdout
        for line in following.stdout:
            if "verification window" in line:
                break
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=30)

    assert following.returncode == 130
    assert said.endswith(f"the run goes on; `runmend show {failed}/web` tells how\n")
    refused = installation.run("replay", f"{failed}/web")
    assert refused.returncode == 1
    assert re.search(r" is open: verification window: \dm \d\ds of 5 minutes to go, until \S+ UTC\n", refused.stderr)


@pytest.mark.slow
def test_the_newer_runbook_is_shown_and_not_run_before_somebody_says_yes(
    installation: Installation, failed: str
) -> None:
    with_newer = ("replay", f"{failed}/web", "--latest", "--runbooks", str(newer(installation)))

    rehearsed = installation.run(*with_newer, "--dry-run")
    unasked = installation.run(*with_newer)
    declined = _on_a_terminal(installation, "n\n", *with_newer)
    assert len(runs(installation, failed)) == 1
    accepted = _on_a_terminal(installation, "y\n", *with_newer, "--wait")

    for done in (rehearsed, unasked, declined):
        assert f"-    fallback_image: {FALLBACK}\n+    fallback_image: registry.example/app:2.0\n" in done.stdout
    assert (rehearsed.returncode, unasked.returncode, declined.returncode, accepted.returncode) == (0, 1, 1, 0)
    assert rehearsed.stdout.endswith(
        "would change container app: registry.example/app:missing → registry.example/app:2.0 (accepted by a dry run)\n"
    )
    assert (
        unasked.stderr
        == "runmend: error: nobody can be asked, because the input is not a terminal; nothing was started; --yes "
        "answers for you\n"
    )
    assert f"start RB_IMAGEPULL for Deployment {failed}/web with the runbook as it is now? [y/N]:" in declined.stderr
    assert declined.stderr.endswith("runmend: error: nothing was started\n")
    assert image(installation, failed) == "registry.example/app:2.0"


@pytest.mark.slow
def test_a_runbook_that_has_not_changed_needs_no_yes(installation: Installation, failed: str) -> None:
    done = installation.run("replay", f"{failed}/web", "--latest", "--wait")

    assert done.returncode == 0, done.stderr
    assert "the runbook has not changed: " in done.stderr
    assert f"started RB_IMAGEPULL for Deployment {failed}/web with 1 alert\n" in done.stderr


@pytest.mark.slow
def test_a_run_is_done_again_and_a_second_one_refused_while_it_is_open(installation: Installation, failed: str) -> None:
    rehearsed = installation.run("replay", f"{failed}/web", "--again", "--dry-run")
    first = installation.run("replay", f"{failed}/web", "--again", RUNMEND_MODE="recommend")
    assert installation.run("show", f"{failed}/web", "--follow").returncode == 0

    assert rehearsed.stdout.startswith(f"would start RB_IMAGEPULL for Deployment {failed}/web with 1 alert\n")
    assert (first.returncode, image(installation, failed)) == (0, MISSING)
    assert [each["outcome"] for each in runs(installation, failed)] == ["recommended", "PreconditionFailed"]


@pytest.mark.slow
def test_what_failed_is_listed_and_not_resumed_before_somebody_says_yes(
    installation: Installation, failed: str
) -> None:
    batch = ("replay", "--failed", "--target", f"{failed}/web", "--since", "10m")

    rehearsed = installation.run(*batch, "--dry-run")
    unasked = installation.run(*batch)
    assert len(runs(installation, failed)) == 1
    done = installation.run(*batch, "--yes")
    nothing = installation.run(*batch, "--yes")

    run_id = runs(installation, failed)[-1]["run_id"][-8:]
    listed = f"{failed}/web@{run_id}  PreconditionFailed: would be resumed at patch_image\n"
    assert (rehearsed.returncode, unasked.returncode, done.returncode, nothing.returncode) == (0, 1, 0, 0)
    assert all(each.stdout.startswith(listed) for each in (rehearsed, unasked, done))
    assert rehearsed.stdout.endswith("(accepted by a dry run)\n")
    assert "nothing was started; --yes answers for you" in unasked.stderr
    assert done.stdout.endswith("1 failed run: 1 resumed (1 resolved), 0 not resumed\n")
    assert f"{failed}/web@{run_id}  PreconditionFailed: not resumed: not its target's latest run, " in nothing.stdout
    assert nothing.stderr.startswith("none of the 1 runs that failed is to be resumed since ")


@pytest.mark.slow
def test_ctrl_c_at_the_question_ends_the_command_and_starts_nothing(installation: Installation, failed: str) -> None:
    before = runs(installation, failed)
    master, slave = pty.openpty()
    argv = [sys.executable, "-m", "runmend.cli", "replay", "--failed", "--target", f"{failed}/web"]
    try:
        with subprocess.Popen(
            argv, env=installation.env, cwd=ROOT, stdin=slave, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as asking:
            assert asking.stderr is not None
            said = b""
            while b"[y/N]" not in said:
                said += os.read(asking.stderr.fileno(), 1000)
            asking.send_signal(signal.SIGINT)
            assert asking.wait(timeout=30) == 130
    finally:
        os.close(master)
        os.close(slave)
    assert runs(installation, failed) == before


@pytest.mark.slow
def test_what_is_changed_must_be_named_whole(installation: Installation, failed: str) -> None:
    before = runs(installation, failed)
    for part in (f"{failed}/we", f"{failed}/", "default"):
        done = installation.run("replay", part)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"no run of exactly {part}; there is " in done.stderr
    assert runs(installation, failed) == before


@pytest.mark.slow
def test_what_cannot_be_replayed_is_said_in_one_line(installation: Installation, failed: str) -> None:
    whole = f"default/{failed}/Deployment/web"
    refusals = {
        ("replay", f"{failed}/nobody"): "no run of ",
        ("replay", f"{whole}@4711"): "a closed run is kept for the retention of Temporal's namespace",
        ("replay", f"{failed}/web", "--from", "check"): "`--from settle` holds settle, window and check anew",
        (
            "replay",
            f"{failed}/web",
            "--from",
            "settle",
        ): "had not begun settle; it can be resumed at observe, 1 get_pod_events, 2 patch_image",
        ("replay", f"{failed}/web", "--latest", "--runbooks", "/nowhere"): "/nowhere: No such file or directory",
    }
    for argv, says in refusals.items():
        done = installation.run(*argv)
        assert (done.returncode, done.stdout) == (1, "")
        assert says in done.stderr
        assert done.stderr.count("\n") == 1

    elsewhere = installation.run("replay", whole, RUNMEND_CLUSTER="elsewhere")
    assert (
        "is a run of cluster default (task queue runmend-default), and this installation's is elsewhere"
        in elsewhere.stderr
    )
    unreachable = installation.run("replay", whole, "--dry-run", KUBECONFIG=str(_nobody(installation.runbooks.parent)))
    assert unreachable.returncode == 1
    assert unreachable.stderr.endswith("; is KUBECONFIG right?\n")
    assert len(runs(installation, failed)) == 1


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "name a RUN, or say --failed for all that failed lately"),
        (["web", "--failed"], "--failed and RUN do not go together"),
        (["--failed", "--wait"], "--failed and --wait do not go together"),
        (["web", "--again", "--from", "settle"], "--from and --again do not go together"),
        (["web", "--wait", "--dry-run"], "--dry-run and --wait do not go together"),
        (["web", "--local", "--latest"], "--local and --latest do not go together"),
        (["web", "--since", "1h"], "--since belongs to --failed"),
        (["web", "--at-once", "2"], "--at-once belongs to --failed"),
        (["web", "--runbooks", "."], "--runbooks belongs to --latest"),
        (["--failed", "--since", "soon"], "'soon' is not a time; write how long ago"),
        (["--failed", "--at-once", "0"], "--at-once"),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(
    capsys: pytest.CaptureFixture[str], argv: list[str], says: str
) -> None:
    assert run(["replay", *argv]) == 2

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err


@pytest.mark.parametrize("argv", [["replay", "web"], ["replay", "--failed"]])
def test_a_temporal_that_does_not_answer_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")

    assert run(argv) == 1

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.endswith(
        "cannot be reached: Connection refused; start one with `runmend dev`, or set TEMPORAL_ADDRESS\n"
    )


def test_a_history_is_replayed_locally_by_its_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    async def replay_locally(what: str) -> int:
        called.append(what)
        return 3

    local = ModuleType("runmend.cli.replaying_locally")
    local.replay_locally = replay_locally  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "runmend.cli.replaying_locally", local)

    assert run(["replay", "--local", "history.json"]) == 3
    assert called == ["history.json"]


def newer(installation: Installation, *, window: str = "1 second") -> Path:
    """A directory with the runbook as somebody has mended it."""
    folder = installation.runbooks.parent / f"newer-{window.replace(' ', '-')}"
    folder.mkdir(exist_ok=True)
    text = a_runbook(fallback="registry.example/app:2.0").replace("5 minutes", window)
    (folder / "RB_IMAGEPULL.md").write_text(text, encoding="utf-8")
    return folder


def _nobody(folder: Path) -> Path:
    """A kubeconfig of a cluster that is not there."""
    path = folder / "nobody.yaml"
    cluster = f"clusters: [{{name: a, cluster: {{server: 'http://127.0.0.1:{free_port()}'}}}}]"
    user, context = "users: [{name: a, user: {token: a}}]", "contexts: [{name: a, context: {cluster: a, user: a}}]"
    path.write_text(
        f"apiVersion: v1\nkind: Config\ncurrent-context: a\n{cluster}\n{user}\n{context}\n", encoding="utf-8"
    )
    return path


def _on_a_terminal(installation: Installation, answer: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """A command whose input is a terminal at which somebody answers."""
    master, slave = pty.openpty()
    try:
        os.write(master, answer.encode())
        return subprocess.run(
            [sys.executable, "-m", "runmend.cli", *argv],
            env=installation.env,
            cwd=ROOT,
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)
