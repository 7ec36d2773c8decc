"""Where the change is made and its pods are refused: the run says who refuses them, and why."""

from tests.cluster.api import eventually
from tests.e2e.shop import FALLBACK, Shop
from tests.world import seed_plan


async def test_a_quota_that_forbids_the_new_pods_is_named_by_the_run(shop: Shop) -> None:
    broken = shop.deploy(replicas=1, strategy={"type": "Recreate"})
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    shop.namespace.create("resourcequotas", quota)
    eventually(lambda: shop.namespace.get("resourcequotas", "none").get("status", {}).get("hard"))
    plan = seed_plan().model_copy(update={"settle_seconds": 10})

    await shop.start_with(plan, broken)
    failed = await shop.failed()

    assert failed.kind == "VerificationFailed"
    assert "0 of 1 pods of the new revision are there; ReplicaSet web-" in failed.message
    assert " cannot create pods: " in failed.message
    assert "exceeded quota: none, requested: pods=1, used: " in failed.message
    assert failed.result.reason == "pods refused: quota"
    assert shop.images() == {"app": FALLBACK}
