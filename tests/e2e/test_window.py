"""What happens between the change and the check: the fix is proven by what the cluster is like after the window, and by
nothing else."""

import json
from collections.abc import Callable

import pytest

from runmend.plan.messages import RunResult
from tests.builders import a_deployment
from tests.cluster.api import Json, eventually
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import Installation
from tests.e2e.shop import FALLBACK, MISSING, PATIENCE, SPREAD, WINDOW_SECONDS, Shop
from tests.runs import WINDOW, end, phases, until_tried

FULL_WINDOW_SECONDS = 420
BROKEN_SECONDS = 75
"""By when a break must be known that came as the window had begun: one look, a second that says the same, and a slow
machine."""
FORCED = ("--server-side", "--field-manager=gitops", "--force-conflicts")


@pytest.mark.slow
@pytest.mark.timeout(480)
async def test_a_fix_holds_for_the_whole_window_in_real_time(shop: Shop) -> None:
    shop.start(shop.deploy())

    result = await end(shop.run(), FULL_WINDOW_SECONDS)

    assert isinstance(result, RunResult), result
    assert (result.outcome, result.window_seconds) == ("resolved", 300)
    assert [verdict.status for verdict in result.verdicts] == ["passed"] * 3
    shop.assert_wrote(changes=1)


@pytest.mark.parametrize(
    ("apply", "manager"),
    [((), "kubectl-client-side-apply"), (FORCED, "gitops")],
    ids=["client-side", "server-side"],
)
async def test_an_apply_of_the_old_manifest_reverts_the_fix_and_its_field_manager_is_named(
    shop: Shop, kubectl: Kubectl, apply: tuple[str, ...], manager: str
) -> None:
    manifest = json.dumps(a_deployment(replicas=1))
    kubectl("apply", *apply, "-n", shop.name, "-f", "-", text=manifest)
    shop.start(shop.until_broken(1))
    await shop.until(WINDOW)
    assert shop.images() == {"app": FALLBACK}

    kubectl("apply", *apply, "-n", shop.name, "-f", "-", text=manifest)
    await shop.pass_window()
    failed = await shop.failed()

    assert failed.kind == "Reverted"
    assert failed.what == f"container app was set to {FALLBACK} and is {MISSING} now, by field manager '{manager}'"
    shop.assert_wrote(changes=1)


async def test_an_apply_that_conflicts_with_the_fix_leaves_it_standing(shop: Shop, kubectl: Kubectl) -> None:
    manifest = json.dumps(a_deployment(replicas=1))
    gitops = ("apply", "--server-side", "--field-manager=gitops", "-n", shop.name, "-f", "-")
    kubectl(*gitops, text=manifest)
    shop.start(shop.until_broken(1))
    await shop.until(WINDOW)

    kubectl(*gitops, text=manifest, check=False)
    await shop.pass_window()

    assert (await shop.completed()).outcome == "resolved"
    assert shop.images() == {"app": FALLBACK}


async def test_a_rollback_takes_the_note_away_and_is_seen_all_the_same(shop: Shop, kubectl: Kubectl) -> None:
    shop.start(shop.deploy(replicas=1))
    await shop.until(WINDOW)

    kubectl("rollout", "undo", "deployment/web", "-n", shop.name)
    await shop.pass_window()
    failed = await shop.failed()

    assert failed.kind == "Reverted"
    assert failed.what.startswith(
        f"container app was set to {FALLBACK} and is {MISSING} now, by field manager 'kubectl"
    )


async def test_an_autoscaler_may_add_pods_and_those_that_find_no_node_are_reported(shop: Shop) -> None:
    autoscalers = f"/apis/autoscaling/v2/namespaces/{shop.name}/horizontalpodautoscalers"
    broken = shop.deploy(pods={"affinity": SPREAD})
    shop.namespace.http.post(autoscalers, json=an_autoscaler(least=2)).raise_for_status()
    shop.start(broken)
    await shop.until(WINDOW)

    shop.namespace.http.put(f"{autoscalers}/web", json=an_autoscaler(least=4)).raise_for_status()
    shop.until_running(3)
    (homeless,) = eventually(lambda: [pod for pod in shop.pods() if "nodeName" not in pod["spec"]])
    await shop.pass_window()
    result = await shop.completed()

    assert result.outcome == "resolved"
    homeless_pod, younger = result.remarks
    assert homeless_pod.startswith(
        f"a younger pod is not running yet, which fails nothing: {homeless['metadata']['name']}: "
        "Pending, no node takes it (0/3 nodes are available: "
    )
    assert younger == "2 of 4 pods are younger than the window"
    shop.assert_wrote(changes=1)


async def test_pods_that_a_restart_replaced_prove_the_fix_as_well(shop: Shop, kubectl: Kubectl) -> None:
    shop.start(shop.deploy())
    await shop.until(WINDOW)

    kubectl("rollout", "restart", "deployment/web", "-n", shop.name)
    kubectl("rollout", "status", "deployment/web", "-n", shop.name, "--timeout=60s")
    eventually(lambda: len(shop.pods()) == 2)
    await shop.pass_window()
    result = await shop.completed()

    assert result.outcome == "resolved"
    assert result.remarks == ("2 of 2 pods are younger than the window",)


async def test_a_deployment_that_was_replaced_by_its_old_manifest_is_reverted(shop: Shop, kubectl: Kubectl) -> None:
    manifest = json.dumps(a_deployment(replicas=1))
    shop.start(shop.deploy(replicas=1))
    await shop.until(WINDOW)

    kubectl("replace", "--force", "-n", shop.name, "-f", "-", text=manifest)
    shop.until_broken(1)
    await shop.pass_window()
    failed = await shop.failed()

    assert failed.kind == "Reverted"
    assert (
        failed.what == f"container app was set to {FALLBACK} and is {MISSING} now, by field manager 'kubectl-replace'"
    )


async def test_a_new_pod_whose_node_dies_fails_the_verification(shop: Shop, built: ControlPlane) -> None:
    shop.start(shop.deploy(pods={"affinity": SPREAD}))
    await shop.until(WINDOW)
    lost, _ = shop.until_running(2)
    node = lost["spec"]["nodeName"]
    try:
        built.kill_node(node)
        eventually(lambda: _ready(shop.namespace.get("pods", lost["metadata"]["name"]))["status"] == "False")
        since = _ready(shop.namespace.get("pods", lost["metadata"]["name"]))["lastTransitionTime"]
        await shop.pass_window()
        failed = await shop.failed()
    finally:
        built.start_node(node)

    assert failed.kind == "VerificationFailed"
    assert f"{lost['metadata']['name']}: running is false (Running, not ready since {since}" in failed.message
    assert shop.images() == {"app": FALLBACK}
    shop.assert_wrote(changes=1)


async def test_nodes_that_were_silent_at_the_check_and_speak_again_fail_nothing(
    shop: Shop, built: ControlPlane
) -> None:
    """As after an outage of the API server, when every node was silent."""
    shop.start(shop.deploy(replicas=1))
    await shop.until(WINDOW)
    (pod,) = shop.until_running(1)
    node = pod["spec"]["nodeName"]
    try:
        built.processes.pause(node)
        eventually(lambda: _ready(shop.namespace.get("pods", pod["metadata"]["name"]))["status"] == "False")
        await shop.pass_window()
        await until_tried(shop.run(), "its containers were well when its node was last heard of", PATIENCE)
    finally:
        built.processes.resume(node)

    assert (await shop.completed()).outcome == "resolved"
    eventually(lambda: built.node_is_ready(node))


async def test_what_breaks_in_the_window_ends_it_in_real_time(
    own: Installation, shops: Callable[[], Shop], kubectl: Kubectl
) -> None:
    """One container crashes, one image is put back, and one target is well: at once, and in the default distance of
    looks."""
    own.start_worker(RUNMEND_LOOK_SECONDS="30")
    own.start_bridge()
    crashes, put_back, holds = runs = [shops() for _ in range(3)]
    for shop, broken in zip(runs, [shop.deploy(replicas=1) for shop in runs], strict=True):
        shop.start(broken)
    for shop in runs:
        await shop.until(WINDOW)
    (pod,) = crashes.until_running(1)
    kubectl("set", "image", "-n", crashes.name, f"pod/{pod['metadata']['name']}", "app=registry.example/app:crash")
    kubectl("set", "image", "-n", put_back.name, "deployment/web", f"app={MISSING}", "--field-manager=gitops")
    crashed, undone = await crashes.failed(), await put_back.failed()

    assert crashed.kind == "VerificationFailed"
    lasted = crashed.result.window_seconds
    assert lasted is not None
    assert lasted <= BROKEN_SECONDS
    assert crashed.result.window_ended_early
    assert crashed.message.startswith(f"{lasted}s into the window: 'Container starts successfully': ")
    assert f"{pod['metadata']['name']}: app restarted " in crashed.message
    assert undone.kind == "Reverted"
    assert (undone.result.window_seconds or WINDOW_SECONDS) <= BROKEN_SECONDS
    assert undone.message.endswith(f"app was set to {FALLBACK} and is {MISSING} now, by field manager 'gitops'")
    await until_tried(holds.run(), "holds: 1 of 1 pods are Running", PATIENCE)
    assert "runmend.check" not in (await phases(holds.run()))[0]
    assert [shop.told() for shop in runs] == [
        ["RemediationApplied", "RemediationFailed"],
        ["RemediationApplied", "RemediationFailed"],
        ["RemediationApplied"],
    ]
    for shop in runs:
        shop.assert_wrote(changes=1)
    await holds.run().cancel()


def an_autoscaler(least: int) -> Json:
    """A HorizontalPodAutoscaler of web; nothing measures anything here, so that its least is all that it acts on."""
    target = {"type": "Utilization", "averageUtilization": 80}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": least,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def _ready(pod: Json) -> Json:
    """A pod's condition Ready."""
    found: Json = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    return found
