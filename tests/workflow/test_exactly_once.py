"""Activities run at least once; a change has exactly one effect."""

from datetime import datetime

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from activities.act import act
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.kube import requests
from runmend.plan.messages import StepCall
from runmend.plan.notes import NOTES
from runmend.reports.target_events import Author
from tests.builders import FALLBACK, MISSING, Json, an_alert
from tests.faults import Request
from tests.runs import until_tried
from tests.workflow.acts import WEB, Held, happens, impatient, outcome_of, revisions, skip_to_end
from tests.workflow.scenes import patches
from tests.world import PATIENCE, World

PATCH = ("PATCH", "deployments/web")


async def test_a_conflict_makes_the_next_try_read_anew_and_patch_once(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)

    def label(_: Request) -> None:
        world.patch(WEB, {"metadata": {"labels": {"changed": "meanwhile"}}})

    # observe and get_pod_events list the ReplicaSets once each; the third list is the last read before the patch.
    world.faults.add("GET", "/replicasets", times=2)
    world.faults.add("GET", "/replicasets", then=label)
    handle = await world.start()
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert [step.recovered for step in result.steps] == [False, False]
    assert len(patches(world)) == 2
    assert (revisions(world), world.images()) == (2, {"app": FALLBACK})


async def test_a_change_whose_answer_was_lost_is_recognised_and_not_made_again(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, lose_answer=True)
    handle = await world.start()
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    step = result.steps[1]
    assert (result.outcome, step.recovered) == (Outcome.RESOLVED, True)
    assert [(change.container, change.before, change.after) for change in step.changes] == [("app", MISSING, FALLBACK)]
    assert "by an earlier try, whose answer was lost" in step.summary
    assert (len(patches(world)), revisions(world)) == (1, 2)


async def test_a_lost_change_that_somebody_put_back_before_the_retry_is_reverted_and_not_done(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(
        *PATCH, lose_answer=True, then=lambda _: world.set_image("app", MISSING, manager="argocd-controller")
    )
    handle = await world.start()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert failed.kind == "Reverted"
    assert (
        failed.message
        == f"container app was set to {FALLBACK} and is {MISSING} now, by field manager 'argocd-controller'"
    )
    assert (failed.result.failed_step, len(patches(world))) == ("patch_image", 1)


async def test_a_change_that_was_undone_with_its_annotation_before_the_retry_is_not_made_again(world: World) -> None:
    """`kubectl rollout undo` takes the Deployment's annotations back too; the ReplicaSet of our revision keeps the
    copy."""

    def undo(_: Request) -> None:
        while len(world.cluster.replica_sets("shop")) < 2:  # until the controller has made our revision
            pass
        template = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": MISSING}]}}}}
        world.patch(WEB, {"metadata": {"annotations": {NOTES: None}}} | template, manager="kubectl")

    world.deploy()
    await world.until_broken(count=2)
    world.faults.add(*PATCH, lose_answer=True, then=undo)
    handle = await world.start()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert (failed.kind, len(patches(world))) == ("Reverted", 1)
    assert failed.message.endswith("by field manager 'kubectl'")


async def test_a_change_is_known_by_its_note_while_the_controller_has_not_acted_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    call_ours = StepCall(
        step=world.plan.steps[1],
        state="ImagePullBackOff",
        target=world.target,
        alerts=(an_alert(world.pods()[0]),),
        mode=Mode.AUTO,
        protect_serving=True,
        run_id="r",
        step_id="02-patch_image",
    )
    author = Author(runbook="RB_IMAGEPULL", workflow="w", run="r")
    assert act(world.cluster, call_ours, author, may_change=True).recovered is False

    read = world.cluster.look_at

    def lagging(kind: str, namespace: str, name: str) -> tuple[Json, datetime | None]:
        item, told = read(kind, namespace, name)
        return item | {"status": item["status"] | {"observedGeneration": 0}}, told

    monkeypatch.setattr(world.cluster, "look_at", lagging)
    assert act(world.cluster, call_ours, author, may_change=True).recovered is True


async def test_a_change_that_another_try_still_makes_is_not_made_twice(world: World) -> None:
    """The first try's answer is held past its timeout: the second try finds its annotation."""
    world.deploy()
    await world.until_broken(count=2)
    with Held(world, *PATCH) as held:
        handle = await world.start(plan=impatient(world.plan))
        await happens(held.reached)
        await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert (result.outcome, result.steps[1].recovered) == (Outcome.RESOLVED, True)
    assert (len(patches(world)), revisions(world)) == (1, 2)


async def test_a_write_that_was_given_up_and_is_made_all_the_same_is_recognised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where admission webhooks are slower than whoever waits for them."""
    monkeypatch.setattr(requests, "WRITE_SECONDS", (3.0, 0.3))
    world.deploy()
    await world.until_broken(count=2)
    with Held(world, *PATCH):
        handle = await world.start()
        await until_tried(handle, "before a write it waits for admission webhooks", PATIENCE)
        await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert (result.outcome, result.steps[1].recovered) == (Outcome.RESOLVED, True)
    assert (len(patches(world)), revisions(world)) == (1, 2)


async def test_a_run_that_is_cancelled_in_its_window_is_cancelled_and_leaves_the_change(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()

    assert isinstance(ended.value.cause, CancelledError)
    assert await outcome_of(handle) == "cancelled"
    assert world.images() == {"app": FALLBACK}
