"""The calculations of an action: `` - **calculation**: `new_limit = max(256Mi, current_limit * 2)` (max 4Gi) ``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from runmend.core.quantities import Resource, Unit
from runmend.facts.calculation import compile_calculation
from runmend.facts.expressions import ExpressionError
from runmend.language.derived import DERIVED, units
from runmend.plan.operations import Operation
from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, DERIVED_PLACEHOLDERS, PLACEHOLDER
from runmend.plan.values import Calculation
from runmend.runbook.actions import Action
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.values import Parameter

ITEM: Final = "calculation"
EXAMPLE: Final = "`new_limit = max(256Mi, current_limit * 2)` (max 4Gi)"
_MOST: Final = ("max", "maximum", "at_most", "upper_bound", "bound")
_LEAST: Final = ("min", "minimum", "at_least", "lower_bound")
BOUNDS: Final = frozenset((*_MOST, *_LEAST))
"""Items that bound the action's calculation, where no placeholder asks for them."""
_QUANTITY: Final = r"\d+(?:\.\d+)?[A-Za-z]*"
_BOUND: Final = re.compile(
    r"(?:(?P<most>max(?:imum)?|at most|up to|(?:no|not) more than|capped at|bounded (?:by|to|at)|limited to|<=)"
    r"|(?P<least>min(?:imum)?|at least|(?:no|not) less than|>=))"
    rf"\s*(?:of\s+|:\s*|=\s*)?`?(?P<value>{_QUANTITY})`?(?P<more>[^,;\d]*)",
    re.IGNORECASE,
)
_BEHIND: Final = re.compile(
    rf"\s\((?P<bounds>{_BOUND.pattern.replace('?P<', '?P<b_')}[^()]*)\)\s*\.?\s*$", re.IGNORECASE
)
_FORM: Final = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*[:=]\s*(?P<source>.+?)\s*", re.DOTALL)
_NUMBER: Final = re.compile(_QUANTITY)
_WORD: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_COUNTS: Final = frozenset({"replicas", "current_replicas", "to_revision"})
_REMEDY: Final = f"write - **{ITEM}**: {EXAMPLE}"


@dataclass(frozen=True, slots=True)
class Written:
    """A calculation as it is written; `default` says that nobody has."""

    name: str
    source: str
    line: int
    at_least: str = ""
    at_most: str = ""
    default: bool = False

    def bounded(self, bound: str, *, most: bool) -> "Written":
        """The same with a bound."""
        return replace(self, at_most=bound) if most else replace(self, at_least=bound)


_DEFAULT: Final = Written("new_limit", "max(256Mi, current_limit * 2)", 0, at_most="4Gi", default=True)


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
    if len(found) == 1:
        (only,) = found.values()
        found[only.name] = _with_items(only, action, asked, report)
    name = _DEFAULT.name
    if name in asked and name not in found and name not in action.named:
        command = action.item("command")
        found[name] = replace(_DEFAULT, line=command.line if command else action.line)
    return found


def bound_items(action: Action, asked: frozenset[str]) -> frozenset[str]:
    """The items of an action that bound its calculation, where its commands do not ask for them."""
    return BOUNDS & action.named.keys() - asked if ITEM in action.named else frozenset()


def _texts(action: Action) -> list[tuple[str, int]]:
    named = action.item(ITEM)
    if named is None:
        return []
    # In a code block nothing is marked.
    own = [(named.marked or f"`{named.value}`", named.line)] if named.value else []
    return [*own, *((item.inline.marked, item.line) for item in named.items)]


def _written(text: str, line: int, report: Report) -> Written | None:
    code, _, behind = text.strip().removeprefix("`").partition("`") if text.strip().startswith("`") else (text, "", "")
    if within := _BEHIND.search(code):
        code, behind = code[: within.start()], f"{within['bounds']} {behind}"
    found = _FORM.fullmatch(code)
    if found is None:
        report.error(line, f"{quoted(text)} is no calculation", _REMEDY)
        return None
    written = _bounded(Written(found["name"], found["source"], line), behind)
    if written is None:
        report.error(line, f"what stands behind the calculation is not understood: {quoted(behind)}", _REMEDY)
    return written


def _bounded(written: Written, text: str) -> Written | None:
    """A calculation with the bounds that a text names; None where it names none, or says more than those."""
    text = text.strip(" ().")
    if not text:
        return written
    rest = text
    for bound in _BOUND.finditer(text):
        written = written.bounded(bound["value"], most=bool(bound["most"]))
        rest = rest.replace(bound[0], "", 1)
    return None if rest.strip(" ,;()and") or rest == text else written


def _with_items(written: Written, action: Action, asked: frozenset[str], report: Report) -> Written:
    for name in BOUNDS & action.named.keys() - asked:
        named = action.named[name]
        found = _NUMBER.search(named.value)
        before = written.at_most if name in _MOST else written.at_least
        if found is None or before not in ("", found[0]):
            report.error(named.line, f"the item {name} is no bound of {written.name}", "write one, such as 4Gi")
        else:
            written = written.bounded(found[0], most=name in _MOST)
    return written


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
        report.error(written.line, f"the calculation of {written.name}: {error}", remedy)
        return None
    if wanted - {made.unit}:
        (other, *_) = sorted(wanted - {made.unit})
        report.error(
            written.line, f"{written.name} is of {made.unit}, and stands where {other} is asked for", "calculate that"
        )
        return None
    own = {each.name for each in DERIVED if each.each} | {name for name, each in before.items() if each.each}
    for bound in filter(None, (written.at_least, written.at_most)):
        if not _is_of(bound, made.unit, resource):
            report.error(written.line, f"{bound} is no bound of {made.unit}", "write one with its unit, such as 4Gi")
            return None
    return Calculation(
        name=written.name,
        source=made.source,
        unit=made.unit,
        names={name: names[name] for name in sorted(made.names)},
        each=bool(made.names & own),
        resource=resource,
        at_least=written.at_least,
        at_most=written.at_most,
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
