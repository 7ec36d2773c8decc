"""Which kind of object a runbook fixes: what its front matter says, else what its commands name; and which of its
commands and conditions are about another.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from runmend.core.kinds import has_pods
from runmend.facts.expressions import compiled
from runmend.language.states import STATES
from runmend.language.verbs import is_beside
from runmend.plan.operations import Operation
from runmend.plan.plan import WORKLOAD_LABELS, Step
from runmend.runbook.diagnostics import Report, listed, quoted
from runmend.runbook.expressions import OF_CONDITIONS
from runmend.runbook.header import Header

_WORKLOAD: Final = "workload"
_NODE: Final = "Node"
_OF_ANY: Final = frozenset({"Pod", "ReplicaSet", "Event"})
"""What belongs to a workload of whatever kind."""
_OBJECT: Final = "involvedObject"


def compile_target(header: Header, steps: Iterable[Step], report: Report) -> str:
    """The kind of a runbook's target; empty where it is whatever owns the alert's pod."""
    named = [step for step in steps if step.operation.kind]
    # What only reads may look at anything, where something else says what is fixed.
    changing = [step for step in named if step.changes and not is_beside(step.operation)]
    kinds = [header.target] if header.target else [step.operation.kind for step in changing]
    alone = next((kind for kind in kinds if not has_pods(kind)), "")
    if not (kinds or alone) and any(step.operation.kind == _NODE for step in named):
        alone = _NODE
    for step in changing:
        kind = step.operation.kind
        if kind != alone if alone else not has_pods(kind):
            report.error(
                step.line,
                f"{step.action_id} changes a {kind}, and the runbook fixes a {header.target or alone or _WORKLOAD}",
                "let a runbook fix objects of one kind, and write another one for the other kind",
            )
            break
    beside = next((step for step in named if is_beside(step.operation)), None)
    if beside and not has_pods(header.target or alone):
        report.error(
            beside.line,
            f"{beside.action_id} changes another object, and the runbook fixes a {header.target or alone}",
            "only a runbook that fixes a workload may, because its notes tell a later try what was done",
        )
    return header.target or alone


def elsewhere(operation: Operation, target: str) -> str:
    """What a command is about, `Node {node}`, where that is not the target; empty where it is, or where it lists what
    the target's own are among.
    """
    kind, name = operation.kind, operation.name
    if not has_pods(target):
        return "" if kind == target and name.startswith("{") else f"{kind} {name}".strip()
    terms = dict(_terms(operation))
    kind = terms.get(f"{_OBJECT}.kind", kind)
    name = terms.get(f"{_OBJECT}.name", name)
    of_target = kind in _OF_ANY or (kind == target if target else kind in WORKLOAD_LABELS)
    return "" if of_target and (not name or name.startswith("{")) else f"{kind} {name}".strip()


def _terms(operation: Operation) -> Iterator[tuple[str, str]]:
    """The field selector of a command that reads events: field and value."""
    terms = operation.arguments.get("field_selector")
    for term in terms if isinstance(terms, list) else ():
        if isinstance(term, dict) and term["operator"] == "=":
            yield str(term["field"]), str(term["value"])


def check_conditions(step: Step, target: str, report: Report) -> None:
    """Say which of a step's conditions a target of that kind cannot be asked: a node has no pods of its own."""
    readers = OF_CONDITIONS.of(target)
    asked = [(each.text, each.line, each.expression) for each in step.conditions]
    asked += [(step.gate, step.line, step.gate)] if step.gate else []
    for text, line, expression in asked:
        if others := compiled(expression).groups - readers.groups:
            _refuse(f"the condition {quoted(text)} reads {listed(sorted(others), 'and')}", target, line, report)
    if has_pods(target):
        return
    if step.state and STATES[step.state].of_containers:
        _refuse(f"{step.action_id} treats {step.state}, a state of containers", target, step.line, report)
    if step.owner:
        _refuse(f"{step.action_id} asks for a pod of a {step.owner}", target, step.line, report)


def _refuse(what: str, target: str, line: int, report: Report) -> None:
    readers = OF_CONDITIONS.of(target)
    if target == _NODE:
        remedy = "ask the node: node.ready, node.pods.exists(p, !p.running)"
    else:
        remedy = f"read {listed(sorted(readers.groups))}"
    report.error(line, f"{what}, {readers.because}", remedy)
