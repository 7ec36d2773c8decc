"""What `kubectl describe` says of a target afterwards: what was changed, how it ended, and which run did it."""

from tests.cluster.kubectl import Kubectl
from tests.e2e.shop import FALLBACK, GOOD, MISSING, Shop, described

CHANGE = f"changed container app: {MISSING} → {FALLBACK}"


async def test_a_deployment_that_was_mended_says_what_was_changed_that_it_held_and_by_which_run(
    shop: Shop, kubectl: Kubectl
) -> None:
    result = await shop.resolved(shop.deploy(replicas=1))

    run = f"(runbook RB_IMAGEPULL, run {shop.run().id} @ {(await shop.run().describe()).run_id})"
    assert described(kubectl, shop) == [
        ("Normal", "RemediationApplied", f"{CHANGE} {run}"),
        ("Normal", "RemediationResolved", f"resolved: {CHANGE}; it held for 5 minutes {run}"),
    ]
    assert result.remarks == ()
    shop.assert_wrote(changes=1)


async def test_a_deployment_whose_change_was_put_back_says_so_as_a_warning(shop: Shop, kubectl: Kubectl) -> None:
    shop.start(shop.deploy(replicas=1))
    await shop.until("window")
    shop.set_image(GOOD, manager="somebody")
    await shop.pass_window()
    failed = await shop.failed()

    assert failed.kind == "Reverted"
    assert failed.what == f"container app was set to {FALLBACK} and is {GOOD} now, by field manager 'somebody'"
    (_, changed, _), (kind, reason, message) = described(kubectl, shop)
    assert (changed, kind, reason) == ("RemediationApplied", "Warning", "RemediationFailed")
    assert message.startswith(f"Reverted: {failed.message} (runbook RB_IMAGEPULL, run {shop.run().id} @ ")


async def test_two_runs_for_one_deployment_tell_each_for_itself(shop: Shop) -> None:
    await shop.resolved(shop.deploy(replicas=1))
    shop.set_image(MISSING)
    shop.namespace.patch("deployments", "web", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}})
    await shop.resolved(shop.until_broken(1))

    assert shop.told() == ["RemediationApplied", "RemediationResolved"] * 2
    shop.assert_wrote(changes=2)
