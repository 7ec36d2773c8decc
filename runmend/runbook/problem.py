"""What the problem is that a runbook is about: a state of containers, an expression, or nothing that is told."""

from collections.abc import Mapping
from dataclasses import dataclass

from runmend.language.states import STATES
from runmend.plan.criteria import Criterion
from runmend.plan.plan import Step
from runmend.runbook.actions import Action
from runmend.runbook.diagnostics import Kind, Report
from runmend.runbook.gates import GateCompiler
from runmend.runbook.header import Header
from runmend.runbook.phrases import same_state
from runmend.runbook.steps import trouble_of


@dataclass(frozen=True, slots=True)
class Problem:
    """The state that the target must be in, and the expression that says so where no state does."""

    state: str | None = None
    expression: str = ""


def problem_of(
    header: Header,
    steps: tuple[Step, ...],
    actions: Mapping[str, Action],
    criteria: tuple[Criterion, ...],
    gates: GateCompiler,
    report: Report,
) -> Problem:
    """What the front matter says, else the trouble that the changing actions begin with, else what a criterion leaves.

    That there is an earlier revision, or more than one pod, is no trouble: where that does not hold, a person has to
    look, and nothing is as it should be.

    Args:
        header: the front matter.
        steps: the workflow's.
        actions: by action_id.
        criteria: the runbook's.
        gates: the workflow's, who read the problem as a gate.
        report: takes what is wrong, and a note where nothing says what the problem is.
    """
    treated = _treated(steps, report)
    expression = ""
    if header.problem:
        read, found = gates.sentence(header.problem), gates.one(header.problem)
        named = read.state if read and read.state and STATES[read.state].of_containers else None
        if named and (treated is None or same_state(named, treated)):
            treated = named if found.expression else None
        else:
            expression = found.expression
    state = treated or next((criterion.leaves for criterion in criteria if _of_containers(criterion)), None)
    changing = [step for step in steps if step.changes]
    if expression or state or not changing or header.problem:
        return Problem(state, expression)
    asked = [trouble_of(actions[step.action_id]) for step in changing]
    left = next((criterion.leaves for criterion in criteria if criterion.leaves), None)
    if all(asked):
        return Problem(None, " || ".join(dict.fromkeys(asked)))
    if left:
        return Problem(None, f'waiting("{left}")')
    report.note(
        Kind.NO_PROBLEM,
        changing[0].line,
        "nothing says what the problem is, so the gates decide alone whether there is something to do",
        "say it in the front matter, for example problem: Pod is in CrashLoopBackOff, or begin a description with "
        '"If …,"',
    )
    return Problem()


def _of_containers(criterion: Criterion) -> bool:
    return bool(criterion.leaves and STATES[criterion.leaves].of_containers)


def _treated(steps: tuple[Step, ...], report: Report) -> str | None:
    """The state for which the steps treat containers; a runbook has one."""
    named = [(step.state, step.line) for step in steps if step.state]
    if not named:
        return None
    first, first_line = named[0]
    for state, line in named[1:]:
        if not same_state(first, state):
            report.error(
                line,
                f"the state is {state} here and {first} in line {first_line}",
                "name one; a runbook repairs one state",
            )
    return first
