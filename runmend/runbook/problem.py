"""What the problem is that a runbook is about: a state of containers, an expression, or nothing that is told."""

from dataclasses import dataclass

from runmend.language.states import STATES
from runmend.plan.criteria import Criterion
from runmend.plan.plan import Step
from runmend.runbook.diagnostics import Kind, Report
from runmend.runbook.gates import GateCompiler
from runmend.runbook.header import Header
from runmend.runbook.phrases import same_state


@dataclass(frozen=True, slots=True)
class Problem:
    """The state that the target must be in, and the expression that says so where no state does."""

    state: str | None = None
    expression: str = ""


def problem_of(
    header: Header, steps: tuple[Step, ...], leading: dict[str, str], criteria: tuple[Criterion, ...], report: Report
) -> Problem:
    """What the front matter says, else what the conditions of the changing actions say, else what a criterion leaves.

    Args:
        header: the front matter.
        steps: the workflow's.
        leading: action id → the expression that its description or its heading begins with.
        criteria: the runbook's.
        report: takes what is wrong, and a note where nothing says what the problem is.
    """
    said, expression = None, ""
    if header.problem:
        gates = GateCompiler(report, of_node=header.target == "Node")
        read = gates.sentence(header.problem)
        if read and read.state and STATES[read.state].of_containers:
            said = read.state
        else:
            expression = gates.one(header.problem).expression
    state = _state(said, header.line("problem"), steps, criteria, report)
    changing = [step for step in steps if step.changes]
    if expression or state or not changing or header.problem:
        return Problem(state, expression)
    asked = [leading.get(step.action_id, "") for step in changing]
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


def _state(
    said: str | None, said_line: int, steps: tuple[Step, ...], criteria: tuple[Criterion, ...], report: Report
) -> str | None:
    """The state that containers are treated for: as the front matter, the conditions and the criteria say it."""
    named = [(said, said_line)] if said else []
    named += [(step.state, step.line) for step in steps if step.state]
    named += [
        (criterion.leaves, criterion.line)
        for criterion in criteria
        if criterion.leaves and STATES[criterion.leaves].of_containers
    ]
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
