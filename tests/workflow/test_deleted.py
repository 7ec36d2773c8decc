"""An object whose deletion has begun is never written, and proves nothing: its controller does nothing more for it.

The sandbox deletes at once; what a finalizer holds is read here as the API server gives it.
"""

from datetime import datetime

import pytest

from runmend.core.outcomes import Outcome
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from tests.runs import Failed
from tests.workflow.acts import happens, hold_settle
from tests.workflow.scenes import nothing_written
from tests.world import World

DELETING = "the target is being deleted"


@pytest.fixture
def deletion(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Deployments whose deletion has begun, by name."""
    begun: list[str] = []
    read = Cluster.look_at

    def look_at(self: Cluster, kind: str, namespace: str, name: str) -> tuple[Json, datetime | None]:
        item, told = read(self, kind, namespace, name)
        ending = {"deletionTimestamp": "2026-11-28T17:00:00Z"} if name in begun else {}
        return item | {"metadata": item["metadata"] | ending}, told

    monkeypatch.setattr(Cluster, "look_at", look_at)
    return begun


def told(failed: Failed, kind: Outcome) -> str:
    assert (failed.kind, failed.result.reason) == (kind, DELETING)
    return failed.message


async def test_a_deployment_that_is_being_deleted_is_not_written(world: World, deletion: list[str]) -> None:
    world.deploy()
    await world.until_broken(count=2)
    deletion.append("web")

    said = told(await world.failed(await world.start()), Outcome.PRECONDITION_FAILED)

    assert said == "Deployment shop/web is being deleted, so its controller would do nothing about the change"
    assert nothing_written(world)


async def test_a_deployment_whose_deletion_begins_while_it_settles_is_not_waited_for(
    world: World, deletion: list[str]
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    written = hold_settle(world)
    handle = await world.start()
    await happens(written)
    deletion.append("web")
    world.faults.clear()

    said = told(await world.failed(handle), Outcome.VERIFICATION_FAILED)

    assert said == "Deployment shop/web is being deleted, so its controller replaces no pod any more"


async def test_a_deployment_whose_deletion_begins_in_the_window_is_not_resolved(
    world: World, deletion: list[str]
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)
    deletion.append("web")
    await world.skip()

    said = told(await world.failed(handle), Outcome.VERIFICATION_FAILED)

    assert said == "30s into the window: Deployment shop/web is being deleted: what was changed goes with it"
