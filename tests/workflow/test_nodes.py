"""A run whose target is a node."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.criteria import Status
from runmend.plan.messages import Options, StepStatus
from runmend.runbook import compile_runbook
from runmend.runbook.criteria import criterion_of
from tests.node_runbooks import a_node_alert, node_plan
from tests.workflow.acts import skip_to_end
from tests.workflow.scenes import patches
from tests.world import World, a_world

NODE = Target(cluster="test", kind="Node", name="node-0")
ALERTS = (a_node_alert(),)


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose worker may change nodes, and nothing in a namespace."""
    async with a_world(tmp_path, nodes="node-*", namespaces="") as world:
        yield world


def unschedulable(world: World) -> bool:
    return bool(world.cluster.read("Node", "", "node-0")["spec"].get("unschedulable"))


async def test_a_node_is_cordoned_and_the_run_says_so_on_it(nodes: World) -> None:
    handle = await nodes.start(ALERTS, plan=node_plan("kubectl cordon {node}"), target=NODE)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert (result.outcome, str(result.target)) == (Outcome.RESOLVED, "Node node-0")
    assert result.steps[0].summary == "changed unschedulable: not set → true"
    assert unschedulable(nodes)
    assert len(patches(nodes)) == 1
    told = nodes.cluster.events("default", "involvedObject.kind=Node,involvedObject.name=node-0")
    assert {event.reason for event in told} == {"RemediationApplied", "RemediationResolved"}
    assert {event.object_uid for event in told} == {nodes.cluster.read("Node", "", "node-0")["metadata"]["uid"]}


async def test_a_node_that_is_cordoned_already_is_cordoned_and_nothing_is_written(nodes: World) -> None:
    nodes.patch("/api/v1/nodes/node-0", {"spec": {"unschedulable": True}}, manager="kubectl")

    handle = await nodes.start(ALERTS, plan=node_plan("kubectl cordon {node}"), target=NODE)
    await nodes.window(handle)
    await skip_to_end(nodes, handle)
    result = await nodes.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.steps[0].status is StepStatus.DONE
    assert result.steps[0].summary.endswith("nothing was written")
    assert patches(nodes) == []


GUARDED = """\
---
runbook_id: RB_GUARDED
alertname: KubeNodeNotReady
title: Drain
workflow:
  - check_node
  - action_id: drain
    unless: check_node.healthy
---
## Actions
- **action_id**: `check_node`
- **command**: `kubectl get node {node}`

### Drain
- **action_id**: `drain`
- **command**: `kubectl drain {node} --ignore-daemonsets`

## Success Criteria
- Node is Ready
"""


async def test_a_healthy_node_is_not_drained_by_a_runbook_that_says_so_without_a_target(nodes: World) -> None:
    plan = compile_runbook(GUARDED.encode(), "guarded.md").plan

    failed = await nodes.failed(await nodes.start(ALERTS, plan=plan, target=NODE))

    assert failed.kind == "Unhandled"
    assert "drain: its gate does not hold: node.ready is true" in failed.message
    assert not unschedulable(nodes)
    assert patches(nodes) == []


async def test_a_node_that_somebody_uncordons_in_the_window_is_not_remediated(nodes: World) -> None:
    handle = await nodes.start(ALERTS, plan=node_plan("kubectl cordon {node}"), target=NODE)
    await nodes.window(handle)
    nodes.patch("/api/v1/nodes/node-0", {"spec": {"unschedulable": None}}, manager="kubectl-uncordon")
    await skip_to_end(nodes, handle)

    failed = await nodes.failed(handle)

    assert failed.kind == "Reverted"
    assert (
        "unschedulable was set to true and is not set now, by somebody whom the API server does not name"
        in failed.message
    )


async def test_a_recommending_run_says_what_it_would_do_to_a_node(nodes: World) -> None:
    handle = await nodes.start(
        ALERTS, plan=node_plan("kubectl cordon {node}"), target=NODE, options=Options(mode=Mode.RECOMMEND)
    )

    result = await nodes.completed(handle)

    assert result.summary == (
        "the mode is recommend; would change unschedulable: not set → true (accepted by a dry run)"
    )

    assert not unschedulable(nodes)


async def test_a_worker_that_may_change_no_node_changes_none_whatever_started_the_run(tmp_path: Path) -> None:
    async with a_world(tmp_path, namespaces="*") as world:
        handle = await world.start(ALERTS, plan=node_plan("kubectl cordon {node}"), target=NODE)

        failed = await world.failed(handle)

        assert failed.kind == "PreconditionFailed"
        assert failed.message == "Node node-0 is not one that this installation changes (RUNMEND_NODES, RUNMEND_KINDS)"
        assert not unschedulable(world)


async def test_a_node_that_is_gone_is_not_changed(nodes: World) -> None:
    gone = NODE.model_copy(update={"name": "node-9"})

    result = await nodes.completed(await nodes.start(ALERTS, plan=node_plan("kubectl cordon {node}"), target=gone))

    assert (result.outcome, result.summary) == (Outcome.NOT_NEEDED, "Node node-9 no longer exists")


async def test_a_run_of_which_no_criterion_could_be_checked_has_proved_nothing(nodes: World) -> None:
    """The sandbox has no metrics API, as many clusters have none."""
    used = criterion_of("Node memory usage stays below 80%", 1)
    assert used is not None
    plan = node_plan("kubectl cordon {node}").model_copy(update={"criteria": (used,)})
    handle = await nodes.start(ALERTS, plan=plan, target=NODE)
    await skip_to_end(nodes, handle)

    failed = await nodes.failed(handle)

    assert (failed.kind, failed.result.reason) == (Outcome.VERIFICATION_FAILED, "no criterion could be checked")
    assert "the metrics API does not tell what node node-0 uses" in failed.message
    assert [verdict.status for verdict in failed.result.verdicts] == [Status.UNVERIFIED]
