"""What an earlier step's result tells the gates of later ones. Called by the workflow, where it calls a step. Pure.

All of it is in the result as the history has it: what it read, under the names of the facts, and what it changed.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from runmend.core.quantities import byte_count, millicores
from runmend.facts.step import StepFacts
from runmend.plan.change import POD_SPEC, Change, Path, hidden, shown

if TYPE_CHECKING:
    from runmend.plan.messages import StepResult

_OF_CONTAINERS: Final = (*POD_SPEC, "*", "*")
_VALUES: Final[dict[str, tuple[Path, Callable[[Any], int | str]]]] = {
    "replicas": (("spec", "replicas"), int),
    "memory_limit": ((*_OF_CONTAINERS, "resources", "limits", "memory"), byte_count),
    "cpu_limit": ((*_OF_CONTAINERS, "resources", "limits", "cpu"), millicores),
    "image": ((*_OF_CONTAINERS, "image"), str),
}
"""The values whose facts, NAME_before and NAME_after, have a type of their own: where each stands, and what it is."""
OF_EVERY_STEP: Final = frozenset({"done", "changed", "confirmed", "recommended", "skipped", "failed"})
OF_READING: Final = frozenset({"found", "count"})
OF_CHANGING: Final = frozenset({"changes", "removed", "before", "after"})
_REASON: Final = "reason "
"""Behind it, in a result's facts, the reason of an event."""


def told_of_changes(fields: Collection[Path]) -> frozenset[str]:
    """The facts that a step can tell which may change these fields."""
    names = [name for name, (path, _) in _VALUES.items() if any(_alike(field, path) for field in fields)]
    return OF_CHANGING | {f"{name}_{when}" for name in names for when in ("before", "after")}


def told(result: "StepResult | None", name: str) -> StepFacts:
    """What a step came to, by its result; None where it has none.

    Args:
        result: of the step.
        name: how later gates call it.
    """
    if result is None:
        return StepFacts(name=name)
    ended = "" if result.status == "not_needed" else str(result.status)
    done = ended == "done"
    facts: dict[str, Any] = {"name": name} | ({ended: True} if ended else {})
    if done:
        facts |= _read(result.facts) | {"confirmed": bool(result.confirmed)}
        facts |= {"changed": bool(result.changes), "changes": len(result.changes), "removed": len(result.removed)}
        facts |= _changed(result.changes)
    return StepFacts.model_validate(facts)


def _read(facts: dict[str, str | int | bool]) -> dict[str, Any]:
    own = OF_EVERY_STEP | {"name"}
    found: dict[str, Any] = {
        name: value
        for name, value in facts.items()
        # What is a truth of one kind of object may be a number of another.
        if name in StepFacts.model_fields and name not in own and not isinstance(value, bool)
    }
    found["reasons"] = {name.removeprefix(_REASON): count for name, count in facts.items() if name.startswith(_REASON)}
    found["found"] = bool(found.get("count"))
    return found


def _changed(changes: tuple[Change, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for change in changes:
        for when, value in (("before", change.before), ("after", change.after)):
            if value is None:
                continue
            if change is changes[0] and not hidden(change.path, value):
                found[when] = shown(change.path, value)
            for name, (path, read) in _VALUES.items():
                if len(path) == len(change.path) and _alike(change.path, path):
                    found.setdefault(f"{name}_{when}", read(value))
    return found


def _alike(one: Path, other: Path) -> bool:
    """Whether one way to a field is the other, or leads to it."""
    return all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=False))
