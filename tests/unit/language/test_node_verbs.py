"""Verbs of nodes: what their commands may say, and what they make of a node."""

from types import SimpleNamespace
from typing import Any

import pytest

from runmend.language.rights import needs_of, roles, writes
from runmend.language.verbs import BY_WORDS, changing_of
from runmend.language.verbs.verb import Situation
from runmend.plan.change import Json, differences, in_words, stands, taken_back
from runmend.plan.operations import Operation
from runmend.runbook.diagnostics import RunbookError
from tests.node_runbooks import node_plan

NODE: Json = {
    "metadata": {"name": "worker-1", "uid": "4711", "resourceVersion": "7"},
    "spec": {"podCIDR": "10.0.0.0/24"},
}
CORDONED: Json = NODE | {"spec": NODE["spec"] | {"unschedulable": True}}


def made(verb: str, item: Json, **arguments_: Any) -> Json:
    changing, arguments = changing_of(Operation(verb=verb, kind="Node", name="{node}", arguments=arguments_))
    now: Any = SimpleNamespace()
    result: Json = changing.effect(arguments, Situation(item, now, {}))
    return result


@pytest.mark.parametrize(
    ("verb", "before", "after", "words"),
    [
        ("cordon", NODE, CORDONED, "unschedulable: not set → true"),
        ("uncordon", CORDONED, NODE, "unschedulable: true → not set"),
    ],
)
def test_a_node_is_cordoned_and_uncordoned_and_nothing_else_of_it_changes(
    verb: str, before: Json, after: Json, words: str
) -> None:
    result = made(verb, before)
    changes = differences(before, result)

    assert result == after
    assert in_words(changes) == words
    assert all(stands(change, after) for change in changes)
    assert taken_back(changes, after) == (before, ())
    assert made(verb, after) == after, "done again it changes nothing"


@pytest.mark.parametrize("command", ["kubectl cordon {node}", "kubectl cordon node/{node}", "kubectl cordon no/{node}"])
def test_a_node_is_named_as_kubectl_takes_it(command: str) -> None:
    (step,) = node_plan(command).steps

    assert step.operation == Operation(verb="cordon", kind="Node", name="{node}")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("kubectl cordon", "kubectl cordon names no node"),
        ("kubectl cordon worker-1", 'the node is "worker-1"'),
        ("kubectl uncordon pod/{node}", "kubectl uncordon is not done to the kind Pod"),
        ("kubectl cordon {node} {node}", "is one word too many"),
        ("kubectl cordon {node} -n {namespace}", "a node is in no namespace"),
        ("kubectl cordon -l pool=gpu", "the flag --selector is refused"),
    ],
)
def test_what_else_a_command_says_is_refused(command: str, problem: str) -> None:
    with pytest.raises(RunbookError, match=problem):
        node_plan(command)


def test_a_runbook_that_changes_a_node_fixes_nodes() -> None:
    assert node_plan("kubectl cordon {node}").target == "Node"
    with pytest.raises(RunbookError, match="let a runbook fix objects of one kind"):
        node_plan("kubectl cordon {node}", header="target: Deployment")


def test_rights_on_nodes_are_roles_of_their_own() -> None:
    operation = Operation(verb="cordon", kind="Node", name="{node}")
    found = roles([operation])

    assert {(right.resources, right.verbs) for right in found["worker-nodes"]} >= {
        (("nodes",), ("get",)),
        (("nodes",), ("patch",)),
        (("events",), ("create",)),
    }
    assert [right.resources for right in found["bridge-nodes"]] == [("nodes",)]
    assert not [right for right in (*found["worker"], *found["bridge"]) if "nodes" in right.resources]
    assert [name for name in roles([]) if "nodes" in name] == []
    assert [(write.kind, write.fields) for write in needs_of(operation).writes] == [
        ("/nodes", (("spec", "unschedulable"), ("metadata", "annotations", "runmend.io/changes")))
    ]
    assert "/nodes" in [write.kind for write in writes([operation])["worker"]]


def test_every_verb_s_example_compiles_to_it() -> None:
    for words in ("cordon", "uncordon", "drain"):
        verb = BY_WORDS[words]
        (step,) = node_plan(verb.example).steps
        assert step.operation.verb == words
        assert verb.changing
        assert verb.changing.example
        item = NODE | verb.changing.example.before
        assert differences(item, made(words, item, **step.operation.arguments)) == verb.changing.example.changes
