"""`kubectl patch node`: what may be patched of a node, what becomes of its taints, and what that puts at risk."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from activities.risk import risk_of
from runmend.alerts.alert import Target
from runmend.language.rights import needs_of
from runmend.language.verbs import changing_of
from runmend.language.verbs.verb import Risk, Situation
from runmend.plan.change import Change, Json, differences, stands, taken_back
from runmend.plan.operations import Operation
from runmend.reports.commands import make, restore
from runmend.runbook.diagnostics import RunbookError
from tests.node_runbooks import node_plan

OWN = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
BROKEN = {"key": "broken", "effect": "NoExecute"}
SILENT = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-11-28T21:00:00Z"}
TARGET = Target(cluster="test", kind="Node", name="n1")


def node(*taints: Json, **labels: str) -> Json:
    spec = {"podCIDR": "10.0.0.0/24"} | ({"taints": list(taints)} if taints else {})
    return {"metadata": {"name": "n1", "uid": "4711", "labels": {"disk": "fast", **labels}}, "spec": spec}


def command(body: object, how: str = "") -> str:
    return f"kubectl patch node {{node}} {how} -p '{json.dumps(body)}'"


def operation(body: object, how: str = "") -> Operation:
    (step,) = node_plan(command(body, how)).steps
    return step.operation


def made(body: object, item: Json, how: str = "") -> Json:
    changing, arguments = changing_of(operation(body, how))
    now: Any = SimpleNamespace(target=TARGET)
    result: Json = changing.effect(arguments, Situation(item, now, {"node": "n1"}))
    return result


def changes(body: object, item: Json, how: str = "") -> tuple[Change, ...]:
    return differences(item, made(body, item, how))


@pytest.mark.parametrize(
    ("body", "how", "after"),
    [
        ({"spec": {"taints": [BROKEN]}}, "", node(BROKEN)),
        ({"spec": {"taints": [BROKEN]}}, "--type strategic", node(BROKEN)),
        ({"spec": {"taints": None}}, "--type=merge", node()),
        ([{"op": "remove", "path": "/spec/taints"}], "--type json", node()),
        ([{"op": "add", "path": "/spec/taints/-", "value": BROKEN}], "--type json", node(OWN, SILENT, BROKEN)),
        (
            [
                {"op": "test", "path": "/spec/taints/0/key", "value": "dedicated"},
                {"op": "remove", "path": "/spec/taints/0"},
            ],
            "--type json",
            node(SILENT),
        ),
        ({"metadata": {"labels": {"pool": "b"}}}, "", node(OWN, SILENT, pool="b")),
    ],
)
def test_a_patch_changes_taints_labels_and_whether_pods_are_scheduled(body: object, how: str, after: Json) -> None:
    assert made(body, node(OWN, SILENT), how) == after


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        (
            command({"spec": {"podCIDR": "10.0.0.0/8"}}),
            'the patch sets "spec.podCIDR"; remove it; of a node its taints',
        ),
        (command({"spec": {"providerID": None}}, "--type merge"), 'the patch sets "spec.providerID"'),
        (command({"status": {}}), 'the patch sets "status"'),
        (command([{"op": "remove", "path": "/spec/podCIDR"}], "--type json"), 'the patch sets "/spec/podCIDR"'),
        (
            command([{"op": "remove", "path": "/spec/taints/0"}], "--type json"),
            "changes taints by their place in the list, which may be another one's by then",
        ),
        (command({"spec": {"taints": []}}).replace("{node}", "worker-1"), 'the Node is "worker-1"; write {node}'),
        (command({"spec": {"taints": []}}, "-n {namespace}"), "a node is in no namespace; leave -n out"),
    ],
)
def test_what_else_a_patch_of_a_node_says_is_refused(patch: str, problem: str) -> None:
    with pytest.raises(RunbookError) as raised:
        node_plan(patch)
    assert problem in str(raised.value)


def test_a_change_of_taints_stands_whatever_controllers_add_and_take_away_beside_it() -> None:
    (change,) = changes([{"op": "remove", "path": "/spec/taints"}], node(OWN, SILENT), "--type json")
    (added,) = changes({"spec": {"taints": [BROKEN]}}, node())

    assert stands(change, node())
    assert stands(change, node(BROKEN))
    assert not stands(change, node(OWN))
    assert stands(added, node(SILENT, BROKEN))
    assert not stands(added, node(SILENT))


def test_a_change_of_taints_is_taken_back_without_those_of_others() -> None:
    (change,) = changes({"spec": {"taints": [BROKEN]}}, node(OWN))

    back, left = taken_back((change,), node(BROKEN, SILENT))

    assert (back, left) == (node(SILENT, OWN), ())
    assert taken_back(changes({"spec": {"taints": [BROKEN]}}, node()), node(BROKEN)) == (node(), ())
    assert make(TARGET, (change,)) == "kubectl taint node n1 broken:NoExecute dedicated:NoSchedule- --overwrite"
    assert restore(TARGET, (change,)) == "kubectl taint node n1 dedicated=gpu:NoSchedule broken:NoExecute- --overwrite"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"spec": {"taints": [OWN, BROKEN]}}, "a taint would end pods"),
        ({"metadata": {"labels": {"disk": "slow"}}}, "a label that pods may ask for would change"),
        ({"metadata": {"labels": {"disk": None}}}, "a label that pods may ask for would change"),
        ({"metadata": {"labels": {"new": "1"}}}, None),
        ({"spec": {"taints": None}}, None),
        ({"spec": {"unschedulable": True}}, None),
    ],
)
def test_what_takes_pods_away_from_a_node_is_left_to_a_person(body: object, reason: str | None) -> None:
    now: Any = SimpleNamespace(target=TARGET, workload=None)
    call: Any = SimpleNamespace(protect_serving=True)
    careless: Any = SimpleNamespace(protect_serving=False)

    found = risk_of(now, changes(body, node(OWN)), call, Risk.BY_FIELDS)

    assert (found and found.reason) == reason
    assert risk_of(now, changes(body, node(OWN)), careless, Risk.BY_FIELDS) is None


def test_what_it_writes_is_its_own_fields_and_no_place_in_a_list() -> None:
    steps = [
        {"op": "test", "path": "/spec/taints/0/key", "value": "dedicated"},
        {"op": "remove", "path": "/spec/taints/0"},
        {"op": "add", "path": "/metadata/labels/a.example~1b", "value": "c"},
    ]
    (write,) = needs_of(operation(steps, "--type json")).writes

    assert write.kind == "/nodes"
    assert write.fields[:2] == (("spec", "taints"), ("metadata", "labels", "a.example/b"))
