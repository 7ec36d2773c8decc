"""What serves, and what is said of it."""

import pytest

from activities.serving import Serving, serving
from runmend.alerts.alert import Target
from runmend.core.errors import NotYet
from runmend.facts.pod import PodFacts
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from tests.builders import deployment_facts
from tests.unit.revisions import a_pod, a_revision

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")


def said(*pods: PodFacts, available: int = 0, ready: int = 0) -> Serving | None:
    deployment = deployment_facts(revision=3, replicas=4, available=available, ready=ready, image="app:3")
    now = TargetNow(WEB, Workloads(pods, {found.uid: found for found in map(a_revision, (1, 2, 3))}), deployment)
    return serving(now, deployment, "ImagePullBackOff")


def test_only_the_pods_of_the_newest_revision_that_serves_are_counted_for_it() -> None:
    undo = "kubectl rollout undo deployment/web --to-revision=2 -n shop"
    pods = (a_pod(1, 1), a_pod(2, 1), a_pod(2, 2), a_pod(3, 1), a_pod(3, 2, serves=False))

    assert said(*pods, available=4) == Serving(
        f"2 of 4 replicas still serve revision 2 (image app:2); `{undo}` restores it", undo
    )


def test_where_nothing_is_ready_by_any_count_nothing_serves() -> None:
    assert said(a_pod(3, 1, serves=False)) is None


@pytest.mark.parametrize(
    ("pods", "counts", "serve"),
    [
        ((a_pod(3, 1),), {}, 1),
        ((a_pod(3, 1),), {"ready": 2}, 2),
        ((a_pod(3, 1, serves=False),), {"ready": 3}, 3),
        ((a_pod(3, 1, serves=False),), {"available": 1}, 1),
    ],
    ids=["the pods'", "the status', where it counts more", "the status' alone", "those that are available"],
)
def test_what_is_ready_by_one_count_alone_serves(
    pods: tuple[PodFacts, ...], counts: dict[str, int], serve: int
) -> None:
    found = said(*pods, **counts)

    assert found is not None
    assert found.words.startswith(f"{serve} of 4 replicas of the same revision serve")
    assert found.rollback == ""


def test_pods_that_are_ready_and_not_yet_available_serve_their_revision() -> None:
    """As the Deployment's minReadySeconds makes it."""
    found = said(a_pod(2, 1), a_pod(2, 2), a_pod(3, 1, serves=False), ready=2)

    assert found is not None
    assert found.words.startswith("2 of 4 replicas still serve revision 2 (image app:2)")


def test_pods_that_served_before_their_nodes_fell_silent_are_looked_at_again() -> None:
    silent = a_pod(2, 1).model_copy(update={"not_ready": "2026-11-23T05:43:00Z", "node_silent": True, "node": "n-1"})

    with pytest.raises(NotYet, match="these pods served when their nodes were last heard of: web-2-1 on node n-1"):
        said(silent, a_pod(3, 1, serves=False))
    assert said(silent.model_copy(update={"deleting": True}), a_pod(3, 1, serves=False)) is None


def test_of_many_stuck_pods_the_first_five_are_named() -> None:
    stuck = [a_pod(3, number, serves=False) for number in range(9)]
    found = said(a_pod(3, 9), *stuck)

    assert found is not None
    assert found.words.count("web-3-") == 5
    assert found.words.endswith("and 4 more")
