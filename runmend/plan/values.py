"""The values that a step's command is filled with, besides its target: what is calculated, and what was observed."""

from collections.abc import Mapping, Sequence

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.quantities import Resource, Unit

UNTOLD = "a value cannot be told"


class Calculation(Frozen):
    """A calculation of an action, `new_limit = max(256Mi, current_limit * 2)`."""

    name: str
    source: str
    unit: Unit
    names: dict[str, Unit] = {}
    """The names that it uses, and their units."""
    each: bool = False
    """Whether it is of each container."""
    resource: Resource = "memory"
    """Whose limits and requests it is about."""
    at_least: str = ""
    at_most: str = ""

    @property
    def in_words(self) -> str:
        """`new_limit = max(256Mi, current_limit * 2), at most 4Gi`."""
        return f"{self.name} = {self.source}{self.bounds}"

    @property
    def bounds(self) -> str:
        """`, at most 4Gi`; empty where it has none."""
        least = f", at least {self.at_least}" if self.at_least else ""
        return least + (f", at most {self.at_most}" if self.at_most else "")


class Value(Frozen):
    """A value as it was when the run had looked at its target; empty where it could not be told."""

    name: str
    container: str = ""
    """Of which container it is; empty where it is of none."""
    text: str = ""
    words: str = ""
    """How it came about, of one that was calculated; why it cannot be told."""

    @property
    def in_words(self) -> str:
        """`new_limit = 512Mi: max(256Mi, current_limit 256Mi * 2), at most 4Gi`."""
        return f"{self.name} = {self.text}" + (f": {self.words}" if self.words else "")


class Known(dict[str, str]):
    """What placeholders stand for; one whose value could not be told says why when it is asked for."""

    def __init__(self, told: Mapping[str, str], untold: Mapping[str, str]) -> None:
        super().__init__(told)
        self._untold = untold

    def __missing__(self, name: str) -> str:
        if name in self._untold:
            raise PreconditionFailed(f"{name} cannot be told: {self._untold[name]}", reason=UNTOLD)
        raise KeyError(name)


def known(base: Mapping[str, str], values: Sequence[Value], container: str) -> Known:
    """What placeholders stand for where a container is treated; `container` is empty where none is."""
    own = [value for value in values if value.container in ("", container)]
    told = {value.name: value.text for value in own if value.text}
    untold = {value.name: value.words for value in own if not value.text}
    return Known({**base, **told, **({"container": container} if container else {})}, untold)
