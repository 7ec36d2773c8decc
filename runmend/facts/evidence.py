"""Why an expression holds or does not: which facts were looked at, and what they were, in words.

Called by `facts.expressions`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from google.protobuf.message import Message

from runmend.facts.outside import ASKING
from runmend.facts.schema import units
from runmend.facts.snapshot import first_few
from runmend.facts.syntax import OPERATIONS, Node
from runmend.facts.units import duration_in_words, quantity_in_words

_LONGEST_VALUE: Final = 120
_NAMED: Final = frozenset({"waiting", "terminated", *(asking.name for asking in ASKING)})
"""Functions that read facts and name none."""


class Stopped(ValueError):
    """An expression took too long, and was not evaluated to its end."""


class Reader(Protocol):
    """Values of an expression's parts."""

    def value(self, node: Node, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401  whatever the part is
        """A part's value, with the variables around it; a `ValueError`, not raised, where it has none."""

    def said(self, function: str, name: str) -> str | None:
        """What a function saw, asked for a name; None where it says nothing."""

    def words_of(self, element: Any, fact: str = "") -> str:  # noqa: ANN401  a message
        """What is to be said of an object beside one of its facts, or as a whole; empty where nothing is."""


def explain(tree: Node, reader: Reader) -> str:
    """What decided an expression's value, in words."""
    return first_few(list(dict.fromkeys(_reasons(tree, reader, {}))))


def _reasons(node: Node, reader: Reader, scope: Mapping[str, Any]) -> Iterator[str]:
    value = reader.value(node, scope)
    match node.function:
        case "_&&_" | "_||_" if not isinstance(value, Stopped):
            yield from _joined(node, reader, scope, value)
            return
        case "!_":
            yield from _reasons(node.operands[0], reader, scope)
            return
    if isinstance(value, Stopped):
        yield f"{node.text[:_LONGEST_VALUE]}: {value}"
    elif node.quantified:
        yield from _quantified(node, reader, scope, value)
    elif isinstance(value, ValueError):
        facts = [f"{each.text}{_words_beside(each, reader, scope)}" for each in _leaves(node)]
        yield f"{', '.join(facts) or node.text}: {value}"
    elif node.kind == "call" and (words := _said(node, reader)):
        yield words
    elif node.path == ("restarted",):
        yield reader.said("restarted", "") or ""
    elif _operates(node) or node.function == "_?_:_":
        yield from _compared(node, reader, scope, value)
    else:
        yield _is(node, value, reader, scope)


def _joined(node: Node, reader: Reader, scope: Mapping[str, Any], value: Any) -> Iterator[str]:  # noqa: ANN401
    """Of `&&` that is false, and of `||` that is true, what made it so; else both sides."""
    decided = value is (node.function == "_||_")
    for side in node.operands:
        if not decided or reader.value(side, scope) is value:
            yield from _reasons(side, reader, scope)


def _quantified(node: Node, reader: Reader, scope: Mapping[str, Any], value: Any) -> Iterator[str]:  # noqa: ANN401
    quantified = node.quantified
    assert quantified is not None  # noqa: S101  asked for just before
    name, variable, among, asked = quantified
    elements = reader.value(among, scope)
    if isinstance(elements, ValueError):
        yield f"{among.text}: {elements}"
        return
    elements = list(elements)
    telling = name == "exists"
    if value is (name == "all"):  # none was different
        if not elements:
            yield f"{among.text} is empty"
        else:
            facts = ", ".join(dict.fromkeys(_asked_of(asked, variable)))
            of = f"none of {len(elements)}" if telling else f"all {len(elements)}"
            yield f"it holds of {of} {among.text} ({facts or asked.text})"
        return
    for number, element in enumerate(elements):
        plain = element.value() if hasattr(element, "plain_value") else element
        inner = {**scope, variable: plain}
        found = reader.value(asked, inner)
        if isinstance(found, ValueError) or found is telling:
            label = getattr(plain, "name", "") or _numbered(plain, among, number)
            words = reader.words_of(plain) if isinstance(plain, Message) else ""
            reasons = re.sub(rf"\b{variable}\.", "", ", ".join(_reasons(asked, reader, inner)))
            yield f"{label}: {reasons}" + (f" ({words})" if words else "")


def _asked_of(node: Node, variable: str) -> Iterator[str]:
    """What is asked of each element: its facts, and of what it is made of as `containers: ready, started`."""
    for leaf in _leaves(node):
        if leaf.quantified is None:
            yield leaf.text.removeprefix(f"{variable}.")
        else:
            _, inner, among, asked = leaf.quantified
            of = ", ".join(dict.fromkeys(_asked_of(asked, inner)))
            yield f"{among.text.removeprefix(f'{variable}.')}: {of or asked.text}"


def _said(node: Node, reader: Reader) -> str | None:
    name = node.operands[-1].constant if node.operands else None
    return reader.said(node.function, name) if isinstance(name, str) else None


def _compared(node: Node, reader: Reader, scope: Mapping[str, Any], value: Any) -> Iterator[str]:  # noqa: ANN401
    leaves = list(_leaves(node))
    if not leaves:
        yield f"{node.text} is {_shown(value)}"
    for leaf in leaves:
        yield _is(leaf, reader.value(leaf, scope), reader, scope)


def _is(node: Node, value: Any, reader: Reader, scope: Mapping[str, Any]) -> str:  # noqa: ANN401
    if node.function == "size" and len(node.operands[0].path) == 1:
        name = node.operands[0].text
        return f"1 {name.removesuffix('s')}" if value == 1 else f"{value or 'no'} {name}"
    return f"{node.text} is {_shown(value, node)}{_words_beside(node, reader, scope)}"


def _words_beside(node: Node, reader: Reader, scope: Mapping[str, Any]) -> str:
    """What an object that stands alone says of itself, beside its fact; empty where it says nothing."""
    root, fact = node.path[:1], node.path[1:2]
    if not fact or root[0] in scope:
        return ""
    whole = next((each for each in node if each.path == root), None)
    element = reader.value(whole, scope) if whole else None
    words = reader.words_of(element, fact[0]) if isinstance(element, Message) else ""
    return f" ({words})" if words else ""


def _numbered(element: Any, among: Node, number: int) -> str:  # noqa: ANN401  an element of a list
    """What an element of a list is called that has no name: `event 1`."""
    return f"{among.text.removesuffix('s')} {number + 1}" if isinstance(element, Message) else str(number)


def _operates(node: Node) -> bool:
    """Whether its operands are looked at one by one; of what is in a list that is written out too."""
    return node.function in OPERATIONS or (node.function == "@in" and node.operands[1].kind == "list")


def _leaves(node: Node) -> Iterator[Node]:
    """The facts that a part names: its longest paths, and what is counted of them."""
    if all(each.kind != "ident" and each.function not in _NAMED for each in node):
        return  # a constant
    whole = node.path or node.kind in ("select", "comprehension") or node.kind == "call"
    if whole and not _operates(node) and node.function not in ("!_", "-_", "_?_:_"):
        yield node
    else:
        for part in node.operands:
            yield from _leaves(part)


def _shown(value: Any, node: Node | None = None) -> str:  # noqa: ANN401  whatever the part is
    unit = units().get(str(node.expr.select.field)) if node and node.kind == "select" else None
    match value:
        case int() if unit and not isinstance(value, bool):
            text = quantity_in_words(value, unit)
        case timedelta():
            text = duration_in_words(value)
        case None:
            text = "null"
        case bool():
            text = str(value).lower()
        case str():
            text = f'"{value}"'
        case ValueError():
            text = f"unknown ({value})"
        case Mapping():
            text = f"{{{', '.join(f'{key}={_plain(each)}' for key, each in value.items())}}}"
        case Sequence():
            text = f"[{', '.join(str(_plain(each)) for each in value)}]"
        case _:
            text = str(_plain(value))
    return f"{text[:_LONGEST_VALUE]}…" if len(text) > _LONGEST_VALUE else text


def _plain(value: Any) -> Any:  # noqa: ANN401  as an expression's runtime holds it
    """A value as it is; an object by its name."""
    plain = value.value() if hasattr(value, "plain_value") else value
    return getattr(plain, "name", "an object") if isinstance(plain, Message) else plain
