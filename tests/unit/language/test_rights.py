"""What commands ask of a cluster, of which the roles and the admission policy are made."""

import yaml

from runmend.language.admission import policy_yaml
from runmend.language.rights import needs_of, roles_yaml
from runmend.language.verbs import VERBS
from runmend.plan.operations import Operation
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Parameter, Values
from tests.builders import events_query, patch_operation

READS = [events_query()]
PATCHES = [*READS, patch_operation({"{container}": "a:1"})]


def command(text: str) -> Operation:
    report = Report("rb.md")
    operation = parse_command(text, Values(report, 1, {"fallback_image": Parameter("fallback_image", "a:1", 1)}))
    assert operation, report.diagnostics
    return operation


EVERY = [command(verb.example) for verb in VERBS]


def verbs_of(text: str) -> set[tuple[str, str]]:
    """(verb, resource) of the worker's role."""
    (role,) = [each for each in yaml.safe_load_all(text) if each["metadata"]["name"] == "runmend-worker"]
    return {(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def validations(text: str) -> list[str]:
    policy, _ = yaml.safe_load_all(text)
    return [each["expression"] for each in policy["spec"]["validations"]]


def test_every_verbs_example_is_one_of_its_commands() -> None:
    assert [operation.verb for operation in EVERY] == [verb.words for verb in VERBS]


def test_runbooks_that_only_read_get_no_right_to_write_and_a_policy_that_lets_nothing_through() -> None:
    assert {verb for verb, _ in verbs_of(roles_yaml(READS))} == {"get", "list"}

    text = policy_yaml(READS)
    assert "{'bridge': [], 'worker': []}" in text
    assert len(validations(text)) == 3
    assert "oldObject" not in text


def test_nodes_may_be_read_only_where_an_expression_names_their_facts() -> None:
    assert verbs_of(roles_yaml(READS, {"node", "pods"})) - verbs_of(roles_yaml(READS)) == {("get", "nodes")}


def test_what_is_used_may_be_read_only_where_an_expression_asks_for_it() -> None:
    nothing = verbs_of(roles_yaml(READS, {"pods", "node"}))
    both = roles_yaml(READS, {"pods", "node", "usage of pods", "usage of node"})

    assert "metrics.k8s.io" not in roles_yaml(READS, {"pods", "node"})
    rules = [rule for role in yaml.safe_load_all(both) for rule in role["rules"]]
    metrics = [rule for rule in rules if rule["apiGroups"] == ["metrics.k8s.io"]]
    assert [(rule["resources"], rule["verbs"]) for rule in metrics] == [
        (["pods"], ["get", "list"]),
        (["nodes"], ["get"]),
    ]
    assert verbs_of(both) == nothing
    of_nodes = yaml.safe_load_all(roles_yaml([*READS, command("kubectl cordon {node}")], (), {"usage of node"}))
    (worker,) = [role for role in of_nodes if role["metadata"]["name"] == "runmend-worker-nodes"]
    assert {"apiGroups": ["metrics.k8s.io"], "resources": ["nodes"], "verbs": ["get"]} in worker["rules"]


def test_a_verb_that_writes_brings_the_right_to_tell_of_it() -> None:
    more = verbs_of(roles_yaml(PATCHES)) - verbs_of(roles_yaml(READS))

    assert more == {("patch", "deployments"), ("create", "events")}


def test_roles_and_policy_grow_with_what_the_commands_write() -> None:
    replicas = command("""kubectl patch statefulset {statefulset} -n {namespace} -p '{"spec":{"replicas":3}}'""")
    memory = command(
        """kubectl patch deployment {deployment} -n {namespace} -p '{"spec":{"template":{"spec":{"containers":"""
        """[{"name":"app","resources":{"limits":{"memory":"1Gi"}}}]}}}}'"""
    )
    undo = command("kubectl rollout undo daemonset/{daemonset} -n {namespace}")

    text = policy_yaml([*PATCHES, replicas, memory, undo])

    assert (
        "'worker': ['UPDATE apps/deployments', 'UPDATE apps/statefulsets', 'UPDATE apps/daemonsets', 'CREATE /events']"
        in text
    )
    of_deployments, of_sets, of_daemons = validations(text)[3:]
    assert "variables.new_spec.all(key, key in ['replicas'] ||" in of_sets
    assert "key in ['image', 'resources']" in of_deployments
    assert "variables.new_spec.all(key, key in ['template'] ||" in of_daemons
    assert "containers" not in of_daemons
    assert ("patch", "daemonsets") in verbs_of(roles_yaml([undo]))
    assert ("list", "controllerrevisions") in verbs_of(roles_yaml([undo]))


def test_the_note_is_among_the_fields_that_every_change_writes() -> None:
    for operation in EVERY:
        for write in (each for each in needs_of(operation).writes if each.operation == "UPDATE"):
            assert ("metadata", "annotations", "runmend.io/changes") in write.fields


def test_every_variable_that_an_expression_names_is_declared_before_it() -> None:
    policy, _ = yaml.safe_load_all(policy_yaml(EVERY))
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
