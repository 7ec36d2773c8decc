"""What becomes of a change on its way through the API server: a digest is added to the tag that was written."""

import copy

import pytest

from runmend.core.outcomes import Outcome
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from tests.builders import FALLBACK, MISSING, an_alert
from tests.workflow.acts import revisions, skip_to_end
from tests.workflow.scenes import break_pod, patches
from tests.world import World

DIGEST = f"sha256:{'c' * 64}"
PINNED = f"{FALLBACK}@{DIGEST}"


@pytest.fixture(autouse=True)
def _digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook that looks up what the tags of a Deployment stand for, and writes it behind them."""
    send = Cluster.patch

    def pinning(
        self: Cluster, kind: str, namespace: str, name: str, steps: list[Json], *, dry_run: bool = False
    ) -> Json:
        pinned = copy.deepcopy(steps)
        for step in pinned:
            if step["path"].endswith("/image"):
                step["value"] += f"@{DIGEST}"
        return send(self, kind, namespace, name, pinned, dry_run=dry_run)

    monkeypatch.setattr(Cluster, "patch", pinning)


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "the answer is lost"])
async def test_a_digest_that_was_added_to_what_was_written_is_this_runs_own_change(world: World, *, lost: bool) -> None:
    world.deploy()
    await world.until_broken(count=2)
    if lost:
        world.faults.add("PATCH", "deployments/web", lose_answer=True)
    handle = await world.start()
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert (result.outcome, result.steps[1].recovered) == (Outcome.RESOLVED, lost)
    assert [(each.before, each.after) for each in result.changes] == [(MISSING, PINNED)]
    added = f"something on the way (an admission webhook) added a digest to {FALLBACK}: container app runs {PINNED}"
    assert (added in result.remarks) is not lost
    assert (len(patches(world)), revisions(world), world.images()) == (1, 2, {"app": PINNED})


async def test_another_digest_in_the_window_is_not_what_was_proven(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)
    other = f"{FALLBACK}@sha256:{'d' * 64}"
    world.set_image("app", other, manager="kubectl-edit")
    await world.skip()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert (failed.kind, failed.message.partition(" into the window: ")[2]) == (
        Outcome.REVERTED,
        f"container app was set to {PINNED} and is {other} now, by field manager 'kubectl-edit'",
    )


async def test_a_fallback_that_a_run_wrote_and_admission_pinned_is_not_written_again(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    first = await world.start()
    await world.window(first)
    await world.skip()
    await world.completed(first)
    (pod,) = world.pods()
    break_pod(world, pod, MISSING)
    (broken,) = await world.until_broken()

    failed = await world.failed(await world.start((an_alert(broken),)))

    assert (failed.kind, failed.message) == (
        Outcome.PRECONDITION_FAILED,
        f"container app of Deployment shop/web already runs the fallback image {FALLBACK}",
    )
    assert len(patches(world)) == 1
