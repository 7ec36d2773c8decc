"""Expressions as a runbook writes them: checked where they stand, with the line and column of what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from runmend.core.kinds import OBJECTS, has_pods, is_in_no_namespace, kind_of_name
from runmend.facts.expressions import Expression, ExpressionError, compiled
from runmend.facts.groups import GROUPS, OF_KINDS
from runmend.facts.literals import Rewritten
from runmend.facts.outside import OF_PROMETHEUS, placeholders_of
from runmend.language.states import STATES
from runmend.plan.plan import BUILT_IN_PLACEHOLDERS
from runmend.runbook.diagnostics import Kind, Report, listed, quoted

_NEAR: Final = 0.85
"""How alike a name is to a state's, of 1, to be taken for a slip."""
BECAUSE_NODE: Final = "and what the runbook fixes is a node, which is in no namespace and has no pods of its own"
"""Why its expressions may not read what workloads have."""


@dataclass(frozen=True, slots=True)
class Readers:
    """What expressions of one kind may read, and why no more. `what` is how a message calls one, `settled` whether one
    is asked once the target has settled, when it is known what is new.
    """

    what: str
    groups: frozenset[str]
    because: str
    settled: bool = True

    def of(self, target: str) -> "Readers":
        """The same of a kind of target: one that has no pods has no workload and no node either, and a node is in no
        namespace.
        """
        others = {group: kind for group, kind in OF_KINDS.items() if kind != target}
        groups = self.groups - others.keys()
        if has_pods(target):
            return replace(self, groups=groups, because=self.because if self.settled else _OF_OTHERS)
        if is_in_no_namespace(target):
            return replace(self, groups=groups - _OF_PODS - {"target"}, because=BECAUSE_NODE)
        because = f"and what the runbook fixes is a {target}, which has no pods of its own"
        return replace(self, groups=groups - _OF_PODS - _OF_NODES, because=because)


_OF_OTHERS: Final = "and what the runbook fixes is another kind of object"
_OF_PODS: Final = frozenset({"pods", "pod", "container", "workload", "restarted"})
_OF_NODES: Final = frozenset({"node", "moved"})
_PLACEHOLDERS: Final = BUILT_IN_PLACEHOLDERS - {"selector"} | {kind_of_name(name).singular for name in OBJECTS}
"""What may be filled into a question: the target, and before it has settled the alert's pod."""
OF_CRITERIA: Final = Readers(
    "the expression",
    frozenset({"pods", "workload", "node", "events", "restarted", "object", "alert_fires", *OF_KINDS}),
    "and a criterion speaks of the target after the change, whose pods are new",
)
OF_NODES: Final = replace(
    OF_CRITERIA.of("Node"), groups=frozenset({"node", "events", "moved", "object", "alert_fires"})
)
"""Criteria of a runbook that fixes nodes."""
OF_CONDITIONS: Final = Readers(
    "the expression",
    frozenset(GROUPS) - {"restarted", "steps", "moved"},
    "and only gates ask what earlier steps came to",
    settled=False,
)


def check_expression(
    code: str,
    line: int,
    readers: Readers,
    report: Report,
    hint: Callable[[], str] = str,
    *,
    written: Rewritten | None = None,
) -> bool:
    """Say what is wrong with an expression, if anything; whether nothing is.

    Args:
        code: the expression.
        line: where it stands.
        readers: what it may read.
        report: takes what is wrong.
        hint: tells what stands behind the remedy, where an expression cannot be read.
        written: how it came from what the runbook has, where that is written otherwise.
    """
    said = written.source if written else code
    column = report.column_of(line, said)
    try:
        expression = compiled(code)
    except ExpressionError as error:
        place = written.column(1, error.column) if written and error.line == 1 else error.column
        report.error(
            line,
            f"{readers.what} {quoted(said)}: {error}",
            error.remedy or "`runmend facts` lists what an expression may name" + hint(),
            column=column + place - 1 if column and error.line == 1 else 0,
        )
        return False
    if expression.asks_what_is_new and not readers.settled:
        report.error(
            line,
            f"{readers.what} {quoted(said)} asks what is new, and that is not known before the target has settled",
            "ask what there is: events.exists(e, e.reason == 'FailedMount'), pod.restarts > 0",
            column=column,
        )
        return False
    if elsewhere := sorted(expression.groups - readers.groups):
        report.error(
            line,
            f"{readers.what} {quoted(said)} reads {listed(elsewhere, 'and')}, {readers.because}",
            f"read {listed(sorted(readers.groups & GROUPS.keys()))}",
            column=column,
        )
        return False
    if wrong := _wrong_placeholder(expression, readers):
        report.error(line, f"{readers.what} {quoted(said)} {wrong[0]}", wrong[1], column=column)
        return False
    _note_near_states(said, line, expression, report)
    note_outside(said, line, expression, report)
    if "object" in expression.groups:
        report.note(
            Kind.UNTYPED,
            line,
            f"{quoted(said)} reads fields without types: a misspelt one is not found before a run",
            "`runmend simulate` shows what it sees; has(object.FIELD) asks whether one is there",
        )
    return True


def note_outside(said: str, line: int, expression: Expression, report: Report) -> None:
    """Say what the worker's settings must name for an expression to be told, where it asks others than Kubernetes."""
    asked = {question.function for question in expression.questions}
    of_prometheus = bool(asked & OF_PROMETHEUS) or "alert_fires" in expression.groups
    for setting, asks in (("RUNMEND_PROMETHEUS_URL", of_prometheus), ("RUNMEND_HTTP_HOSTS", "http" in asked)):
        if asks:
            report.note(
                Kind.OUTSIDE,
                line,
                f"{quoted(said)} cannot be told where {setting} of the worker is not set: a gate does not hold then, "
                "and a criterion is unverified",
                f"set {setting}: docs/settings.md",
            )


def _wrong_placeholder(expression: Expression, readers: Readers) -> tuple[str, str] | None:
    """What is wrong with the placeholders of what an expression asks, and what to write."""
    known = _PLACEHOLDERS - (_OF_PODS if readers.settled else frozenset())
    for question in sorted(expression.questions):
        for name in placeholders_of(question):
            if name in known or name.startswith("alert."):
                continue
            of_pod = name in _PLACEHOLDERS
            why = ", and a criterion speaks of the target after the change, whose pods are new" if of_pod else ""
            return (
                f"asks with the placeholder {{{name}}}{why or ', which nothing fills'}",
                f"write one of {listed(sorted(f'{{{each}}}' for each in known))}, or {{alert.LABEL}}",
            )
    return None


def _note_near_states(said: str, line: int, expression: Expression, report: Report) -> None:
    """Say of a name that is almost a state's that it is none: any name may be a reason, so it is no error."""
    for name in sorted({name for asks in ("waiting", "terminated", "new") for name in expression.named(asks)}):
        close = get_close_matches(name, STATES, 1, _NEAR)
        if name not in STATES and close:
            report.note(
                Kind.READ_AS,
                line,
                f"{quoted(name)} in {quoted(said)} is no known state, so it is read as a reason of just that name",
                f"did you mean {close[0]}?",
            )
