"""What a run may do by itself: the strictest of worker, run and runbook, and only in the namespaces of this
installation."""

import json
from pathlib import Path
from typing import Any

import pytest

from runmend.alerts.alert import Alert, Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.messages import Options
from runmend.plan.plan import Plan
from tests.builders import FALLBACK, MISSING, a_deployment
from tests.workflow.scenes import a_runbook, nothing_written, patched, patches, recommendation
from tests.world import World, a_world

RECOMMENDING = ("alertname: Kube", "mode: recommend\nalertname: Kube")


async def recommended_only(world: World, plan: Plan, options: Options) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    before = world.cluster.deployment("shop", "web")

    result = await world.completed(await world.start(plan=plan, options=options))

    assert result.outcome is Outcome.RECOMMENDED
    assert recommendation(result) == (
        f"the mode is recommend; would change container app: {MISSING} → {FALLBACK} (accepted by a dry run)"
    )
    assert patches(world) == []
    (tried,) = patches(world, dry_run=True)
    assert patched(tried) == {"/spec/template/spec/containers/0/image": FALLBACK}
    assert world.cluster.deployment("shop", "web").resource_version == before.resource_version


@pytest.mark.parametrize(
    ("plan", "options"),
    [
        (a_runbook(RECOMMENDING), Options()),
        (a_runbook(RECOMMENDING), Options(mode=Mode.AUTO)),
        (a_runbook(), Options(mode=Mode.RECOMMEND)),
    ],
    ids=["the runbook", "the runbook, whatever the run says", "the run"],
)
async def test_a_recommending_run_changes_nothing_and_says_what_it_would_change(
    world: World, plan: Plan, options: Options
) -> None:
    await recommended_only(world, plan, options)


async def test_a_recommending_worker_changes_nothing_whatever_the_run_says(tmp_path: Path) -> None:
    async with a_world(tmp_path, mode=Mode.RECOMMEND, auto_namespaces="team-*") as world:
        await recommended_only(world, a_runbook(), Options(mode=Mode.AUTO))


@pytest.mark.parametrize(
    ("status", "why"), [(403, "an admission webhook denied the request"), (422, "spec: Invalid value")]
)
async def test_what_a_dry_run_is_refused_for_is_told_by_who_recommends(world: World, status: int, why: str) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.faults.add("PATCH", "/deployments/web", status=status, reason=why)

    result = await world.completed(await world.start(options=Options(mode=Mode.RECOMMEND)))

    would = f"would change container app: {MISSING} → {FALLBACK}, and a dry run was refused: PATCH "
    assert recommendation(result).startswith(f"the mode is recommend; {would}")
    assert why in recommendation(result)
    assert result.outcome is Outcome.RECOMMENDED


async def test_an_account_that_may_only_read_can_recommend(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    says = 'deployments.apps "web" is forbidden: User "reader" cannot patch resource "deployments" in API group "apps"'
    world.faults.add("PATCH", "/deployments/web", status=403, reason=says)

    result = await world.completed(await world.start(options=Options(mode=Mode.RECOMMEND)))

    would = f"would change container app: {MISSING} → {FALLBACK} (not checked by a dry run"
    assert recommendation(result).startswith(f"the mode is recommend; {would}")
    assert result.outcome is Outcome.RECOMMENDED


async def test_a_namespace_outside_the_workers_is_not_touched(tmp_path: Path) -> None:
    async with a_world(tmp_path, namespaces="billing,shop-*") as world:
        world.deploy(replicas=1)
        await world.until_broken()

        failed = await world.failed(await world.start())

        assert (failed.kind, failed.message) == (
            Outcome.PRECONDITION_FAILED,
            (
                "namespace shop is not one where this installation changes anything (RUNMEND_NAMESPACES), or a "
                "Deployment is none of what it changes (RUNMEND_KINDS)"
            ),
        )
        assert nothing_written(world)


async def test_kube_system_is_not_touched_by_default(world: World) -> None:
    failed = await world.failed(await a_run_in_kube_system(world))

    assert failed.kind == Outcome.PRECONDITION_FAILED
    assert failed.message.startswith("namespace kube-system is not one where this installation changes anything")
    assert nothing_written(world)


async def test_kube_system_is_touched_where_it_is_named_in_full(tmp_path: Path) -> None:
    async with a_world(tmp_path, namespaces="*,kube-system") as world:
        handle = await a_run_in_kube_system(world)
        await world.window(handle)

        assert world.cluster.deployment("kube-system", "web").containers == {"app": FALLBACK}


async def a_run_in_kube_system(world: World) -> Any:
    def broken() -> list[str]:
        return [
            pod.name for pod in world.cluster.pods("kube-system") if pod.waiting_for("ErrImagePull", "ImagePullBackOff")
        ]

    world.create("/apis/apps/v1/namespaces/kube-system/deployments", a_deployment(replicas=1))
    await world.until(broken)
    labels = {"alertname": "KubePodImagePullBackOff", "namespace": "kube-system", "pod": broken()[0]}
    alert = Alert(fingerprint="f", starts_at="2026-11-22T13:31:12.482Z", labels=labels)
    target = Target(cluster="test", namespace="kube-system", kind="Deployment", name="web")
    return await world.start((alert,), target=target)


async def test_the_change_carries_a_note_of_whose_it_is_and_the_version_that_it_rests_on(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()

    handle = await world.start()
    await world.window(handle)

    (patch,) = patches(world)
    sent = {step["path"]: (step["op"], step["value"]) for step in json.loads(patch.body)}
    (note,) = json.loads(sent["/metadata/annotations/runmend.io~1changes"][1])
    path = ["spec", "template", "spec", "containers", "app", "image"]
    assert note == {
        "workflow": "test/shop/Deployment/web",
        "run": handle.result_run_id,
        "step": "02-patch_image",
        "changes": [{"path": path, "before": MISSING, "after": FALLBACK}],
    }
    assert sent["/metadata/resourceVersion"][0] == "replace"
    assert sent["/metadata/resourceVersion"][1].isdigit()
    assert sent["/spec/template/spec/containers/0/image"] == ("replace", FALLBACK)
    assert len(sent) == 3
