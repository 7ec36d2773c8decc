"""What sentences of conditions hold of: asked of targets, and not compared by their expressions."""

import pytest

from runmend.facts.expressions import compiled
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.facts.snapshot import Snapshot
from runmend.facts.target import TargetFacts
from runmend.facts.workload import WorkloadFacts
from runmend.runbook.conditions import read_condition
from runmend.runbook.diagnostics import Report


def a_container(name: str, restarts: int = 0, memory: int | None = None) -> ContainerFacts:
    return ContainerFacts(
        name=name,
        image="x",
        state="running",
        ready=True,
        restarts=restarts,
        usage=Resources(memory=memory),
        limits=Resources(memory=100),
    )


def a_pod(*containers: ContainerFacts) -> PodFacts:
    return PodFacts(namespace="payments", name="web-1", uid="p", phase="Running", containers=containers)


def a_workload(replicas: int, available: int = 0) -> WorkloadFacts:
    return WorkloadFacts(
        kind="Deployment",
        namespace="payments",
        name="web",
        uid="d",
        resource_version="1",
        generation=1,
        observed_generation=1,
        revision=1,
        paused=False,
        replicas=replicas,
        available=available,
        containers={"app": "x"},
        init_containers={},
    )


def holds(text: str, *pods: PodFacts, workload: WorkloadFacts | None = None) -> bool | None:
    meant = read_condition(text, 1, Report("rb.md"))
    assert meant is not None
    target = TargetFacts(kind="Deployment", namespace="payments", name="web")
    (one,) = meant
    return compiled(one.expression).holds(Snapshot(target=target, pods=pods, all_pods=pods, workload=workload))


@pytest.mark.parametrize("pods", [(), (a_pod(a_container("app")),)])
def test_a_namespace_is_the_targets_whether_it_has_pods_or_not(pods: tuple[PodFacts, ...]) -> None:
    assert holds("Namespace is not payments", *pods) is False
    assert holds("Namespace is not staging", *pods) is True
    assert holds("Namespace is payments", *pods) is True
    assert holds("Namespace is staging", *pods) is False


CRASHED = a_pod(a_container("app", restarts=9), a_container("idle"))


@pytest.mark.parametrize(
    "text",
    [
        "Pod has restarted fewer than 5 times",
        "Pod has restarted at most 2 times",
        "Restart count is below 5",
        "Container restarts are under 5",
        "Restart count is lower than 9",
    ],
)
def test_an_upper_bound_holds_where_every_container_keeps_to_it(text: str) -> None:
    assert holds(text, CRASHED) is False
    assert holds(text, a_pod(a_container("app", restarts=1), a_container("idle"))) is True


def test_an_exact_number_is_that_of_the_container_that_restarted_most() -> None:
    assert holds("Container has restarted exactly 0 times", CRASHED) is False
    assert holds("Container has restarted exactly 9 times", CRASHED) is True
    assert holds("Container has restarted exactly 0 times", a_pod(a_container("app"), a_container("idle"))) is True


@pytest.mark.parametrize("text", ["Pod has restarted more than 5 times", "Restart count is at least 9"])
def test_a_lower_bound_holds_where_some_container_is_beyond_it(text: str) -> None:
    assert holds(text, CRASHED) is True


def test_so_does_a_bound_of_what_is_used() -> None:
    pod = a_pod(a_container("app", memory=90), a_container("idle", memory=1))

    assert holds("Memory usage is below 50% of the limit", pod) is False
    assert holds("Memory usage is above 50% of the limit", pod) is True


@pytest.mark.parametrize("text", ["Pod is not Ready", "Pods are unhealthy", "The pod is unready"])
def test_a_workload_that_lacks_all_its_pods_is_not_ready(text: str) -> None:
    assert holds(text, workload=a_workload(replicas=2)) is True
    assert holds(text, workload=a_workload(replicas=0)) is False
    assert holds(text, workload=a_workload(replicas=2, available=2)) is False  # those of an older revision serve
    assert holds(text, CRASHED, workload=a_workload(replicas=1, available=1)) is False
    assert holds(text, CRASHED) is False  # a pod that nothing owns


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("Restart count is above 5", True),
        ("Restart count is below 5", False),
        ("Restart count is exactly 5", False),
        ("A rollout is in progress", False),
        ("The rollout is stuck", True),
        ("The rollout has not completed", True),
        ("CPU usage exceeds its request", False),
        ("CPU usage exceeds its limit", True),
        ("Namespace is staging", False),
    ],
)
def test_what_a_healthy_target_may_show_is_no_trouble(text: str, trouble: bool) -> None:  # noqa: FBT001
    (one,) = read_condition(text, 1, Report("rb.md")) or ()

    assert one.trouble is trouble
