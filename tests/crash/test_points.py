"""How the crash matrix names what it kills at, and what it takes for a difference."""

from collections import Counter

import pytest

from runmend.local.demo.matching import NoScenario, scenario_for
from runmend.local.shipped import shipped_runbooks
from runmend.runbook.loader import load_directory
from tests.crash.killer import request_of
from tests.crash.points import Asked, Point, Ran, differences, points_of, polled, unmet

READ, WRITE, LOOK = Asked("undo", "GET web"), Asked("undo", "PATCH web"), Asked("runmend.hold", "GET web")
SCENARIO = {
    "RB_IMAGEPULL": "bad-image",
    "RB_CRASHLOOP": "bad-program",
    "RB_OOMKILLED": "out-of-memory",
    "RB_NODE_NOT_READY": "node-not-ready",
    "RB_NODE_UNSCHEDULABLE": "node-unschedulable",
}
LIVED = Ran({"outcome": "resolved"}, Counter({"PATCH web": 1}), (READ, WRITE, LOOK, LOOK))


@pytest.mark.parametrize(
    ("killed", "says"),
    [
        (Ran({"outcome": "Reverted"}, LIVED.writes), ["outcome is 'Reverted' and not 'resolved'"]),
        (Ran(LIVED.end, Counter({"PATCH web": 2})), ["PATCH web was made 2 times and not 1"]),
        (Ran(LIVED.end, Counter()), ["PATCH web was made 0 times and not 1"]),
        (Ran(LIVED.end, LIVED.writes, taken=Counter({"u1": 2, "u2": 1})), ["the pod u1 was taken away 2 times"]),
        (Ran(LIVED.end, LIVED.writes, taken=Counter({"u1": 1, "u2": 1})), []),
    ],
    ids=["another end", "written twice", "not written", "evicted twice", "the same"],
)
def test_another_end_and_another_number_of_writes_are_differences(killed: Ran, says: list[str]) -> None:
    assert list(differences(LIVED, killed)) == says


def test_there_is_a_point_before_and_after_each_request() -> None:
    assert [(point.asked, point.nth, point.moment) for point in points_of(LIVED)] == [
        (asked, nth, moment)
        for asked, nth in ((READ, 1), (WRITE, 1), (LOOK, 1), (LOOK, 2))
        for moment in ("before", "after")
    ]


def test_every_request_is_to_be_met_but_what_is_read_again_by_an_activity_that_waits() -> None:
    points = points_of(LIVED)
    ran = dict.fromkeys(points, LIVED)
    again = [Point(LOOK, 2, "before"), Point(LOOK, 2, "after")]

    assert list(unmet(points, ran)) == [f"no worker was killed {point}" for point in points if point not in again]
    assert polled(points, ran) == again


def test_a_look_may_leave_a_read_out_where_another_of_its_reads_was_met() -> None:
    why, settle = Asked("runmend.settle", "GET events"), Asked("runmend.settle", "GET web")
    lived = Ran(LIVED.end, Counter(), (READ, settle, why))
    points = points_of(lived)
    killed, missed = Ran(LIVED.end, Counter(), reached=True), Ran(LIVED.end, Counter())

    ran = dict.fromkeys(points, killed) | {Point(why, 1, "before"): missed}
    assert (list(unmet(points, ran)), polled(points, ran)) == ([], [Point(why, 1, "before")])

    ran |= {Point(settle, 1, "before"): missed}
    assert list(unmet(points, ran)) == [f"no worker was killed before {asked}, time 1" for asked in (settle, why)], (
        "no look was met"
    )

    ran = dict.fromkeys(points, killed) | {Point(READ, 1, "after"): missed}
    assert list(unmet(points, ran)) == [f"no worker was killed after {READ}, time 1"], "it is no look"


def test_a_write_is_to_be_met_each_time() -> None:
    twice = Ran(LIVED.end, Counter({"PATCH web": 2}), (WRITE, WRITE))
    ran = dict.fromkeys(points_of(twice), twice)

    assert "no worker was killed before PATCH web by undo, time 2" in list(unmet(points_of(twice), ran))


@pytest.mark.parametrize(
    ("path", "query", "request_"),
    [
        (
            "/api/v1/namespaces/shop/pods/web-5c9d7f6b8-x2x4z/eviction",
            "",
            "/api/v1/namespaces/shop/pods/web-…/eviction",
        ),
        ("/api/v1/nodes/node-0", "fieldManager=runmend", "/api/v1/nodes/node-0?fieldManager=runmend"),
        (
            "/api/v1/namespaces/shop/events",
            "fieldSelector=involvedObject.name%3Dweb-5c9d7f6b8-x2x4z&limit=500",
            "/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name=web-…&limit=500",
        ),
        (
            "/api/v1/namespaces/shop/events",
            "fieldSelector=involvedObject.uid%3D0d5a3a52-5a53-4c3b-8f0e-6d2b1c9e7f10",
            "/api/v1/namespaces/shop/events?fieldSelector=involvedObject.uid=…",
        ),
        ("/api/v1/namespaces/kube-node-lease/pods", "", "/api/v1/namespaces/kube-node-lease/pods"),
        (
            "/apis/apps/v1/namespaces/shop/replicasets",
            "labelSelector=app%3Dweb",
            "/apis/apps/v1/namespaces/shop/replicasets?labelSelector=app=web",
        ),
    ],
)
def test_what_kubernetes_made_up_is_left_out(path: str, query: str, request_: str) -> None:
    scope = {"method": "GET", "path": path, "query_string": query.encode()}

    assert request_of(scope) == f"GET {request_}"


def test_each_shipped_runbook_has_something_to_break_that_it_mends() -> None:
    plans = load_directory(shipped_runbooks()).plans.values()
    chosen = {plan.runbook_id: scenario_for(plan).name for plan in plans}

    assert chosen.items() >= SCENARIO.items()


def test_a_runbook_for_which_nothing_is_broken_is_named() -> None:
    [plan, *_] = load_directory(shipped_runbooks()).plans.values()

    with pytest.raises(
        NoScenario, match=f"{plan.runbook_id}: nothing is known to break for Other; choose .*: bad-image, "
    ):
        scenario_for(plan.model_copy(update={"alertname": "Other", "more_alertnames": ()}))
