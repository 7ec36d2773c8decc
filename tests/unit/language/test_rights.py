"""What the verbs ask of a cluster: one table, of which the roles and the admission policy are made."""

from typing import get_args

import pytest
import yaml

from runmend.language import rights
from runmend.language.admission import policy_yaml
from runmend.language.rights import VERBS, Needs, Right, Write, roles_yaml
from runmend.plan.plan import GetEvents, Operation, PatchDeployment

READS = ("get events",)


def verbs_of(text: str) -> set[tuple[str, str]]:
    """(verb, resource) of the worker's role."""
    (role,) = [each for each in yaml.safe_load_all(text) if each["metadata"]["name"] == "runmend-worker"]
    return {(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def validations(text: str) -> list[str]:
    policy, _ = yaml.safe_load_all(text)
    return [each["expression"] for each in policy["spec"]["validations"]]


def test_every_operation_of_a_plan_has_its_entry() -> None:
    union, _ = get_args(Operation)

    assert {kind.model_fields["verb"].default for kind in get_args(union)} == set(VERBS)
    assert {GetEvents, PatchDeployment} == set(get_args(union))


def test_runbooks_that_only_read_get_no_right_to_write_and_a_policy_that_lets_nothing_through() -> None:
    assert {verb for verb, _ in verbs_of(roles_yaml(READS))} == {"get", "list"}

    text = policy_yaml(READS)
    assert "{'bridge': [], 'worker': []}" in text
    assert len(validations(text)) == 3
    assert "oldObject" not in text


def test_nodes_may_be_read_only_where_an_expression_names_their_facts() -> None:
    assert verbs_of(roles_yaml(READS, {"node", "pods"})) - verbs_of(roles_yaml(READS)) == {("get", "nodes")}


def test_a_verb_that_writes_brings_the_right_to_tell_of_it() -> None:
    assert verbs_of(roles_yaml(VERBS)) - verbs_of(roles_yaml(READS)) == {("patch", "deployments"), ("create", "events")}


def test_roles_and_policy_grow_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = Needs(
        rights=(Right("apps", ("deployments/scale",), ("patch",)),),
        writes=(Write("UPDATE", "apps/deployments/scale", (("spec", "replicas"),)),),
    )
    restart = Needs(
        rights=(Right("apps", ("deployments",), ("patch",)),),
        writes=(Write("UPDATE", "apps/deployments", (("spec", "template", "metadata", "annotations", "at"),)),),
    )
    delete = Needs(rights=(Right("", ("pods",), ("delete",)),), writes=(Write("DELETE", "/pods"),))
    monkeypatch.setattr(rights, "VERBS", VERBS | {"scale": scale, "restart": restart, "delete pod": delete})

    text = policy_yaml(rights.VERBS)

    assert (
        "'worker': ['UPDATE apps/deployments', 'UPDATE apps/deployments/scale', 'DELETE /pods', 'CREATE /events']"
        in text
    )
    of_deployments, of_scales = validations(text)[3:]
    assert "variables.new_spec.all(key, key in ['replicas'] ||" in of_scales
    assert "variables.new_spec_template_metadata_annotations.all(key, key in ['at'] ||" in of_deployments
    assert "key in ['image']" in of_deployments
    assert "template" not in of_scales
    assert ("delete", "pods") in verbs_of(roles_yaml(rights.VERBS))


def test_every_variable_that_an_expression_names_is_declared_before_it() -> None:
    policy, _ = yaml.safe_load_all(policy_yaml(VERBS))
    known: set[str] = set()
    for variable in policy["spec"]["variables"]:
        assert named(variable["expression"]) <= known, variable
        known.add(variable["name"])

    assert {name for each in policy["spec"]["validations"] for name in named(each["expression"])} <= known


def named(expression: str) -> set[str]:
    return {word.partition(".")[2] for word in _words(expression) if word.startswith("variables.")}


def _words(expression: str) -> list[str]:
    kept = "".join(char if char.isalnum() or char in "._" else " " for char in expression)
    return [".".join(word.split(".")[:2]) for word in kept.split()]
