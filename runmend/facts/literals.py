"""Quantities and durations as people write them in an expression, `256Mi`, `500m`, `5m`, and what the language has for
them.

Called by `facts.expressions`. Bytes and thousandths of a processor become whole numbers, durations the language's own.
Only `m` may be two things, minutes and thousandths of a processor: it is the latter beside a fact that counts these.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from runmend.core.durations import LONGEST
from runmend.core.quantities import byte_count, millicores
from runmend.facts.syntax import CALCULATIONS, COMPARISONS, Node

_STRING: Final = r"""(?:[rR][bB]?|[bB][rR]?)?(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
_TOKEN: Final = re.compile(
    rf"(?P<passed>{_STRING}|//[^\n]*|[A-Za-z_]\w*)|"
    r"(?<![\w.])(?P<number>[0-9]{1,20}(?:\.[0-9]{1,9})?)(?P<unit>[KMGTPE]i|[kMGTPE]|ms|[smhdw])(?![\w.])",
    re.DOTALL,
)
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MARK: Final = 7_200_000_000_000_000_000
"""Stands for the first number with an `m` while it is not known what it is; whatever is compared with it, fits."""
_AMBIGUOUS: Final = "m"


class TooLong(ValueError):
    """A duration of more than a hundred years. `start` is where it stands in the expression, from 0."""

    def __init__(self, text: str, start: int) -> None:
        super().__init__(f"{text} is more than a hundred years")
        self.start = start


@dataclass(frozen=True, slots=True)
class Literal:
    """A quantity or a duration, and where it stands."""

    text: str
    number: str
    unit: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)

    @property
    def ambiguous(self) -> bool:
        """Whether it may be either."""
        return self.unit == _AMBIGUOUS

    def as_duration(self) -> str:
        """As the language writes a duration."""
        seconds = float(self.number) * _SECONDS[self.unit]
        if seconds > LONGEST.total_seconds():
            raise TooLong(self.text, self.start)
        return f'duration("{timedelta(seconds=seconds).total_seconds():.9f}s")'

    def as_quantity(self) -> str:
        """As the whole number that it is: of bytes, or of thousandths of a processor."""
        return str(millicores(self.text) if self.ambiguous else byte_count(self.text))


def literals_in(source: str) -> list[Literal]:
    """The quantities and durations of an expression, in their order."""
    return [
        Literal(found["number"] + found["unit"], found["number"], found["unit"], found.start())
        for found in _TOKEN.finditer(source)
        if not found["passed"]
    ]


class Place(Protocol):
    """Where something stands in a text: from its start, up to its end."""

    @property
    def start(self) -> int: ...  # noqa: D102  as said

    @property
    def end(self) -> int: ...  # noqa: D102  as said


_P = TypeVar("_P", bound=Place)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """An expression with other words in the place of some of its own."""

    source: str
    text: str
    moved: tuple[tuple[int, Place], ...] = ()
    """Behind which place each word ends, and where its own stood."""

    @classmethod
    def of(cls, source: str, words: Mapping[_P, str]) -> "Rewritten":
        """Put a word in each place, which come in their order."""
        text, read, moved = "", 0, []
        for place, word in words.items():
            text += source[read : place.start] + word
            read = place.end
            moved.append((len(text), place))
        return cls(source, text + source[read:], tuple(moved))

    def column(self, line: int, column: int) -> int:
        """The column in the expression as it was written, of one in it as it is read. Both count from 1; the lines are
        the same, because no place goes over the end of one.
        """
        place = _start_of(self.text, line) + column - 1
        was = place
        for ends, stood in self.moved:
            if place >= ends:
                was = stood.end + place - ends
            else:
                was = min(was, stood.start)
                break
        return was - _start_of(self.source, line) + 1


def _start_of(text: str, line: int) -> int:
    return sum(len(each) + 1 for each in text.split("\n")[: line - 1])


def marked(literals: list[Literal]) -> dict[Literal, str]:
    """What stands for each while it is not known what an `m` is."""
    return {
        each: f"dyn({_MARK + number})" if each.ambiguous else _word(each, processor=False)
        for number, each in enumerate(literals)
    }


def words_for(literals: list[Literal], tree: Node, counting: frozenset[str]) -> dict[Literal, str]:
    """What the language has for each.

    Args:
        literals: of the expression.
        tree: the expression, with `marked` in their places.
        counting: the facts that count thousandths of a processor.
    """
    processors = set(_beside(tree, counting, processor=False))
    return {each: _word(each, processor=_MARK + number in processors) for number, each in enumerate(literals)}


def _word(literal: Literal, *, processor: bool) -> str:
    return literal.as_duration() if literal.unit in _SECONDS and not processor else literal.as_quantity()


def _beside(node: Node, counting: frozenset[str], *, processor: bool) -> Iterator[int]:
    """The marks that stand beside a fact that counts thousandths of a processor, in one operation or around it."""
    if node.function == "dyn":
        mark = node.operands[0].constant
        if processor and isinstance(mark, int):
            yield mark
        return
    compares, computes = node.function in COMPARISONS, node.function in CALCULATIONS
    beside = (compares or computes) and any(
        each.expr.select.field in counting for each in node if each.kind == "select"
    )
    for part in node.operands:
        yield from _beside(part, counting, processor=beside or (computes and processor))
