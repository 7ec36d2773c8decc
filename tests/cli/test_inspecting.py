"""`list` with its filters, `stats`, and `show` of runs that go on or were reset, as processes against what
`runmend dev` started."""

import json
import signal

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from runmend.runs.converter import data_converter
from tests.cli.installation import Installation
from tests.temporal.support import id_of, reset

pytestmark = pytest.mark.slow


def a_pod(namespace: str, pod: str) -> tuple[str, ...]:
    return ("-l", f"namespace={namespace}", "-l", f"pod={pod}")


def ended(installation: Installation, namespace: str, pod: str, *options: str) -> None:
    """Run a runbook to its end."""
    installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod), *options, "--wait")


@pytest.fixture(scope="module")
def mixed(installation: Installation) -> str:
    """A namespace with a resolved, a recommended and a failed run."""
    namespace, pod = installation.a_broken_deployment()
    ended(installation, namespace, pod, "--mode", "recommend")
    ended(installation, namespace, pod)
    spec = {"containers": [{"name": "app", "image": "registry.example/app:missing"}]}
    installation.api("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "lonely"}, "spec": spec})
    ended(installation, namespace, "lonely")
    return namespace


@pytest.fixture(scope="module")
def other(installation: Installation) -> tuple[str, str]:
    """A namespace with a run that holds its window for five minutes."""
    namespace, pod = installation.a_broken_deployment()
    started = installation.run("run", "RB_OTHER", *a_pod(namespace, pod))
    assert started.returncode == 0, started.stderr
    return namespace, started.stdout.strip().rpartition("@")[2]


def outcomes(installation: Installation, *options: str) -> list[str]:
    return [run["outcome"] for run in installation.told("list", *options)]


def test_runs_are_listed_the_newest_first(installation: Installation, mixed: str) -> None:
    listed = installation.told("list", "--namespace", mixed)

    assert [run["outcome"] for run in listed] == ["PreconditionFailed", "resolved", "recommended"]
    assert [run["reason"] for run in listed][:2] == ["owner is a Pod", "image not found"]
    assert [run["outcome"] for run in installation.told("list", "--namespace", mixed, "--limit", "2")] == [
        "PreconditionFailed",
        "resolved",
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--outcome", "resolved"], ["resolved"]),
        (["--outcome", "RECOMMENDED", "--outcome", "resolved"], ["resolved", "recommended"]),
        (["--failed"], ["PreconditionFailed"]),
        (["--outcome", "precondition-failed"], ["PreconditionFailed"]),
        (["--outcome", "terminated"], []),
        (["--runbook", "RB_IMAGEPULL", "--since", "1h", "--failed"], ["PreconditionFailed"]),
        (["--runbook", "RB_é"], []),
        (["--target", "lone"], ["PreconditionFailed"]),
        (["--target", "web", "--since", "1h"], ["resolved", "recommended"]),
        (["--since", "2026-01-01"], ["PreconditionFailed", "resolved", "recommended"]),
    ],
)
def test_a_list_is_filtered(installation: Installation, mixed: str, options: list[str], expected: list[str]) -> None:
    assert outcomes(installation, "--namespace", mixed, *options) == expected


def test_one_target_may_be_named_in_each_way_that_is_printed(installation: Installation, mixed: str) -> None:
    for target in (f"{mixed}/lonely", f"Pod {mixed}/lonely", f"default/{mixed}/Pod/lonely"):
        assert outcomes(installation, "--target", target) == ["PreconditionFailed"]


def test_a_list_without_a_match_says_so(installation: Installation, mixed: str) -> None:
    done = installation.run("list", "--namespace", mixed, "--outcome", "Reverted")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no run of cluster default matches\n")


def test_stats_count_the_runs_of_a_namespace(installation: Installation, mixed: str) -> None:
    told = installation.told("stats", "--namespace", mixed, "--since", "1h")
    said = installation.run("stats", "--namespace", mixed)

    [runbook] = told["runbooks"]
    assert (runbook["name"], runbook["runs"], runbook["resolved"], runbook["recommended"]) == ("RB_IMAGEPULL", 3, 1, 1)
    assert (runbook["failed_by_outcome"], runbook["failed_by_reason"]) == (
        {"PreconditionFailed": 1},
        {"owner is a Pod": 1},
    )
    assert runbook["median_seconds"] > 1
    assert told["repeat_offenders"] == [f"Deployment {mixed}/web"]
    assert said.returncode == 0, said.stderr
    [first, _, _, headings, *_] = said.stdout.splitlines()
    assert (first, headings.split()[:2]) == ("3 runs of cluster default", ["RUNBOOK", "RUNS"])
    assert said.stdout.endswith("1 target of 2 had more than one run with something to fix, or that failed\n")


def test_stats_without_a_run_say_so(installation: Installation) -> None:
    done = installation.run("stats", RUNMEND_CLUSTER="empty")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no run of cluster empty matches\n")


async def test_a_temporal_that_no_worker_has_prepared_is_told_in_one_line(installation: Installation) -> None:
    client = await Client.connect(installation.env["TEMPORAL_ADDRESS"], data_converter=data_converter)
    kept = Duration(seconds=86_400)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="unprepared", workflow_execution_retention_period=kept)
    )

    done = installation.run("list", "--outcome", "resolved", TEMPORAL_NAMESPACE="unprepared")

    says = "runmend: error: Temporal does not know the search attribute Outcome; start a worker, which registers it\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", says)


def test_a_closed_run_that_is_followed_is_told_at_once(installation: Installation, mixed: str) -> None:
    resolved = installation.run("show", f"{mixed}/web", "--follow")
    failed = installation.run("show", f"{mixed}/lonely", "--follow")

    assert (resolved.returncode, failed.returncode) == (0, 1)
    assert resolved.stdout == installation.run("show", f"{mixed}/web").stdout
    assert "PreconditionFailed" in failed.stdout


def test_an_open_run_is_followed_until_ctrl_c_and_goes_on(installation: Installation, other: tuple[str, str]) -> None:
    namespace, run_id = other
    with installation.started("show", f"{namespace}/web", "--follow") as following:
        assert following.stdout
        for line in following.stdout:
            if "verification window" in line:
                break
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=30)

    assert following.returncode == 130
    assert said == f"the run goes on; `runmend show {namespace}/web@{run_id[-8:]}` tells how\n"
    assert installation.told("show", f"{namespace}/web")["status"] == "running"


def test_the_json_of_a_run_that_is_followed_is_alone_on_stdout(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    installation.run("run", "RB_IMAGEPULL", *a_pod(namespace, pod))

    done = installation.run("show", f"{namespace}/web", "--follow", "-o", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["outcome"] == "resolved"


async def test_a_run_that_was_reset_says_what_became_of_it(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    ended(installation, namespace, pod, "--mode", "recommend")
    ended(installation, namespace, pod)
    client = await Client.connect(installation.env["TEMPORAL_ADDRESS"], data_converter=data_converter)
    oldest, first = [run["run_id"] for run in reversed(installation.told("list", "--target", f"{namespace}/web"))]
    handle = client.get_workflow_handle(f"default/{namespace}/Deployment/web", run_id=first)
    second = await reset(handle, await id_of(handle, "runmend.settle"), client)
    await second.result()
    third = await reset(second, await id_of(second, "runmend.settle"), client)
    await third.result()
    assert second.run_id
    assert third.run_id

    def shown(run_id: str) -> list[str]:
        done = installation.run("show", f"{namespace}/web@{run_id[-8:]}")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line.startswith(("This run ", "The target's"))]

    def short(run_id: str) -> str:
        return f"{namespace}/web@{run_id[-8:]}"

    latest = f"The target's latest run is {short(third.run_id)}."
    assert shown(oldest) == [latest]
    assert shown(first) == [f"This run was resumed as {short(second.run_id)}.", latest]
    resumes, resumed = shown(second.run_id)
    assert resumes.startswith(f"This run resumes {short(first)} since ")
    assert resumes.endswith(", at settle; what that one had done before is kept.")
    assert resumed == f"This run was resumed as {short(third.run_id)}."
    [resumes] = shown(third.run_id)
    assert resumes.startswith(f"This run resumes {short(second.run_id)} since ")

    told = installation.told("show", short(second.run_id))
    assert (told["resumes"], told["resumed_as"], told["latest"]) == (first, third.run_id, third.run_id)
    assert [phase["name"] for phase in told["phases"] if phase["kept"]] == ["observe", "get_pod_events", "patch_image"]


def test_an_empty_name_is_said_to_be_empty(installation: Installation) -> None:
    for command in (("show", ""), ("cancel", "", "--reason", "x")):
        done = installation.run(*command)
        assert done.returncode == 1
        assert done.stderr.startswith("runmend: error: RUN is empty; name a target such as shop/web")
