"""Which containers are patched: all that are affected, none that is not, and each where it stands in the template."""

from collections.abc import Callable
from typing import Any

import pytest

from runmend.core.outcomes import Outcome
from runmend.kube.client import Cluster
from runmend.plan.messages import Options
from tests.builders import FALLBACK, GOOD, MISSING, an_alert
from tests.workflow.acts import revisions, with_fallback
from tests.workflow.scenes import a_runbook, nothing_written, patched, patches
from tests.world import World

Json = dict[str, Any]
UNPROTECTED = Options(protect_serving=False)


async def test_of_two_containers_only_the_affected_one_is_patched(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": GOOD})
    await world.until_broken()

    await world.window(await world.start())

    (patch,) = patches(world)
    assert patched(patch) == {"/spec/template/spec/containers/0/image": FALLBACK}
    assert world.images() == {"app": FALLBACK, "log": GOOD}


async def test_two_affected_containers_with_an_alert_each_are_one_patch_and_one_rollout(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": "registry.example/log:unauthorized", "ok": GOOD})
    await world.until_broken("log")
    (pod,) = await world.until_broken("app")

    handle = await world.start((an_alert(pod, "app"), an_alert(pod, "log")))
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED
    (patch,) = patches(world)
    assert patched(patch) == {f"/spec/template/spec/containers/{number}/image": FALLBACK for number in (0, 1)}
    assert revisions(world) == 2
    assert world.images() == {"app": FALLBACK, "log": FALLBACK, "ok": GOOD}


@pytest.mark.parametrize(
    "named",
    [("app",), ("app", "ok"), (None,), ("ok", None)],
    ids=["an alert for one", "one for the affected, one for the healthy", "no label", "the healthy, and no label"],
)
async def test_the_container_label_narrows_nothing_while_any_alert_names_an_affected_one(
    world: World, named: tuple[str | None, ...]
) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": MISSING, "ok": GOOD})
    await world.until_broken("log")
    (pod,) = await world.until_broken("app")

    await world.window(await world.start(tuple(an_alert(pod, name) for name in named)))

    assert world.images() == {"app": FALLBACK, "log": FALLBACK, "ok": GOOD}


async def test_what_an_init_container_runs_is_left_to_a_person(world: World) -> None:
    # Another image would leave out what it migrates, and one that serves never ends.
    world.deploy(replicas=1, images={"app": GOOD}, init={"migrate": MISSING})
    (pod,) = await world.until_broken("migrate")

    result = await world.completed(await world.start((an_alert(pod, "migrate"),)))

    assert (result.outcome, result.reason) == (Outcome.RECOMMENDED, "an init container would change")
    assert result.summary == (
        "init container migrate must do its work and end before the pod's containers start: with another image that "
        f"work may be left out, and an image that serves never ends; would change init container migrate: {MISSING} → "
        f"{FALLBACK} (accepted by a dry run)"
    )
    assert (patches(world), len(patches(world, dry_run=True))) == ([], 1)
    assert world.images() == {"app": GOOD, "migrate": MISSING}


async def test_an_init_container_beside_a_container_leaves_both_to_a_person(world: World) -> None:
    # The pod starts with both or not at all.
    world.deploy(replicas=1, images={"app": MISSING}, init={"migrate": GOOD})
    await world.until_broken()
    world.set_image("migrate", MISSING, listed="initContainers")
    (pod,) = await world.until_broken("migrate")

    result = await world.completed(await world.start((an_alert(pod, "migrate"),)))

    assert result.reason == "an init container would change"
    assert patches(world) == []


async def test_where_nothing_is_protected_an_init_container_is_patched_among_the_init_containers(world: World) -> None:
    world.deploy(replicas=1, images={"app": GOOD}, init={"migrate": MISSING, "warm": GOOD})
    (pod,) = await world.until_broken("migrate")

    handle = await world.start((an_alert(pod, "migrate"),), options=UNPROTECTED)
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED
    (patch,) = patches(world)
    assert patched(patch) == {"/spec/template/spec/initContainers/0/image": FALLBACK}
    assert world.images() == {"app": GOOD, "migrate": FALLBACK, "warm": GOOD}


async def test_a_container_that_breaks_behind_a_mended_init_container_ends_the_wait_early(world: World) -> None:
    # Nobody has tried to pull it yet: an init container keeps the kubelet from it.
    world.deploy(replicas=1, images={"app": MISSING}, init={"migrate": MISSING})
    (pod,) = await world.until_broken("migrate")

    handle = await world.start((an_alert(pod, "migrate"),), options=UNPROTECTED)
    failed = await world.failed(handle)

    assert failed.kind == Outcome.VERIFICATION_FAILED
    # Which of its two reasons is seen is a matter of the moment.
    assert failed.message.replace("ImagePullBackOff", "ErrImagePull").startswith(
        f"a container that this run did not change waits: app (ErrImagePull, image {MISSING}) in web-"
    )
    assert world.images() == {"app": MISSING, "migrate": FALLBACK}


async def test_the_next_run_mends_the_container_that_the_first_could_not_see(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING}, init={"migrate": MISSING})
    (pod,) = await world.until_broken("migrate")
    await world.failed(await world.start((an_alert(pod, "migrate"),), options=UNPROTECTED))
    (pod,) = await world.until_broken("app")

    handle = await world.start((an_alert(pod, "app"),))
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED
    assert world.images() == {"app": FALLBACK, "migrate": FALLBACK}


Injecting = Callable[[str], None]


@pytest.fixture
def injecting(monkeypatch: pytest.MonkeyPatch) -> Injecting:
    """A mutating webhook: every pod gets a sidecar with an image."""

    def arm(image: str) -> None:
        def admit(_: object, pod: Json) -> str:
            pod["spec"]["containers"].append({"name": "proxy", "image": image, "imagePullPolicy": "IfNotPresent"})
            return ""

        monkeypatch.setattr("runmend.local.sandbox.api.admit_pod", admit)

    return arm


async def test_an_injected_sidecar_that_cannot_be_pulled_is_refused_and_not_added(
    world: World, injecting: Injecting
) -> None:
    injecting(MISSING)
    world.deploy(replicas=1, images={"app": MISSING})
    await world.until_broken("app")
    (pod,) = await world.until_broken("proxy")

    failed = await world.failed(await world.start((an_alert(pod, "app"),)))

    assert (failed.kind, failed.message) == (
        Outcome.PRECONDITION_FAILED,
        (
            "container proxy is in the pod and not in the template of Deployment shop/web (it was injected): a patch "
            "would add it"
        ),
    )
    assert nothing_written(world)
    assert world.images() == {"app": MISSING}


async def test_a_healthy_injected_sidecar_changes_nothing(world: World, injecting: Injecting) -> None:
    injecting(GOOD)
    world.deploy(replicas=1, images={"app": MISSING})
    await world.until_broken("app")

    handle = await world.start()
    await world.window(handle)
    await world.skip()

    assert (await world.completed(handle)).outcome is Outcome.RESOLVED
    assert world.images() == {"app": FALLBACK}


async def test_a_container_that_has_the_fallback_image_already_is_refused(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": "registry.example/log:missing"})
    await world.until_broken("log")
    await world.until_broken("app")

    failed = await world.failed(await world.start(plan=with_fallback(world.plan, MISSING)))

    assert (failed.kind, failed.message) == (
        Outcome.PRECONDITION_FAILED,
        f"container app of Deployment shop/web already runs the fallback image {MISSING}",
    )
    assert nothing_written(world)


async def test_a_container_that_the_target_has_not_counts_as_not_given(world: World) -> None:
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()

    handle = await world.start((an_alert(pod, "kube-state-metrics"),))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.remarks == (
        "Deployment shop/web has no container kube-state-metrics, which an alert names; taken as if it named none",
    )


async def test_a_paused_deployment_is_refused(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"paused": True}})

    failed = await world.failed(await world.start())

    assert failed.kind == Outcome.PRECONDITION_FAILED
    assert failed.message.startswith("Deployment shop/web is paused: it would take the change and replace no pod")
    assert nothing_written(world)


async def test_a_command_that_names_one_of_two_affected_containers_changes_neither(world: World) -> None:
    world.deploy(replicas=1, images={"app": MISSING, "log": MISSING})
    await world.until_broken("app")
    await world.until_broken("log")

    failed = await world.failed(await world.start(plan=a_runbook(('"name":"{container}"', '"name":"app"'))))

    assert (failed.kind, failed.message) == (
        Outcome.PRECONDITION_FAILED,
        "the command leaves affected containers of Deployment shop/web as they are: log",
    )
    assert nothing_written(world)


async def test_what_a_step_has_changed_is_verified_whatever_a_later_one_finds(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    again = world.plan.steps[1].model_copy(update={"action_id": "patch_again"})
    plan = world.plan.model_copy(update={"steps": (*world.plan.steps, again)})

    handle = await world.start(plan=plan)
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert (result.outcome, [step.status for step in result.steps]) == (
        Outcome.RESOLVED,
        ["done", "done", "not_needed"],
    )
    assert len(result.verdicts) == 3


async def test_an_admission_webhook_that_alters_the_change_is_told_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mirrored(
        self: Cluster, kind: str, namespace: str, name: str, steps: list[Json], *, dry_run: bool = False
    ) -> Json:
        assert not dry_run
        assert [step["value"] for step in steps if step["path"].endswith("/image")] == [FALLBACK]
        item = self.read(kind, namespace, name)
        item["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror.local/hello-app:1.0"
        return item

    world.deploy(replicas=1)
    await world.until_broken()
    monkeypatch.setattr(Cluster, "patch", mirrored)

    failed = await world.failed(await world.start())

    assert failed.kind == Outcome.STEP_FAILED
    assert failed.message.endswith("(an admission webhook) altered it: container app became mirror.local/hello-app:1.0")


async def test_hundreds_of_alerts_are_carried_in_brief_and_each_container_that_they_name_is_known(world: World) -> None:
    world.deploy(replicas=1, images={"app": GOOD, "log": MISSING})
    (pod,) = await world.until_broken("log")
    many = tuple(an_alert(pod, "app") for _ in range(400))

    handle = await world.start((*many, an_alert(pod, "log")))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert len(result.alerts) == 301
    assert result.alerts[-1].container == "log"
    assert set(result.alerts[0].labels) == {"alertname", "namespace", "pod", "container"}
    assert world.images() == {"app": GOOD, "log": FALLBACK}
