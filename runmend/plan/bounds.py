"""How large a run's result may be. Pure; the workflow calls it before it hands its result on.

Temporal refuses a payload of more than 2 MB, and fails the workflow's task that wants to hand it on, again and again:
the run stays open, and keeps its target from every other.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from runmend.plan.messages import RunResult

RESULT_BYTES: Final = 1_000_000
ALERTS_BYTES: Final = 100_000
"""How many bytes of alerts, as JSON, a run keeps one by one: all of them are handed to every activity."""
CONTAINERS_BYTES: Final = 160_000
"""And how many, so that one that names a container which is not named yet is kept."""
TEXT_BYTES: Final = 20_000
FINDING_LINES: Final = 30
FINDING_BYTES: Final = 300
FINDINGS_BYTES: Final = 4_000
"""How much of what a step read is kept: lines, bytes of each, bytes together."""
_FEW: Final = 20
_EVIDENCE_BYTES: Final = 500
_CUT: Final = "…"


def bounded(result: RunResult, most: int = RESULT_BYTES) -> RunResult:
    """The result, and where it is too large less of it: what was left out is said among its remarks."""
    left_out: list[str] = []
    for what, less in _LESS:
        if len(result.model_dump_json().encode()) <= most:
            break
        smaller = less(result)
        if smaller != result:
            left_out.append(what)
            result = smaller
    if not left_out:
        return result
    said = f"this result was too large: without {', '.join(left_out)}; the run's history has what was found"
    return result.model_copy(update={"remarks": (*result.remarks, said)})


def last_lines(lines: Iterable[str], most: int = FINDING_LINES, size: int = FINDINGS_BYTES) -> tuple[str, ...]:
    """The last of a step's findings, each cut, and what they hold together too."""
    kept: list[str] = []
    for line in reversed([_cut(line, FINDING_BYTES) for line in lines][-most:]):
        size -= len(line.encode())
        if size < 0:
            break
        kept.insert(0, line)
    return tuple(kept)


def _texts(result: RunResult) -> RunResult:
    return result.model_copy(
        update={
            "summary": _cut(result.summary),
            "reason": _cut(result.reason),
            "remarks": tuple(map(_cut, result.remarks[:_FEW])),
        }
    )


def _observation(result: RunResult) -> RunResult:
    seen = result.observation
    if seen is None:
        return result
    less: dict[str, Any] = {"pods": (), "images": {}, "affected": (), "findings": (), "causes": {}, "remarks": ()}
    return result.model_copy(update={"observation": seen.model_copy(update=less)})


def _steps(result: RunResult) -> RunResult:
    steps = tuple(
        step.model_copy(update={"facts": {}, "findings": (), "remarks": (), "summary": _cut(step.summary)})
        for step in result.steps
    )
    return result.model_copy(update={"steps": steps})


def _alerts(result: RunResult) -> RunResult:
    kept = result.alerts[:_FEW]
    more = result.more_alerts + len(result.alerts) - len(kept)
    return result.model_copy(update={"alerts": kept, "more_alerts": more})


def _verdicts(result: RunResult) -> RunResult:
    verdicts = tuple(
        each.model_copy(update={"evidence": _cut(each.evidence, _EVIDENCE_BYTES)}) for each in result.verdicts
    )
    return result.model_copy(update={"verdicts": verdicts})


def _changes(result: RunResult) -> RunResult:
    steps = tuple(step.model_copy(update={"changes": step.changes[:_FEW]}) for step in result.steps)
    return result.model_copy(update={"steps": steps})


_LESS: Final[tuple[tuple[str, Callable[[RunResult], RunResult]], ...]] = (
    ("the ends of long texts", _texts),
    ("what was observed", _observation),
    ("what steps read", _steps),
    ("most alerts", _alerts),
    ("most evidence", _verdicts),
    ("most changes", _changes),
)
"""What is left out, what is missed least first."""


def _cut(text: str, most: int = TEXT_BYTES) -> str:
    data = text.encode()
    return text if len(data) <= most else data[:most].decode(errors="ignore") + _CUT
