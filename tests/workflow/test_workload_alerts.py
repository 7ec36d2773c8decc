"""Runs whose alert names a workload, and none of its pods."""

import pytest

from runmend.alerts.alert import Alert
from runmend.core.outcomes import Outcome
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.builders import GOOD, MISSING
from tests.workflow.acts import scale, skip_to_end
from tests.workflow.scenes import patches
from tests.world import World

ALERT = Alert(
    fingerprint="0123456789abcdef",
    starts_at="2026-11-29T01:00:00Z",
    labels={"alertname": "KubeDeploymentScaledToZero", "namespace": "shop", "deployment": "web"},
)
SCALED = """\
---
runbook_id: RB_SCALED_TO_ZERO
alertname: KubeDeploymentScaledToZero
target: Deployment
problem: workload.replicas == 0
---
# Scaled to zero

## Actions

### Scale up
- **action_id**: `scale_up`
- **command**: `kubectl scale deployment/{deployment} -n {namespace} --replicas=2`
- **conditions**:
  - Requires: `namespace`, `deployment` labels

## Success Criteria

- At least 2 replicas are available
"""


@pytest.fixture(scope="module")
def scaled() -> Plan:
    return compile_runbook(SCALED.encode(), "scaled.md").plan


async def test_a_workload_without_any_pod_is_fixed(world: World, scaled: Plan) -> None:
    world.deploy(images={"app": GOOD}, replicas=2)
    await world.until_running(2)
    scale(world, 0)
    # Its controller has said so too, or it would change the Deployment just before the run does.
    await world.until(lambda: not world.pods() and world.cluster.workload("Deployment", "shop", "web").updated == 0)

    handle = await world.start((ALERT,), plan=scaled)
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED, result.summary
    assert [(change.before, change.after) for change in result.changes] == [(0, 2)]
    assert len(patches(world)) == 1


async def test_a_workload_without_any_pod_is_in_its_namespace(world: World) -> None:
    world.deploy(images={"app": GOOD}, replicas=0)
    labels = "  - Requires: `namespace`, `deployment` labels\n"
    guarded = SCALED.replace(labels, f"{labels}  - Namespace is not shop\n")

    failed = await world.failed(await world.start((ALERT,), plan=compile_runbook(guarded.encode(), "rb.md").plan))

    assert failed.kind == "PreconditionFailed"
    assert failed.message == (
        "the condition 'Namespace is not shop' (line 16) does not hold: target.namespace is \"shop\""
    )
    assert patches(world) == []


def stopping(count: str) -> Plan:
    text = SCALED.replace("workload.replicas == 0", "workload.replicas > 0\nprotect_serving: false").replace(
        "--replicas=2", f"--replicas={count}"
    )
    return compile_runbook(
        text.replace("At least 2 replicas are available", "`pods.size() == 0`").encode(), "x.md"
    ).plan


async def test_a_run_that_stops_a_workload_waits_until_no_pod_is_left(world: World) -> None:
    world.deploy(images={"app": GOOD}, replicas=2)
    await world.until_running(2)

    handle = await world.start((ALERT,), plan=stopping("0"))
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED, result.summary
    assert [(change.before, change.after) for change in result.changes] == [(2, 0)]
    assert not world.pods()


async def test_a_workload_that_a_run_has_stopped_and_somebody_starts_again_fails_the_run(world: World) -> None:
    world.deploy(images={"app": GOOD}, replicas=2)
    await world.until_running(2)

    handle = await world.start((ALERT,), plan=stopping("0"))
    await world.window(handle)
    scale(world, 2)
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert failed.kind == "Reverted"


async def test_the_shipped_steps_work_without_the_label_pod(world: World) -> None:
    world.deploy(images={"app": MISSING}, replicas=2)
    pods = await world.until_broken(count=2)

    handle = await world.start((ALERT,))
    await world.window(handle)
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.observation is not None
    assert result.observation.pod in {pod.name for pod in pods}, "of those that are affected"
    assert result.observation.remarks == ()
