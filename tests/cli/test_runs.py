"""`run`, `list` and `show` as processes, against a Temporal server, a cluster, a worker and a bridge that `runmend dev`
started."""

import re
import signal

import pytest

from tests.builders import FALLBACK, MISSING
from tests.cli.installation import Installation, runmend

pytestmark = pytest.mark.slow

NO_WORKER = {"RUNMEND_CLUSTER": "nobody"}
UNMANNED = {"RUNMEND_CLUSTER": "unmanned"}


def a_pod(namespace: str, pod: str) -> tuple[str, ...]:
    return ("-l", f"namespace={namespace}", "-l", f"pod={pod}")


def test_a_run_is_started_followed_and_told(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()

    done = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), "--wait")

    assert done.returncode == 0, done.stderr
    assert f"started RB_IMAGEPULL for Deployment {namespace}/web\n" in done.stderr
    for line in (
        "✓  patch_image",
        "✓  settle",
        "✓  verification window    held for 1 second",
        "✓  report                 resolved",
    ):
        assert line in done.stdout
    assert "## ImagePullBackOff Remediation: resolved" in done.stdout
    assert f"container app: before `{MISSING}`, after `{FALLBACK}`" in done.stdout
    assert "54 events, 7 activities" in done.stdout

    shown = installation.run("show", f"{namespace}/web")
    assert shown.returncode == 0
    assert shown.stdout.startswith("## ImagePullBackOff Remediation: resolved\n")
    assert f"/namespaces/default/workflows/default%2F{namespace}%2FDeployment%2Fweb/" in shown.stdout.splitlines()[-2]
    assert shown.stdout.splitlines()[-1] == f"✓ resolved: Deployment {namespace}/web (was: image not found)"

    [listed] = installation.told("list", "--target", f"{namespace}/web")
    assert (listed["outcome"], listed["target"], listed["runbook_id"]) == (
        "resolved",
        f"Deployment {namespace}/web",
        "RB_IMAGEPULL",
    )

    again = installation.told("show", f"{namespace}/web@{listed['run_id'][-8:]}")
    assert again["run_id"] == listed["run_id"]
    assert again["result"]["outcome"] == "resolved"
    assert again["web_ui"] == shown.stdout.splitlines()[-2]


def test_a_target_is_named_as_show_names_it_or_by_its_labels(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    by_labels = ("-l", f"namespace={namespace}", "-l", "deployment=web")

    first = installation.run("run", "RB_IMAGEPULL", f"{namespace}/web", **UNMANNED)
    second = installation.run("run", "RB_IMAGEPULL", *by_labels, "--mode", "auto", **UNMANNED)
    nothing = installation.run("run", "RB_IMAGEPULL", f"{namespace}/api", **UNMANNED)

    assert first.returncode == 0, first.stderr
    assert second.stdout == first.stdout
    assert f"joined the open run of RB_IMAGEPULL for Deployment {namespace}/web\n" in second.stderr
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr.startswith(f"runmend: error: nothing that is called {namespace}/api has a pod; ")
    told = installation.told("show", f"{namespace}/web", **UNMANNED)
    assert {alert["labels"]["pod"] for alert in told["result"]["alerts"]} == {pod}


def test_a_mode_that_the_installation_overrules_is_said(installation: Installation) -> None:
    namespace, _ = installation.a_broken_deployment()

    done = installation.run(
        "run", "RB_IMAGEPULL", f"{namespace}/web", "--mode", "auto", RUNMEND_MODE="recommend", **UNMANNED
    )

    assert done.returncode == 0, done.stderr
    assert "--mode auto is overruled: RUNMEND_MODE says recommend, and the strictest wins\n" in done.stderr


def test_a_failed_run_is_told_with_what_it_found(installation: Installation) -> None:
    namespace, pod = installation.a_broken_bare_pod()

    done = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), "--wait")

    assert done.returncode == 1
    assert "✗  patch_image" in done.stdout
    assert "the pod must be owned by a Deployment, and Pod" in done.stdout

    told = installation.told("show", f"{namespace}/lonely")
    assert (told["status"], told["result"]["outcome"], told["result"]["failed_step"]) == (
        "failed",
        "PreconditionFailed",
        "patch_image",
    )
    assert told["result"]["observation"]["affected"][0]["image"] == MISSING
    assert (
        "## ImagePullBackOff Remediation: PreconditionFailed" in installation.run("show", f"{namespace}/lonely").stdout
    )

    failed = installation.told("list", "--failed")
    assert {run["outcome"] for run in failed} == {"PreconditionFailed"}
    assert f"default/{namespace}/Pod/lonely" in {run["workflow_id"] for run in failed}


def test_a_run_that_only_recommends_changes_nothing_and_exits_with_0(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()

    done = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), "--mode", "recommend", "--wait")

    assert done.returncode == 0
    assert "recommended, nothing changed" in done.stdout
    deployment = installation.api("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/web")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == MISSING


def test_a_runbook_may_be_named_by_its_file(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()

    done = installation.run(
        "run", str(installation.runbooks / "RB_IMAGEPULL.md"), *a_pod(namespace, pod), "--mode", "recommend"
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"default/{namespace}/Deployment/web@")


def test_an_open_run_is_joined_shown_without_a_worker_and_kept_from_other_runbooks(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    first = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), **NO_WORKER)
    assert first.returncode == 0, first.stderr

    second = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), **NO_WORKER)
    other = installation.run("run", "RB_OTHER", *a_pod(namespace, pod), **NO_WORKER)

    assert second.stdout == first.stdout
    assert f"joined the open run of RB_IMAGEPULL for Deployment {namespace}/web\n" in second.stderr
    assert other.returncode == 1
    assert f"a run of RB_IMAGEPULL is open for Deployment {namespace}/web, one at a time" in other.stderr
    shown = installation.run("show", "web", **NO_WORKER)
    assert shown.returncode == 0, shown.stderr
    assert "## ImagePullBackOff Remediation: running" in shown.stdout
    assert shown.stdout.count(f"for pod {pod}") == 2
    assert installation.told("list", **NO_WORKER)[0]["outcome"] == "running"


def test_an_open_run_is_shown_with_what_it_does_now(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    with installation.started("run", "RB_OTHER", *a_pod(namespace, pod), "--wait") as following:
        assert following.stdout
        for line in following.stdout:
            if "verification window" in line:
                break

        shown = installation.run("show", f"{namespace}/web")
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=30)

    assert shown.returncode == 0, shown.stderr
    assert "## ImagePullBackOff Remediation: running" in shown.stdout
    assert f"container app: before `{MISSING}`, after `{FALLBACK}`" in shown.stdout
    left = r"\dm \d\ds of 5 minutes to go, until \d\d:\d\d:\d\d UTC"
    assert re.search(rf"^Now: verification window: {left}$", shown.stdout, re.MULTILINE)
    assert following.returncode == 130
    assert said.endswith(f"the run goes on; `runmend show {namespace}/web` tells how\n")


def test_a_pod_or_run_that_is_not_there_is_one_line(installation: Installation) -> None:
    namespace = installation.a_namespace()

    gone = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, "web-1"))
    unknown = installation.run("show", f"{namespace}/web")

    assert (gone.returncode, unknown.returncode) == (1, 1)
    assert (
        gone.stderr
        == f"runmend: error: there is no pod {namespace}/web-1; `kubectl get pods -n {namespace}` shows those "
        "there are\n"
    )
    assert unknown.stderr.startswith(
        f"runmend: error: no run of {namespace}/web among the newest 1000 of cluster default; "
    )


def test_a_container_that_the_pod_does_not_have_is_one_line(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()

    done = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), "-l", "container=nope")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"runmend: error: pod {namespace}/{pod} has no container nope; it has app\n"


def test_a_second_dev_beside_the_first_is_refused(installation: Installation) -> None:
    folder = installation.runbooks.parent
    ports = ("--port", "0", "--temporal-port", "0", "--ui-port", "0")

    done = runmend(installation.env, "dev", *ports, cwd=folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("runmend: error: another `runmend dev` works in ")
    assert installation.run("list").returncode == 0


def test_a_target_whose_name_is_too_long_for_a_workflow_id_is_refused(installation: Installation) -> None:
    namespace, _ = installation.a_broken_bare_pod()
    name = "d" * 240
    spec = {"containers": [{"name": "app", "image": MISSING}]}
    installation.api("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": name}, "spec": spec})

    done = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, name))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"runmend: error: the names of Pod {namespace}/{name} and of cluster default are too long: "
    )
    assert done.stderr.count("\n") == 1


def test_a_name_that_fits_several_targets_is_refused_with_their_names(installation: Installation) -> None:
    for _ in range(2):
        namespace, pod = installation.a_broken_deployment()
        started = installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), RUNMEND_CLUSTER="twins")
        assert started.returncode == 0, started.stderr

    done = installation.run("show", "web", RUNMEND_CLUSTER="twins")

    assert done.returncode == 1
    assert f"twins/{namespace}/Deployment/web" in done.stderr
    assert done.stderr.endswith("; name one of them\n")


def test_an_installation_without_runs_says_so(installation: Installation) -> None:
    done = installation.run("list", RUNMEND_CLUSTER="empty")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no run yet in cluster empty; an alert starts one, or `runmend run`\n"
    assert installation.told("list", RUNMEND_CLUSTER="empty") == []
