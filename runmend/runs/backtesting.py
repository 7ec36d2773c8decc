"""Which runs a runbook would have started for alerts that fired before, by the series `ALERTS` of Prometheus. Pure.

Called by `runmend backtest`. What the cluster was like then nobody knows any more, so a run is taken to last as long as
its window, and the workload of a pod is told by the pods' common name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from runmend.alerts.alert import Alert
from runmend.alerts.labels import subject_of
from runmend.core.settings import Settings
from runmend.outside.prometheus import Series
from runmend.plan.plan import Plan
from runmend.runs.routing import Unrouted, check_place

_GAP: Final = 1.5
"""After how many steps without a sample an alert has not fired any more."""
_SUFFIX: Final = "[bcdfghjklmnpqrstvwxz2456789]"
_OF_REPLICA_SET: Final = re.compile(rf"(?P<name>.+)-{_SUFFIX}{{6,10}}-{_SUFFIX}{{5}}")
_OF_DAEMON_SET: Final = re.compile(rf"(?P<name>.+)-{_SUFFIX}{{5}}")
_OF_STATEFUL_SET: Final = re.compile(r"(?P<name>.+)-\d{1,5}")


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert that fired, from its first sample to its last, in seconds since 1970."""

    target: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class OfTarget:
    """What a runbook would have done to one target."""

    name: str
    runs: int
    episodes: int
    last: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a runbook would have started."""

    alerts: int
    """How many times an alert of its name fired."""
    runs: int
    targets: tuple[OfTarget, ...]
    """The one with the most runs first."""
    at_once: int
    """For how many targets alerts fired at the same time, at most."""
    at: float | None
    """When that was first; None where none fired."""
    passed_over: tuple[tuple[str, int], ...]
    """Why others would have started none, and how many; the commonest first."""


def backtest(plan: Plan, series: Iterable[Series], settings: Settings, step: float) -> Backtest:
    """What would have been started.

    Args:
        plan: the runbook's.
        series: of its alerts, firing.
        settings: the installation's, which say where anything is changed.
        step: seconds from one sample to the next.
    """
    episodes: list[Episode] = []
    others: Counter[str] = Counter()
    alerts = 0
    for number, each in enumerate(series):
        times = tuple(_spans(each.times, step))
        alerts += len(times)
        try:
            target = _target(plan, number, each, settings)
        except Unrouted as why:
            others[str(why)] += len(times)
            continue
        episodes += [Episode(target, began, ended) for began, ended in times]
    targets = tuple(sorted(_by_target(episodes, plan.window_seconds), key=lambda one: (-one.runs, one.name)))
    at_once, at = _most_at_once(episodes, step)
    return Backtest(alerts, sum(one.runs for one in targets), targets, at_once, at, tuple(others.most_common()))


def _target(plan: Plan, number: int, series: Series, settings: Settings) -> str:
    """The target of an alert's series, in words.

    Raises:
        Unrouted: it would have started no run.
    """
    labels = {name: value for name, value in series.labels.items() if name not in ("__name__", "alertstate")}
    if named := labels.get("runbook_id"):
        if named != plan.runbook_id:
            raise Unrouted("it asks for another runbook by its runbook_id")
    elif unmet := next((matcher for matcher in plan.match if not matcher.matches(labels)), None):
        raise Unrouted(f"its labels do not match {unmet}")
    subject = subject_of(labels)
    alert = Alert(fingerprint=str(number), starts_at="", labels=dict(subject.labels))
    routed = check_place(number, alert, subject, plan, settings)
    name = _of_pods(routed.name) if routed.place.kind == "Pod" else routed.name
    return f"{routed.place.kind} {f'{routed.place.namespace}/' if routed.place.namespace else ''}{name}"


def _of_pods(name: str) -> str:
    """What the pods of a workload are called: `web-*` of `web-6b9f7d8c5-x2xzk`."""
    for pattern in (_OF_REPLICA_SET, _OF_DAEMON_SET, _OF_STATEFUL_SET):
        if found := pattern.fullmatch(name):
            return f"{found['name']}-*"
    return name


def _spans(times: Sequence[float], step: float) -> Iterable[tuple[float, float]]:
    """From when to when it fired, each time."""
    began = last = None
    for time in sorted(times):
        if began is None or last is None:
            began = time
        elif time - last > _GAP * step:
            yield began, last
            began = time
        last = time
    if began is not None and last is not None:
        yield began, last


def _by_target(episodes: Iterable[Episode], window: float) -> Iterable[OfTarget]:
    """A target has one run at a time, which alerts join that begin to fire while it is open."""
    found: dict[str, list[Episode]] = {}
    for episode in sorted(episodes, key=lambda one: one.began):
        found.setdefault(episode.target, []).append(episode)
    for name, own in found.items():
        runs, open_until = 0, float("-inf")
        for episode in own:
            if episode.began > open_until:
                runs, open_until = runs + 1, episode.began + window
        yield OfTarget(name, runs, len(own), own[-1].began)


def _most_at_once(episodes: Iterable[Episode], step: float) -> tuple[int, float | None]:
    """For how many targets alerts fired at the same time, at most, and when first."""
    moments = sorted(
        moment
        for one in episodes
        for moment in ((one.began, 1, one.target), (one.ended + step, 0, one.target))  # an end comes first
    )
    firing: Counter[str] = Counter()
    most, at = 0, None
    for time, begins, target in moments:
        firing[target] += 1 if begins else -1
        if not firing[target]:
            del firing[target]
        if len(firing) > most:
            most, at = len(firing), time
    return most, at
