"""Which answer an alert gets, from what was read. Pure: `bridge.intake` does the reading and the starting."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from runmend.alerts.alert import Alert, Target
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
    POD_GONE = "pod gone"
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
    target: Target, uid: str, alerts: Sequence[Routed], latest: Latest | None, hold: timedelta, now: datetime
) -> Decision:
    """What to do for a target whose alerts' pods are there, given its latest run. `uid` is the target's, now."""
    rulings: dict[int, Ruling] = {}
    left: list[Routed] = []
    for routed in alerts:
        ruling = _before_a_start(target, uid, routed, latest, hold, now)
        if ruling is None:
            left.append(routed)
        else:
            rulings[routed.index] = ruling
    if not left:
        return Decision(rulings)
    runbook_id = left[0].plan.runbook_id
    carried: list[Routed] = []
    size = 0
    for routed in left:
        if size <= CARRIED_MAX:
            size += len(routed.alert.model_dump_json().encode())
        if routed.plan.runbook_id != runbook_id:
            why = f"{runbook_id} is being started for {target}, one runbook at a time"
        elif size > CARRIED_MAX:
            why = f"the webhook holds more alerts for {target} than one start can carry"
        else:
            carried.append(routed)
            continue
        rulings[routed.index] = Ruling(
            Answer.BUSY, f"{why}; the alert comes again with the next repeat", target.workflow_id
        )
    return Decision(rulings, tuple(carried), joins=latest is not None and latest.open)


def _before_a_start(
    target: Target, uid: str, routed: Routed, latest: Latest | None, hold: timedelta, now: datetime
) -> Ruling | None:
    """The first of `known`, `busy` and `held` that fits."""
    if latest is None:
        return None
    run = target.workflow_id
    if latest.knows(routed.alert):
        state = "is open" if latest.open else f"has ended ({latest.status.name.lower()})"
        return Ruling(
            Answer.KNOWN,
            f"this episode was dealt with by run {latest.run_id}, which {state}, or by one before it",
            run,
            latest.run_id,
        )
    if latest.open:
        if latest.runbook_id == routed.plan.runbook_id:
            return None
        why = f"an open run of {latest.runbook_id} works on {target}; the alert comes again with the next repeat"
        return Ruling(Answer.BUSY, why, run, latest.run_id)
    until = latest.closed_at + hold if latest.closed_at is not None and latest.left_trouble else None
    if until is None or now >= until or not latest.had(routed.alert, uid) or latest.sha256 != routed.plan.sha256:
        return None
    ended = "failed" if latest.failed else "only recommended"
    why = f"run {latest.run_id} dealt with the same trouble and {ended}, at {latest.closed_at:%Y-%m-%dT%H:%M:%SZ}"
    return Ruling(Answer.HELD, f"{why}; held until {until:%Y-%m-%dT%H:%M:%SZ}", run, latest.run_id)
