"""Annotations, labels and taints: what their commands may say, and what they make of an object."""

from types import SimpleNamespace
from typing import Any

import pytest

from runmend.core.errors import PreconditionFailed
from runmend.language.rights import needs_of
from runmend.language.verbs import changing_of
from runmend.language.verbs.verb import Situation
from runmend.plan.change import Json, differences, taken_back
from runmend.plan.operations import Operation
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Values


def read(text: str) -> tuple[Operation | None, list[str]]:
    report = Report("rb.md")
    operation = parse_command(text, Values(report, 1, {}))
    return operation, [diagnostic.problem for diagnostic in report.diagnostics]


def made(text: str, item: Json, **values: str) -> Json:
    operation, problems = read(text)
    assert operation, problems
    changing, arguments = changing_of(operation)
    now: Any = SimpleNamespace(target="the target")
    result: Json = changing.effect(arguments, Situation(item, now, values))
    return result


SERVICE: Json = {"metadata": {"name": "web", "labels": {"a": "1"}, "annotations": {"b": "2"}}, "spec": {}}
TAINTED: Json = {"metadata": {"name": "n"}, "spec": {"taints": [{"key": "a", "value": "1", "effect": "NoSchedule"}]}}


@pytest.mark.parametrize(
    ("text", "labels", "annotations"),
    [
        ("kubectl label svc {service} -n {namespace} c=3", {"a": "1", "c": "3"}, {"b": "2"}),
        ("kubectl label svc/{service} -n {namespace} a-", {}, {"b": "2"}),
        ("kubectl label --overwrite service {service} a=9 -n {namespace}", {"a": "9"}, {"b": "2"}),
        ("kubectl label svc {service} -n {namespace} a=1", {"a": "1"}, {"b": "2"}),
        ("kubectl label svc {service} -n {namespace} none-", {"a": "1"}, {"b": "2"}),
        ("kubectl annotate svc {service} -n {namespace} by={service}", {"a": "1"}, {"b": "2", "by": "web"}),
        ("kubectl annotate svc {service} -n {namespace} 'b-' 'c=a text, with = and more'", {"a": "1"},
         {"c": "a text, with = and more"}),
    ],
)  # fmt: skip
def test_what_it_says_is_set_and_taken_away(text: str, labels: Json, annotations: Json) -> None:
    result = made(text, SERVICE, service="web", namespace="shop")

    assert result["metadata"]["labels"] == labels
    assert result["metadata"]["annotations"] == annotations
    assert taken_back(differences(SERVICE, result), result) == (SERVICE, ())


@pytest.mark.parametrize("text", ["label svc {service} a=2", "annotate svc {service} b=3"])
def test_another_value_is_left_without_overwrite(text: str) -> None:
    with pytest.raises(PreconditionFailed, match="already; --overwrite gives another value"):
        made(f"kubectl {text} -n {{namespace}}", SERVICE, service="web", namespace="shop")


def test_what_an_alert_says_is_no_label_where_it_is_none() -> None:
    text = "kubectl label svc {service} -n {namespace} owner={owner}"

    with pytest.raises(PreconditionFailed, match="is not a label's value"):
        made(text, SERVICE, service="web", namespace="shop", owner="a b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("label svc {service}", "the command sets no label"),
        ("label svc {service} a", "is no label with its value"),
        ("label svc {service} a=b c=d a-", "sets and takes away"),
        ("label svc {service} a='b c'", "is not a label's value"),
        ("label svc {service} -a=b", "-a"),
        ("annotate svc {service} runmend.io/changes-", "is a key of Runmend's own"),
        ("annotate svc {service} {pod}=b", "stands in the key of an annotation"),
        ("annotate svc web a=b", 'the Service is "web"'),
        ("label pod {pod} a=b", "kubectl label is not done to the kind Pod"),
        ("label svc {service} a=b --all", "--all"),
    ],
)
def test_what_else_a_command_says_is_refused(text: str, problem: str) -> None:
    operation, problems = read(f"kubectl {text} -n {{namespace}}")

    assert operation is None
    assert any(problem in said for said in problems), problems


@pytest.mark.parametrize(
    ("text", "taints"),
    [
        ("b=2:NoExecute", [("b", "2", "NoExecute"), ("a", "1", "NoSchedule")]),
        ("b:PreferNoSchedule", [("b", "", "PreferNoSchedule"), ("a", "1", "NoSchedule")]),
        ("a=1:NoSchedule", [("a", "1", "NoSchedule")]),
        ("a=2:NoSchedule --overwrite", [("a", "2", "NoSchedule")]),
        ("a:NoExecute-", [("a", "1", "NoSchedule")]),
        ("a:NoSchedule-", []),
        ("a-", []),
        ("a=1:NoSchedule-", []),
    ],
)
def test_a_node_is_tainted_and_no_longer(text: str, taints: list[tuple[str, str, str]]) -> None:
    result = made(f"kubectl taint nodes {{node}} {text}", TAINTED, node="n")
    found = [(each["key"], each.get("value", ""), each["effect"]) for each in result["spec"].get("taints", ())]

    assert found == taints
    restored, left = taken_back(differences(TAINTED, result), result)
    assert (restored["spec"]["taints"], left) == (TAINTED["spec"]["taints"], ())


def test_a_taint_with_another_value_is_left_without_overwrite() -> None:
    with pytest.raises(PreconditionFailed, match="has the taint a=1:NoSchedule already"):
        made("kubectl taint node/{node} a=2:NoSchedule", TAINTED, node="n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nodes {node}", "the command names no taint"),
        ("nodes {node} a=b", "is no taint"),
        ("nodes {node} a=b:Never", "is no effect of a taint"),
        ("nodes {node} a=b:NoSchedule -n {namespace}", "a node is in no namespace"),
        ("nodes worker-1 a:NoSchedule", 'the Node is "worker-1"'),
        ("nodes --all a:NoSchedule", "--all"),
        ("pods {pod} a:NoSchedule", "kubectl taint is not done to the kind Pod"),
    ],
)
def test_what_else_a_taint_says_is_refused(text: str, problem: str) -> None:
    operation, problems = read(f"kubectl taint {text}")

    assert operation is None
    assert any(problem in said for said in problems), problems


def test_only_the_keys_that_it_names_may_be_written() -> None:
    operation, _ = read("kubectl annotate svc {service} -n {namespace} team=shop old-")
    assert operation

    (write,) = needs_of(operation).writes

    assert (write.operation, write.kind) == ("UPDATE", "/services")
    assert write.fields[:2] == (("metadata", "annotations", "team"), ("metadata", "annotations", "old"))
