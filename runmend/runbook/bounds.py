"""The bounds of a calculation: behind it, `(max 4Gi)`, or an item of its action, `- **max**: 4Gi`. Called by
`runbook.calculations`.
"""

import re
from dataclasses import dataclass
from typing import Final

from runmend.runbook.actions import RESERVED, Action, Named
from runmend.runbook.diagnostics import Report, listed, quoted

MOST: Final = ("max", "maximum", "at_most", "upper_bound", "bound")
LEAST: Final = ("min", "minimum", "at_least", "lower_bound")
QUANTITY: Final = r"\d+(?:\.\d+)?[A-Za-z]*"
IN_PARENTHESES: Final = "write it in parentheses behind the calculation, such as (max 4Gi)"
_NEAR_MOST: Final = frozenset(("bounded", "bounds", "cap", "capped", "ceiling", "limit", "maximal", "most", "upper"))
_NEAR_LEAST: Final = frozenset(("floor", "least", "lower", "minimal"))
_NEAR: Final = frozenset((*MOST, *LEAST, *_NEAR_MOST, *_NEAR_LEAST))
_NEAR_PHRASES: Final = ("up_to", "no_more_than", "not_more_than", "no_less_than", "not_less_than")
_LEADS: Final = (
    r"(?:(?P<most>max(?:imum)?|at most|up to|(?:no|not) more than|capped at|bounded (?:by|to|at)|limited to|<=)"
    r"|(?P<least>min(?:imum)?|at least|(?:no|not) less than|>=))"
)
_VALUE: Final = (
    rf"`?(?P<value>{QUANTITY})`?(?![\w.%])"
    r"(?: (?:for safety|to be safe|(?:per|for each|for every) container|(?:of )?memory|replicas|pods))*"
)
"""A number, and words beside it that say nothing else."""
_BOUND: Final = re.compile(rf"(?<!\w){_LEADS}\s*(?:of\s+|:\s*|=\s*)?{_VALUE}", re.IGNORECASE)
_OF_ITEM: Final = re.compile(rf"(?:{_LEADS} )?{_VALUE}\.?", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"(?:[\s,;().]|\band\b)*", re.IGNORECASE)
_BEHIND: Final = re.compile(rf"\s\((?P<bounds>{_LEADS.replace('?P<', '?P<b_')}[^()]*)\)\s*\.?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound as it is written: the most that may come of a calculation, or the least."""

    value: str
    most: bool
    line: int


def taken_off(text: str) -> tuple[str, str]:
    """A calculation without the parentheses behind it that begin as bounds do, and what stands in those."""
    found = _BEHIND.search(text)
    return (text[: found.start()], found["bounds"]) if found else (text, "")


def bounds_in(text: str, line: int) -> tuple[Bound, ...] | None:
    """The bounds that a text names; None where it says anything else, or two of one side."""
    found = list(_BOUND.finditer(text))
    sides = [bool(each["most"]) for each in found]
    if not _BETWEEN.fullmatch(_BOUND.sub("", text)) or len(set(sides)) < len(sides):
        return None
    return tuple(Bound(each["value"], most, line) for each, most in zip(found, sides, strict=True))


def bound_items(action: Action, used: frozenset[str]) -> dict[str, Named]:
    """The items of an action that bound its calculation, or are named as if they did, and that nothing else uses."""
    free = action.named.keys() - RESERVED - used
    return {name: named for name, named in action.named.items() if name in free and (is_bound(name) or _is_near(name))}


def read_items(items: dict[str, Named], calculated: tuple[str, ...], report: Report) -> tuple[Bound, ...]:
    """The bounds that items are, of the one calculation that there is.

    Args:
        items: the items that are named as bounds, or nearly.
        calculated: the names of what the action calculates.
        report: where it is said that an item bounds nothing.
    """
    found: dict[bool, Bound] = {}
    for name, named in items.items():
        most = _is_most(name)
        if not is_bound(name):
            report.error(
                named.line,
                f"the item {quoted(name)} is not read as a bound of {listed(list(calculated))}",
                f"name it {'max' if most else 'min'}, or {IN_PARENTHESES}; remove it if it is none",
            )
        elif len(calculated) != 1:
            _refuse(named, calculated, report)
        elif bound := _of_item(named, report, most=most):
            if most in found and found[most].value != bound.value:
                first = found[most]
                report.error(
                    named.line, f"the item {name} is a second bound; the first is in line {first.line}", "write one"
                )
            found[most] = bound
    return tuple(found.values())


def _refuse(named: Named, calculated: tuple[str, ...], report: Report) -> None:
    if calculated:
        what = f"does not say which of {listed(list(calculated), 'and')} it bounds"
        remedy = "write behind each calculation its own in parentheses, such as (max 4Gi)"
    else:
        what, remedy = "bounds nothing, as the action calculates nothing", "write a calculation, or remove it"
    report.error(named.line, f"the item {named.name} {what}", remedy)


def _of_item(named: Named, report: Report, *, most: bool) -> Bound | None:
    read = _OF_ITEM.fullmatch(named.value)
    if read and not (read["least" if most else "most"]):
        return Bound(read["value"], most, named.line)
    report.error(
        named.line,
        f"the item {named.name} is no bound: {quoted(named.value)} is more than a number, or none",
        "write a number alone, such as 4Gi",
    )
    return None


def is_bound(name: str) -> bool:
    """Whether a name is one of those that bound a calculation, however it is spelt."""
    return _plain(name) in (*MOST, *LEAST)


def _is_near(name: str) -> bool:
    return _plain(name) in _NEAR_PHRASES or not _NEAR.isdisjoint(_plain(name).split("_"))


def _is_most(name: str) -> bool:
    plain = _plain(name)
    least = plain in ("no_less_than", "not_less_than") or not {*LEAST, *_NEAR_LEAST}.isdisjoint(plain.split("_"))
    return plain in MOST or (plain not in LEAST and not least)


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())
