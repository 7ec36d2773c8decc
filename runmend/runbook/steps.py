"""From an action as it is written to a step of the plan: its operation, its labels, its gates."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from runmend.language.verbs import verb_of
from runmend.language.verbs.verb import Verb
from runmend.plan.operations import Operation
from runmend.plan.plan import BUDGET_SECONDS, BUILT_IN_PLACEHOLDERS, CHANGING_SECONDS, READING_SECONDS, Step, fill
from runmend.runbook.actions import RESERVED, Action, Named
from runmend.runbook.conditions import EXAMPLES, Condition, InState, Labels, OwnedBy, read_condition, read_leading_if
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Item
from runmend.runbook.kubectl import parse_command
from runmend.runbook.phrases import known_states, same_state
from runmend.runbook.prose import check_items
from runmend.runbook.values import Parameter, Values

_PARAMETER_NAME = r"letters, digits and _, not a digit first"
_NOTHING = frozenset({"none", "n/a", "-", ""})


@dataclass(slots=True)
class _Gates:
    """What an action's conditions come to."""

    required: dict[str, None] = field(default_factory=dict)
    optional: dict[str, None] = field(default_factory=dict)
    owner: str | None = None
    state: str | None = None


def compile_step(action: Action, report: Report) -> Step | None:
    """Compile an action; None where it has no operation, which the report then says."""
    command = action.item("command")
    if command is None or not (command.value or command.items):
        line = command.line if command else action.line
        report.error(
            line,
            f"the action {action.action_id} has no command",
            "add - **command**: `kubectl …`; what you read is what runs",
        )
        return None
    parameters = _parameters(action, report)
    operation = _operation(action, command, parameters, report)
    if operation is None:
        return None
    verb = verb_of(operation)
    arguments = verb.arguments.model_validate(operation.arguments)
    changes = verb.changing is not None
    gates = _gates(action, changes, report)
    known = {name: f"{{{name}}}" for name in BUILT_IN_PLACEHOLDERS}
    known |= {parameter.name: parameter.value for parameter in parameters.values()}
    images = verb.changing.images(arguments) if verb.changing and verb.changing.images else ()
    return Step(
        action_id=action.action_id,
        title=action.title,
        line=action.line,
        description=action.value("description"),
        command=command.value,
        operation=operation,
        parameters={parameter.name: parameter.value for parameter in parameters.values()},
        required_labels=tuple(gates.required),
        optional_labels=tuple(gates.optional),
        state=gates.state,
        owner=gates.owner,
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


def _operation(action: Action, command: Named, parameters: dict[str, Parameter], report: Report) -> Operation | None:
    if not command.pure:
        report.error(
            command.line,
            "the command is mixed with other text",
            "put the whole command, and nothing else, in one pair of backticks",
        )
        return None
    values = Values(report, command.line, parameters)
    operation = parse_command(command.value, values)
    if operation is not None:
        for name in parameters.keys() - values.used:
            report.warning(
                Kind.UNUSED_ITEM,
                parameters[name].line,
                f"nothing in {action.action_id} uses the item {quoted(name)}",
                f"write {{{name}}} in the command, or remove it",
            )
    return operation


def _parameters(action: Action, report: Report) -> dict[str, Parameter]:
    parameters = {}
    for named in action.named.values():
        if named.name in RESERVED:
            continue
        if named.name in BUILT_IN_PLACEHOLDERS:
            report.error(named.line, f"{{{named.name}}} is a placeholder of the run", "give the item another name")
        elif not named.name.isidentifier() or not named.name.isascii():
            report.warning(
                Kind.UNUSED_ITEM,
                named.line,
                f"the item {quoted(named.name)} is not read, no placeholder can ask for it",
                f"name it with {_PARAMETER_NAME}",
            )
        else:
            parameters[named.name] = Parameter(named.name, named.value, named.line)
    return parameters


def _gates(action: Action, changes: bool, report: Report) -> _Gates:  # noqa: FBT001  a fact about the action
    gates = _Gates()
    for item in action.unnamed:
        _unread(
            item.line, f"the item {quoted(item.inline.plain)} of {action.action_id} has no name", report, error=changes
        )
    for named in action.named.values():
        if named.name != "conditions" and named.items:
            line = named.items[0].line
            _unread(
                line,
                f"the list under {quoted(named.name)} is not read",
                report,
                error=changes and named.name != "description",
            )
    for text, line in _conditions(action):
        condition = read_condition(text)
        if condition is None:
            _unreadable(f"the condition {quoted(text)}", line, report, changes=changes)
        else:
            _apply(condition, line, gates, report, changes=changes)
    description = action.item("description")
    if description is not None:
        _apply_leading_if(description, gates, report, changes=changes)
    check_items(action, report, changes=changes)
    return gates


def _unread(line: int, problem: str, report: Report, *, error: bool) -> None:
    say = report.error if error else partial(report.warning, Kind.UNREAD_TEXT)
    say(line, problem, "write - **name**: `value`, or put it in the list under conditions")


def _unreadable(what: str, line: int, report: Report, *, changes: bool) -> None:
    if changes:
        report.error(
            line, f"{what} is not understood", f"write for example {EXAMPLES}; known states are {known_states()}"
        )
    else:
        report.warning(
            Kind.UNREAD_CONDITION,
            line,
            f"{what} is not understood, and gates nothing",
            f"remove it, or write for example {EXAMPLES}",
        )


def _conditions(action: Action) -> list[tuple[str, int]]:
    named = action.item("conditions")
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


def _apply(condition: Condition, line: int, gates: _Gates, report: Report, *, changes: bool) -> None:
    match condition:
        case Labels():
            gates.required |= dict.fromkeys(condition.required)
            gates.optional |= dict.fromkeys(condition.optional)
        case OwnedBy(kind):
            if changes and kind != "Deployment":
                report.error(
                    line,
                    f"the pod of a {kind} is never one of the Deployment that is patched",
                    "write Pod must be owned by a Deployment",
                )
            elif gates.owner not in (None, kind):
                report.error(line, f"the pod cannot be owned by a {gates.owner} and a {kind}", "remove one of the two")
            gates.owner = kind
        case InState(state):
            _set_state(state, line, gates, report, changes=changes)


def _apply_leading_if(description: Named, gates: _Gates, report: Report, *, changes: bool) -> None:
    leading = read_leading_if(description.value)
    if isinstance(leading, str):
        _unreadable(f"the condition {quoted(leading)}", description.line, report, changes=changes)
    elif leading is not None:
        _apply(leading, description.line, gates, report, changes=changes)


def _set_state(state: str, line: int, gates: _Gates, report: Report, *, changes: bool) -> None:
    if not changes:
        report.warning(
            Kind.UNREAD_CONDITION,
            line,
            f"the condition on {state} gates nothing, because the action only reads",
            "remove it",
        )
    elif gates.state is not None and not same_state(gates.state, state):
        report.error(line, f"the action's conditions name two states, {gates.state} and {state}", "name one")
    else:
        gates.state = gates.state or state
