"""What an earlier step's result tells the gates of later ones. Called by the workflow, where it calls a step. Pure.

All of it is in the result as the history has it: what it read, under the names of the facts, and what it changed.
"""

from collections.abc import Callable, Collection, Sequence
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


def told(results: "Sequence[StepResult]", name: str) -> StepFacts:
    """What an action came to, by the results of its commands: it is done where all of them are, and else what the first
    of them came to that is not. Nothing of it is true where it has no result.

    Args:
        results: of its commands, as far as they have ended.
        name: how later gates call it.
    """
    ended = next((result.status for result in results if result.status != "done"), "done" if results else "not_needed")
    done = [result for result in results if result.status == "done"]
    facts: dict[str, Any] = {"name": name} | ({str(ended): True} if ended != "not_needed" else {})
    facts |= {"changed": any(result.changes for result in done), "confirmed": any(result.confirmed for result in done)}
    if ended == "done":
        for result in done:
            facts |= _read(result.facts) if result.facts else {}
        changes = tuple(change for result in done for change in result.changes)
        facts |= {"changes": len(changes), "removed": sum(len(result.removed) for result in done)}
        facts |= _changed(changes)
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
