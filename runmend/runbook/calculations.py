"""The calculations of an action: `` - **calculation**: `new_limit = max(256Mi, current_limit * 2)` (max 4Gi) ``."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from runmend.core.quantities import Resource, Unit
from runmend.facts.calculation import compile_calculation, number_of
from runmend.facts.expressions import ExpressionError
from runmend.language.derived import DERIVED, units
from runmend.plan.operations import Operation
from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, DERIVED_PLACEHOLDERS, PLACEHOLDER
from runmend.plan.values import Calculation
from runmend.runbook.actions import Action, Named
from runmend.runbook.bounds import QUANTITY, Bound, bounds_in, is_bound, read_items, taken_off
from runmend.runbook.bounds import bound_items as items_named_so
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import texts_of_item
from runmend.runbook.values import Parameter

ITEM: Final = "calculation"
EXAMPLE: Final = "`new_limit = max(256Mi, current_limit * 2)` (max 4Gi)"
_FORM: Final = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*[:=]\s*(?P<source>.+?)\s*", re.DOTALL)
_NUMBER: Final = re.compile(QUANTITY)
_WORD: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|\s*\()")
"""A name in a calculation, which no function's is."""
_COUNTS: Final = frozenset({"replicas", "current_replicas", "to_revision"})
_REMEDY: Final = f"write - **{ITEM}**: {EXAMPLE}"


@dataclass(frozen=True, slots=True)
class Written:
    """A calculation as it is written; `default` says that nobody has."""

    name: str
    source: str
    line: int
    at_least: Bound | None = None
    at_most: Bound | None = None
    default: bool = False

    def bounded(self, bounds: Iterable[Bound]) -> "Written":
        """The same with bounds."""
        found = self
        for bound in bounds:
            found = replace(found, at_most=bound) if bound.most else replace(found, at_least=bound)
        return found


_DEFAULT: Final = "new_limit"


def read_calculations(action: Action, asked: frozenset[str], report: Report) -> dict[str, Written]:
    """The calculations of an action by their names, and the one that `{new_limit}` has by default.

    `asked` names the placeholders of its commands.
    """
    found: dict[str, Written] = {}
    for text, line in _texts(action):
        written = _written(text, line, report)
        if written is None:
            continue
        if written.name in found or written.name in action.named:
            report.error(line, f"a second value is named {written.name}", "give it another name")
        elif written.name in BUILT_IN_PLACEHOLDERS | DERIVED_PLACEHOLDERS:
            report.error(line, f"{{{written.name}}} is a placeholder of the run", f"name it new_{written.name}")
        else:
            found[written.name] = written
    if _has_default(action, asked) and _DEFAULT not in found:
        command = action.item("command")
        line = command.line if command else action.line
        most = Bound("4Gi", most=True, line=line)
        found[_DEFAULT] = Written(_DEFAULT, "max(256Mi, current_limit * 2)", line, at_most=most, default=True)
    # Of a calculation that is none it is said already.
    items = _items_that_bound(action, asked) if found or ITEM not in action.named else {}
    if bounds := read_items(items, tuple(found), report):
        (only,) = found.values()
        found[only.name] = _with_items(only, bounds, report)
    return found


def bound_items(action: Action, asked: frozenset[str]) -> frozenset[str]:
    """The items of an action that bound its calculation, where nothing asks for them."""
    return frozenset(_items_that_bound(action, asked))


def _has_default(action: Action, asked: frozenset[str]) -> bool:
    return _DEFAULT in asked and _DEFAULT not in action.named


def _items_that_bound(action: Action, asked: frozenset[str]) -> dict[str, Named]:
    texts = _texts(action)
    used = asked | {name for text, _ in texts for name in _WORD.findall(taken_off(text)[0])}
    calculates = bool(texts) or _has_default(action, asked)
    return {name: named for name, named in items_named_so(action, used).items() if calculates or is_bound(name)}


def _texts(action: Action) -> list[tuple[str, int]]:
    """The calculations as they are written, each with what stands under it; with their lines."""
    named = action.item(ITEM)
    if named is None:
        return []
    # In a code block nothing is marked.
    own = [(named.marked or f"`{named.value}`", named.line)] if named.value else []
    under = [
        (" ".join([item.inline.marked, *(text for text, _ in list(texts_of_item(item))[1:])]), item.line)
        for item in named.items
    ]
    if own:  # a bound in its list is of the calculation that stands above
        bounds = [text for text, line in under if bounds_in(text, line)]
        own = [(", ".join([own[0][0], *bounds]), own[0][1])]
        under = [(text, line) for text, line in under if text not in bounds]
    return [*own, *under]


def _written(text: str, line: int, report: Report) -> Written | None:
    code, _, behind = text.strip().removeprefix("`").partition("`") if text.strip().startswith("`") else (text, "", "")
    code, within = taken_off(code)
    behind = f"{within} {behind}"
    found = _FORM.fullmatch(code)
    if found is None or is_bound(found["name"]):
        report.error(line, f"{quoted(text)} is no calculation", _REMEDY)
        return None
    bounds = bounds_in(behind, line)
    if bounds is None:
        report.error(line, f"what stands behind the calculation is not understood: {quoted(behind.strip())}", _REMEDY)
        return None
    return Written(found["name"], found["source"], line).bounded(bounds)


def _with_items(written: Written, bounds: tuple[Bound, ...], report: Report) -> Written:
    for bound in bounds:
        before = None if written.default else written.at_most if bound.most else written.at_least
        if before and before.value != bound.value:
            report.error(
                bound.line, f"{written.name} has another bound in line {before.line}, {before.value}", "write one"
            )
    return written.bounded(bounds)


def compile_calculations(
    found: Mapping[str, Written],
    operations: Sequence[Operation],
    parameters: Mapping[str, Parameter],
    used: set[str],
    report: Report,
) -> tuple[Calculation, ...]:
    """The calculations of an action that its commands ask for.

    Args:
        found: as they are written.
        operations: the commands.
        parameters: the action's own items, which a calculation may name.
        used: the items that something uses; those that a calculation names are added.
        report: where errors go.
    """
    made: dict[str, Calculation] = {}
    for written in found.values():
        uses = [path for operation in operations for path in _uses(operation.arguments, written.name, ())]
        if written.default and not (uses and all(path[-2:] == ("limits", "memory") for path in uses)):
            report.error(written.line, f"unknown placeholder {{{written.name}}}", _REMEDY)
            continue
        calculation = _compiled(written, uses, made, parameters, used, report)
        if calculation is None:
            continue
        made[written.name] = calculation
        if written.default:
            report.warning(
                Kind.DEFAULT_VALUE, written.line, f"no calculation is written: {calculation.in_words}", _REMEDY
            )
    asked = {name for operation in operations for name in PLACEHOLDER.findall(operation.model_dump_json())}
    asked |= {name for calculation in made.values() for name in calculation.names}
    for name in made.keys() - asked:
        report.warning(
            Kind.UNUSED_ITEM, found[name].line, f"nothing uses {name}", f"write {{{name}}} in the command, or remove it"
        )
    return tuple(calculation for name, calculation in made.items() if name in asked)


def _uses(value: Any, name: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401  JSON
    """The ways to the texts that hold a placeholder."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _uses(each, name, (*path, key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _uses(each, name, path)
    elif isinstance(value, str) and f"{{{name}}}" in value:
        yield path


def _compiled(
    written: Written,
    uses: list[tuple[str, ...]],
    before: Mapping[str, Calculation],
    parameters: Mapping[str, Parameter],
    used: set[str],
    report: Report,
) -> Calculation | None:
    wanted: set[Unit] = {unit for path in uses for unit in _asked_for(path)}
    resource: Resource = "cpu" if "cpu" in wanted else "memory"
    names = units(resource) | {name: each.unit for name, each in before.items()}
    source = _with_parameters(written.source, parameters, used)
    try:
        made = compile_calculation(source, names, resource)
    except ExpressionError as error:
        remedy = error.remedy or f"write for example {EXAMPLE}"
        column = report.column_of(written.line, written.source)
        if column and source == written.source:
            column += error.column - 1
        report.error(written.line, f"the calculation of {written.name}: {error}", remedy, column=column)
        return None
    if wanted - {made.unit}:
        (other, *_) = sorted(wanted - {made.unit})
        report.error(
            written.line, f"{written.name} is of {made.unit}, and stands where {other} is asked for", "calculate that"
        )
        return None
    own = {each.name for each in DERIVED if each.each} | {name for name, each in before.items() if each.each}
    for bound in filter(None, (written.at_least, written.at_most)):
        if not _is_of(bound.value, made.unit, resource):
            remedy = "write one with its unit, such as 4Gi"
            report.error(bound.line, f"{bound.value} is no bound of {made.unit}", remedy)
            return None
    least, most = written.at_least, written.at_most
    if least and most and number_of(least.value, made.unit) > number_of(most.value, made.unit):
        report.error(
            written.line, f"{written.name} is at least {least.value} and at most {most.value}", "write one that can be"
        )
        return None
    return Calculation(
        name=written.name,
        source=made.source,
        unit=made.unit,
        names={name: names[name] for name in sorted(made.names)},
        each=bool(made.names & own),
        resource=resource,
        at_least=least.value if least else "",
        at_most=most.value if most else "",
    )


def _is_of(bound: str, unit: Unit, resource: Resource) -> bool:
    try:
        return compile_calculation(bound, {}, resource).unit == unit
    except ExpressionError:
        return False


def _asked_for(path: tuple[str, ...]) -> tuple[Unit, ...]:
    """The unit that is asked for at the end of a way; none where any text may stand."""
    last = path[-1] if path else ""
    if last in _COUNTS:
        return ("count",)
    return ("memory",) if last == "memory" else ("cpu",) if last == "cpu" else ()


def _with_parameters(source: str, parameters: Mapping[str, Parameter], used: set[str]) -> str:
    """A calculation with the action's own items that are numbers written out."""

    def value(found: re.Match[str]) -> str:
        parameter = parameters.get(found[0])
        if parameter is None or not _NUMBER.fullmatch(parameter.value):
            return found[0]
        used.add(parameter.name)
        return parameter.value

    return _WORD.sub(value, source)
