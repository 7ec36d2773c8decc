"""Which kind of object a runbook fixes: what its changing commands name, or what its front matter says."""

from collections.abc import Iterable

from runmend.core.kinds import BY_NAME, BY_WORD
from runmend.plan.plan import Step
from runmend.runbook.diagnostics import Report, quoted
from runmend.runbook.header import Header

WORKLOAD = "workload"
_REMEDY = "write target: node, or target: workload, or leave it out"


def compile_target(header: Header, steps: Iterable[Step], report: Report) -> str:
    """The kind of a runbook's target, where that is in no namespace; empty where it is a pod's workload."""
    said = _said(header, report)
    # What only reads may look at anything, where something else says what is fixed.
    named = {_kind(step): step for step in sorted(steps, key=lambda step: step.changes) if step.operation.kind}
    changing = {kind: step for kind, step in named.items() if step.changes}
    kinds = {said: None} if said is not None else changing or named
    for kind, step in changing.items():
        if kind not in kinds or len(changing) > 1:
            other = next(iter({*kinds, *changing} - {kind}))
            report.error(
                step.line,
                f"{step.action_id} changes a {kind or WORKLOAD}, and the runbook fixes a {other or WORKLOAD}",
                "let a runbook fix objects of one kind, and write another one for the other kind",
            )
            break
    return "Node" if "Node" in kinds else ""


def _kind(step: Step) -> str:
    """The step's kind of target: pods, events and workloads are all of a workload."""
    kind = BY_NAME[step.operation.kind]
    return "" if kind.namespaced else kind.name


def _said(header: Header, report: Report) -> str | None:
    """What the front matter says, None where it says nothing that can be read."""
    if not header.target:
        return None
    if header.target.lower() == WORKLOAD:
        return ""
    kind = BY_WORD.get(header.target.lower())
    if kind is None or kind.namespaced:
        report.error(header.line("target"), f"target: {quoted(header.target)} is nothing that a run fixes", _REMEDY)
        return None
    return kind.name
