"""What happens to a target while a run is at work, and the moments at which a run is held for it."""

import asyncio
import json
import threading
from typing import Any, Self

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import SearchAttributeKey

from runmend.facts.pod import PodFacts
from runmend.local.sandbox.kubelet import FROZEN
from runmend.plan.attributes import OUTCOME, REASON
from runmend.plan.plan import Plan
from tests.builders import MISSING
from tests.faults import Request
from tests.world import PATIENCE, World

Json = dict[str, Any]
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
EMPTY = 3
"""Events of a workflow task in which nothing is done. The time-skipping server adds one, now and then, where an
activity was cancelled; what a run costs on a real server: `tests/temporal/test_replaying.py`."""
PULL_FAILED = f'Failed to pull image "{MISSING}": not found'


def with_fallback(plan: Plan, image: str) -> Plan:
    """The plan with another fallback image."""
    steps = tuple(
        step.model_copy(update={"parameters": {**step.parameters, "fallback_image": image}}) if step.changes else step
        for step in plan.steps
    )
    return plan.model_copy(update={"steps": steps})


def impatient(plan: Plan) -> Plan:
    """The plan with steps each of whose tries may last a second."""
    return plan.model_copy(update={"steps": tuple(step.model_copy(update={"try_seconds": 1}) for step in plan.steps)})


def revisions(world: World) -> int:
    """How many rollouts there have been."""
    return len(world.cluster.replica_sets("shop"))


def scale(world: World, replicas: int) -> None:
    world.patch(WEB, {"spec": {"replicas": replicas}}, manager="horizontal-pod-autoscaler")


def waits(reason: str) -> Json:
    """A container's state."""
    return {"waiting": {"reason": reason, "message": "set by a test"}}


def freeze(world: World, pod: PodFacts, *, phase: str = "Running", **container: Any) -> None:
    """Give a pod a status that its kubelet then leaves alone, and of which no event speaks.

    Args:
        world: where.
        pod: which; it has one container, app.
        phase: its phase.
        container: fields of the container's status; what is not named is that of a container which runs.
    """
    path = f"/api/v1/namespaces/shop/pods/{pod.name}"
    world.patch(path, {"metadata": {"annotations": {FROZEN: "true"}}})
    runs = {
        "name": "app",
        "state": {"running": {}},
        "ready": True,
        "started": True,
        "restartCount": 0,
        "image": "i",
        "imageID": "",
    }
    state = container.get("state", {})
    idle = {} if "running" in state or not state else {"ready": False, "started": False}
    world.patch(f"{path}/status", {"status": {"phase": phase, "containerStatuses": [runs | idle | container]}})


def node_is_silent(world: World, pod: PodFacts, *, silent: bool = True) -> None:
    """What the node's controller writes when a node is not heard of, and the kubelet when it speaks again: the pod
    alone is not ready."""
    freeze(world, pod)
    ready = {"type": "Ready", "status": "False" if silent else "True", "lastTransitionTime": "2026-11-23T05:43:00Z"}
    world.patch(f"/api/v1/namespaces/shop/pods/{pod.name}/status", {"status": {"conditions": [ready]}})


def an_event(
    world: World,
    pod: PodFacts | None,
    message: str = PULL_FAILED,
    *,
    reason: str = "Failed",
    kind: str = "Warning",
    count: int = 1,
) -> str:
    """Record an event about a pod (None: one that is not there) and return its path."""
    name, uid = (pod.name, pod.uid) if pod else ("other-1", "4711")
    involved = {"kind": "Pod", "namespace": "shop", "name": name, "uid": uid, "apiVersion": "v1"}
    made = world.create(
        "/api/v1/namespaces/shop/events",
        {
            "metadata": {"generateName": f"{name}."},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "count": count,
        },
    )
    return f"/api/v1/namespaces/shop/events/{made['metadata']['name']}"


def delete(world: World, path: str) -> None:
    answer = world.api.delete(path)
    assert answer.is_success, answer.text


async def happens(moment: threading.Event) -> None:
    """Wait for what another thread tells."""
    assert await asyncio.to_thread(moment.wait, PATIENCE), "it never happened"


def hold_settle(world: World) -> threading.Event:
    """Let the run that is started next wait between its patch and its settle, until the faults are cleared; set once it
    does."""
    patched = threading.Event()

    def hold(_: Request) -> None:
        world.faults.add("GET", "deployments/web", times=1000, status=500, reason="held by the test")
        patched.set()

    world.faults.add("PATCH", "deployments/web", then=hold)
    return patched


async def patched(world: World, plan: Plan | None = None, **how: Any) -> WorkflowHandle[Any, Any]:
    """A run of two broken pods that has patched, and is held before it settles until the faults are cleared; `how` is
    `deploy`'s."""
    world.deploy(**how)
    await world.until_broken(count=2)
    written = hold_settle(world)
    handle = await world.start(plan=plan)
    await happens(written)
    return handle


class Held:
    """Holds one answer of the API server, which has acted by then, until the block ends."""

    def __init__(self, world: World, method: str, part: str, **what: Any) -> None:
        self.reached, self._go = threading.Event(), threading.Event()
        world.faults.add(method, part, then=self._hold, **what)

    def _hold(self, _: Request) -> None:
        self.reached.set()
        self._go.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._go.set()


async def skip_to_end(world: World, handle: WorkflowHandle[Any, Any]) -> None:
    """Pass over whatever the run waits for, until it has ended."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
        assert asyncio.get_running_loop().time() < deadline, "the run does not end"
        await world.skip(10)


async def results(handle: WorkflowHandle[Any, Any]) -> dict[str, Json]:
    """Activity type → result, as the history keeps it."""
    types: dict[int, str] = {}
    found: dict[str, Json] = {}
    for event in (await handle.fetch_history()).events:
        match event.WhichOneof("attributes"):
            case "activity_task_scheduled_event_attributes":
                types[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
            case "activity_task_completed_event_attributes":
                completed = event.activity_task_completed_event_attributes
                found[types[completed.scheduled_event_id]] = json.loads(completed.result.payloads[0].data)
    return found


async def events_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """The kinds of the history's events."""
    return [
        str(event.WhichOneof("attributes")).removesuffix("_event_attributes")
        for event in (await handle.fetch_history()).events
    ]


async def events_until(handle: WorkflowHandle[Any, Any], kind: str, count: int = 1) -> list[str]:
    """The kinds of the history's events, once so many of a kind are among them."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while (kinds := await events_of(handle)).count(kind) < count:
        assert asyncio.get_running_loop().time() < deadline, f"no {kind}: {kinds}"
        await asyncio.sleep(0.02)
    return kinds


async def outcome_of(handle: WorkflowHandle[Any, Any]) -> str | None:
    """The outcome as it can be searched for."""
    return (await handle.describe()).typed_search_attributes.get(SearchAttributeKey.for_keyword(OUTCOME))


async def reason_of(handle: WorkflowHandle[Any, Any]) -> str:
    """Why it ended so, as it can be searched for."""
    return (await handle.describe()).typed_search_attributes.get(SearchAttributeKey.for_keyword(REASON)) or ""


async def memo_of(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    return dict(await (await handle.describe()).memo())
