"""What the crash matrix compares: the requests of a run, the points where its worker is killed, and what came of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Moment = Literal["before", "after"]
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")


@dataclass(frozen=True, order=True)
class Asked:
    """What was asked for, and by which activity. What Kubernetes made up in names is left out, so that two runs can be
    compared: the events of one pod and those of its sibling are asked for alike."""

    activity: str
    request: str
    """Method, path and query."""

    @property
    def reads(self) -> bool:
        """Whether it can change nothing."""
        return self.request.startswith("GET ")

    def __str__(self) -> str:
        return f"{self.request} by {self.activity}"


@dataclass(frozen=True)
class Point:
    """Where a worker is killed: at the so-manieth time, counted from 1, that an activity asks for something."""

    asked: Asked
    nth: int
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment} {self.asked}, time {self.nth}"


@dataclass(frozen=True)
class Ran:
    """A run: how it ended, and what was written for it.

    `writes` is counted by the API server's answers, `taken` by the uid of each pod that was evicted or deleted. `asked`
    are its workers' requests, in their order; `reached` says whether the worker was killed.
    """

    end: Mapping[str, Any]
    writes: Counter[str]
    asked: tuple[Asked, ...] = ()
    reached: bool = False
    taken: Counter[str] = field(default_factory=Counter)


def points_of(lived: Ran) -> list[Point]:
    """One for each request of a run and each moment."""
    counted = Counter[Asked]()
    found = []
    for asked in lived.asked:
        counted[asked] += 1
        found += [Point(asked, counted[asked], moment) for moment in MOMENTS]
    return found


def differences(lived: Ran, killed: Ran) -> Iterator[str]:
    """In what a run whose worker was killed differs from the one whose worker lived."""
    for name, value in lived.end.items():
        if killed.end.get(name) != value:
            yield f"{name} is {killed.end.get(name)!r} and not {value!r}"
    for write in sorted(lived.writes | killed.writes):
        if lived.writes[write] != killed.writes[write]:
            yield f"{write} was made {killed.writes[write]} times and not {lived.writes[write]}"
    for uid, times in sorted(killed.taken.items()):
        if times > 1:
            yield f"the pod {uid} was taken away {times} times"


LOOKING: Final = ("runmend.settle", "runmend.hold")
"""What looks until something is there, or for as long as it has to be there, and reads what that look asks for: why
pods are missing is asked for only while some are."""


def is_polled(point: Point, met: Collection[Asked]) -> bool:
    """Whether a run may end without coming to this point.

    An activity reads so often as it takes until what it waits for is there. One that was read less often leaves the
    last of these reads out: it is the same read by the same activity as the one before, which was met. A look of settle
    or hold may leave a read out, where a worker was killed at another of its reads. What any other activity asks for
    once, and every write, is made in each run.

    Args:
        point: the one.
        met: at what workers were killed, at the same moment.
    """
    looks = point.asked.activity in LOOKING and any(other.activity == point.asked.activity for other in met)
    return point.asked.reads and (point.nth > 1 or looks)


def unmet(points: Iterable[Point], ran: Mapping[Point, Ran]) -> Iterator[str]:
    """At which points no worker was killed, and should have been."""
    for point, may_be in _unreached(points, ran):
        if not may_be:
            yield f"no worker was killed {point}"


def polled(points: Iterable[Point], ran: Mapping[Point, Ran]) -> list[Point]:
    """The points that no run came to, because it looked less often, or saw something else."""
    return [point for point, may_be in _unreached(points, ran) if may_be]


def _unreached(points: Iterable[Point], ran: Mapping[Point, Ran]) -> Iterator[tuple[Point, bool]]:
    """Each, and whether a run may end without coming to it."""
    points = tuple(points)
    for point in points:
        if not ran[point].reached:
            met = {other.asked for other in points if other.moment == point.moment and ran[other].reached}
            yield point, is_polled(point, met)
