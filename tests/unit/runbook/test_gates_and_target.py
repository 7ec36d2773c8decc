"""What gates, conditions and the problem may ask of the target, by its kind; and what of an earlier step that looked
elsewhere.
"""

import pytest

from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from tests.unit.runbooks import said

UNDO = "kubectl rollout undo deployment/{deployment} -n {namespace}"
DRAIN = "kubectl drain {node} --ignore-daemonsets"


def a_runbook(
    *,
    look: str = "kubectl get node {node}",
    fix: str = DRAIN,
    gate: str = "",
    front: str = "",
    condition: str = "",
    description: str = "Mend it.",
) -> str:
    return f"""---
runbook_id: RB
alertname: A
title: T
{front}workflow:
  - look
  - action_id: fix
    {gate or "retries: 1"}
---
## Actions
- **action_id**: `look`
- **command**: `{look}`
### Fix
- **action_id**: `fix`
- **description**: {description}
- **command**: `{fix}`
- **conditions**: {condition or "none"}

## Success Criteria
- {"Node is Ready" if fix == DRAIN else "Pod is Running"}
"""


def plan_of(source: str) -> Plan:
    return compile_runbook(source.encode(), "rb.md").plan


def errors_of(source: str) -> list[str]:
    return [text.partition("error: ")[2] for text in said(source) if ": error: " in text]


@pytest.mark.parametrize("front", ["", "target: Node\n"])
@pytest.mark.parametrize(
    ("gate", "expression"),
    [
        ("unless: look.healthy", "!(node.ready && !node.under_pressure)"),
        ("when: look.not_ready", "(!node.ready)"),
        ("when: look.schedulable", "(node.schedulable)"),
    ],
)
def test_a_runbook_that_changes_nodes_asks_the_node_whoever_says_so(front: str, gate: str, expression: str) -> None:
    plan = plan_of(a_runbook(front=front, gate=gate))

    assert (plan.target, plan.steps[1].gate) == ("Node", expression)


def test_the_problem_of_a_runbook_for_nodes_is_the_nodes_too() -> None:
    assert plan_of(a_runbook(front="problem: look.not_ready\n")).problem_expression == "!node.ready"


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ({"gate": "when: pods.exists(p, !p.running)"}, 'the gate "pods.exists(p, !p.running)" reads pods, '),
        ({"gate": "when: pod.restarts > 3"}, 'the gate "pod.restarts > 3" reads pod, '),
        ({"gate": "when: container.ready"}, 'the gate "container.ready" reads container, '),
        ({"gate": "when: workload.paused"}, 'the gate "workload.paused" reads workload, '),
        ({"gate": "unless: waiting('CrashLoopBackOff')"}, "the gate \"waiting('CrashLoopBackOff')\" reads pods, "),
        ({"gate": "unless: look.oom_detected"}, 'the gate "look.oom_detected" reads pods, '),
        ({"gate": "when: Pod is not Ready"}, 'the gate "Pod is not Ready" reads '),
        ({"front": "problem: workload.paused\n"}, 'the gate "workload.paused" reads workload, '),
        ({"front": "problem: Pod is in CrashLoopBackOff\n"}, 'the gate "Pod is in CrashLoopBackOff" reads pods, '),
        ({"condition": "Deployment is paused"}, 'the condition "Deployment is paused" reads workload, '),
        ({"condition": "Namespace is not payments"}, 'the condition "Namespace is not payments" reads target, '),
        ({"condition": "`pods.size() > 1`"}, 'the condition "`pods.size() > 1`" reads pods, '),
        ({"condition": "Pod is in CrashLoopBackOff"}, "fix treats CrashLoopBackOff, a state of containers, "),
        ({"condition": "Pod must be owned by a Deployment"}, "fix asks for a pod of a Deployment, "),
        ({"description": "If no pod is Ready, drain it."}, 'the condition "(!pods.exists(p, p.running))" reads pods, '),
    ],
)
def test_what_a_node_has_none_of_is_asked_of_none(written: dict[str, str], what: str) -> None:
    errors = errors_of(a_runbook(**written))

    assert errors != []
    assert errors[0].startswith(what)
    assert "and what the runbook fixes is a node, which is in no namespace and has no pods of its own; " in errors[0]


def test_the_pods_on_a_node_are_the_nodes() -> None:
    plan = plan_of(a_runbook(gate="when: node.pods.exists(p, !p.running)", condition="Node is not Ready"))

    assert plan.steps[1].gate == "(node.pods.exists(p, !p.running))"
    assert plan.steps[1].conditions[0].expression == "!(node.ready)"


@pytest.mark.parametrize(
    ("look", "elsewhere"),
    [
        ("kubectl get node {node}", "Node {node}"),
        ("kubectl get nodes", "Node"),
        ("kubectl describe deployment other -n {namespace}", "Deployment other"),
        ("kubectl get deployment other -n {namespace}", "Deployment other"),
        ("kubectl get pod web-1 -n {namespace}", "Pod web-1"),
        ("kubectl get pdb -n {namespace}", "PodDisruptionBudget"),
        (
            "kubectl get events -n {namespace} --field-selector involvedObject.kind=Node,involvedObject.name=node-1",
            "Node node-1",
        ),
    ],
)
def test_a_step_that_looked_elsewhere_says_nothing_of_the_target(look: str, elsewhere: str) -> None:
    (error,) = errors_of(a_runbook(look=look, fix=UNDO, gate="when: look.not_ready"))

    assert f'the gate "look.not_ready": "not_ready" asks the target, and look looks at {elsewhere}; ask ' in error
    assert ("ask look.not_well > 0, or write" in error) is (" get " in look and " events" not in look)


@pytest.mark.parametrize(
    "look", ["kubectl get pod {pod} -n {namespace}", "kubectl get nodes", "kubectl get node web-1"]
)
def test_neither_does_one_that_looked_at_pods_or_other_nodes_say_anything_of_the_node(look: str) -> None:
    error, *_ = errors_of(a_runbook(look=look, gate="unless: look.healthy"))

    assert '"healthy" asks the target, and look looks at ' in error
    assert "ask look.not_well == 0, or write node.ready && !node.under_pressure where" in error


@pytest.mark.parametrize(
    "look",
    [
        "kubectl get pod {pod} -n {namespace}",
        "kubectl get deployment/{deployment} -n {namespace}",
        "kubectl get pods -n {namespace} -l app=web",
        "kubectl get events -n {namespace} --field-selector involvedObject.name={pod}",
        "kubectl logs {pod} -n {namespace}",
    ],
)
def test_one_that_looked_at_the_target_or_among_its_pods_does(look: str) -> None:
    plan = plan_of(a_runbook(look=look, fix=UNDO, gate="when: look.crashloop_detected"))

    assert plan.steps[1].gate == '(waiting("CrashLoopBackOff"))'


def test_what_a_step_itself_tells_is_asked_of_it_wherever_it_looked() -> None:
    plan = plan_of(a_runbook(fix=UNDO, gate="when: look.not_well > 0"))

    assert plan.steps[1].gate == '(steps["look"].not_well > 0)'
