"""A node is drained: each of its pods is evicted once, whatever is lost, and a budget is waited for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowHandle

from runmend.core.outcomes import Outcome
from runmend.facts.pod import PodFacts
from runmend.plan.criteria import Status
from runmend.plan.messages import Options, StepStatus
from runmend.runbook.criteria import criterion_of
from tests.builders import GOOD, MISSING, a_pod
from tests.node_runbooks import node_plan
from tests.runs import until_tried
from tests.workflow.acts import Held, events_of, happens, skip_to_end
from tests.workflow.test_nodes import ALERTS, NODE, unschedulable
from tests.world import PATIENCE, World, a_world

DRAIN = "kubectl drain {node} --ignore-daemonsets --delete-emptydir-data"
BUDGETS = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose worker may change nodes; a Deployment of four pods serves on two of them."""
    async with a_world(tmp_path, nodes="node-*", namespaces="") as world:
        world.deploy(replicas=4, images={"app": GOOD})
        await world.until_running(4)
        assert len(on_node(world)) == 2
        yield world


def on_node(world: World) -> list[PodFacts]:
    return [pod for pod in world.pods() if pod.node == "node-0"]


def evictions(world: World) -> Counter[str]:
    """Pod → how often its eviction was asked for."""
    return Counter(request.path.split("/")[-2] for request in world.faults.sent("POST", "/eviction"))


def a_budget(world: World, **spec: Any) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}}
    world.create(BUDGETS, body)


async def drained(world: World, command: str = DRAIN) -> WorkflowHandle[Any, Any]:
    return await world.start(ALERTS, plan=node_plan(command), target=NODE)


async def test_a_node_is_cordoned_and_its_pods_run_elsewhere(nodes: World) -> None:
    there = on_node(nodes)

    handle = await drained(nodes)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert {pod.uid for pod in result.removed} == {pod.uid for pod in there}
    assert {pod.owner.partition("/")[0] for pod in result.removed} == {"ReplicaSet"}
    assert evictions(nodes) == Counter({pod.name: 1 for pod in there})
    assert unschedulable(nodes)
    assert on_node(nodes) == []
    await nodes.until_running(4)
    (step,) = result.steps
    assert step.summary.startswith("changed unschedulable: not set → true; evicted 2 pods: shop/web-")


async def test_what_did_not_run_before_is_not_waited_for(nodes: World) -> None:
    nodes.deploy(name="broken", replicas=4, images={"app": MISSING})
    await nodes.until(lambda: len([pod for pod in on_node(nodes) if pod.waiting_for("ImagePullBackOff")]) == 2)

    handle = await drained(nodes)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert sorted(pod.ran for pod in result.removed) == [False, False, True, True]
    (remark,) = [remark for remark in result.remarks if "did not run before" in remark]
    assert remark.count("shop/broken-") == 2


async def test_a_criterion_says_that_what_was_moved_runs_again(nodes: World) -> None:
    plan = node_plan(DRAIN)
    criterion = criterion_of("Moved workloads are running again", 1)
    assert criterion is not None
    plan = plan.model_copy(update={"criteria": (criterion,)})

    handle = await nodes.start(ALERTS, plan=plan, target=NODE)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    (verdict,) = result.verdicts
    assert (verdict.status, verdict.evidence) == (Status.PASSED, "it holds of all 1 moved (running)")


@pytest.mark.parametrize("lost", [{"lose_answer": True}, {"status": 500, "reason": "down"}])
@pytest.mark.parametrize(
    ("method", "part"), [("PATCH", "nodes/node-0"), ("POST", "/eviction"), ("GET", "/api/v1/pods")]
)
async def test_whatever_is_lost_no_pod_is_evicted_twice(
    nodes: World, method: str, part: str, lost: dict[str, Any]
) -> None:
    there = on_node(nodes)
    nodes.faults.add(method, part, **lost)

    handle = await drained(nodes)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert {pod.uid for pod in result.removed} == {pod.uid for pod in there}
    asked = evictions(nodes)
    assert set(asked) == {pod.name for pod in there}
    refused = 1 if (part, lost.get("status")) == ("/eviction", 500) else 0
    assert sum(asked.values()) == 2 + refused, "what was accepted is not asked for again"


async def test_a_budget_is_waited_for_without_a_longer_history(nodes: World) -> None:
    a_budget(nodes, minAvailable=4)
    handle = await drained(nodes)
    await until_tried(handle, "The disruption budget web needs 4 healthy pods and has 4 currently", PATIENCE)
    before = await events_of(handle)
    asked = sum(evictions(nodes).values())
    for _ in range(3):
        await nodes.skip(6)
    await nodes.until(lambda: sum(evictions(nodes).values()) > asked, "another try")

    assert await events_of(handle) == before
    assert unschedulable(nodes)
    nodes.api.delete(f"{BUDGETS}/web").raise_for_status()
    await nodes.skip(6)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)

    assert (await nodes.completed(handle)).outcome is Outcome.RESOLVED


async def test_when_its_time_is_over_it_says_what_is_left_and_which_budget_holds_it(nodes: World) -> None:
    a_budget(nodes, minAvailable=4)
    left = sorted(f"shop/{pod.name}" for pod in on_node(nodes))

    handle = await drained(nodes, f"{DRAIN} --timeout 6s")
    await until_tried(handle, "The disruption budget web", PATIENCE)
    await nodes.skip(7)
    failed = await nodes.failed(handle)

    assert failed.kind == "StepFailed"
    assert failed.message.startswith("not done within 6 seconds: 0 of 2 pods are gone from Node node-0; ")
    assert all(f"{pod}: The disruption budget web needs 4 healthy pods" in failed.message for pod in left)
    assert "held by PodDisruptionBudget shop/web" in failed.message
    assert len(on_node(nodes)) == 2


async def test_a_pod_that_crash_loops_and_is_counted_by_its_budget_is_named(nodes: World) -> None:
    nodes.create("/api/v1/namespaces/shop/pods", a_pod("loops", images={"app": "registry.example/app:crash"}))
    nodes.patch("/api/v1/namespaces/shop/pods/loops", {"metadata": {"labels": {"app": "web"}}})
    await nodes.until(lambda: any(pod.waiting_for("CrashLoopBackOff") for pod in nodes.pods()), "a crash loop")
    a_budget(nodes, minAvailable=5)

    plan, options = node_plan(f"{DRAIN} --force --timeout 6s"), Options(protect_serving=False)
    handle = await nodes.start(ALERTS, plan=plan, target=NODE, options=options)
    await until_tried(handle, "The disruption budget web", PATIENCE)
    await nodes.skip(7)
    failed = await nodes.failed(handle)

    assert "shop/loops crash-loops, and PodDisruptionBudget shop/web counts it" in failed.message
    assert "unhealthyPodEvictionPolicy AlwaysAllow would let it go" in failed.message


async def test_a_run_that_is_cancelled_in_the_middle_evicts_no_more(nodes: World) -> None:
    with Held(nodes, "POST", "/eviction") as held:
        handle = await drained(nodes)
        await happens(held.reached)
        await handle.cancel(reason="enough")
        # Its worker learns of it by its next heartbeat.
        await asyncio.sleep(2.5)
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert sum(evictions(nodes).values()) == 1


async def test_who_serves_alone_is_left_to_a_person(nodes: World) -> None:
    nodes.deploy(name="alone", replicas=1, images={"app": GOOD})
    await nodes.until_running(5)
    (alone,) = (pod for pod in nodes.pods() if pod.name.startswith("alone-"))
    node = NODE.model_copy(update={"name": alone.node})

    handle = await nodes.start(ALERTS, plan=node_plan(DRAIN), target=node)
    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RECOMMENDED
    assert result.steps[0].status is StepStatus.RECOMMENDED
    assert "nobody would be left serving of ReplicaSet shop/alone-" in result.summary
    assert "would change unschedulable: not set → true, and evict shop/" in result.summary
    assert "which cannot be undone" in result.summary
    assert sum(evictions(nodes).values()) == sum(
        "dryRun" in str(each.body) for each in nodes.faults.sent("POST", "/eviction")
    )
