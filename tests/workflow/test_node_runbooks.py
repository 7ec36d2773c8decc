"""The shipped runbooks of nodes, on the sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runmend.core.outcomes import Outcome
from runmend.plan.messages import RunResult
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from runmend.runbook.criteria import criterion_of
from tests.builders import GOOD
from tests.node_runbooks import node_plan
from tests.runs import Failed, until_tried
from tests.workflow.acts import skip_to_end
from tests.workflow.scenes import patches
from tests.workflow.test_drains import evictions, on_node
from tests.workflow.test_nodes import ALERTS, NODE, unschedulable
from tests.world import PATIENCE, World, a_world

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
PATH = "/api/v1/nodes/node-0"


def shipped(name: str) -> Plan:
    return compile_runbook((RUNBOOKS / f"{name}.md").read_bytes(), f"{name}.md").plan


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, nodes="*", namespaces="") as world:
        yield world


async def ended(world: World, runbook: str) -> RunResult | Failed:
    handle = await world.start(ALERTS, plan=shipped(runbook), target=NODE)
    await skip_to_end(world, handle)
    return await world.end(handle)


def is_ready(world: World, status: str) -> None:
    """What the node's kubelet, or the controller that misses it, says."""
    ready = {
        "type": "Ready",
        "status": status,
        "reason": "NodeStatusUnknown",
        "message": "",
        "lastTransitionTime": None,
    }
    world.patch(f"{PATH}/status", {"status": {"conditions": [ready]}})


async def test_a_node_that_is_not_heard_of_is_cordoned_and_what_ran_there_runs_elsewhere(nodes: World) -> None:
    nodes.deploy(replicas=4, images={"app": GOOD})
    await nodes.until_running(4)
    there = on_node(nodes)
    is_ready(nodes, "Unknown")

    result = await ended(nodes, "RB_NODE_NOT_READY")

    assert isinstance(result, RunResult), result
    assert result.outcome is Outcome.RESOLVED
    assert result.summary.startswith("mitigated, and the problem is still there (node.ready is false (")
    assert [step.status for step in result.steps] == ["done", "done"]
    assert unschedulable(nodes)
    assert {pod.uid for pod in result.removed} == {pod.uid for pod in there}
    assert set(evictions(nodes).values()) == {1}
    assert len([pod for pod in nodes.pods() if pod.running and pod.node == "node-1"]) == 4


async def test_a_node_that_is_ready_again_at_the_check_is_no_longer_a_problem(nodes: World) -> None:
    is_ready(nodes, "Unknown")
    handle = await nodes.start(ALERTS, plan=shipped("RB_NODE_NOT_READY"), target=NODE)
    await nodes.window(handle)
    is_ready(nodes, "True")
    await skip_to_end(nodes, handle)

    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.summary.startswith("changed unschedulable: not set → true; ")


async def test_a_node_that_is_ready_again_is_left_alone(nodes: World) -> None:
    result = await ended(nodes, "RB_NODE_NOT_READY")

    assert isinstance(result, RunResult), result
    assert result.outcome is Outcome.NOT_NEEDED
    assert not unschedulable(nodes)
    assert evictions(nodes) == {}


async def test_what_a_run_has_cordoned_is_uncordoned_once_the_node_is_ready(nodes: World) -> None:
    nodes.patch(PATH, {"spec": {"unschedulable": True}}, manager="runmend")

    result = await ended(nodes, "RB_NODE_UNSCHEDULABLE")

    assert isinstance(result, RunResult), result
    assert result.outcome is Outcome.RESOLVED
    assert not unschedulable(nodes)


@pytest.mark.parametrize(
    ("why", "spoils"),
    [
        ("a person cordoned it a moment ago", {}),
        ("an annotation says that it is meant", {"metadata": {"annotations": {"runmend.io/keep-cordoned": "repair"}}}),
    ],
)
async def test_what_was_cordoned_on_purpose_stays_cordoned(nodes: World, why: str, spoils: dict[str, Any]) -> None:
    manager = "runmend" if spoils else "kubectl"
    nodes.patch(PATH, {"spec": {"unschedulable": True}, **spoils}, manager=manager)

    await ended(nodes, "RB_NODE_UNSCHEDULABLE")

    assert unschedulable(nodes), why
    assert len(patches(nodes)) == (1 if spoils else 0), "the test's own, under that name"


@pytest.mark.parametrize("condition", ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"])
async def test_a_node_that_is_not_well_stays_cordoned(nodes: World, condition: str) -> None:
    nodes.patch(PATH, {"spec": {"unschedulable": True}}, manager="runmend")
    status = "False" if condition == "Ready" else "True"
    bad = {"type": condition, "status": status, "reason": "x", "message": "", "lastTransitionTime": None}
    nodes.patch(f"{PATH}/status", {"status": {"conditions": [bad]}})

    failed = await ended(nodes, "RB_NODE_UNSCHEDULABLE")

    assert isinstance(failed, Failed), failed
    assert failed.kind == "Unhandled"
    assert unschedulable(nodes)


async def test_what_shall_stay_true_is_waited_for_before_it_is_watched(nodes: World) -> None:
    under_pressure(nodes, "True")
    criterion = criterion_of("Node has no disk pressure for 10 minutes", 1)
    assert criterion
    plan = node_plan("kubectl cordon {node}").model_copy(update={"criteria": (criterion,), "window_seconds": 600})
    handle = await nodes.start(ALERTS, plan=plan, target=NODE)
    await until_tried(handle, "node.disk_pressure is true", PATIENCE)
    under_pressure(nodes, "False")
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.window_seconds == 600


def under_pressure(world: World, status: str) -> None:
    pressure = {"type": "DiskPressure", "status": status, "reason": "x", "message": "", "lastTransitionTime": None}
    world.patch(f"{PATH}/status", {"status": {"conditions": [pressure]}})
