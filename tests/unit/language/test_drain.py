"""Which pods of a node are evicted, which are left, and what the command has to say for it."""

from types import SimpleNamespace
from typing import Any

import pytest

from runmend.core.errors import PreconditionFailed
from runmend.language.verbs.drain import VERB, Drain
from runmend.language.verbs.verb import Chosen, Situation
from runmend.plan.change import Json
from runmend.runbook.diagnostics import RunbookError
from tests.node_runbooks import node_plan

ALL = Drain(ignore_daemonsets=True, delete_emptydir_data=True, force=True, seconds=600)


def a_pod(name: str, owner: str = "ReplicaSet", phase: str = "Running", **more: Any) -> Json:
    owners = [{"kind": owner, "name": f"{name}-owner", "uid": "o", "controller": True}] if owner else []
    metadata = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "ownerReferences": owners}
    metadata |= more.pop("metadata", {})
    return {"metadata": metadata, "spec": {"volumes": more.pop("volumes", [])}, "status": {"phase": phase}}


WEB, DAEMON, BARE = a_pod("web"), a_pod("daemon", "DaemonSet"), a_pod("bare", "")
MIRROR = a_pod("kube-proxy", "Node", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}})
CACHE = a_pod("cache", volumes=[{"name": "c", "emptyDir": {}}])
ENDED = a_pod("ended", "", "Succeeded", volumes=[{"name": "c", "emptyDir": {}}])
ENDING = a_pod("ending", metadata={"deletionTimestamp": "2026-11-28T21:00:00Z"})


def chosen(drain: Drain, *pods: Json) -> Chosen:
    assert VERB.changing
    assert VERB.changing.removing
    now: Any = SimpleNamespace(target="Node worker-1")
    return VERB.changing.removing.chosen(drain, Situation({}, now, {}), pods)


def names(found: Chosen) -> list[str]:
    return [pod["metadata"]["name"] for pod in found.pods]


def test_the_pods_of_daemon_sets_and_static_ones_stay_and_what_ends_is_left() -> None:
    found = chosen(ALL, WEB, DAEMON, BARE, MIRROR, CACHE, ENDED, ENDING)

    assert names(found) == ["web", "bare", "cache", "ended"]
    assert found.left == ("shop/daemon (DaemonSet)", "shop/kube-proxy (static)")


@pytest.mark.parametrize(
    ("without", "pod", "why"),
    [
        (
            {"ignore_daemonsets": False},
            DAEMON,
            "shop/daemon on Node worker-1: the command does not say --ignore-daemonsets",
        ),
        ({"force": False}, BARE, "shop/bare on Node worker-1: the command does not say --force"),
        ({"delete_emptydir_data": False}, CACHE, "does not say --delete-emptydir-data"),
    ],
)
def test_what_the_command_does_not_say_is_refused_before_anything_is_evicted(
    without: dict[str, bool], pod: Json, why: str
) -> None:
    with pytest.raises(PreconditionFailed, match=why):
        chosen(ALL.model_copy(update=without), WEB, pod)
    assert names(chosen(ALL.model_copy(update=without), WEB)) == ["web"]


def test_pods_that_have_ended_are_evicted_whatever_the_command_says() -> None:
    assert names(chosen(Drain(seconds=1), ENDED, MIRROR)) == ["ended"]


def test_what_a_command_says_is_in_its_plan() -> None:
    command = (
        "kubectl drain --force {node} --ignore-daemonsets --delete-emptydir-data --grace-period=30 --timeout=15m "
        "--pod-selector app!=db"
    )
    (step,) = node_plan(command).steps

    assert Drain.model_validate(step.operation.arguments) == Drain(
        ignore_daemonsets=True,
        delete_emptydir_data=True,
        force=True,
        grace_seconds=30,
        seconds=900,
        pod_selector="app!=db",
    )
    assert step.budget_seconds > 900, "its last try says by itself that its time is over"
    assert "which cannot be undone" in step.says


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ("--grace-period 0", "takes a pod's name away while its containers may still run"),
        ("--grace-period soon", "is no number of seconds"),
        ("--timeout 0s", "lasts no time at all"),
        ("--timeout 13h", "is longer than 12h"),
        ("--timeout", "has no value"),
        ("--disable-eviction", "unknown flag"),
        ("--pod-selector '$(reboot)'", "is no label selector"),
        ("--pod-selector app={pod}", "stands in --pod-selector"),
    ],
)
def test_flags_that_would_do_something_else_are_refused(flags: str, problem: str) -> None:
    with pytest.raises(RunbookError, match=problem):
        node_plan(f"kubectl drain {{node}} {flags}")
