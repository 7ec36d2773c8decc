"""Expressions as a runbook writes them: checked where they stand, with the line and column of what is wrong."""

from dataclasses import dataclass
from typing import Final

from runmend.facts.expressions import GROUPS, ExpressionError, compiled
from runmend.runbook.diagnostics import Report, listed, quoted


@dataclass(frozen=True, slots=True)
class Readers:
    """What expressions of one kind may read, and why no more. `what` is how a message calls one."""

    what: str
    groups: frozenset[str]
    because: str


OF_CRITERIA: Final = Readers(
    "the expression",
    frozenset({"pods", "workload", "node", "events", "restarted"}),
    "and a criterion speaks of the target after the change, whose pods are new",
)
OF_NODES: Final = Readers(
    "the expression",
    frozenset({"node", "events"}),
    "and what the runbook fixes is a node, which has no pods of its own",
)
"""Criteria of a runbook that fixes nodes."""
OF_CONDITIONS: Final = Readers(
    "the expression",
    frozenset(GROUPS) - {"events", "restarted"},
    "and what is new is not known before the target has settled",
)


def check_expression(code: str, line: int, readers: Readers, report: Report, hint: str = "") -> bool:
    """Say what is wrong with an expression, if anything; whether nothing is."""
    column = report.column_of(line, code)
    try:
        expression = compiled(code)
    except ExpressionError as error:
        report.error(
            line,
            f"{readers.what} {quoted(code)}: {error}",
            error.remedy or "`runmend facts` lists what an expression may name" + hint,
            column=column + error.column - 1 if column and error.line == 1 else 0,
        )
        return False
    if elsewhere := sorted(expression.groups - readers.groups):
        report.error(
            line,
            f"{readers.what} {quoted(code)} reads {listed(elsewhere, 'and')}, {readers.because}",
            f"read {listed(sorted(readers.groups & GROUPS.keys()))}",
            column=column,
        )
        return False
    return True
