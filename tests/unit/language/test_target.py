"""Which object a target is, by its uid."""

import pytest

from runmend.alerts.alert import Target
from runmend.facts.object import Owner
from runmend.facts.pod import PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from tests.builders import deployment_facts

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
OF_WEB = ReplicaSetFacts(
    namespace="shop", name="web-1", uid="rs-1", revision=1, owner=Owner(kind="Deployment", name="web", uid="web")
)


def a_pod(name: str, owner: Owner | None = None) -> PodFacts:
    return PodFacts(namespace="shop", name=name, uid=f"uid-{name}", phase="Running", owner=owner)


def test_a_deployment_s_is_its_own_without_a_pod_too() -> None:
    assert TargetNow(WEB, Workloads((), {}), deployment_facts()).uid == "web"


def test_a_deployment_that_is_gone_has_none_whatever_its_pods_still_say() -> None:
    left = a_pod("web-1-a", Owner(kind="ReplicaSet", name="web-1", uid="rs-1"))

    assert TargetNow(WEB, Workloads((left,), {OF_WEB.uid: OF_WEB}), None).uid == ""


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Job", "ReplicaSet"])
def test_another_controller_s_is_what_its_pods_say(kind: str) -> None:
    target = WEB.model_copy(update={"kind": kind})
    other = a_pod("other", Owner(kind=kind, name="other", uid="uid-of-other"))
    pods = (other, a_pod("web-0", Owner(kind=kind, name="web", uid="uid-of-web")))

    assert TargetNow(target, Workloads(pods, {}), None).uid == "uid-of-web"


def test_a_controller_s_above_a_replica_set_is_what_the_replica_set_says() -> None:
    above = OF_WEB.model_copy(update={"owner": Owner(kind="Rollout", name="web", uid="uid-of-rollout")})
    pod = a_pod("web-1-a", Owner(kind="ReplicaSet", name="web-1", uid="rs-1"))

    assert (
        TargetNow(WEB.model_copy(update={"kind": "Rollout"}), Workloads((pod,), {above.uid: above}), None).uid
        == "uid-of-rollout"
    )


def test_a_bare_pod_s_is_the_pod_s() -> None:
    lonely = WEB.model_copy(update={"kind": "Pod", "name": "lonely"})

    assert TargetNow(lonely, Workloads((a_pod("other"), a_pod("lonely")), {}), None).uid == "uid-lonely"


def test_a_target_without_pods_has_none() -> None:
    assert TargetNow(WEB.model_copy(update={"kind": "StatefulSet"}), Workloads((), {}), None).uid == ""
