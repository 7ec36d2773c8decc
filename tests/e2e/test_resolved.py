"""RB_IMAGEPULL where it acts as it is written: nothing serves, the image is changed once, and the fix holds."""

import json
import time

import httpx
import pytest

from runmend.images.pull_failures import Cause
from runmend.plan.messages import RunResult
from tests.builders import a_deployment
from tests.cluster.api import Json, eventually, image_patch
from tests.cluster.control_plane import ControlPlane
from tests.e2e.policies import DEPLOYMENTS, adding, policy, silent_webhooks
from tests.e2e.shop import FALLBACK, GOOD, MISSING, Shop, firing, waiting
from tests.world import seed_plan

TRIED = image_patch(FALLBACK)


def found(result: RunResult, about: str) -> str:
    """What the diagnosis found for a point of the runbook."""
    assert result.observation is not None
    return "; ".join(finding.found for finding in result.observation.findings if about in finding.about)


async def test_a_registry_that_is_unavailable_in_the_words_of_another_container_runtime_is_no_other_state(
    shop: Shop,
) -> None:
    shop.namespace.create("deployments", a_deployment(images={"app": "registry.example/app:unavailable"}, replicas=1))
    eventually(lambda: "RegistryUnavailable" in json.dumps(shop.pods()))

    result = await shop.resolved(shop.until_broken(1))

    assert result.observation is not None
    assert set(result.observation.causes) == {Cause.REGISTRY_DOWN}


async def test_every_sentence_of_the_runbook_is_answered(shop: Shop) -> None:
    broken = shop.deploy(replicas=1)

    result = await shop.resolved(broken)

    assert found(result, "Check pod events").startswith("image not found (reported ")
    assert found(result, "tag/digest exists").startswith(f"{MISSING}: unknown: registry.example cannot be asked: ")
    assert found(result, "name format is correct") == f"{MISSING}: well-formed"
    assert found(result, "service account has imagePullSecrets") == "none configured"
    assert found(result, "pull secret exists and is valid") == "there is none to check"
    assert [(step.action_id, step.status) for step in result.steps] == [
        ("get_pod_events", "done"),
        ("patch_image", "done"),
    ]
    assert [(verdict.text, verdict.status) for verdict in result.verdicts] == [
        ("Pod transitions from ImagePullBackOff to Running", "passed"),
        ("No new ImagePullBackOff events for 5 minutes", "passed"),
        ("Container starts successfully", "passed"),
    ]
    assert result.window_seconds == 300
    assert result.observation is not None
    owner = broken[0]["metadata"]["ownerReferences"][0]["name"]
    assert result.observation.owner == f"Pod {broken[0]['metadata']['name']} → ReplicaSet {owner} → Deployment web"


async def test_two_broken_containers_are_one_change_where_the_alert_names_none(shop: Shop) -> None:
    shop.deploy(images={"app": MISSING, "log": "registry.example/log:unauthorized"}, replicas=1)
    (broken,) = eventually(lambda: [pod for pod in shop.pods() if waiting(pod) == ["app", "log"]])
    generation = shop.deployment()["metadata"]["generation"]
    webhook = firing([broken])
    webhook["alerts"] = [_naming(webhook["alerts"][0], "")]

    assert set(shop.answers(webhook)) == {"started"}
    await shop.pass_window()
    result = await shop.completed()

    assert result.outcome == "resolved"
    assert [alert.container for alert in result.alerts] == [""]
    assert shop.images() == {"app": FALLBACK, "log": FALLBACK}
    assert shop.deployment()["metadata"]["generation"] == generation + 1
    shop.assert_wrote(changes=1)


async def test_a_sidecar_is_patched_and_the_healthy_main_container_is_not(shop: Shop) -> None:
    sidecar = {"name": "proxy", "image": MISSING, "restartPolicy": "Always"}
    broken = shop.deploy(images={"app": GOOD}, replicas=1, pods={"initContainers": [sidecar]})

    result = await shop.resolved(broken)

    assert result.summary.startswith(f"changed sidecar container proxy: {MISSING} → {FALLBACK}")
    assert shop.images() == {"app": GOOD, "proxy": FALLBACK}
    shop.assert_wrote(changes=1)


@pytest.mark.parametrize(
    "strategy",
    [{"type": "Recreate"}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 0}}],
    ids=["Recreate", "maxUnavailable 100%"],
)
async def test_a_bad_rollout_that_left_nothing_serving_is_replaced(shop: Shop, strategy: Json) -> None:
    shop.deploy(images={"app": GOOD}, broken=0, strategy=strategy)
    shop.set_image(MISSING)
    broken = shop.until_broken(2)
    eventually(lambda: not shop.deployment()["status"].get("availableReplicas"))

    await shop.resolved(broken)

    assert shop.images() == {"app": FALLBACK}
    shop.assert_wrote(changes=1)


async def test_a_deployment_that_has_exceeded_its_progress_deadline_is_mended_as_any_other(shop: Shop) -> None:
    broken = shop.deploy(replicas=1, progressDeadlineSeconds=1)
    eventually(lambda: "ProgressDeadlineExceeded" in _reasons(shop))

    await shop.resolved(broken)

    assert shop.images() == {"app": FALLBACK}
    assert "NewReplicaSetAvailable" in _reasons(shop)
    shop.assert_wrote(changes=1)


async def test_a_rollout_that_the_deployments_own_fields_make_slow_is_waited_for(shop: Shop) -> None:
    """The broken pod goes when the new one has been Ready for 15 seconds, and settle alone would last 10."""
    broken = shop.deploy(replicas=1, minReadySeconds=15)

    await shop.start_with(seed_plan().model_copy(update={"settle_seconds": 10}), broken)
    await shop.pass_window()
    result = await shop.completed()

    assert (result.outcome, result.settled) == (
        "resolved",
        "1 of 1 pods are Running, nothing of an older revision is left",
    )
    shop.assert_wrote(changes=1)


async def test_pods_that_have_ended_and_are_still_there_keep_no_run_from_its_end(shop: Shop) -> None:
    ended, *_ = shop.deploy()
    name = ended["metadata"]["name"]
    # The kubelet ends it as it ends the pods of a node that is shut down or short of memory: it stays, as Failed, and
    # gets a successor.
    shop.namespace.patch("pods", name, {"spec": {"activeDeadlineSeconds": 1}})
    eventually(lambda: shop.namespace.get("pods", name)["status"]["phase"] == "Failed")
    broken = eventually(lambda: _others(shop, ended) if len(_others(shop, ended)) == 2 else None)

    result = await shop.resolved(broken or [])

    assert shop.namespace.get("pods", name)["status"]["phase"] == "Failed"
    assert result.settled == "2 of 2 pods are Running, nothing of an older revision is left"
    shop.assert_wrote(changes=1)


async def test_a_digest_that_admission_adds_to_the_fallback_is_the_runs_own_change(shop: Shop) -> None:
    broken = shop.deploy(replicas=1)
    pinned = f"{FALLBACK}@sha256:{'c' * 64}"
    image = "object.spec.template.spec.containers[0].image"
    container = f'{{name: "app", image: {image} == "{FALLBACK}" ? "{pinned}" : {image}}}'
    pods = f"Object.spec.template.spec{{containers: [Object.spec.template.spec.containers{container}]}}"
    added = f"Object{{spec: Object.spec{{template: Object.spec.template{{spec: {pods}}}}}}}"
    with policy(shop.namespace, DEPLOYMENTS, adding(added)):
        eventually(lambda: pinned in shop.namespace.try_patch("deployments", "web", TRIED, dryRun="All").text)
        result = await shop.resolved(broken)

    assert [(each.before, each.after) for each in result.changes] == [(MISSING, pinned)]
    assert f"added a digest to {FALLBACK}: container app runs {pinned}" in " ".join(result.remarks)
    assert shop.images() == {"app": pinned}
    shop.assert_wrote(changes=1)


async def test_webhooks_that_do_not_answer_are_waited_for_as_long_as_the_api_server_waits(
    shop: Shop, built: ControlPlane
) -> None:
    """Two of ten seconds: longer than a read is waited for."""
    broken = shop.deploy(replicas=1)
    with silent_webhooks(shop.namespace, DEPLOYMENTS, count=2, seconds=10):
        # The API server takes a moment to hear of them: until then it answers at once.
        eventually(lambda: _is_slow(shop))
        began = time.monotonic()
        shop.start(broken)
        await shop.until("runmend.settle")
        took = time.monotonic() - began

    await shop.pass_window()
    result = await shop.completed()
    assert (result.outcome, result.steps[1].recovered) == ("resolved", False)
    assert took >= 20
    (sent,) = built.writes(namespace=shop.name, resource="deployments", agent="runmend")
    assert sent.done
    assert shop.images() == {"app": FALLBACK}


def _is_slow(shop: Shop) -> bool:
    """Whether the API server waits for a webhook before it lets a Deployment be changed."""
    try:
        shop.namespace.http.patch(
            shop.namespace.path("deployments", "web"),
            json=TRIED,
            params={"dryRun": "All"},
            headers={"Content-Type": "application/strategic-merge-patch+json"},
            timeout=1.5,
        )
    except httpx.ReadTimeout:
        return True
    return False


def _others(shop: Shop, one: Json) -> list[Json]:
    """The broken pods besides one."""
    return [pod for pod in shop.pods() if waiting(pod) and pod["metadata"]["uid"] != one["metadata"]["uid"]]


def _reasons(shop: Shop) -> set[str]:
    """The reasons of the Deployment's conditions."""
    return {condition["reason"] for condition in shop.deployment()["status"]["conditions"]}


def _naming(alert: Json, container: str) -> Json:
    """An alert that names a container, or none."""
    labels = alert["labels"] | {"container": container}
    fingerprint = f"{alert['fingerprint'][:-1]}{len(container)}"
    return alert | {"fingerprint": fingerprint, "labels": {name: value for name, value in labels.items() if value}}
