"""Which alerts of its name a runbook answers: matchers on labels, as Alertmanager writes them. Pure.

A label that an alert does not carry has an empty value. Patterns are RE2's, which no text makes slow, and match whole.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from runmend.core.frozen import Frozen

if TYPE_CHECKING:
    from cel_expr_python import cel

LONGEST: Final = 500
"""How long a matcher's value may be."""
_WRITTEN: Final = re.compile(r"\s*(?P<label>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<operator>=~|!~|!=|=)(?P<value>.*)", re.DOTALL)
_LIKE: Final = 'write for example team="payments" or severity=~"critical|warning"'

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(Frozen):
    """One matcher: `team="payments"`, `namespace!~"kube-.*"`."""

    label: str
    operator: Operator
    value: str

    @property
    def is_pattern(self) -> bool:
        """Whether its value is a pattern."""
        return self.operator.endswith("~")

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is let through."""
        return self.accepts(labels.get(self.label, ""))

    def accepts(self, text: str) -> bool:
        """Whether a label with this value is let through."""
        same = matches(self.value, text) if self.is_pattern else text == self.value
        return same is not self.operator.startswith("!")

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


def read_matcher(text: str) -> Matcher:
    """Read a matcher; its value may stand in quotes.

    Raises:
        ValueError: it is none, or its pattern is none.
    """
    found = _WRITTEN.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise ValueError(f"it is no matcher; {_LIKE}")
    value = found["value"].strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    operator: Operator = found["operator"]  # type: ignore[assignment]  # one of the four
    matcher = Matcher(label=found["label"], operator=operator, value=value)
    matcher.accepts("")
    return matcher


def exclude_each_other(some: Iterable[Matcher], others: Iterable[Matcher]) -> bool:
    """Whether no alert can match both, as far as that is told by values that are compared for being equal."""
    these, those = tuple(some), tuple(others)
    return any(
        one.operator == "=" and one.label == other.label and not other.accepts(one.value)
        for first, second in ((these, those), (those, these))
        for one in first
        for other in second
    )


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches the whole of a text.

    Raises:
        ValueError: it is no pattern.
    """
    answer = _matching().eval(data={"pattern": pattern, "text": text}).value()
    if answer not in (True, False):  # an error, as a value
        raise ValueError(f"{pattern!r} is no pattern: {str(answer).rpartition('expression: ')[2]}")
    return bool(answer)


@cache
def _matching() -> "cel.Expression":
    from cel_expr_python import cel  # noqa: PLC0415  it takes a tenth of a second, and most runbooks have no pattern

    environment = cel.NewEnv(variables={"pattern": cel.Type.STRING, "text": cel.Type.STRING})
    return environment.compile('text.matches("^(?:" + pattern + ")$")')
