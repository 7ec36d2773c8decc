"""YAML as a tree whose nodes know their lines, for front matter and for patches.

Nothing is constructed, so no value can be a surprise.

Anchors and aliases are refused (a kilobyte of them can mean a gigabyte), and so are duplicate keys, which YAML's
loaders pass over.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Protocol

import yaml

DEPTH_MAX = 20
_TAGS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:bool": "a boolean",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:null": "empty",
    "tag:yaml.org,2002:timestamp": "a date",
}
_TRUE = frozenset({"true", "yes", "on"})


class _Mark(Protocol):
    """A place in the text; PyYAML has two classes of them."""

    index: int


class YamlError(ValueError):
    """The text is not YAML that Runmend reads; `line` counts from 0 within the text."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without parts; `kind` as a message says it: text, a boolean, a number, empty, a date."""

    value: str
    kind: str
    line: int

    @property
    def is_true(self) -> bool:
        """What a boolean says."""
        return self.value.lower() in _TRUE


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    line: int

    @property
    def kind(self) -> str:
        """As a message says it."""
        return "a list"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping, in the order of the text; no key stands in it twice."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    line: int

    @property
    def kind(self) -> str:
        """As a message says it."""
        return "a mapping"


Node = Scalar | Sequence | Mapping


class _Lines:
    """Which line a mark stands in. PyYAML counts NEL and U+2028 as line ends; editors and Markdown do not."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def at(self, mark: _Mark | None) -> int:
        return 0 if mark is None else bisect_left(self._ends, mark.index)


def read_yaml(text: str) -> Node | None:
    """Read one YAML document; None where there is nothing in it.

    Raises:
        YamlError: it is not YAML, or holds what is refused here.
    """
    lines = _Lines(text)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except _Refused as error:
        raise YamlError(str(error), lines.at(error.mark)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(_one_line(error.problem or error.context or "it cannot be read"), lines.at(mark)) from None
    except yaml.reader.ReaderError as error:
        raise YamlError(
            f"the character {chr(error.character)!a} is not allowed", text.count("\n", 0, error.position)
        ) from None
    except (ValueError, OverflowError) as error:
        # PyYAML's scanner lets chr() and int() fail: "\UFFFFFFFF", %YAML 1.<5000 digits>.
        if isinstance(error, YamlError):
            raise
        raise YamlError("it holds a number or an escape that cannot be read", 0) from None
    return None if node is None else _tree(lines, node)


class _Refused(Exception):
    """YAML that is not read here."""

    def __init__(self, problem: str, event: yaml.Event) -> None:
        super().__init__(problem)
        self.mark: _Mark | None = event.start_mark


class _Loader(yaml.SafeLoader):
    """Composes what it parses, and refuses on its way what a few bytes could make large or deep."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def get_event(self) -> yaml.Event:
        """The next event."""
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or (isinstance(event, yaml.NodeEvent) and event.anchor):
            raise _Refused("it holds an anchor or an alias (& or *), which Runmend does not read", event)
        self._depth += isinstance(event, yaml.CollectionStartEvent)
        self._depth -= isinstance(event, yaml.CollectionEndEvent)
        if self._depth > DEPTH_MAX:
            raise _Refused(f"it is nested more than {DEPTH_MAX} deep", event)
        return event


def _tree(lines: _Lines, node: yaml.Node) -> Node:
    line = lines.at(node.start_mark)
    if isinstance(node, yaml.MappingNode):
        entries: list[tuple[Scalar, Node]] = []
        known: dict[str, int] = {}
        for key, value in node.value:
            name = _tree(lines, key)
            if not isinstance(name, Scalar):
                raise YamlError(f"a key is {name.kind}", name.line)
            if name.value in known:
                raise YamlError(f"the key {name.value!a} stands there twice", name.line)
            known[name.value] = name.line
            entries.append((name, _tree(lines, value)))
        return Mapping(tuple(entries), line)
    if isinstance(node, yaml.SequenceNode):
        return Sequence(tuple(_tree(lines, item) for item in node.value), line)
    if any("\ud800" <= letter <= "\udfff" for letter in node.value):
        raise YamlError("it holds half of a surrogate pair, which is not a character", line)
    return Scalar(node.value, _TAGS.get(node.tag, f"of type {ascii(node.tag)[1:-1][:40]}"), line)


def _one_line(problem: str) -> str:
    return " ".join(problem.split())
