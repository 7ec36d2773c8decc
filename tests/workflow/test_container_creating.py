"""The shipped runbook for pods that stay in ContainerCreating: what is missing is named, and while anything is missing
nothing is changed; a pod that is stuck without a reason is deleted.
"""

import asyncio
from typing import Any

import pytest

from runmend.core.outcomes import Outcome
from runmend.facts.pod import PodFacts
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.builders import GOOD, SEED, a_deployment, an_alert
from tests.workflow.acts import skip_to_end
from tests.workflow.scenes import nothing_written
from tests.world import World

RUNBOOK = SEED.with_name("RB_CONTAINER_CREATING.md")
CONFIG = {"name": "config", "configMap": {"name": "web-config"}}
TLS = {"name": "tls", "secret": {"secretName": "web-tls"}}
FROZEN = {"sandbox.runmend.io/frozen": "true"}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_runbook(RUNBOOK.read_bytes(), RUNBOOK.name).plan


@pytest.fixture(scope="module")
def soon() -> Plan:
    """The same for pods that have just come: no test waits for 15 minutes."""
    text = RUNBOOK.read_text(encoding="utf-8")
    assert "pod.age > 15m" in text
    return compile_runbook(text.replace("pod.age > 15m", "pod.age >= 0s").encode(), RUNBOOK.name).plan


def deploy(world: World, *volumes: dict[str, Any], replicas: int = 1) -> None:
    body = a_deployment(images={"app": GOOD}, replicas=replicas)
    spec = body["spec"]["template"]["spec"]
    spec["volumes"] = list(volumes)
    spec["containers"][0]["volumeMounts"] = [
        {"name": each["name"], "mountPath": f"/{each['name']}"} for each in volumes
    ]
    world.create("/apis/apps/v1/namespaces/shop/deployments", body)


def events_of(world: World, pod: PodFacts, reason: str) -> list[str]:
    found = world.cluster.events("shop", f"involvedObject.name={pod.name}")
    return [event.uid for event in found if event.reason == reason]


async def until_stuck(world: World, reason: str = "FailedMount") -> PodFacts:
    """The pod, once its kubelet has said what it lacks."""
    await world.until(lambda: [pod for pod in world.pods() if events_of(world, pod, reason)], "an event about it")
    return (await asyncio.to_thread(world.pods))[0]


def deletions(world: World) -> list[str]:
    return [request.path.rpartition("/")[2] for request in world.faults.sent("DELETE", "/pods/")]


def tell(world: World, pod: PodFacts, reason: str, message: str, kind: str = "Warning") -> None:
    """An event about a pod."""
    world.create(
        "/api/v1/namespaces/shop/events",
        {
            "metadata": {"name": f"web.{reason.lower()}"},
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": pod.name, "uid": pod.uid},
            "reason": reason,
            "message": message,
            "type": kind,
            "count": 3,
        },
    )


async def a_lost_pod(world: World, *, silent: bool = False) -> PodFacts:
    """A pod that its node has been given, as an event says unless all are `silent`, and makes nothing of."""
    deploy(world, CONFIG)
    pod = await until_stuck(world)
    world.patch(f"/api/v1/namespaces/shop/pods/{pod.name}", {"metadata": {"annotations": FROZEN}})
    world.create("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "web-config"}, "data": {"a": "b"}})
    for event in world.api.get("/api/v1/namespaces/shop/events").json()["items"]:
        world.api.delete(f"/api/v1/namespaces/shop/events/{event['metadata']['name']}")
    if not silent:
        tell(world, pod, "Scheduled", f"Successfully assigned shop/{pod.name} to node-0", kind="Normal")
    return pod


async def test_what_is_missing_is_named_and_nothing_is_changed(world: World, soon: Plan) -> None:
    deploy(world, CONFIG, TLS)
    pod = await until_stuck(world)
    await world.until(lambda: len(events_of(world, pod, "FailedMount")) == 2, "both volumes")

    failed = await world.failed(await world.start((an_alert(pod),), plan=soon))

    assert failed.kind == "Unhandled"
    assert failed.message.startswith(
        "the problem is there, and no step that changes something was to run; delete_pod: its gate does not hold: "
        'pod_events.missing is "configmap "web-config", secret "web-tls""; '
    )
    assert f"FailedMount of {pod.name}" in failed.message
    assert 'MountVolume.SetUp failed for volume "config" : configmap "web-config" not found' in failed.message
    assert failed.result.steps[0].facts["missing"] == 'configmap "web-config", secret "web-tls"'
    assert deletions(world) == []
    assert nothing_written(world)


async def test_a_pod_of_which_no_event_tells_is_left_alone(world: World, soon: Plan) -> None:
    pod = await a_lost_pod(world, silent=True)

    failed = await world.failed(await world.start((an_alert(pod),), plan=soon))

    assert failed.kind == Outcome.UNHANDLED
    assert "delete_pod: its gate does not hold: pod_events.found is false" in failed.message
    assert deletions(world) == []


async def test_a_pod_whose_events_cannot_be_read_is_left_alone(world: World, soon: Plan) -> None:
    """Nothing is missing in what was not read: that proves nothing."""
    pod = await a_lost_pod(world)
    look = soon.steps[0].model_copy(update={"on_error": "continue"})
    plan = soon.model_copy(update={"steps": (look, *soon.steps[1:])})
    world.faults.add("GET", "/events", times=1000, status=403)

    failed = await world.failed(await world.start((an_alert(pod),), plan=plan))

    assert "delete_pod: its gate cannot be told: pod_events.found (failed): pod_events was not done" in failed.message
    assert deletions(world) == []


async def test_what_was_missing_and_is_there_now_needs_no_cure(world: World, soon: Plan) -> None:
    deploy(world, CONFIG)
    pod = await until_stuck(world)
    world.create("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "web-config"}, "data": {"a": "b"}})
    await world.until_running(1)

    result = await world.completed(await world.start((an_alert(pod),), plan=soon))

    assert result.outcome is Outcome.NOT_NEEDED
    assert deletions(world) == []


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
        ),
        ("FailedCreatePodSandBox", 'Failed to create pod sandbox: plugin type="cni" failed (add): no free addresses'),
    ],
)
async def test_a_volume_that_cannot_be_attached_and_a_network_that_fails_are_told_to_a_person(
    world: World, soon: Plan, reason: str, message: str
) -> None:
    pod = await a_lost_pod(world)
    tell(world, pod, reason, message)

    failed = await world.failed(await world.start((an_alert(pod),), plan=soon))

    assert failed.kind == "Unhandled"
    assert failed.message.endswith(f': reason is "{reason}" ({reason} of {pod.name}, 3x: {message})')
    assert deletions(world) == []


async def test_a_pod_that_has_just_come_is_left_alone(world: World, plan: Plan) -> None:
    pod = await a_lost_pod(world)

    failed = await world.failed(await world.start((an_alert(pod),), plan=plan))

    assert failed.kind == "Unhandled"
    assert "delete_pod: its gate does not hold: pod.age is " in failed.message
    assert deletions(world) == []


@pytest.mark.parametrize("lost", [False, True])
async def test_a_pod_that_is_stuck_without_a_reason_is_deleted_once_and_another_one_starts(
    world: World, soon: Plan, *, lost: bool
) -> None:
    pod = await a_lost_pod(world)
    if lost:
        world.faults.add("DELETE", f"/pods/{pod.name}", lose_answer=True)

    handle = await world.start((an_alert(pod),), plan=soon)
    await world.window(handle)
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED, result.summary
    assert deletions(world) == [pod.name]
    assert [(each.name, each.uid) for each in result.removed] == [(pod.name, pod.uid)]
    assert {verdict.status for verdict in result.verdicts} == {"passed"}


async def test_a_pod_that_comes_in_the_window_passes_through_the_state_and_breaks_nothing(
    world: World, soon: Plan
) -> None:
    pod = await a_lost_pod(world)

    handle = await world.start((an_alert(pod),), plan=soon)
    await world.window(handle)
    # One more pod is wanted, and what it mounts is on its way.
    world.api.delete("/api/v1/namespaces/shop/configmaps/web-config")
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"replicas": 2}})
    await world.until(
        lambda: any(each.waiting_for("ContainerCreating") for each in world.pods()), "a pod that is being made"
    )
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED, result.summary
    assert any("a younger pod is not running yet, which fails nothing" in remark for remark in result.remarks)
