"""Who controls a pod, and which pods stand for a target now, told from two lists."""

from datetime import timedelta

import pytest

from runmend.alerts.alert import Target
from runmend.facts.object import Owner
from runmend.facts.pod import PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.revision import RevisionFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube.owners import Workloads
from tests.builders import deployment_facts

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")


def a_pod(name: str, owner: Owner | None = None, *, deleting: bool = False, phase: str = "Running") -> PodFacts:
    return PodFacts(namespace="shop", name=name, uid=f"uid-{name}", phase=phase, owner=owner, deleting=deleting)


def a_replica_set(name: str, *, revision: int = 1, owned_by: Owner | None = None) -> ReplicaSetFacts:
    return ReplicaSetFacts(namespace="shop", name=name, uid=f"uid-{name}", revision=revision, owner=owned_by)


def an_owner(kind: str, name: str, *, uid: str | None = None) -> Owner:
    return Owner(kind=kind, name=name, uid=uid or f"uid-{name}")


def workloads(pods: list[PodFacts], *replica_sets: ReplicaSetFacts) -> Workloads:
    return Workloads(tuple(pods), {found.uid: found for found in replica_sets})


DEPLOYMENT = an_owner("Deployment", "web")
OLD, NEW = (
    a_replica_set("web-1", revision=1, owned_by=DEPLOYMENT),
    a_replica_set("web-2", revision=2, owned_by=DEPLOYMENT),
)


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Job", "Rollout"])
def test_a_pods_own_controller_is_the_target(kind: str) -> None:
    pod = a_pod("web-0", an_owner(kind, "web"))

    assert workloads([pod]).target_of(pod, "test") == WEB.model_copy(update={"kind": kind})
    assert workloads([pod]).chain_of(pod) == f"Pod web-0 → {kind} web"


def test_a_deployment_is_found_through_its_replica_set() -> None:
    pod = a_pod("p", an_owner("ReplicaSet", "web-1"))

    assert workloads([pod], OLD).target_of(pod, "test") == WEB
    assert workloads([pod], OLD).chain_of(pod) == "Pod p → ReplicaSet web-1 → Deployment web"


def test_a_custom_controller_of_a_replica_set_is_the_target() -> None:
    pod = a_pod("p", an_owner("ReplicaSet", "web-1"))
    rollout = a_replica_set("web-1", owned_by=an_owner("Rollout", "web"))

    assert workloads([pod], rollout).target_of(pod, "test").kind == "Rollout"


def test_a_bare_replica_set_and_one_that_is_gone_are_targets_themselves() -> None:
    pod = a_pod("p", an_owner("ReplicaSet", "web-1"))
    bare = WEB.model_copy(update={"kind": "ReplicaSet", "name": "web-1"})

    assert workloads([pod], a_replica_set("web-1")).target_of(pod, "test") == bare
    assert workloads([pod]).target_of(pod, "test") == bare


def test_a_replica_set_that_was_made_anew_under_the_same_name_is_another() -> None:
    pod = a_pod("p", Owner(kind="ReplicaSet", name="web-1", uid="of the one before"))

    assert workloads([pod], OLD).target_of(pod, "test").kind == "ReplicaSet"


def test_a_bare_pod_is_its_own_target() -> None:
    pod = a_pod("lonely")

    assert workloads([pod]).target_of(pod, "test") == Target(
        cluster="test", namespace="shop", kind="Pod", name="lonely"
    )
    assert workloads([pod]).chain_of(pod) == "Pod lonely"


def test_a_name_that_looks_like_a_deployments_means_nothing() -> None:
    mine, stray = a_pod("web-2-abcde", an_owner("ReplicaSet", "web-2")), a_pod("web-2-fghij")

    assert workloads([mine, stray], NEW).pods_of(WEB) == (mine,)


def test_a_targets_current_pods_are_those_of_its_newest_revision_and_not_of_its_youngest_name() -> None:
    # A rollback gives an old ReplicaSet the newest revision.
    rolled_back = OLD.model_copy(update={"revision": 3})
    old, new = a_pod("a", an_owner("ReplicaSet", "web-1")), a_pod("b", an_owner("ReplicaSet", "web-2"))

    assert workloads([old, new], OLD, NEW).current_pods_of(WEB) == (new,)
    assert workloads([old, new], rolled_back, NEW).current_pods_of(WEB) == (old,)
    assert workloads([old, new], OLD, NEW).pods_of(WEB) == (old, new)


def test_a_pod_that_is_being_deleted_stands_for_nothing() -> None:
    ending = a_pod("a", an_owner("ReplicaSet", "web-2"), deleting=True)

    assert workloads([ending], NEW).pods_of(WEB) == workloads([ending], NEW).current_pods_of(WEB) == ()


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_and_is_still_there_stands_for_nothing(phase: str) -> None:
    evicted, successor = (
        a_pod(name, an_owner("ReplicaSet", "web-2"), phase=each) for name, each in (("a", phase), ("b", "Pending"))
    )

    assert (
        workloads([evicted, successor], NEW).pods_of(WEB)
        == workloads([evicted, successor], NEW).current_pods_of(WEB)
        == (successor,)
    )


def test_a_target_of_another_kind_has_no_revisions_of_its_own() -> None:
    target = WEB.model_copy(update={"kind": "StatefulSet"})
    pods = [a_pod("web-0", an_owner("StatefulSet", "web")), a_pod("web-1", an_owner("StatefulSet", "web"))]

    assert workloads(pods, NEW).current_pods_of(target) == tuple(pods)


def a_revision(name: str, number: int, of: str, uid: str = "web") -> RevisionFacts:
    return RevisionFacts(name=name, revision=number, hash=of, owner=Owner(kind="DaemonSet", name="web", uid=uid))


def of_a_hash(name: str, kind: str, found: str) -> PodFacts:
    return a_pod(name, an_owner(kind, "web")).model_copy(update={"labels": {"controller-revision-hash": found}})


def a_workload(kind: str, **facts: object) -> WorkloadFacts:
    return deployment_facts(revision=0).model_copy(update={"kind": kind, **facts})


def test_current_pods_of_a_daemon_set_are_those_of_its_newest_revision_by_its_number() -> None:
    target = WEB.model_copy(update={"kind": "DaemonSet"})
    pods = (of_a_hash("a", "DaemonSet", "old"), of_a_hash("b", "DaemonSet", "new"))
    # After an undo the older hash has the highest number again.
    revisions = (a_revision("web-old", 3, "old"), a_revision("web-new", 2, "new"), a_revision("x", 9, "x", "another"))
    read = Workloads(pods, {}, revisions)
    workload = read.with_revisions(a_workload("DaemonSet"))

    assert (workload.update_hash, workload.revision, workload.previous_revision) == ("old", 3, 2)
    assert read.current_pods_of(target, workload) == pods[:1]


def test_current_pods_of_a_stateful_set_are_those_of_its_update_revision_and_those_that_are_to_stay_behind() -> None:
    target = WEB.model_copy(update={"kind": "StatefulSet"})
    pods = tuple(of_a_hash(f"web-{number}", "StatefulSet", found) for number, found in enumerate(("a", "a", "b", "a")))
    read = Workloads(pods, {})

    def current(**facts: object) -> list[str]:
        workload = read.with_revisions(a_workload("StatefulSet", **facts))
        return [pod.name for pod in read.current_pods_of(target, workload)]

    assert current(update_hash="b") == ["web-2"]
    assert current(update_hash="b", partition=1) == ["web-0", "web-2"]
    assert current() == ["web-0", "web-1", "web-2", "web-3"]


def test_a_deployment_s_previous_revision_is_the_newest_that_is_kept_before_its_own() -> None:
    kept = [a_replica_set(f"web-{number}", revision=number, owned_by=DEPLOYMENT) for number in (2, 5, 9)]
    other = a_replica_set("api-1", revision=8, owned_by=an_owner("Deployment", "api"))
    read = workloads([], *kept, other)

    def previous(revision: int) -> int | None:
        workload = deployment_facts(revision=revision).model_copy(update={"uid": DEPLOYMENT.uid})
        return read.with_revisions(workload).previous_revision

    assert (previous(9), previous(5), previous(2)) == (5, 2, None)


def test_another_deployments_revisions_are_not_looked_at() -> None:
    other = a_replica_set("api-1", revision=9, owned_by=an_owner("Deployment", "api"))

    newest = workloads([], OLD, NEW, other).newest(WEB)
    assert newest == NEW


def test_revisions_that_a_deleted_deployment_of_the_same_name_left_are_not_looked_at() -> None:
    left = a_replica_set("web-9", revision=9, owned_by=an_owner("Deployment", "web", uid="the-deleted-one"))

    assert workloads([], NEW, left).newest(WEB, NEW.owner.uid if NEW.owner else None) == NEW


def test_a_revision_is_as_old_as_what_keeps_it() -> None:
    """An undo takes an older one again, and pods that are made anew make none."""
    ages = {2: timedelta(days=90), 5: timedelta(minutes=5), 9: None}
    kept = [
        a_replica_set(f"web-{number}", revision=number, owned_by=DEPLOYMENT).model_copy(update={"age": age})
        for number, age in ages.items()
    ]
    read = workloads([], *kept)
    for number, age in {**ages, 11: None}.items():
        workload = deployment_facts(revision=number).model_copy(update={"uid": DEPLOYMENT.uid})
        assert read.with_revisions(workload).revision_age == age

    revisions = (
        a_revision("web-new", 3, "new").model_copy(update={"age": timedelta(minutes=5)}),
        a_revision("web-old", 2, "old").model_copy(update={"age": timedelta(days=90)}),
    )
    daemon_set = Workloads((), {}, revisions).with_revisions(a_workload("DaemonSet"))
    assert daemon_set.revision_age == timedelta(minutes=5)
