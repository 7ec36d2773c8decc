"""Calculations: numbers with units, computed by CEL. `max(256Mi, current_limit * 2)`.

A calculation is compiled once, with its units checked, and asked with the values of its names. Quantities are counted
in bytes and in thousandths of a processor, durations in seconds; `m` is a thousandth of a processor where a processor
is asked for, and else a minute.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cel_expr_python import cel

from runmend.core.durations import seconds_of
from runmend.core.quantities import Resource, Unit, byte_count, bytes_text, millicores, millicores_text
from runmend.facts.expressions import ExpressionError, error_of
from runmend.facts.literals import Literal, Rewritten
from runmend.facts.syntax import Node

LONGEST: Final = 500
_TOKEN: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[A-Za-z]*)|(?P<name>[A-Za-z_]\w*)|(?P<other>\s+|.)")
_MOST_ARGUMENTS: Final = 6
_TRUTHS: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "_&&_", "_||_", "!_"})
_WORDS: Final[Mapping[Unit, str]] = {
    "memory": "memory, such as 256Mi",
    "cpu": "processor, such as 500m",
    "duration": "a duration, such as 5m",
    "count": "a plain number",
}
_DOUBLE: Final = cel.Type.DOUBLE
_FEW: Final = 1e-6
"""What is taken for a rounding error of the machine, and not for a part of a byte."""


@dataclass(frozen=True, slots=True)
class Calculation:
    """A compiled calculation. Threads may share it."""

    source: str
    unit: Unit
    names: frozenset[str]
    """The names that it has to be given numbers for."""
    _compiled: cel.Expression
    _literals: Mapping[str, float]

    def result(self, numbers: Mapping[str, float]) -> int:
        """The number that comes of it, rounded up to a whole one.

        Raises:
            ValueError: none does, or one below 0.
        """
        asked = {name: float(numbers[name]) for name in self.names}
        answered = self._compiled.eval(data={**self._literals, **asked})
        if answered.type() == cel.Type.ERROR:
            raise ValueError(str(answered.value()))
        number = float(answered.value())
        if not math.isfinite(number) or number < 0:
            raise ValueError(f"{self.source} is {number}")
        return math.ceil(number - _FEW)

    def with_values(self, texts: Mapping[str, str]) -> str:
        """How it is written, each name with its value behind it: `max(256Mi, current_limit 256Mi * 2)`."""
        pieces = (found[0] for found in _TOKEN.finditer(self.source))
        return "".join(f"{piece} {texts[piece]}" if piece in self.names else piece for piece in pieces)


def number_of(text: str, unit: Unit) -> int:
    """A text as a number of a unit.

    Raises:
        ValueError: it is none.
    """
    readers: Mapping[Unit, Callable[[str], int]] = {
        "memory": byte_count,
        "cpu": millicores,
        "duration": seconds_of,
        "count": int,
    }
    return readers[unit](text)


def text_of(number: int, unit: Unit) -> str:
    """A number of a unit as Kubernetes reads it: `512Mi`, `250m`, `90s`, `3`."""
    match unit:
        case "memory":
            return bytes_text(number)
        case "cpu":
            return millicores_text(number)
        case "duration":
            return f"{number}s"
        case _:
            return str(number)


def compile_calculation(source: str, names: Mapping[str, Unit], resource: Resource) -> Calculation:
    """Compile a calculation.

    Args:
        source: how it is written.
        names: the names that it may use, and their units.
        resource: what `m` and a bare resource's literal are of.

    Raises:
        ExpressionError: it cannot be read, names what there is not, or mixes units.
    """
    if len(source) > LONGEST:
        raise ExpressionError(f"the calculation has {len(source)} characters, and at most {LONGEST} are read", 1, 1)
    read, literals, own = _read(source, resource)
    units = {**own, **names}
    try:
        compiled = _environment(tuple(sorted(units))).compile(read.text)
    except (RuntimeError, ValueError, TypeError) as error:  # what the library raises for a text that it cannot read
        found = error_of(str(error), read.text, [*names, "max", "min", "round"])
        raise ExpressionError(str(found), 1, max(read.column(1, found.column), 1), found.remedy) from error
    tree = Node.parse(compiled.serialize())
    unit = _unit(tree, units)
    if unit is None or compiled.return_type() != _DOUBLE:
        raise ExpressionError(
            "the calculation is true or false, and must be a number", 1, 1, "write COMPARISON ? A : B"
        )
    used = {node.path[0] for node in tree if node.kind == "ident"} - set(literals)
    return Calculation(source, unit, frozenset(used), compiled, literals)


@cache
def _environment(names: tuple[str, ...]) -> cel.Env:
    several = range(2, _MOST_ARGUMENTS + 1)
    functions = [
        cel.FunctionDecl(name, [cel.Overload(f"{name}_{n}", _DOUBLE, [_DOUBLE] * n, False, does) for n in several])
        for name, does in (("max", max), ("min", min))
    ]
    rounds = [
        cel.Overload("round_1", _DOUBLE, [_DOUBLE], False, _rounded),
        cel.Overload("round_2", _DOUBLE, [_DOUBLE, _DOUBLE], False, _rounded),
    ]
    return cel.NewEnv(
        variables=dict.fromkeys(names, _DOUBLE), functions=[*functions, cel.FunctionDecl("round", rounds)]
    )


def _rounded(number: float, step: float = 1) -> float:
    """To the nearest multiple of a step, a half upwards."""
    return math.floor(number / step + 0.5) * step if step and math.isfinite(number) else math.nan


def _read(source: str, resource: Resource) -> tuple[Rewritten, dict[str, float], dict[str, Unit]]:
    """The source as CEL reads it: what has a unit as a name, plain numbers as such; with those names' values, and their
    units.
    """
    words: dict[Literal, str] = {}
    numbers: dict[str, float] = {}
    units: dict[str, Unit] = {}
    for found in _TOKEN.finditer(source):
        start = found.start()
        if found["number"]:
            literal = Literal(found[0], found["number"], found["unit"], start)
            words[literal] = repr(float(literal.number))
            if literal.unit:
                words[literal] = name = f"literal_{len(numbers)}"
                units[name], numbers[name] = _literal(literal, resource)
        elif found["other"] and (found["other"] in "\"'[]{}.;@" or not found["other"].isprintable()):
            raise ExpressionError(
                f"{found['other']!a} has no meaning in a calculation", 1, start + 1, "write numbers and names"
            )
    return Rewritten.of(source, words), numbers, units


def _literal(literal: Literal, resource: Resource) -> tuple[Unit, float]:
    unit: Unit = "memory"
    if literal.unit in ("s", "h", "d", "w") or (literal.ambiguous and resource != "cpu"):
        unit = "duration"
    elif literal.unit in ("m", "n", "u"):
        unit = resource
    try:
        return unit, float(number_of(literal.text, unit))
    except ValueError as error:
        raise ExpressionError(str(error), 1, literal.start + 1) from error


def _unit(node: Node, units: Mapping[str, Unit]) -> Unit | None:
    """The unit of a part; None of what is true or false.

    Raises:
        ExpressionError: numbers of different units are put together, or a type stands where a number should.
    """
    operands = [_unit(part, units) for part in node.operands]
    name = node.function
    if node.kind == "ident" and node.path[0] not in units:
        raise ExpressionError(f"{node.path[0]!r} is a type, and no number", 1, 1, "write a number or a name")
    if not name:
        return units[node.path[0]] if node.kind == "ident" else "count"
    if name == "_?_:_":
        return _one_unit(node, operands[1:])
    if name in _TRUTHS:
        _one_unit(node, operands)
        return None
    if name == "_/_" and operands[0] == operands[1]:
        return "count"
    return _product(node, operands) if name in ("_*_", "_/_") else _one_unit(node, operands)


def _one_unit(node: Node, operands: list[Unit | None]) -> Unit | None:
    if len(set(operands)) > 1:
        told = " and ".join(_WORDS[unit] for unit in dict.fromkeys(operands) if unit)
        what = {"_?_:_": "the two results"}.get(node.function, node.function.strip("_"))
        raise ExpressionError(f"{what} of {told} cannot be told", 1, 1, "write numbers of one unit")
    return operands[0]


def _product(node: Node, operands: list[Unit | None]) -> Unit | None:
    first, second = operands
    if second == "count":
        return first
    if first == "count" and node.function == "_*_":
        return second
    raise ExpressionError(
        f"{node.function.strip('_')} of {' and '.join(_WORDS[unit] for unit in operands if unit)} has no meaning",
        1,
        1,
        "write a plain number on one side",
    )
