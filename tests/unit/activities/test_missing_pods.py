"""Why pods are missing, and what is read to know it."""

import pytest

from activities.missing_pods import Lacking, why_no_pods
from runmend.alerts.alert import Target
from runmend.core.errors import Forbidden
from runmend.facts.event import EventFacts
from runmend.facts.object import Owner
from runmend.facts.pod import PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from tests.builders import deployment_facts

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
SETS = tuple(
    ReplicaSetFacts(
        namespace="shop",
        name=f"web-{number}",
        uid=f"rs-{number}",
        revision=number,
        owner=Owner(kind="Deployment", name="web", uid="web"),
    )
    for number in (1, 2)
)
QUOTA = 'pods "web-2-x7" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'


class Asked(Cluster):
    """An API server that knows one ReplicaSet and its events; `asked` is what was read."""

    def __init__(self, failure: str = "", *events: str, forbidden: bool = False) -> None:
        self.failure, self.messages, self.forbidden = failure, events, forbidden
        self.asked: list[str] = []

    def replica_set(self, namespace: str, name: str, *, metadata_only: bool = True) -> ReplicaSetFacts:
        assert (namespace, metadata_only) == ("shop", False)
        self.asked.append(name)
        if self.forbidden:
            raise Forbidden
        return SETS[1].model_copy(update={"failure": self.failure})

    def events(self, namespace: str, field_selector: str = "") -> tuple[EventFacts, ...]:
        assert namespace == "shop"
        self.asked.append(field_selector)
        return tuple(
            EventFacts(
                uid=message,
                reason="FailedCreate",
                message=message,
                type="Warning",
                count=1,
                object_kind="ReplicaSet",
                object_name="web-2",
                object_uid="rs-2",
            )
            for message in self.messages
        )


def a_pod(name: str, revision: int = 2, **known: object) -> PodFacts:
    owner = Owner(kind="ReplicaSet", name=f"web-{revision}", uid=f"rs-{revision}")
    pod = PodFacts(namespace="shop", name=name, uid=name, phase="Running", owner=owner, node="node-1")
    return pod.model_copy(update=known)


def why(cluster: Cluster, *pods: PodFacts, replicas: int = 1) -> Lacking | None:
    sets = {each.uid: each for each in SETS}
    return why_no_pods(cluster, TargetNow(WEB, Workloads(pods, sets), deployment_facts(replicas=replicas)))


def test_nothing_is_read_where_no_pod_is_missing() -> None:
    cluster = Asked(QUOTA)

    assert why(cluster, a_pod("a")) is None
    assert cluster.asked == []


def test_the_newest_replica_set_is_asked_and_its_condition_is_enough() -> None:
    cluster = Asked(QUOTA)

    assert why(cluster, a_pod("a", 1)) == Lacking(
        f"ReplicaSet web-2 cannot create pods: {QUOTA}", "pods refused: quota"
    )
    assert cluster.asked == ["web-2"]


@pytest.mark.parametrize("forbidden", [False, True])
def test_its_events_are_asked_where_it_says_nothing_itself_or_may_not_be_read(forbidden: bool) -> None:  # noqa: FBT001
    cluster = Asked("", f"Error creating: {QUOTA}", forbidden=forbidden)

    assert why(cluster) == Lacking(f"ReplicaSet web-2 cannot create pods: {QUOTA}", "pods refused: quota")
    assert cluster.asked == ["web-2", "involvedObject.uid=rs-2,reason=FailedCreate"]


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_workload_that_makes_its_pods_itself_is_asked_by_its_events(kind: str) -> None:
    cluster = Asked("", f"Error creating: {QUOTA}")
    workload = deployment_facts(replicas=2).model_copy(update={"kind": kind})
    now = TargetNow(WEB.model_copy(update={"kind": kind}), Workloads((), {}), workload)

    assert why_no_pods(cluster, now) == Lacking(f"{kind} web cannot create pods: {QUOTA}", "pods refused: quota")
    assert cluster.asked == ["involvedObject.uid=web,reason=FailedCreate"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('admission webhook "no.example" denied the request: not today', "admission webhook"),
        ('failed calling webhook "no.example": connection refused', "admission webhook"),
        ("ValidatingAdmissionPolicy 'small' with binding 'small' denied request", "admission policy"),
        ('pods "web" is forbidden: violates PodSecurity "restricted:latest"', "pod security"),
        ("error looking up service account shop/nobody", "service account"),
        ("maximum cpu usage per Container is 1, but limit is 2", "limit range"),
        ("no more of them", "not accepted by the API server"),
    ],
)
def test_who_refuses_is_told_in_few_words_without_a_name(said: str, kind: str) -> None:
    found = why(Asked(said))

    assert found is not None
    assert found.reason == f"pods refused: {kind}"


def test_a_node_that_refuses_the_pods_is_named_with_its_words() -> None:
    ended = a_pod("web-2-a", phase="Failed", ended_because="OutOfcpu: Pod was rejected: Node didn't have enough cpu")
    old = a_pod("web-1-a", 1, phase="Failed", ended_because="Evicted: long ago")

    assert why(Asked(), old, ended) == Lacking(
        "web-2-a ended on node node-1: OutOfcpu: Pod was rejected: Node didn't have enough cpu",
        "pods refused: OutOfcpu",
    )


def test_a_pod_that_no_node_takes_is_told_in_the_scheduler_s_words() -> None:
    found = why(Asked(), a_pod("a", phase="Pending", no_node="0/3 nodes are available"))

    assert found == Lacking("a: Pending, no node takes it (0/3 nodes are available)", "no node takes a pod")


def test_where_nobody_says_why_nothing_is_said() -> None:
    assert why(Asked()) is None
