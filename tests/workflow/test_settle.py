"""Waiting for recovery: when it ends, when it gives up, and what it remembers."""

from tests.builders import FALLBACK, GOOD, MISSING, a_deployment, an_alert
from tests.runs import until
from tests.workflow.acts import (
    WEB,
    an_event,
    delete,
    events_of,
    memo_of,
    patched,
    results,
    scale,
    skip_to_end,
    with_fallback,
)
from tests.workflow.scenes import patches
from tests.world import PATIENCE, World

OTHER = "registry.example/other:missing"
PULLING = ("ErrImagePull", "ImagePullBackOff")
CRASHES = "registry.example/other:crash"


async def test_settle_remembers_pods_events_and_restarts(world: World) -> None:
    handle = await patched(world)
    await world.until_running(2)
    running = {pod.uid: pod.name for pod in world.pods() if pod.running}
    path = an_event(world, next(pod for pod in world.pods() if pod.running), count=7)
    an_event(world, None)
    world.faults.clear()
    await world.window(handle)
    mark = (await results(handle))["runmend.settle"]["watermark"]

    assert (mark["pods"], mark["running"]) == (running, 2)
    assert mark["events"] == {world.api.get(path).json()["metadata"]["uid"]: 7}
    assert mark["restarts"] == {f"{uid}/app": 0 for uid in running}


async def test_settle_waits_until_nothing_of_the_old_revision_is_left(world: World) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)

    assert all(pod.running and pod.containers[0].image == FALLBACK for pod in world.pods())
    assert (await results(handle))["runmend.settle"][
        "summary"
    ] == "2 of 2 pods are Running, nothing of an older revision is left"


async def test_settle_waits_as_long_as_the_deployments_own_fields_say_that_nothing_is_wrong(world: World) -> None:
    deployment = a_deployment(replicas=2)
    deployment["spec"] |= {"minReadySeconds": 700, "progressDeadlineSeconds": 800}
    world.create("/apis/apps/v1/namespaces/shop/deployments", deployment)
    await world.until_broken(count=2)
    handle = await world.start()
    await until(handle, "runmend.settle", PATIENCE)

    (settle,) = [
        scheduled
        for event in (await handle.fetch_history()).events
        if (scheduled := event.activity_task_scheduled_event_attributes).activity_type.name == "runmend.settle"
    ]
    assert settle.schedule_to_close_timeout.ToSeconds() == 600 + 2 * 700, "one pod after the other"
    await handle.cancel()


async def test_a_fallback_image_that_cannot_be_pulled_fails_with_what_was_seen_last(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    alerts = tuple(an_alert(pod) for pod in pods)
    plan = with_fallback(world.plan, OTHER)
    handle = await world.start(alerts, plan=plan)
    known = {pod.uid for pod in pods}
    await world.until(lambda: [pod for pod in world.pods() if pod.uid not in known and pod.waiting_for(*PULLING)])
    late = tuple(an_alert(pod) for pod in world.pods() if pod.uid not in known)
    await world.start(late, plan=plan)
    await skip_to_end(world, handle)
    failed = await world.failed(handle)
    memo = await memo_of(handle)

    assert failed.kind == "VerificationFailed"
    assert failed.message.startswith(
        "settle spent its time: the image that this run wrote cannot be pulled either: app waits ("
    )
    assert f"{OTHER} (image not found)" in failed.message
    assert "app waits (" in failed.message
    assert failed.result.window_seconds is None
    assert set(memo["episodes"]) == {alert.episode for alert in (*alerts, *late)}
    assert len(patches(world)) == 1


async def test_waiting_for_ten_minutes_costs_three_events(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)
    handle = await world.start((an_alert(pods[0]),), plan=with_fallback(world.plan, OTHER))
    await skip_to_end(world, handle)
    kinds = await events_of(handle)

    assert kinds.count("activity_task_scheduled") == 5
    assert kinds.count("activity_task_started") == 5
    assert len(kinds) <= 38


async def test_a_fallback_image_that_crashes_is_no_recovery(world: World) -> None:
    # It gives up while both wait for their first back-off of ten seconds: between two crashes they run.
    plan = with_fallback(world.plan, CRASHES).model_copy(update={"settle_seconds": 60})
    handle = await patched(world, plan=plan)
    await world.until(lambda: len([c for pod in world.pods() for c in pod.waiting_for("CrashLoopBackOff")]) == 2)
    world.faults.clear()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert failed.kind == "VerificationFailed"
    assert "app waits (CrashLoopBackOff)" in failed.message


async def test_settle_gives_up_early_when_a_container_waits_that_the_run_did_not_change(world: World) -> None:
    handle = await patched(world, images={"app": MISSING, "log": GOOD})
    world.set_image("log", OTHER)
    await world.until_broken("log")
    world.faults.clear()
    await world.skip(4)
    failed = await world.failed(handle)

    assert failed.kind == "VerificationFailed"
    assert failed.message.startswith("a container that this run did not change waits: log (")
    assert OTHER in failed.message


async def test_settle_sees_that_the_old_image_was_put_back(world: World) -> None:
    handle = await patched(world)
    world.set_image("app", MISSING, manager="argocd-controller")
    world.faults.clear()
    await world.skip(4)
    failed = await world.failed(handle)

    assert (failed.kind, failed.result.window_seconds) == ("Reverted", None)
    assert (
        failed.message
        == f"container app was set to {FALLBACK} and is {MISSING} now, by field manager 'argocd-controller'"
    )


async def test_settle_ends_when_the_deployment_was_deleted(world: World) -> None:
    handle = await patched(world)
    delete(world, WEB)
    world.faults.clear()
    await world.skip(4)
    failed = await world.failed(handle)

    assert (failed.kind, failed.message) == ("VerificationFailed", "Deployment shop/web no longer exists")


async def test_settle_ends_when_the_deployment_was_scaled_to_nothing(world: World) -> None:
    handle = await patched(world)
    scale(world, 0)
    world.faults.clear()
    await world.skip(4)
    failed = await world.failed(handle)

    assert failed.kind == "VerificationFailed"
    assert failed.message == "Deployment shop/web was scaled to 0: there is no pod that could prove the fix"


async def test_pods_that_nobody_lets_be_created_are_told_with_who_refuses_them_and_why(world: World) -> None:
    handle = await patched(world, plan=world.plan.model_copy(update={"settle_seconds": 30}))
    world.patch(WEB, {"spec": {"template": {"spec": {"serviceAccountName": "nobody"}}}})
    world.faults.clear()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert failed.kind == "VerificationFailed"
    assert "of 2 pods of the new revision are there; ReplicaSet web-" in failed.message
    assert (
        ' is forbidden: error looking up service account shop/nobody: serviceaccount "nobody" not found'
        in failed.message
    )
    assert "the target has no pod" not in failed.message
    assert failed.result.reason == "pods refused: service account"


async def test_pods_that_no_node_takes_are_told_in_the_scheduler_s_words(world: World) -> None:
    handle = await patched(world, plan=world.plan.model_copy(update={"settle_seconds": 30}))
    world.patch(WEB, {"spec": {"template": {"spec": {"nodeSelector": {"example.test/no": "node"}}}}})
    world.faults.clear()
    await skip_to_end(world, handle)
    failed = await world.failed(handle)

    assert "no node takes it (0/2 nodes are available: 2 node(s) didn't match" in failed.message
    assert failed.result.reason == "no node takes a pod"
