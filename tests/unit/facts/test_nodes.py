"""Nodes as facts, and the states that they can be in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runmend.facts.expressions import compiled
from runmend.facts.node import NodeFacts
from runmend.facts.snapshot import Snapshot
from runmend.kube import facts
from runmend.language.states import STATES

Json = dict[str, Any]
TOLD = datetime(2026, 11, 23, 13, 0, 0, tzinfo=UTC)


def condition(kind: str, status: str, reason: str = "", since: str = "2026-11-23T12:04:31Z") -> Json:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": since, "lastHeartbeatTime": since}


def a_node(*conditions: Json, spec: Json | None = None, **metadata: Any) -> NodeFacts:
    about = {"name": "node-1", "uid": "n", "creationTimestamp": "2026-11-22T13:00:00Z", "resourceVersion": "7"}
    item = {"metadata": about | metadata, "spec": spec or {}, "status": {"conditions": list(conditions)}}
    return facts.node(item, TOLD)


READY = condition("Ready", "True", "KubeletReady")
CORDON = {
    "manager": "kubectl",
    "time": "2026-11-23T12:30:00Z",
    "fieldsV1": {"f:spec": {"f:unschedulable": {}}},
}


def test_a_node_that_is_well() -> None:
    node = a_node(READY, *(condition(f"{kind}Pressure", "False") for kind in ("Memory", "Disk", "PID")))

    assert (node.ready, node.schedulable, node.under_pressure, node.network_unavailable) == (True, True, False, False)
    assert node.takes_pods
    assert (node.namespace, node.age, node.cordoned_by, node.cordoned_for) == ("", timedelta(days=1), "", None)
    assert node.conditions == {
        "Ready": "True",
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
    }
    assert node.in_words == "node-1: Ready"


@pytest.mark.parametrize(
    ("status", "reason"), [("False", "KubeletNotReady"), ("Unknown", "NodeStatusUnknown"), ("", "")]
)
def test_a_node_is_ready_only_where_its_condition_says_so(status: str, reason: str) -> None:
    node = a_node(condition("Ready", status, reason))

    assert (node.ready, node.takes_pods) == (False, False)


@pytest.mark.parametrize(
    ("node", "expression", "evidence"),
    [
        (
            a_node(condition("Ready", "False", "KubeletNotReady")),
            "node.ready",
            "node.ready is false (since 12:04, KubeletNotReady)",
        ),
        (
            a_node(condition("Ready", "Unknown", "NodeStatusUnknown", since="2026-11-21T08:00:00Z")),
            "node.ready",
            "node.ready is false (since 2026-11-21 08:00, NodeStatusUnknown)",
        ),
        (a_node(), "node.ready", "node.ready is false (it has no condition Ready)"),
        (
            a_node(READY, spec={"unschedulable": True}, managedFields=[CORDON]),
            "node.schedulable",
            "node.schedulable is false (cordoned since 12:30, by kubectl)",
        ),
        (
            a_node(READY, spec={"unschedulable": True}, managedFields=[CORDON]),
            "node.cordoned_for > 1h",
            "node.cordoned_for is 30m 00s",
        ),
        (
            a_node(READY, condition("DiskPressure", "True", "KubeletHasDiskPressure")),
            "!node.disk_pressure",
            "node.disk_pressure is true (since 12:04, KubeletHasDiskPressure)",
        ),
        (
            a_node(condition("Ready", "False", "KubeletNotReady"), spec={"unschedulable": True}),
            "node.takes_pods",
            "node.takes_pods is false (NotReady (since 12:04, KubeletNotReady), SchedulingDisabled)",
        ),
        (
            a_node(READY, spec={"taints": [{"key": "gpu", "effect": "NoSchedule"}]}),
            "node.taints.exists(t, t.key == 'node.kubernetes.io/unreachable')",
            "it holds of none of 1 node.taints (key)",
        ),
    ],
)
def test_what_a_node_is_not_is_said_with_since_when_and_why(node: NodeFacts, expression: str, evidence: str) -> None:
    judged = compiled(expression).judge(Snapshot(node=node))

    assert (judged.holds, judged.evidence) == (False, evidence)


def test_who_cordoned_is_told_by_the_last_manager_and_only_while_it_is_cordoned() -> None:
    earlier = CORDON | {"manager": "runmend", "time": "2026-11-20T00:00:00Z"}
    of_taints = {"manager": "kube-controller-manager", "time": "2026-11-23T12:59:00Z", "fieldsV1": {"f:spec": {}}}
    node = a_node(spec={"unschedulable": True}, managedFields=[CORDON, earlier, of_taints])

    assert (node.cordoned_by, node.cordoned_for) == ("kubectl", timedelta(minutes=30))
    assert a_node(managedFields=[CORDON]).cordoned_by == ""
    assert a_node(spec={"unschedulable": True}).cordoned_for is None


@pytest.mark.parametrize(
    ("key", "effect", "takes"),
    [
        ("node.kubernetes.io/unreachable", "NoExecute", False),
        ("node.kubernetes.io/unschedulable", "NoSchedule", False),
        ("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule", False),
        ("node.kubernetes.io/memory-pressure", "PreferNoSchedule", True),
        ("node-role.kubernetes.io/control-plane", "NoSchedule", True),
        ("gpu", "NoSchedule", True),
    ],
)
def test_new_pods_are_kept_off_by_the_taints_that_kubernetes_itself_puts(key: str, effect: str, *, takes: bool) -> None:
    assert a_node(READY, spec={"taints": [{"key": key, "effect": effect}]}).takes_pods is takes


@pytest.mark.parametrize(
    ("state", "node"),
    [
        ("NotReady", a_node(condition("Ready", "Unknown"))),
        ("SchedulingDisabled", a_node(READY, spec={"unschedulable": True})),
        ("MemoryPressure", a_node(READY, condition("MemoryPressure", "True"))),
        ("DiskPressure", a_node(READY, condition("DiskPressure", "True"))),
        ("PIDPressure", a_node(READY, condition("PIDPressure", "True"))),
        ("NetworkUnavailable", a_node(READY, condition("NetworkUnavailable", "True"))),
    ],
)
def test_each_state_of_a_node_is_shown_by_its_own_fact(state: str, node: NodeFacts) -> None:
    shown = {name: compiled(each.node).judge(Snapshot(node=node)).holds for name, each in STATES.items() if each.node}

    assert [name for name, holds in shown.items() if holds] == [state]


def test_a_node_that_could_not_be_read_says_why() -> None:
    judged = compiled("node.ready").judge(Snapshot(unknown={"node": "node node-1 could not be read: Forbidden"}))

    assert (judged.holds, judged.evidence) == (None, "node.ready: node node-1 could not be read: Forbidden")
