"""Only a Deployment is patched; for every other owner the run fails, and says whose the pod is."""

from typing import Any

import pytest

from runmend.core.outcomes import Outcome
from tests.builders import FALLBACK, GOOD, MISSING, a_deployment, an_alert
from tests.workflow.scenes import a_stray_pod, nothing_written, target_of
from tests.world import World


def an_owner(kind: str, name: str = "web") -> dict[str, Any]:
    return {"kind": kind, "name": name, "uid": f"uid-of-{name}"}


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Job", "Rollout"])
async def test_a_pod_of_another_controller_is_refused_by_its_owners_name(world: World, kind: str) -> None:
    pod = await a_stray_pod(world, an_owner(kind))

    failed = await world.failed(await world.start((an_alert(pod),), target=target_of(world, pod)))

    assert failed.kind == Outcome.PRECONDITION_FAILED
    assert (
        failed.message
        == f"the pod must be owned by a Deployment, and the pod is owned by {kind} shop/web (Pod web-0 → {kind} web)"
    )
    assert failed.result.failed_step == "patch_image"
    assert nothing_written(world)


async def test_a_bare_pod_is_refused(world: World) -> None:
    pod = await a_stray_pod(world, None, "lonely")

    failed = await world.failed(await world.start((an_alert(pod),), target=target_of(world, pod)))

    assert (failed.kind, failed.message) == (
        Outcome.PRECONDITION_FAILED,
        "the pod must be owned by a Deployment, and Pod shop/lonely has no controller (Pod lonely)",
    )
    assert nothing_written(world)


async def test_a_pod_of_a_bare_replica_set_is_refused(world: World) -> None:
    deployment = a_deployment(replicas=1)
    spec = {key: deployment["spec"][key] for key in ("replicas", "selector", "template")}
    world.create("/apis/apps/v1/namespaces/shop/replicasets", {"metadata": {"name": "web-1"}, "spec": spec})
    (pod,) = await world.until_broken()

    failed = await world.failed(await world.start((an_alert(pod),), target=target_of(world, pod)))

    assert (failed.kind, failed.message) == (
        Outcome.PRECONDITION_FAILED,
        (
            f"the pod must be owned by a Deployment, and the pod is owned by ReplicaSet shop/web-1 (Pod {pod.name} → "
            "ReplicaSet web-1)"
        ),
    )
    assert nothing_written(world)


async def test_a_controller_above_the_deployment_is_reported_and_the_deployment_is_what_gets_fixed(
    world: World,
) -> None:
    deployment = a_deployment(replicas=1)
    above = {"apiVersion": "example.io/v1", "kind": "App", "name": "shop", "uid": "above", "controller": True}
    deployment["metadata"]["ownerReferences"] = [above]
    world.create("/apis/apps/v1/namespaces/shop/deployments", deployment)
    (pod,) = await world.until_broken()
    assert target_of(world, pod) == world.target

    handle = await world.start((an_alert(pod),))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.observation is not None
    revision = pod.owner.name if pod.owner else ""
    assert result.observation.owner == f"Pod {pod.name} → ReplicaSet {revision} → Deployment web → App shop"
    assert world.images() == {"app": FALLBACK}


async def test_the_run_looks_at_the_targets_pods_when_the_alerts_pod_is_gone(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": GOOD})
    await world.until_broken()

    handle = await world.start((an_alert("web-long-gone"),))
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED
    assert world.images() == {"app": FALLBACK, "log": GOOD}
