"""What many runs come to: counted for each runbook and for each target.

Pure: the rows are all it knows; their order changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Final

from runmend.core.outcomes import Outcome
from runmend.runs.visibility import FAILED, RUNNING, TERMINATED, TIMED_OUT, Row

REPEATED: Final = 2
"""From how many runs in trouble on a target is a repeat offender."""
_FAILURES: Final = frozenset(
    {outcome.value for outcome in Outcome if not outcome.completes} - {Outcome.CANCELLED} | {FAILED, TIMED_OUT}
)
_NEEDED: Final = frozenset({Outcome.RESOLVED, Outcome.RECOMMENDED, Outcome.OBSERVED} | _FAILURES)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the runs of one runbook, or on one target, came to.

    Every run is in exactly one of the counts from `resolved` to `other`.
    """

    name: str
    runs: int = 0
    resolved: int = 0
    not_needed: int = 0
    recommended: int = 0
    observed: int = 0
    """By runbooks that only read."""
    failed: int = 0
    """Ended without having done its work; the two below say how and why."""
    cancelled: int = 0
    """By a person, terminated ones included."""
    running: int = 0
    other: int = 0
    """Ended in a way that no run of Runmend does."""
    failed_by_outcome: dict[str, int] = field(default_factory=dict)
    failed_by_reason: dict[str, int] = field(default_factory=dict)
    """One that told no reason is under how it ended."""
    replays: int = 0
    """How many of the runs were started as the replay of another."""
    trouble: int = 0
    """How many found something to fix, or failed; replays left out, as they are about the same trouble again."""
    median_seconds: float | None = None
    """To fix: from the start of a resolved run to its end. None where there is none."""
    last: datetime | None = None
    """When the last of them started."""


@dataclass(frozen=True, slots=True)
class Stats:
    """All runs; those of each runbook, by its name; those on each target, the one with the most trouble first."""

    total: Tally
    runbooks: tuple[Tally, ...]
    targets: tuple[Tally, ...]

    @property
    def offenders(self) -> tuple[Tally, ...]:
        """The targets that were in trouble twice or more."""
        return tuple(target for target in self.targets if target.trouble >= REPEATED)


def count(rows: Iterable[Row]) -> Stats:
    """Count runs; each is given once."""
    runs = list(rows)
    targets = _each(runs, lambda row: row.target)
    return Stats(
        total=tally("all", runs),
        runbooks=tuple(sorted(_each(runs, lambda row: row.runbook_id), key=lambda one: one.name)),
        targets=tuple(sorted(targets, key=lambda one: (-one.trouble, -one.failed, -one.runs, one.name))),
    )


def tally(name: str, runs: list[Row]) -> Tally:
    """What some runs came to."""
    outcomes = Counter(row.outcome for row in runs)
    failures = [row for row in runs if row.outcome in _FAILURES]
    fixed = [row.seconds for row in runs if row.outcome == Outcome.RESOLVED]
    known = {
        "resolved": outcomes[Outcome.RESOLVED],
        "not_needed": outcomes[Outcome.NOT_NEEDED],
        "recommended": outcomes[Outcome.RECOMMENDED],
        "observed": outcomes[Outcome.OBSERVED],
        "failed": len(failures),
        "cancelled": outcomes[Outcome.CANCELLED] + outcomes[TERMINATED],
        "running": outcomes[RUNNING],
    }
    return Tally(
        name=name,
        runs=len(runs),
        **known,
        other=len(runs) - sum(known.values()),
        failed_by_outcome=_most_first(row.outcome for row in failures),
        failed_by_reason=_most_first(row.reason or row.outcome for row in failures),
        replays=sum(row.replay for row in runs),
        trouble=sum(row.outcome in _NEEDED and not row.replay for row in runs),
        median_seconds=median(fixed) if fixed else None,
        last=max((row.started for row in runs), default=None),
    )


def _each(runs: list[Row], of: Callable[[Row], str]) -> list[Tally]:
    groups: dict[str, list[Row]] = {}
    for row in runs:
        groups.setdefault(of(row), []).append(row)
    return [tally(name, group) for name, group in groups.items()]


def _most_first(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
