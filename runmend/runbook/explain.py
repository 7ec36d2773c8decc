"""A compiled runbook for who has to approve it: what starts it, what is read, what may be changed and when, how success
is judged, what stays manual, and what only recommends. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from runmend.core.kinds import has_pods
from runmend.core.markdown import one_line, plain
from runmend.core.wording import listed
from runmend.facts.expressions import compiled
from runmend.facts.outside import OF_PROMETHEUS
from runmend.facts.units import duration_in_words
from runmend.language.derived import BY_NAME
from runmend.language.needs import Field
from runmend.language.verbs import changing_of, is_beside, verb_of
from runmend.plan.operations import Operation
from runmend.plan.plan import PLACEHOLDER, Plan, Step

_OF_A_STEP: Final = re.compile(r'\bsteps\["(?P<name>[^"]+)"\]\.')


@dataclass(slots=True)
class Part:
    """One part of the explanation: its heading and its lines, each at its depth."""

    heading: str
    lines: list[tuple[int, str]] = field(default_factory=list)

    def say(self, text: str, depth: int = 0) -> None:
        """One line more."""
        self.lines.append((depth, text))


def explain(plan: Plan) -> Iterator[str]:
    """The explanation, line by line."""
    yield f"{plan.runbook_id}: {plan.title}"
    for part in _parts(plan):
        yield ""
        yield part.heading
        for depth, text in part.lines or [(0, "nothing")]:
            yield f"{'  ' * (depth + 1)}{text}"


def page(plan: Plan) -> Iterator[str]:
    """The same as a page of Markdown, for who reviews a change of the runbook: line by line."""
    yield f"# {plain(plan.runbook_id)}: {plain(plan.title)}"
    yield ""
    yield f"`{plan.file}`, sha256 `{plan.sha256}`"
    for part in _parts(plan):
        yield ""
        yield f"## {part.heading}"
        yield ""
        for depth, text in part.lines or [(0, "nothing")]:
            yield f"{'  ' * depth}- {plain(text)}"


def _parts(plan: Plan) -> tuple[Part, ...]:
    return (_starts(plan), _reads(plan), _changes(plan), _judges(plan), _manual(plan), _recommends(plan))


def _starts(plan: Plan) -> Part:
    part = Part("What starts it")
    labels = f" with the labels {listed(plan.required_labels, 'and')}" if plan.required_labels else ""
    part.say(f"the alert {listed(plan.alertnames)}{labels}")
    if plan.match:
        part.say(f"whose labels match {listed([str(matcher) for matcher in plan.match], 'and')}")
    if plan.problem_expression:
        part.say(f"there is something to do where {plan.problem_expression}")
    elif plan.state:
        part.say(f"there is something to do where a container is in {plan.state}")
    elif plan.changes:
        part.say("nothing says what the problem is: the steps' own gates decide")
    return part


def _reads(plan: Plan) -> Part:
    part = Part("What is read")
    of_pods = "the target, its pods of every revision, and what controls them"
    part.say(of_pods if has_pods(plan.target) else f"the {plan.target}")
    named = {group for source in plan.expressions for group in compiled(source).groups}
    if "node" in named and has_pods(plan.target):
        part.say("the node of the alert's pod, because an expression names it")
    used = {of for source in plan.expressions for of in compiled(source).usage}
    if used:
        part.say(f"what {listed(sorted(used), 'and')} use, from the metrics API, because an expression names it")
    if "events" in named:
        about = "the target and its pods" if has_pods(plan.target) else "it"
        part.say(f"the events about {about}, because an expression names them")
    for line in _of_others(plan):
        part.say(line)
    for diagnostic in plan.diagnosis:
        if diagnostic.query:
            part.say(f"line {diagnostic.line}: {diagnostic.query.verb} {_says(diagnostic.query)}".rstrip())
    for step in plan.steps:
        if not step.changes:
            part.say(f"line {step.line}: {step.named}: {_command(step)}")
            _values(step, part)
            _gates(step, part)
    return part


def _of_others(plan: Plan) -> Iterator[str]:
    """What is asked of others than Kubernetes."""
    expressions = [compiled(source) for source in plan.expressions]
    for question in sorted({question for each in expressions for question in each.questions}):
        whom = "Prometheus" if question.function in OF_PROMETHEUS else "an address"
        yield f"asked of {whom}: {question.text}"
    if any("alert_fires" in each.groups for each in expressions):
        yield "asked of Prometheus: whether the alert fires"


def _says(operation: Operation) -> str:
    verb = verb_of(operation)
    return str(verb.says(verb.arguments.model_validate(operation.arguments)))


def _changes(plan: Plan) -> Part:
    part = Part("What may be changed")
    for step in plan.steps:
        if not step.changes:
            continue
        changing, arguments = changing_of(step.operation)
        part.say(f"line {step.line}: {step.named}: {_command(step)}")
        _values(step, part)
        fields = [_shown(each) for each in changing.fields(arguments)]
        if fields:
            undo = "it can be taken back" if changing.undoable else "it cannot be taken back"
            part.say(f"of the {step.operation.kind}: {listed(fields, 'and')}; {undo}", 1)
        if is_beside(step.operation):
            part.say(f"the {step.operation.kind} {step.operation.name}, beside the target; it cannot be taken back", 1)
        elif changing.removing:
            part.say(f"pods are {changing.removing.how.done}; that cannot be taken back", 1)
        _gates(step, part)
        if step.on_error == "continue":
            part.say("where it fails, the run goes on", 1)
    return part


def _values(step: Step, part: Part) -> None:
    """What the placeholders of a step's command stand for, and where it comes from."""
    calculated = {calculation.name: calculation for calculation in step.calculations}
    asked = dict.fromkeys(PLACEHOLDER.findall(step.command))
    for name in asked:
        if name in step.parameters:
            part.say(f"{name} = {one_line(step.parameters[name])}", 1)
    for calculation in step.calculations:
        part.say(calculation.in_words + (", of each container" if calculation.each else ""), 1)
    operands = [name for calculation in step.calculations for name in calculation.names]
    for name in dict.fromkeys((*asked, *operands)):
        if name in BY_NAME and name not in step.parameters and name not in calculated:
            part.say(f"{name} is {BY_NAME[name].doc}", 2 if name in operands else 1)


def _gates(step: Step, part: Part) -> None:
    if step.state:
        part.say(f"only containers that are in {step.state}", 1)
    if step.gate:
        written = _OF_A_STEP.sub(r"\g<name>.", step.gate)  # as a gate says it: `look.count`
        part.say(f"only when {written}", 1)
    if step.owner:
        part.say(f"only where the pod is owned by a {step.owner}", 1)
    for condition in step.conditions:
        part.say(f'line {condition.line}: allowed if "{condition.text}"', 1)
        part.say(condition.expression, 2)


def _judges(plan: Plan) -> Part:
    part = Part("How success is judged")
    if not plan.changes:
        return part
    for criterion in plan.criteria:
        if criterion.understood:
            part.say(f'line {criterion.line}: "{criterion.text}"')
            part.say(f"must {criterion.must} true: {criterion.expression}", 1)
    settle, window = (
        duration_in_words(timedelta(seconds=seconds)) for seconds in (plan.settle_seconds, plan.window_seconds)
    )
    part.say(f"all of it is waited for, {settle} at most; then it must hold for {window}")
    return part


def _manual(plan: Plan) -> Part:
    part = Part("What stays manual")
    for diagnostic in plan.diagnosis:
        for point in diagnostic.points:
            if point.probe is None:
                part.say(f'line {point.line}: "{point.text}" is reported as not done')
    for criterion in plan.criteria:
        if not criterion.understood:
            part.say(f'line {criterion.line}: "{criterion.text}" is reported as unverified')
    return part


def _recommends(plan: Plan) -> Part:
    part = Part("What only recommends, and why")
    if plan.mode:
        part.say(f"the runbook's mode is {plan.mode}")
    for step in plan.steps:
        for restriction in step.restrictions:
            part.say(f"{step.named}: {restriction}")
    return part


def _shown(path: Field) -> str:
    """`spec.template.spec.containers[*].image`."""
    parts = (f"[{key}]" if key == "*" or "." in key or "/" in key else f".{key}" for key in path)
    return "".join(parts).removeprefix(".")


def _command(step: Step) -> str:
    return one_line(step.command.replace("\\\n", " "))
