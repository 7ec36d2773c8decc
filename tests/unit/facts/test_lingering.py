"""Containers that run between two ends: for how long, by whose clock, and which state they are in all the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runmend.facts.expressions import compiled
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.snapshot import Snapshot
from runmend.kube import facts
from runmend.language.states import STATES

Json = dict[str, Any]
# The node's clock is nine years behind the API server's.
STARTED, READY_SINCE = "2017-01-01T00:00:10Z", "2017-01-01T00:00:15Z"
WRITTEN = "2026-11-23T12:00:00Z"
TOLD = datetime(2026, 11, 23, 12, 0, 20, tzinfo=UTC)
CRASHED = {"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": "2017-01-01T00:00:09Z"}}


def a_pod(state: Json, *, restarts: int = 3, told: datetime | None = TOLD, written: str | None = WRITTEN) -> PodFacts:
    entry = {"manager": "kubelet", "subresource": "status", "time": written}
    metadata = {"namespace": "shop", "name": "web-1", "uid": "u", "creationTimestamp": "2026-11-23T11:00:00Z"}
    if written:
        metadata["managedFields"] = [entry | {"fieldsV1": {"f:status": {"f:containerStatuses": {}}}}]  # type: ignore[assignment]
    status = {"name": "app", "state": state, "lastState": CRASHED, "restartCount": restarts, "ready": True}
    conditions = [
        {"type": "Ready", "status": "True", "lastTransitionTime": READY_SINCE},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-23T11:00:00Z"},
    ]
    told_of = {"phase": "Running", "containerStatuses": [status], "conditions": conditions}
    return facts.pod(
        {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": "a"}]}, "status": told_of}, told
    )


RUNNING = {"running": {"startedAt": STARTED}}


def app(pod: PodFacts) -> ContainerFacts:
    (found,) = pod.containers
    return found


def test_how_long_a_container_has_run_is_what_each_clock_tells_by_itself() -> None:
    # Five seconds to its readiness by the node's clock, and twenty since the kubelet wrote that by the API server's.
    assert app(a_pod(RUNNING)).runs_for == timedelta(seconds=25)
    assert (app(a_pod(RUNNING)).started_at, app(a_pod(RUNNING)).last_ended_at) == (STARTED, "2017-01-01T00:00:09Z")
    assert a_pod(RUNNING).age == timedelta(minutes=60, seconds=20)


def test_what_the_node_controller_writes_is_not_taken_for_the_kubelet_s_clock() -> None:
    pod = a_pod(RUNNING)
    item_status = [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-23T11:59:00Z"}]
    metadata = {
        "name": "web-1",
        "uid": "u",
        "managedFields": [
            {
                "manager": "kubelet",
                "subresource": "status",
                "time": WRITTEN,
                "fieldsV1": {"f:status": {"f:containerStatuses": {}}},
            }
        ],
    }
    status = {"containerStatuses": [{"name": "app", "state": RUNNING}], "conditions": item_status}
    silent = facts.pod({"metadata": metadata, "spec": {"containers": [{"name": "app"}]}, "status": status}, TOLD)

    assert app(silent).runs_for == timedelta(seconds=20)
    assert app(pod).runs_for != app(silent).runs_for


@pytest.mark.parametrize("lost", [{"told": None}, {"written": None}])
def test_without_one_of_them_it_is_not_told(lost: Json) -> None:
    assert app(a_pod(RUNNING, **lost)).runs_for is None
    assert not app(a_pod(RUNNING, **lost)).lingers


def test_a_container_that_does_not_run_has_not_run_for_any_time() -> None:
    waits = app(a_pod({"waiting": {"reason": "CrashLoopBackOff"}}))

    assert (waits.runs_for, waits.lingers) == (None, False)


@pytest.mark.parametrize(
    ("restarts", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (5, 160), (6, 300), (7, 300), (4000, 300)]
)
def test_a_back_off_doubles_to_five_minutes(restarts: int, seconds: int) -> None:
    assert app(a_pod(RUNNING, restarts=restarts)).back_off == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("state", "restarts", "shown"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, 1, "waits (CrashLoopBackOff)"),
        (
            RUNNING,
            3,
            "runs for 25s since restart 3 (last: Error), no longer than its back-off of 40s",
        ),
        (RUNNING, 2, ""),  # 25 s are longer than 20
        (RUNNING, 0, ""),
        ({"terminated": {"reason": "Error", "exitCode": 1}}, 2, "ended (Error)"),
        ({"terminated": {"reason": "Error", "exitCode": 1}}, 0, ""),
        ({"terminated": {"reason": "Completed", "exitCode": 0}}, 2, ""),
        ({"waiting": {"reason": "ContainerCreating"}}, 0, ""),
    ],
)
def test_a_container_crash_loops_until_it_has_run_for_longer_than_its_back_off(
    state: Json, restarts: int, shown: str
) -> None:
    pod = a_pod(state, restarts=restarts)

    assert STATES["CrashLoopBackOff"].shown_in(app(pod)) == shown
    judged = compiled('waiting("CrashLoopBackOff")').judge(Snapshot(pods=(pod,), all_pods=(pod,), states=STATES))
    assert judged.holds is bool(shown)
    assert judged.evidence == (f"web-1: app {shown}" if shown else "no container waits in CrashLoopBackOff")


def ended(last: str, **more: object) -> ContainerFacts:
    values: Json = {"name": "app", "image": "a", "restarts": 3, "last_termination": last, **more}
    return ContainerFacts.model_validate(values)


@pytest.mark.parametrize(
    ("container", "shown"),
    [
        (ended("", state="terminated", reason="OOMKilled", exit_code=137), "ended (OOMKilled)"),
        (ended("OOMKilled", state="waiting", reason="CrashLoopBackOff"), "waits (CrashLoopBackOff) after it ended "),
        (ended("OOMKilled", state="running", runs_for=timedelta(seconds=40)), "runs for 40s since restart 3 (last: "),
        (ended("OOMKilled", state="running", runs_for=timedelta(seconds=41)), ""),
        (ended("OOMKilled", state="running"), ""),
        (ended("Error", state="waiting", reason="CrashLoopBackOff"), ""),
        (ended("Error", state="running", runs_for=timedelta(seconds=1)), ""),
    ],
)
def test_one_that_was_killed_for_its_memory_is_so_until_it_has_run_for_longer(
    container: ContainerFacts, shown: str
) -> None:
    found = STATES["OOMKilled"].shown_in(container)

    assert found.startswith(shown)
    assert bool(found) is bool(shown)


def test_a_failed_pull_does_not_linger() -> None:
    assert STATES["ImagePullBackOff"].shown_in(ended("Error", state="running", runs_for=timedelta())) == ""
