"""Which kind of object a runbook fixes: what its front matter says, else what its commands name."""

from collections.abc import Iterable

from runmend.core.kinds import is_in_no_namespace
from runmend.plan.plan import Step
from runmend.runbook.diagnostics import Report
from runmend.runbook.header import Header

_WORKLOAD = "workload"


def compile_target(header: Header, steps: Iterable[Step], report: Report) -> str:
    """The kind of a runbook's target; empty where it is whatever owns the alert's pod."""
    named = [step for step in steps if step.operation.kind]
    # What only reads may look at anything, where something else says what is fixed.
    changing = [step for step in named if step.changes]
    of_nodes = [is_in_no_namespace(step.operation.kind) for step in changing or named]
    fixes_nodes = is_in_no_namespace(header.target) if header.target else any(of_nodes)
    for step in changing:
        if is_in_no_namespace(step.operation.kind) is not fixes_nodes:
            other = header.target or ("Node" if fixes_nodes else _WORKLOAD)
            report.error(
                step.line,
                f"{step.action_id} changes a {step.operation.kind}, and the runbook fixes a {other}",
                "let a runbook fix objects of one kind, and write another one for the other kind",
            )
            break
    return header.target or ("Node" if fixes_nodes else "")
