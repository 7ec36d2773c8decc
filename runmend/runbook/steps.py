"""From an action as it is written to a step of the plan: its operation, its labels, its gates."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runmend.language.states import STATES
from runmend.language.verbs import verb_of
from runmend.language.verbs.verb import Verb
from runmend.plan.operations import Operation
from runmend.plan.plan import (
    BUDGET_SECONDS,
    BUILT_IN_PLACEHOLDERS,
    CHANGING_SECONDS,
    DERIVED_PLACEHOLDERS,
    PLACEHOLDER,
    READING_SECONDS,
    Condition,
    Step,
    fill,
)
from runmend.plan.values import Calculation
from runmend.runbook.actions import RESERVED, Action, Named, describes
from runmend.runbook.calculations import ITEM, bound_items, compile_calculations, read_calculations
from runmend.runbook.commands import Commands, read_commands
from runmend.runbook.conditions import EXAMPLES, Meant, condition_of, in_heading, read_condition
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Item, texts_of_item
from runmend.runbook.kubectl import parse_command
from runmend.runbook.phrases import same_state
from runmend.runbook.prose import AS_ITEMS
from runmend.runbook.restrictions import LONGEST as RESTRICTION_SHOWN
from runmend.runbook.restrictions import restriction
from runmend.runbook.sentences import nearest, wrong_state
from runmend.runbook.values import Parameter, Values

REMEDY = (
    f"write it as a condition that Runmend reads ({EXAMPLES}), take it to Notes, where it binds nothing, or write "
    "- **approval**: `none` if nothing is meant to wait"
)
_MOST_RESTRICTIONS = 20
_OWN_PODS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})

_PARAMETER_NAME = r"letters, digits and _, not a digit first"
_NOTHING = frozenset({"none", "n/a", "-", ""})
_SAYS_NOTHING = _NOTHING - {""}


@dataclass(slots=True)
class _Conditions:
    """What an action's conditions come to, and what restricts it that nothing reads."""

    changes: bool
    kind: str
    """The kind of the object that the action is about."""
    required: dict[str, None] = field(default_factory=dict)
    optional: dict[str, None] = field(default_factory=dict)
    owner: str | None = None
    state: str | None = None
    gates: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    restrictions: dict[str, None] = field(default_factory=dict)


def compile_steps(action: Action, report: Report) -> tuple[Step, ...]:
    """Compile an action to a step for each of its commands; to none where it has no operation, which the report then
    says. Its gate is the condition that its description or its heading begins with.
    """
    command = action.item("command")
    commands = read_commands(command, report) if command and (command.value or command.items) else Commands()
    if commands is None:
        return ()
    if not commands.commands:
        report.error(
            command.line if command else action.line,
            f"the action {action.action_id} has no command",
            "put the command in backticks behind its colon, or in a code block below it that is indented by two spaces"
            if command
            else "add - **command**: `kubectl …`; what you read is what runs",
        )
        return ()
    asked = frozenset(PLACEHOLDER.findall(commands.text))
    parameters = _parameters(action, asked, report)
    compiled = _operations(action, commands, asked, parameters, report)
    if compiled is None:
        return ()
    operations, calculations, used = compiled
    first_changing = next((n for n, each in enumerate(operations) if verb_of(each).changing), len(operations))
    about = operations[first_changing if first_changing < len(operations) else 0]
    found = _Conditions(first_changing < len(operations), about.kind)
    _read_conditions(action, found, report)
    _look_for_restrictions(action, commands, used, found, report)
    steps = []
    for number, (written, operation) in enumerate(zip(commands.commands, operations, strict=True)):
        step = _step(action, operation, parameters, _asked_by(operation, calculations), found)
        begun = number > first_changing
        steps.append(
            step.model_copy(
                update={
                    "command": written.text,
                    "part": number + 1 if len(operations) > 1 else 0,
                    "begun": begun,
                    **({"gate": "", "conditions": ()} if begun else {}),
                }
            )
        )
    return tuple(steps)


def _asked_by(operation: Operation, calculations: tuple[Calculation, ...]) -> tuple[Calculation, ...]:
    """The calculations that a command needs, in their order."""
    asked = set(PLACEHOLDER.findall(operation.model_dump_json()))
    for calculation in reversed(calculations):
        if calculation.name in asked:
            asked |= calculation.names.keys()
    return tuple(calculation for calculation in calculations if calculation.name in asked)


def _step(
    action: Action,
    operation: Operation,
    parameters: dict[str, Parameter],
    calculations: tuple[Calculation, ...],
    found: _Conditions,
) -> Step:
    verb = verb_of(operation)
    arguments = verb.arguments.model_validate(operation.arguments)
    changes = verb.changing is not None
    known = {name: f"{{{name}}}" for name in BUILT_IN_PLACEHOLDERS | DERIVED_PLACEHOLDERS}
    known |= {calculation.name: f"{{{calculation.name}}}" for calculation in calculations}
    known |= {parameter.name: parameter.value for parameter in parameters.values()}
    images = verb.changing.images(arguments) if verb.changing and verb.changing.images else ()
    return Step(
        action_id=action.action_id,
        title=action.title,
        line=action.line,
        description=action.value("description"),
        command="",
        operation=operation,
        parameters={parameter.name: parameter.value for parameter in parameters.values()},
        calculations=calculations,
        required_labels=tuple(found.required),
        optional_labels=tuple(found.optional),
        gate=" && ".join(found.gates),
        conditions=tuple(found.conditions),
        restrictions=tuple(found.restrictions),
        state=found.state,
        owner=found.owner,
        try_seconds=CHANGING_SECONDS if changes else READING_SECONDS,
        budget_seconds=_budget_seconds(verb, arguments),
        changes=changes,
        images=tuple((fill(name, known), fill(image, known)) for name, image in images),
        says=verb.says(arguments),
    )


def _budget_seconds(verb: Verb[Any], arguments: Any) -> int:  # noqa: ANN401  the verb's
    """For how long a step is tried: until its last try can say by itself that its time is over."""
    removing = verb.changing.removing if verb.changing else None
    return max(BUDGET_SECONDS, removing.seconds(arguments) + 2 * CHANGING_SECONDS) if removing else BUDGET_SECONDS


def _operations(
    action: Action, commands: Commands, asked: frozenset[str], parameters: dict[str, Parameter], report: Report
) -> tuple[tuple[Operation, ...], tuple[Calculation, ...], frozenset[str]] | None:
    """The operations of an action, the calculations that they share, and the names of the items that they use; None
    where one of them is none.
    """
    calculated = read_calculations(action, asked, report)
    used: set[str] = set()
    parsed = [
        parse_command(
            each.text,
            Values(
                report,
                each.line,
                parameters,
                used,
                frozenset(calculated),
                each.text.count("\n") + 1,
                each.document,
            ),
        )
        for each in commands.commands
    ]
    operations = tuple(operation for operation in parsed if operation)
    if len(operations) < len(parsed):
        return None
    calculations = compile_calculations(calculated, operations, parameters, used, report)
    return operations, calculations, asked | used | bound_items(action, asked)


def _parameters(action: Action, asked: frozenset[str], report: Report) -> dict[str, Parameter]:
    parameters = {}
    not_values = RESERVED | bound_items(action, asked)
    for named in action.named.values():
        if named.name in not_values:
            continue
        if named.name in BUILT_IN_PLACEHOLDERS:
            report.error(named.line, f"{{{named.name}}} is a placeholder of the run", "give the item another name")
        elif _may_be_asked_for(named.name):
            parameters[named.name] = Parameter(named.name, named.value, named.line)
    return parameters


def _may_be_asked_for(name: str) -> bool:
    return name.isidentifier() and name.isascii()


def _read_conditions(action: Action, found: _Conditions, report: Report) -> None:
    for text, line in _listed(action, "conditions"):
        meant = read_condition(text, line, report)
        if meant is None:
            _unreadable(action, text, line, found, report)
        for one in meant or ():
            _apply(one, text, line, found, report, leads=False)
    for text, line, shown, whole in _gates(action, changes=found.changes):
        meant = read_condition(text, line, report) if whole else None
        if meant is None:
            _unreadable(action, shown, line, found, report)
        for one in meant or ():
            _apply(one, text, line, found, report, leads=True)


def _gates(action: Action, *, changes: bool) -> Iterator[tuple[str, int, str, bool]]:
    """The conditions of an action's heading, its description and its items `when` and `unless`, each with its line, how
    it is shown, and whether it is one as a whole. To stop, or to wait, may well be what an action does that only reads.
    """
    _, clause = in_heading(action.heading)
    if clause:
        yield clause, action.heading_line, clause, True
    description = action.item("description")
    found = condition_of(description.marked) if description else None
    if description and found:
        yield found.clause, description.line, found.shown, found.whole and not (changes and found.turns)
    for name in ("when", "unless"):
        for text, line in _listed(action, name):
            yield (f"unless {text}" if name == "unless" else text), line, f"{name}: {text}", True


def trouble_of(action: Action) -> str:
    """The trouble that an action says it is for, in a condition that it begins with, as an expression; empty where it
    says none. What is wrong with the conditions is said where they are compiled.
    """
    gates = _gates(action, changes=True)
    read = [read_condition(text, line, Report("")) or () for text, line, _, whole in gates if whole]
    return " && ".join(dict.fromkeys(f"({one.expression})" for meant in read for one in meant if one.trouble))


def _unreadable(action: Action, text: str, line: int, found: _Conditions, report: Report) -> None:
    """A condition that nothing reads: one of a changing action is left to a person, with the words that it has."""
    wrong = wrong_state(text, "condition")
    what = f"the condition {quoted(text)} {wrong[0] if wrong else 'is not understood'}"
    remedy = f"states that may stand there are {wrong[1]}" if wrong else nearest(text, "condition")
    if found.changes:
        report.warning(Kind.RECOMMEND_ONLY, line, f"{what}, so {action.action_id} only recommends", remedy)
        _restrict(text, line, found)
    else:
        report.warning(Kind.UNREAD_CONDITION, line, f"{what}, and gates nothing", f"remove it; {remedy}")


def _unread_description(named: Named) -> Iterator[tuple[str, str, int]]:
    """What a description says besides its condition; nothing where the whole of it is one that is not read."""
    condition = condition_of(named.marked)
    if not (condition and condition.turns):
        yield "the description", condition.rest if condition else named.value, named.line


def _unread_under(named: Named, report: Report) -> Iterator[tuple[str, str, int]]:
    """The texts under an item that are no part of what it says."""
    read = named.name in ("conditions", "when", "unless", ITEM) or (named.name == "command" and not named.value)
    if named.items and not read:
        _unread(named.items[0].line, f"the list under {quoted(named.name)} is not read", report)
        yield from (("the list item", *text) for item in named.items for text in texts_of_item(item))
    for text, line in named.beside:
        report.warning(Kind.UNREAD_TEXT, line, f"the text under {quoted(named.name)} is not read", AS_ITEMS)
        yield "the text", text, line


def _may_bind(named: Named, action: Action, found: _Conditions, report: Report) -> None:
    """An item of a changing action that nothing reads, and whose name does not say that it only describes."""
    text = f"{named.name}: {' '.join([named.value, *(item.inline.plain for item in named.items)]).strip()}"
    asked = f"write {{{named.name}}} in the command, " if _may_be_asked_for(named.name) else ""
    report.warning(
        Kind.RECOMMEND_ONLY,
        named.line,
        f"nothing reads the item {quoted(text)}, which may bind, so {action.action_id} only recommends",
        f"{asked}make it a condition, or call it note where it is for people",
    )
    _restrict(text, named.line, found)


def _unused(named: Named, action: Action, report: Report) -> None:
    if _may_be_asked_for(named.name):
        problem = f"nothing in {action.action_id} uses the item {quoted(named.name)}"
        remedy = f"write {{{named.name}}} in the command, or remove it"
    else:
        problem = f"the item {quoted(named.name)} is not read, no placeholder can ask for it"
        remedy = f"name it with {_PARAMETER_NAME}"
    report.warning(Kind.UNUSED_ITEM, named.line, problem, remedy)


def _restrict(text: str, line: int, found: _Conditions) -> None:
    if len(found.restrictions) < _MOST_RESTRICTIONS:
        found.restrictions[f"line {line}: {' '.join(text.split())[:RESTRICTION_SHOWN]}"] = None


def _look_for_restrictions(
    action: Action, commands: Commands, used: frozenset[str], found: _Conditions, report: Report
) -> None:
    """Look at what stands beside what is read: of a changing action a sentence that plainly restricts it."""
    free = _approval(action, report) or not found.changes
    heading, _ = in_heading(action.heading)
    texts = [("the heading", heading, action.heading_line), *(("the text", *text) for text in action.beside)]
    texts += (("the comment", *comment) for comment in commands.comments)
    for item in action.unnamed:
        _unread(item.line, f"the item {quoted(item.inline.plain)} of {action.action_id} has no name", report)
        texts += (("the item", *text) for text in texts_of_item(item))
    for named in action.named.values():
        if named.name == "description":
            texts += _unread_description(named)
        elif named.name not in RESERVED | used:
            if found.changes and not describes(named.name) and named.value.lower() not in _SAYS_NOTHING:
                _may_bind(named, action, found, report)
            else:
                _unused(named, action, report)
                texts.append(("the item", f"{named.name}: {named.marked or named.value}", named.line))
        texts += _unread_under(named, report)
    for what, text, line in texts:
        if not free and (said := restriction(text)):
            report.warning(
                Kind.RECOMMEND_ONLY,
                line,
                f"{what} says {quoted(said)}, and nothing would hold the change to it, so {action.action_id} only "
                "recommends",
                REMEDY,
            )
            _restrict(said, line, found)


def _approval(action: Action, report: Report) -> bool:
    """Whether the action's writer says that nothing of its prose is meant to wait for a person."""
    named = action.item("approval")
    if named and named.value.lower() != "none":
        report.error(
            named.line,
            f"approval is {quoted(named.value)}, and there are no approvals yet",
            "write - **approval**: `none` where nothing of the action's prose is meant to wait, or remove it",
        )
    return named is not None


def _unread(line: int, problem: str, report: Report) -> None:
    report.warning(Kind.UNREAD_TEXT, line, problem, "write - **name**: `value`, or put it in the list under conditions")


def _listed(action: Action, name: str) -> list[tuple[str, int]]:
    """The conditions that stand under an item of the action."""
    named = action.item(name)
    if named is None:
        return []
    own = [] if named.marked.strip(". ").lower() in _NOTHING else [(named.marked, named.line)]
    nested = [(" / ".join(_marked(item)), item.line) for item in named.items]
    return [*own, *((text, line) for text, line in nested if text.strip(". ").lower() not in _NOTHING)]


def _marked(item: Item) -> list[str]:
    """A condition with all that stands under it: half a condition is none."""
    own = [item.inline.marked, *(more.marked for more in item.more), *(code.text for code in item.codes)]
    own += [other.text for other in item.others]
    return [*own, *(text for child in item.items for text in _marked(child))]


def _apply(meant: Meant, text: str, line: int, found: _Conditions, report: Report, *, leads: bool) -> None:
    """Add what a condition means; one that leads its description, or stands in a heading, is a gate."""
    if meant.labels:
        found.required |= dict.fromkeys(meant.labels.required)
        found.optional |= dict.fromkeys(meant.labels.optional)
    elif meant.owner:
        _set_owner(meant.owner, line, found, report)
    elif meant.state and found.changes and STATES[meant.state].of_containers:
        _set_state(meant.state, line, found, report)
    elif leads:
        found.gates.append(f"({meant.expression})")
    else:
        found.conditions.append(Condition(text=text, line=line, expression=meant.expression))


def _set_owner(kind: str, line: int, found: _Conditions, report: Report) -> None:
    if found.changes and kind != found.kind and found.kind in _OWN_PODS:
        report.error(
            line,
            f"the pod of a {kind} is never one of the {found.kind} that is changed",
            f"write Pod must be owned by a {found.kind}",
        )
    elif found.owner not in (None, kind):
        report.error(line, f"the pod cannot be owned by a {found.owner} and a {kind}", "remove one of the two")
    found.owner = kind


def _set_state(state: str, line: int, found: _Conditions, report: Report) -> None:
    if found.state is not None and not same_state(found.state, state):
        report.error(line, f"the action's conditions name two states, {found.state} and {state}", "name one")
    else:
        found.state = found.state or state
