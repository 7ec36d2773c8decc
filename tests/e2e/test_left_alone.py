"""Where RB_IMAGEPULL changes nothing: pods serve, there is nothing left to mend, or nobody asked for it here."""

from typing import Any

from runmend.core.modes import Mode
from runmend.plan.messages import RunResult
from runmend.reports.report import render
from tests.cluster.api import Json, a_pull_secret, eventually, image_patch
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import Installation
from tests.e2e.policies import DEPLOYMENTS, policy, refusing
from tests.e2e.shop import FALLBACK, GOOD, MISSING, SPREAD, Shop, firing

BAD_NODE = "registry.example/app:unreachable-on-node-2"
WOULD_CHANGE = f"would change container app: {MISSING} → {FALLBACK} (accepted by a dry run)"


def a_bad_rollout(shop: Shop, **how: Any) -> list[Json]:
    """Three pods that serve, and those of a newer revision that cannot pull."""
    shop.deploy(images={"app": GOOD}, replicas=3, broken=0, **how)
    shop.set_image(MISSING)
    return shop.until_broken(1)


async def recommended(shop: Shop, pods: list[Json]) -> RunResult:
    """The result of a run that must end so, with nothing changed and one dry run."""
    shop.start(pods)
    result = await shop.completed()
    assert result.outcome == "recommended", result.summary
    shop.assert_wrote(changes=0, dry_runs=1)
    return result


async def test_a_bad_rollout_whose_old_revision_serves_is_left_to_a_rollback_which_restores_the_service(
    shop: Shop, kubectl: Kubectl
) -> None:
    result = await recommended(shop, a_bad_rollout(shop))

    command = f"kubectl rollout undo deployment/web --to-revision=1 -n {shop.name}"
    assert result.summary == (
        f"3 of 3 replicas still serve revision 1 (image {GOOD}); `{command}` restores it; {WOULD_CHANGE}"
    )
    assert shop.images() == {"app": MISSING}
    assert shop.told() == []

    kubectl(*command.split()[1:])

    pods = shop.until_running(3)
    eventually(lambda: len(shop.pods()) == 3)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {GOOD}


async def test_pods_that_are_ready_and_not_yet_available_serve(shop: Shop) -> None:
    broken = a_bad_rollout(shop, minReadySeconds=600, progressDeadlineSeconds=3600)
    status = shop.deployment()["status"]
    assert (status["readyReplicas"], status.get("availableReplicas", 0)) == (3, 0)

    result = await recommended(shop, broken)

    assert result.summary.startswith("3 of 3 replicas still serve revision 1 (")
    assert shop.images() == {"app": MISSING}


async def test_what_serves_is_told_where_a_policy_denies_the_change(shop: Shop) -> None:
    broken = a_bad_rollout(shop)
    only_ours = "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example/'))"
    with policy(shop.namespace, DEPLOYMENTS, refusing(only_ours, "only images of registry.example")) as name:
        eventually(lambda: shop.namespace.try_patch("deployments", "web", image_patch(FALLBACK), dryRun="All").is_error)
        shop.start(broken)
        result = await shop.completed()

    assert result.outcome == "recommended", result.summary
    assert result.summary.startswith("3 of 3 replicas still serve revision 1 (")
    assert ", and a dry run was refused: " in result.summary
    assert f"ValidatingAdmissionPolicy '{name}'" in result.summary
    assert result.steps[-1].rollback == f"kubectl rollout undo deployment/web --to-revision=1 -n {shop.name}"
    shop.assert_wrote(changes=0)


async def test_a_pod_that_cannot_pull_on_its_node_is_named_while_the_others_serve(shop: Shop) -> None:
    (stuck,) = _one_of_three(shop)

    result = await recommended(shop, [stuck])

    assert result.summary.startswith(
        f"2 of 3 replicas of the same revision serve; these pods cannot pull: {stuck['metadata']['name']} on "
        "node node-2; would change"
    )
    assert shop.images() == {"app": BAD_NODE}


async def test_recreating_pods_changes_nothing_about_the_one_that_cannot_pull_on_its_node(shop: Shop) -> None:
    (stuck,) = _one_of_three(shop, strategy={"type": "Recreate"})

    result = await recommended(shop, [stuck])

    assert "2 of 3 replicas of the same revision serve" in result.summary


async def test_a_pull_secret_that_was_repaired_by_hand_leaves_nothing_to_do(shop: Shop) -> None:
    account = shop.namespace.path("serviceaccounts", "default")
    shop.namespace.http.patch(
        account, json={"imagePullSecrets": [{"name": "pull"}]}, headers={"Content-Type": "application/merge-patch+json"}
    ).raise_for_status()
    image = "registry.example/app:unauthorized"
    webhook = firing(shop.deploy(images={"app": image}, replicas=1))
    shop.namespace.create("secrets", a_pull_secret())
    (healed,) = shop.until_running(1)

    assert shop.answers(webhook) == ["started"]
    result = await shop.completed()

    assert result.outcome == "not_needed"
    assert (
        result.summary
        == f"no container of Deployment {shop.name}/web is in ImagePullBackOff: {healed['metadata']['name']}: Running"
    )
    assert shop.images() == {"app": image}
    shop.assert_wrote(changes=0)


async def test_an_image_name_that_is_none_is_another_state_and_is_named(shop: Shop) -> None:
    webhook = firing(shop.deploy(replicas=1))
    shop.set_image("registry.example/App:1.0")
    (pod,) = eventually(lambda: [pod for pod in shop.pods() if _reason(pod) == "InvalidImageName"])

    assert shop.answers(webhook) == ["started"]
    result = await shop.completed()

    assert result.outcome == "not_needed"
    assert result.summary == (
        f"no container of Deployment {shop.name}/web is in ImagePullBackOff; it is in InvalidImageName, which this "
        f"runbook does not treat: {pod['metadata']['name']}: Pending, app waits (InvalidImageName)"
    )
    shop.assert_wrote(changes=0)


async def test_a_deployment_that_was_deleted_starts_no_run(shop: Shop) -> None:
    webhook = firing(shop.deploy(replicas=1))
    shop.namespace.http.delete(shop.namespace.path("deployments", "web")).raise_for_status()
    eventually(lambda: not shop.namespace.items("pods"))

    assert shop.answers(webhook) == ["gone"]


async def test_what_an_init_container_runs_is_left_to_a_person(shop: Shop) -> None:
    broken = shop.deploy(images={"app": GOOD}, init={"setup": MISSING}, replicas=1)

    shop.start(broken)
    result = await shop.completed()

    assert (result.outcome, result.reason) == ("recommended", "an init container would change")
    assert result.summary.startswith("init container setup must do its work and end before the pod's containers")
    assert f"kubectl set image deployment/web setup={FALLBACK} -n {shop.name}" in render(result)
    assert shop.images() == {"app": GOOD, "setup": MISSING}
    shop.assert_wrote(changes=0, dry_runs=1)


async def test_an_installation_that_only_recommends_tries_the_change_in_a_dry_run(
    shop: Shop, installation: Installation
) -> None:
    broken = shop.deploy(replicas=1)
    careful = installation.start_bridge("careful", RUNMEND_MODE="recommend")
    try:
        shop.start(broken, "careful")
        result = await shop.completed()
    finally:
        installation.processes.stop(careful)

    assert (result.outcome, result.mode) == ("recommended", Mode.RECOMMEND)
    assert result.summary == f"the mode is recommend; {WOULD_CHANGE}"
    assert shop.images() == {"app": MISSING}
    shop.assert_wrote(changes=0, dry_runs=1)


def _one_of_three(shop: Shop, **how: Any) -> list[Json]:
    """Three pods on three nodes, of which the one on node-2 cannot pull."""
    stuck = shop.deploy(images={"app": BAD_NODE}, replicas=3, broken=1, pods={"affinity": SPREAD}, **how)
    eventually(lambda: shop.deployment()["status"].get("availableReplicas") == 2)
    return stuck


def _reason(pod: Json) -> str:
    """What a pod's first container waits for."""
    statuses = pod["status"].get("containerStatuses", [{}])
    return str(statuses[0].get("state", {}).get("waiting", {}).get("reason"))
