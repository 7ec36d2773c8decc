"""What a change puts at risk: pods that serve, and the work of init containers."""

import pytest

from activities.risk import Risk, left_running, risk_of
from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.facts.pod import PodFacts
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from runmend.language.verbs import verb
from runmend.plan.change import POD_SPEC, Change
from runmend.plan.messages import StepCall
from tests.builders import deployment_facts, image_change
from tests.unit.revisions import a_pod, a_revision
from tests.world import seed_plan

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
APP = image_change("app", "app:3", "app:2")
SETUP = image_change("setup", "setup:3", "app:2", init=True)
PROXY = image_change("proxy", "proxy:3", "app:2", init=True, sidecar=True)
ENDS = "must do its work and end before the pod's containers start"


def risk(
    *pods: PodFacts,
    available: int,
    protect: bool = True,
    changes: tuple[Change, ...] = (APP,),
    taken: int | None = 1,
    kind: verb.Risk = verb.Risk.BY_FIELDS,
    strategy: str = "RollingUpdate",
    kind_of_workload: str = "Deployment",
) -> Risk | None:
    deployment = deployment_facts(revision=3, replicas=4, available=available, image="app:3").model_copy(
        update={"taken_at_once": taken, "strategy": strategy, "kind": kind_of_workload}
    )
    now = TargetNow(WEB, Workloads(pods, {found.uid: found for found in map(a_revision, (1, 2, 3))}), deployment)
    call = StepCall(
        step=seed_plan().steps[1],
        state="ImagePullBackOff",
        target=WEB,
        alerts=(),
        mode=Mode.AUTO,
        protect_serving=protect,
        run_id="r",
        step_id="02-patch_image",
    )
    return risk_of(now, changes, call, kind)


def said(*pods: PodFacts, available: int) -> str | None:
    found = risk(*pods, available=available)
    return found.words if found else None


def test_where_nothing_is_available_or_nothing_is_protected_nothing_is_said() -> None:
    assert said(a_pod(3, 1, serves=False), available=0) is None
    assert risk(a_pod(2, 1), a_pod(3, 1, serves=False), available=1, protect=False) is None


def test_a_change_of_what_an_init_container_runs_is_a_risk_though_nothing_serves() -> None:
    found = risk(a_pod(3, 1, serves=False), available=0, changes=(APP, SETUP))

    assert found is not None
    assert found.words.startswith(f"init container setup {ENDS}: ")
    assert (found.reason, found.rollback) == ("an init container would change", "")


def test_a_sidecar_runs_beside_the_containers_and_is_none() -> None:
    assert risk(a_pod(3, 1, serves=False), available=0, changes=(APP, PROXY)) is None


def test_where_nothing_is_protected_an_init_container_is_no_risk_either() -> None:
    assert risk(a_pod(3, 1, serves=False), available=0, protect=False, changes=(SETUP,)) is None


def test_where_pods_serve_and_an_init_container_would_change_both_are_said() -> None:
    found = risk(a_pod(2, 1), a_pod(3, 1, serves=False), available=1, changes=(SETUP,))

    assert found is not None
    assert "still serve revision 2" in found.words
    assert f"init container setup {ENDS}" in found.words
    assert found.reason == "pods still serve"
    assert "--to-revision=2" in found.rollback


LIMIT = Change(path=(*POD_SPEC, "containers", "app", "resources", "limits", "memory"), before="1Gi", after="2Gi")
LABEL = Change(path=("metadata", "labels", "tier"), after="web")


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (0, None),
        (1, None),
        (2, "2 of 4 replicas serve, and the rollout takes 2 at once"),
        (None, "2 of 4 replicas serve, and Recreate takes all of them away first"),
    ],
)
@pytest.mark.parametrize(("change", "kind"), [(LIMIT, verb.Risk.BY_FIELDS), (APP, verb.Risk.ROLLING)])
def test_a_rollout_of_what_runs_already_is_a_risk_only_where_it_leaves_nobody_serving(
    taken: int | None, words: str | None, change: Change, kind: verb.Risk
) -> None:
    found = risk(a_pod(2, 1), a_pod(2, 2), available=2, changes=(change,), taken=taken, kind=kind)

    assert (found.words if found else None) == words
    assert risk(a_pod(3, 1, serves=False), available=0, changes=(change,), taken=taken, kind=kind) is None


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(1, "2 pods serve, and 1 would be left"), (2, None), (9, None), (None, "2 pods serve, and 1 would be left")],
)
def test_fewer_replicas_than_serve_are_a_risk(wanted: int | None, words: str | None) -> None:
    change = Change(path=("spec", "replicas"), before=4, after=wanted)
    found = risk(a_pod(3, 1), a_pod(3, 2), available=2, changes=(change,))

    assert (found.words if found else None) == words


def test_what_changes_no_template_is_no_risk() -> None:
    assert risk(a_pod(3, 1), available=1, changes=(LABEL,)) is None


def replicas(count: int) -> Change:
    return Change(path=("spec", "replicas"), before=4, after=count)


def test_a_stateful_set_takes_the_highest_numbers_whether_or_not_they_serve() -> None:
    found = risk(available=2, changes=(replicas(3),), kind_of_workload="StatefulSet")

    assert found
    assert found.words == "2 pods serve, and 3 would be left"
    assert risk(available=0, changes=(replicas(3),), kind_of_workload="StatefulSet") is None
    assert risk(available=2, changes=(replicas(5),), kind_of_workload="StatefulSet") is None


def test_a_change_of_the_number_hides_no_other_one() -> None:
    found = risk(available=2, changes=(replicas(5), APP))

    assert found
    assert found.reason == "pods still serve"


def test_what_is_replaced_only_when_it_is_deleted_is_no_risk_and_is_said() -> None:
    assert risk(available=1, changes=(LIMIT,), strategy="OnDelete") is None

    (said,) = told(strategy="OnDelete")
    assert said.startswith("Deployment shop/web replaces no pod by itself (update strategy OnDelete): ")
    assert told(partition=3) == (
        "Deployment shop/web replaces only the pods from number 3 on (its update's partition)",
    )
    assert told() == ()
    assert left_running(TargetNow(WEB, Workloads((), {}), deployment_facts()), (replicas(5),)) == ()


def told(**facts: object) -> tuple[str, ...]:
    now = TargetNow(WEB, Workloads((), {}), deployment_facts().model_copy(update=facts))
    return left_running(now, (LIMIT,))
