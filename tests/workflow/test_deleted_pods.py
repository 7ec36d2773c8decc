"""`kubectl delete pod`: each pod once, by its uid; what serves alone is left to a person."""

from collections import Counter
from typing import Any

import pytest

from runmend.alerts.alert import Target
from runmend.core.outcomes import Outcome
from runmend.plan.criteria import Criterion
from runmend.plan.messages import Options, StepStatus
from runmend.plan.plan import Plan
from runmend.runbook.diagnostics import RunbookError
from tests.builders import GOOD, MISSING, a_pod, an_alert
from tests.workflow.acts import skip_to_end
from tests.workflow.scenes import a_runbook
from tests.world import World

_SPEC = '{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}'
PATCH = (
    f"kubectl patch deployment {{deployment}} -n {{namespace}} -p '{_SPEC}'`\n"
    "- **fallback_image**: `us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0`"
)
ONE = "kubectl delete pod {pod} -n {namespace}"
ALL = "kubectl delete pods -l {selector} -n {namespace}"


def deleting(command: str) -> Plan:
    """The seed with another command; its criterion holds once pods run."""
    plan = a_runbook((PATCH, f"{command}`"))
    running = Criterion(text="Pods run", line=1, expression="pods.all(p, p.running)")
    return plan.model_copy(
        update={"criteria": (running,), "window_seconds": 60, "state": None, "problem_expression": ""}
    )


def deletions(world: World) -> Counter[str]:
    """Pod → how often it was deleted."""
    return Counter(request.path.rpartition("/")[2] for request in world.faults.sent("DELETE", "/pods/"))


def without_state(plan: Plan) -> Plan:
    return plan.model_copy(update={"steps": tuple(step.model_copy(update={"state": None}) for step in plan.steps)})


@pytest.mark.parametrize("lost", [{}, {"lose_answer": True}, {"status": 500, "reason": "down"}])
@pytest.mark.parametrize(("command", "count"), [(ONE, 1), (ALL, 2)])
async def test_pods_are_deleted_once_and_others_take_their_place(
    world: World, command: str, count: int, lost: dict[str, Any]
) -> None:
    world.deploy(replicas=2, images={"app": GOOD})
    await world.until_running(2)
    before = {pod.name: pod.uid for pod in world.pods()}
    if lost:
        world.faults.add("DELETE", "/pods/", **lost)

    handle = await world.start(plan=without_state(deleting(command)), options=Options(protect_serving=False))
    await world.window(handle)
    await skip_to_end(world, handle)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED, result.summary
    removed = {pod.name: pod.uid for pod in result.removed}
    assert removed.items() <= before.items()
    assert len(removed) == count
    asked = deletions(world)
    assert set(asked) == set(removed)
    assert sum(asked.values()) == count + (1 if lost.get("status") else 0)
    await world.until_running(2)


async def test_all_that_serve_are_left_to_a_person(world: World) -> None:
    world.deploy(replicas=2, images={"app": GOOD})
    await world.until_running(2)

    result = await world.completed(await world.start(plan=without_state(deleting(ALL))))

    assert result.outcome is Outcome.RECOMMENDED
    assert result.steps[-1].status is StepStatus.RECOMMENDED
    assert result.summary.startswith("nobody would be left serving of Deployment shop/web; would delete shop/web-")
    assert "which cannot be undone" in result.summary
    assert [each for each in world.faults.sent("DELETE") if b"dryRun" not in each.body] == []


async def test_a_broken_pod_beside_one_that_serves_is_deleted(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING})
    (broken,) = await world.until_broken()

    await world.start((an_alert(broken),), plan=without_state(deleting(ONE)))
    await world.until(lambda: deletions(world) == Counter({broken.name: 1}), "its deletion")


@pytest.mark.parametrize("protects", [True, False])
async def test_a_pod_that_nothing_controls_is_left_to_a_person(world: World, *, protects: bool) -> None:
    world.create("/api/v1/namespaces/shop/pods", a_pod("alone", images={"app": GOOD}))
    await world.until_running(1)
    target = Target(cluster="test", namespace="shop", kind="Pod", name="alone")

    options = Options(protect_serving=protects)
    handle = await world.start(plan=without_state(deleting(ONE)), target=target, options=options)
    result = await world.completed(handle)

    assert result.outcome is Outcome.RECOMMENDED
    said = "nothing would make these anew, they have no controller: shop/alone; would delete shop/alone"
    assert result.summary.startswith(said)
    assert [each for each in world.faults.sent("DELETE") if b"dryRun" not in each.body] == []
    assert not any(pod.deleting for pod in world.pods())


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("kubectl delete pod web-1 -n {namespace}", "the pods are 'web-1'"),
        ("kubectl delete pods -l app=web -n {namespace}", "the pods are 'app=web'"),
        ("kubectl delete pods --all -n {namespace}", "unknown flag"),
        ("kubectl delete pod {pod} -n {namespace} --force", "the flag --force is refused"),
        ("kubectl delete deployment {deployment} -n {namespace}", "kubectl delete is not done to the kind Deployment"),
        ("kubectl delete pod {pod}", "the command says no namespace"),
    ],
)
def test_nothing_else_is_deleted(command: str, problem: str) -> None:
    with pytest.raises(RunbookError, match=problem):
        deleting(command)
