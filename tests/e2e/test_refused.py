"""Where the object may not be changed so: the run fails before any write, and says why."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.api import a_pod, eventually, image_patch
from tests.cluster.kubectl import Kubectl
from tests.e2e.policies import DEPLOYMENTS, PODS, adding, policy, refusing
from tests.e2e.shop import FALLBACK, GOOD, MISSING, Pod, Shop, a_workload, described, firing, waiting
from tests.runs import Failed

SIDECAR = "registry.example/sidecar:missing"


async def refused(shop: Shop, kind: str = "Deployment", name: str = "web") -> Failed:
    """The failure of a run that must fail so, with nothing written and not even tried."""
    failed = await shop.failed(name, kind)
    assert failed.kind == "PreconditionFailed", failed.message
    assert failed.result.failed_step == "patch_image"
    shop.assert_wrote(changes=0, dry_runs=0)
    return failed


@pytest.mark.parametrize("kind", ["StatefulSet", "ReplicaSet", "DaemonSet"])
async def test_a_pod_of_another_owner_is_refused_by_the_owners_name_and_the_owner_tells(
    shop: Shop, kind: str, kubectl: Kubectl
) -> None:
    shop.namespace.create(*a_workload(kind))
    (pod,) = shop.until_broken(1)

    assert shop.answers(firing([pod])) == ["started"]
    failed = await refused(shop, kind)

    chain = f"Pod {pod['metadata']['name']} → {kind} web"
    assert (
        failed.message
        == f"the pod must be owned by a Deployment, and the pod is owned by {kind} {shop.name}/web ({chain})"
    )
    ((*seen, message),) = described(kubectl, shop, kind=kind)
    assert seen == ["Warning", "RemediationFailed"]
    assert message.startswith(
        f"PreconditionFailed: {failed.message} (runbook RB_IMAGEPULL, run {shop.run(kind=kind).id} @ "
    )


async def test_a_bare_pod_is_refused(shop: Shop, kubectl: Kubectl) -> None:
    body = a_pod("lonely", MISSING)
    body["metadata"]["labels"] = {"app": "lonely"}
    shop.namespace.create("pods", body)

    assert shop.answers(firing(shop.until_broken(1, "lonely"))) == ["started"]
    failed = await refused(shop, "Pod", "lonely")

    assert (
        failed.message
        == f"the pod must be owned by a Deployment, and Pod {shop.name}/lonely has no controller (Pod lonely)"
    )
    assert [seen[:2] for seen in described(kubectl, shop, "lonely", "Pod")] == [("Warning", "RemediationFailed")]


async def test_a_deployment_whose_deletion_a_finalizer_holds_is_not_changed(shop: Shop) -> None:
    broken = shop.deploy(replicas=1)
    shop.namespace.patch("deployments", "web", {"metadata": {"finalizers": ["example.test/hold"]}})
    path = shop.namespace.path("deployments", "web")
    try:
        shop.namespace.http.delete(path).raise_for_status()
        shop.start(broken)
        failed = await refused(shop)
    finally:
        shop.namespace.patch("deployments", "web", {"metadata": {"finalizers": None}})

    assert failed.result.reason == "the target is being deleted"
    assert failed.message == (
        f"Deployment {shop.name}/web is being deleted, so its controller would do nothing about the change"
    )


async def test_a_sidecar_that_was_injected_and_cannot_pull_is_refused_and_not_added(shop: Shop) -> None:
    with sidecars(shop):
        broken = shop.deploy(images={"app": GOOD}, replicas=1)
        assert [each["name"] for each in broken[0]["spec"]["containers"]] == ["app", "sidecar"]
        shop.start(broken)
        failed = await refused(shop)

    assert failed.message == (
        f"container sidecar is in the pod and not in the template of Deployment {shop.name}/web (it was "
        "injected): a patch would add it"
    )
    assert shop.images() == {"app": GOOD}


async def test_a_broken_container_is_not_changed_while_an_injected_sidecar_is_broken_too(shop: Shop) -> None:
    with sidecars(shop):
        shop.deploy(replicas=1)
        broken = eventually(lambda: _with_two_broken(shop))
        shop.start(broken)
        failed = await refused(shop)

    assert failed.message.startswith("container sidecar is in the pod and not in the template")
    assert shop.images() == {"app": MISSING}


async def test_a_change_that_an_admission_policy_denies_fails_in_its_words(shop: Shop) -> None:
    broken = shop.deploy(replicas=1)
    only_ours = "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example/'))"
    with policy(shop.namespace, DEPLOYMENTS, refusing(only_ours, "only images of registry.example")) as name:
        eventually(lambda: not _may_have(shop, FALLBACK))
        shop.start(broken)
        failed = await shop.failed()

    assert (failed.kind, failed.result.failed_step) == ("StepFailed", "patch_image")
    assert f"ValidatingAdmissionPolicy '{name}'" in failed.message
    assert "only images of registry.example" in failed.message
    assert shop.images() == {"app": MISSING}
    shop.assert_wrote(changes=0)


async def test_a_change_that_an_admission_policy_alters_is_told_at_once(shop: Shop) -> None:
    broken = shop.deploy(replicas=1)
    pods = (
        'Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "app", image: '
        f'"{MISSING}"}}]}}'
    )
    altered = f"Object{{spec: Object.spec{{template: Object.spec.template{{spec: {pods}}}}}}}"
    with policy(shop.namespace, DEPLOYMENTS, adding(altered)):
        eventually(lambda: not _may_have(shop, GOOD))
        shop.start(broken)
        failed = await shop.failed()

    assert (failed.kind, failed.result.failed_step) == ("StepFailed", "patch_image")
    assert failed.message.endswith(f"(an admission webhook) altered it: container app became {MISSING}")
    assert shop.images() == {"app": MISSING}


@contextmanager
def sidecars(shop: Shop) -> Iterator[None]:
    """Let the API server add a container to each pod of the namespace, as a service mesh does."""
    added = (
        f'Object{{spec: Object.spec{{containers: [Object.spec.containers{{name: "sidecar", image: "{SIDECAR}"}}]}}}}'
    )
    with policy(shop.namespace, PODS, adding(added)):
        eventually(lambda: _is_injected(shop))
        yield


def _is_injected(shop: Shop) -> bool:
    """Whether the policy is in force: the API server takes a moment to hear of it."""
    answer = shop.namespace.http.post(shop.namespace.path("pods"), json=a_pod("trial", GOOD), params={"dryRun": "All"})
    answer.raise_for_status()
    return "sidecar" in [each["name"] for each in answer.json()["spec"]["containers"]]


def _may_have(shop: Shop, image: str) -> bool:
    """Whether the API server would let the Deployment have an image, and leave it."""
    answer = shop.namespace.try_patch("deployments", "web", image_patch(image), dryRun="All")
    return answer.is_success and answer.json()["spec"]["template"]["spec"]["containers"][0]["image"] == image


def _with_two_broken(shop: Shop) -> list[Pod]:
    return [pod for pod in shop.pods() if len(waiting(pod)) == 2]
