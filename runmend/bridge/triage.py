"""Which answer an alert gets, from what was read. Pure: `bridge.intake` does the reading and the starting."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from runmend.alerts.alert import Alert, Target
from runmend.core.modes import Mode, strictest
from runmend.core.settings import Settings
from runmend.runs.routing import Routed
from runmend.runs.starting import Latest

CARRIED_MAX: Final = 200_000
"""How many bytes of alerts, as JSON, one start carries, in its input and in its signal. Temporal refuses an input of
more than 2 MB for good, however often it is tried; its SDK takes 0.1 s to copy 1 MB, which holds the event loop."""


class Answer(StrEnum):
    """What happened to an alert.

    Firing ones get the first of these that fits, `noted` and `no open run` are for resolved ones.
    """

    UNROUTED = "unrouted"
    GONE = "gone"
    KNOWN = "known"
    BUSY = "busy"
    HELD = "held"
    JOINED = "joined"
    STARTED = "started"
    NOTED = "noted"
    NO_OPEN_RUN = "no open run"
    FAILED = "failed"
    """Temporal or the API server did not answer; the webhook is answered 503 and comes again."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """An answer, why, and the workflow id and the run id of the run that it speaks of."""

    answer: Answer
    why: str
    run: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do for a target: the alerts that are answered already, and those that one start carries."""

    rulings: dict[int, Ruling] = field(default_factory=dict)
    carried: tuple[Routed, ...] = ()
    joins: bool = False

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts that the start carries, an episode that the webhook lists twice once."""
        return tuple({routed.alert.episode: routed.alert for routed in self.carried}.values())


def decide(
    target: Target, uid: str, alerts: Sequence[Routed], latest: Latest | None, settings: Settings, now: datetime
) -> Decision:
    """What to do for a target whose alerts' pods are there, given its latest run. `uid` is the target's, now."""
    rulings: dict[int, Ruling] = {}
    left: list[Routed] = list(alerts)
    if latest is not None:
        judge = _Judge(target, uid, latest, settings, now)
        judged = [(routed, judge.ruling(routed)) for routed in alerts]
        rulings = {routed.index: ruling for routed, ruling in judged if ruling}
        left = [routed for routed, ruling in judged if not ruling]
    if not left:
        return Decision(rulings)
    runbook_id = left[0].plan.runbook_id
    others = f"{runbook_id} is being started for {target}, one runbook at a time"
    too_many = f"the webhook holds more alerts for {target} than one start can carry"
    busy = {
        why: Ruling(Answer.BUSY, f"{why}; the alert comes again with the next repeat", target.workflow_id)
        for why in (others, too_many)
    }
    carried: list[Routed] = []
    size = 0
    for routed in left:
        if size <= CARRIED_MAX:
            size += len(routed.alert.model_dump_json().encode())
        if routed.plan.runbook_id != runbook_id:
            rulings[routed.index] = busy[others]
        elif size > CARRIED_MAX:
            rulings[routed.index] = busy[too_many]
        else:
            carried.append(routed)
    return Decision(rulings, tuple(carried), joins=latest is not None and latest.open)


class _Judge:
    """The answers that a target's latest run gives, each made once: there may be thousands of alerts of one target."""

    def __init__(self, target: Target, uid: str, latest: Latest, settings: Settings, now: datetime) -> None:
        self._latest = latest
        self._mode = settings.mode_in(target.namespace)
        self._had = latest.had(uid)
        run, run_id = target.workflow_id, latest.run_id
        state = "is open" if latest.open else f"has ended ({latest.status.name.lower()})"
        dealt = f"this episode was dealt with by run {run_id}, which {state}, or by one before it"
        self._known = Ruling(Answer.KNOWN, dealt, run, run_id)
        other = f"an open run of {latest.runbook_id} works on {target}; the alert comes again with the next repeat"
        self._busy = Ruling(Answer.BUSY, other, run, run_id)
        full = f"the history of {latest.runbook_id}'s open run is full; the alert comes again with the next repeat"
        self._full = Ruling(Answer.BUSY, full, run, run_id)
        self._held: Ruling | None = None
        if latest.closed_at is not None and latest.left_trouble and now < (until := latest.closed_at + settings.hold):
            ended = "failed" if latest.failed else f"only {latest.outcome}"
            why = f"run {run_id} dealt with the same trouble and {ended}, at {latest.closed_at:%Y-%m-%dT%H:%M:%SZ}"
            self._held = Ruling(Answer.HELD, f"{why}; held until {until:%Y-%m-%dT%H:%M:%SZ}", run, run_id)

    def ruling(self, routed: Routed) -> Ruling | None:
        """The first of `known`, `busy` and `held` that fits an alert."""
        latest, plan = self._latest, routed.plan
        if latest.was_to_recommend and strictest(plan.mode, self._mode) is not Mode.RECOMMEND:
            return None  # what it was not allowed to do is allowed now
        if latest.knows(routed.alert):
            return self._known
        if latest.open:
            if latest.runbook_id != plan.runbook_id:
                return self._busy
            return self._full if latest.full else None
        return self._held if self._had(routed.alert) and latest.sha256 == plan.sha256 else None
