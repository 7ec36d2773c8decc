"""What a target still lacks to have settled."""

from typing import Any

import pytest

from activities.verification import _failure, _missing, with_problem
from runmend.alerts.alert import Alert, Target
from runmend.core.errors import NotYet
from runmend.facts.object import Owner
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from runmend.language.verdicts import Live, judge
from runmend.plan.criteria import Watermark
from runmend.plan.messages import CheckCall, Checked, SettleCall
from runmend.runbook.criteria import criterion_of
from tests.builders import deployment_facts

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
CRITERIA = tuple(filter(None, (criterion_of("Pod is Running", 1),)))


class Unasked(Cluster):
    """A cluster of which nothing is asked."""

    def __init__(self) -> None: ...


def a_pod(name: str, revision: int, *, ready: bool = True, deleting: bool = False) -> PodFacts:
    owner = Owner(kind="ReplicaSet", name=f"web-{revision}", uid=f"rs-{revision}")
    app = ContainerFacts(name="app", image="i", state="running", ready=ready, started=True)
    return PodFacts(
        namespace="shop",
        name=name,
        uid=f"uid-{name}",
        phase="Running",
        owner=owner,
        deleting=deleting,
        containers=(app,),
    )


def missing(*pods: PodFacts, replicas: int = 1) -> str | None:
    owner = Owner(kind="Deployment", name="web", uid="web")
    revisions = [
        ReplicaSetFacts(namespace="shop", name=f"web-{n}", uid=f"rs-{n}", revision=n, owner=owner) for n in (1, 2)
    ]
    now = TargetNow(WEB, Workloads(pods, {each.uid: each for each in revisions}), deployment_facts(replicas=replicas))
    call = SettleCall(state="ImagePullBackOff", criteria=CRITERIA, target=WEB, changes=())
    return _missing(now, call, Live(pods=now.pods, events=(), workload=now.workload))


def test_nothing_is_missing_where_all_pods_of_the_new_revision_run() -> None:
    assert missing(a_pod("web-2-a", 2)) is None


def test_a_pod_of_the_old_revision_that_still_runs_is_waited_for() -> None:
    assert missing(a_pod("web-2-a", 2), a_pod("web-1-a", 1)) == "1 left of an older revision: web-1-a"


def test_a_pod_of_the_old_revision_that_is_ending_is_not_waited_for() -> None:
    assert missing(a_pod("web-2-a", 2), a_pod("web-1-a", 1, deleting=True)) is None


def test_pods_that_are_not_there_yet_are_waited_for() -> None:
    assert missing(a_pod("web-2-a", 2), replicas=3) == "1 of 3 pods of the new revision are there"


def test_a_pod_that_is_not_ready_is_waited_for() -> None:
    assert missing(a_pod("web-2-a", 2, ready=False)) == "web-2-a: running is false (Running, app is not ready)"


def test_fewer_running_pods_fail_even_where_every_criterion_only_speaks_of_silence() -> None:
    silent = criterion_of("No new ImagePullBackOff events for 5 minutes", 1)
    assert silent is not None
    mark = Watermark(pods={"uid-a": "a", "uid-b": "b"}, running=2, events={}, restarts={})
    call = CheckCall(state="ImagePullBackOff", criteria=(silent,), target=WEB, changes=(), watermark=mark)
    live = Live(pods=(a_pod("a", 2), a_pod("b", 2, ready=False)), events=())
    now = TargetNow(WEB, Workloads(live.pods, {}), deployment_facts(replicas=2))

    found = _failure(now, call, mark, live, (judge(silent, mark, live),))
    assert (str(found), found and found.reason) == (
        "1 pods are Running, 2 were when the target had settled",
        "fewer pods are Running",
    )


def test_a_deployment_whose_controller_lags_behind_is_read_again() -> None:
    class Lagging(Cluster):
        def __init__(self) -> None: ...

        def look_at(self, kind: str, namespace: str, name: str) -> tuple[dict[str, Any], None]:
            assert (kind, namespace, name) == ("Deployment", "shop", "web")
            metadata = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "generation": 3}
            return {
                "metadata": metadata,
                "spec": {"selector": {"matchLabels": {"app": "web"}}},
                "status": {"observedGeneration": 2},
            }, None

        def pods(self, namespace: str, selector: str = "", *, metadata_only: bool = False) -> tuple[PodFacts, ...]:
            assert (namespace, selector, metadata_only) == ("shop", "app=web", False)
            return ()

        def replica_sets(self, namespace: str, selector: str = "") -> tuple[ReplicaSetFacts, ...]:
            assert (namespace, selector) == ("shop", "app=web")
            return ()

    with pytest.raises(NotYet, match="the controller has not acted on the newest version of Deployment shop/web"):
        TargetNow.read(Lagging(), WEB)


@pytest.mark.parametrize(
    ("problem", "alert_pod", "still_there", "remark"),
    [
        ("", "web-a", "", ""),
        ("workload.replicas < 3", "web-a", "workload.replicas is 2", ""),
        ("workload.replicas < 2", "web-a", "", ""),
        ("pod.restarts > 0", "web-a", "", ""),
        ("!pod.running", "web-a", "", ""),
        # The alert's own pod is gone, as after a fix, so the first of the target's that does not run is asked.
        ("!pod.running", "gone", "pod.running is false (Running, app is not ready)", ""),
        ("container.exit_code > 0", "gone", "", "whether the problem is still there cannot be told: "),
    ],
)
def test_the_problem_of_the_header_is_asked_again_at_the_check(
    problem: str, alert_pod: str, still_there: str, remark: str
) -> None:
    pods = (a_pod("web-a", 2), a_pod("web-b", 2, ready=False))
    owner = Owner(kind="Deployment", name="web", uid=deployment_facts().uid)
    newest = ReplicaSetFacts(namespace="shop", name="web-2", uid="rs-2", revision=2, owner=owner)
    now = TargetNow(WEB, Workloads(pods, {newest.uid: newest}), deployment_facts(replicas=2))
    mark = Watermark(pods={}, running=1, events={}, restarts={})
    labels = {"alertname": "A", "namespace": "shop", "pod": alert_pod}
    alert = Alert(fingerprint="a" * 16, starts_at="2026-11-29T00:00:00Z", labels=labels)
    call = CheckCall(state=None, criteria=(), target=WEB, changes=(), watermark=mark, problem=problem, alerts=(alert,))

    found = with_problem(Unasked(), now, call, Checked(verdicts=()))

    assert found.still_there == still_there
    assert "".join(found.remarks).startswith(remark)
    assert len(found.remarks) == bool(remark)
