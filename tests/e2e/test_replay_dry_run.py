"""`runmend replay --dry-run` on the real cluster: what would be done is told, and by the audit log nothing is written,
no event either."""

import pytest

from tests.e2e.shop import FALLBACK, MISSING, Shop
from tests.runs import WINDOW

# As in test_replay.
pytestmark = pytest.mark.timeout(240)


async def told(shop: Shop, *options: str) -> list[str]:
    """What is told of the latest run of Deployment web, by the worker's account; the command must do it."""
    done = await shop.installation.command("replay", shop.run().id, "--dry-run", *options, account="worker")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


async def test_a_change_is_tried_by_the_api_server_and_not_made(shop: Shop) -> None:
    pods = shop.deploy()
    shop.namespace.patch("deployments", "web", {"spec": {"paused": True}})
    shop.start(pods)
    assert (await shop.failed()).kind == "PreconditionFailed"
    shop.namespace.patch("deployments", "web", {"spec": {"paused": False}})
    before = shop.deployment()

    resumed, again = await told(shop), await told(shop, "--again")

    change = f"  2 patch_image: would change container app: {MISSING} → {FALLBACK} (accepted by a dry run)"
    assert resumed[0].endswith(" at patch_image: observe and get_pod_events keep their results")
    assert (resumed[-1], again[-1]) == (change, change)
    assert shop.deployment()["metadata"]["generation"] == before["metadata"]["generation"]
    shop.assert_wrote(changes=0, dry_runs=2)


async def test_what_a_run_has_written_is_recognised_and_not_told_again(shop: Shop) -> None:
    shop.start(shop.deploy())
    await shop.until(WINDOW)
    await shop.run().terminate()
    events = shop.told()

    settling, writing = await told(shop), await told(shop, "--from", "patch_image")

    assert settling[1] == "  settle would wait for nothing, and the window would begin"
    assert (
        writing[-1]
        == f"  2 patch_image: has written already, and would write nothing: container app: {MISSING} → {FALLBACK}"
    )
    assert shop.told() == events == ["RemediationApplied"]
    shop.assert_wrote(changes=1)
