"""An expression for each fact, made of what its model says of it: where it stands, its type, and a value that its
docstring names.

Called by `runmend facts` and by the documentation; a fact that is added has its example by this.
"""

import re
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Final

from runmend.facts.groups import GROUPS
from runmend.facts.outside import ASKING
from runmend.facts.schema import MODELS, Fact, described, facts_of

_NAMED: Final = re.compile(r"`([A-Za-z]+)`")
_OF_KINDS: Final = {model: name for name, model in MODELS.items()}
_VALUES: Final = frozenset({"waiting", "running", "terminated"})
_OF_NUMBERS: Final = {"bytes": "256Mi", "millicores": "500m"}
_OF_OTHERS: Final = {"bool": "", "duration": " > 5m", "double": " > 0.5", "dyn": " != null"}
_BEHIND_GROUPS: Final = {"list": "{0}.exists({1}, {1}.", "map": '{0}["look"].'}


@cache
def _begins() -> Mapping[str, tuple[str, str]]:
    """Kind of object → how an expression comes to one: what stands before a fact of it, and behind the comparison."""
    found: dict[str, tuple[str, str]] = {}
    # A group that is one object comes first: nothing is as short as `pod.phase`.
    groups = sorted(GROUPS.items(), key=lambda item: "(" in item[1].type)
    open_kinds: deque[str] = deque()
    for name, group in groups:
        if group.of in MODELS and group.of not in found:
            shape = group.type.partition("(")[0] if "(" in group.type else "one"
            before = _BEHIND_GROUPS.get(shape, "{0}.").format(name, name[0])
            found[group.of] = (before, ")" if shape == "list" else "")
            open_kinds.append(group.of)
    for asking in ASKING:
        if asking.of in MODELS:
            before = f"{asking.example}.exists(s, s." if asking.shape == "list" else f"{asking.example}."
            found[asking.of] = (before, ")" if asking.shape == "list" else "")
    while open_kinds:
        kind = open_kinds.popleft()
        before, behind = found[kind]
        for fact in facts_of(MODELS[kind]):
            of = _OF_KINDS.get(fact.of, "")
            if of and of not in found:
                short = of[0].lower()
                found[of] = (
                    (f"{before}{fact.name}.exists({short}, {short}.", f"){behind}")
                    if fact.shape == "list"
                    else (f"{before}{fact.name}.", behind)
                )
                open_kinds.append(of)
    return found


def example_of(kind: str, fact: Fact, means: str) -> str:
    """An expression that reads a fact of a kind of object; `means` is what its model says of it."""
    before, behind = _begins()[kind]
    if fact.shape != "list" and (of := _OF_KINDS.get(fact.of)):
        of_it, says = next(described(MODELS[of]))
        return f"{before}{fact.name}.{of_it.name}{_compared(of_it, says)}{behind}"
    return f"{before}{fact.name}{_compared(fact, means)}{behind}"


def _compared(fact: Fact, means: str) -> str:
    of, shape = fact.type.removesuffix("?"), fact.shape
    named = next((name for name in _NAMED.findall(means) if name[0].isupper() or name in _VALUES), "")
    if shape == "map":
        return "['Ready'] == 'True'" if named == "True" else ".size() > 0"
    if shape == "list":
        return ".size() > 0"
    if of in _OF_OTHERS:
        return _OF_OTHERS[of]
    if of == "int":
        return f" < {_OF_NUMBERS[fact.unit.name]}" if fact.unit else " != null" if shape == "maybe" else " > 1"
    return f" == '{named}'" if named else " != ''"


def examples() -> Mapping[tuple[str, str], str]:
    """Kind of object and fact → an expression that reads it."""
    return {
        (kind, fact.name): example_of(kind, fact, means)
        for kind, model in MODELS.items()
        for fact, means in described(model)
    }
