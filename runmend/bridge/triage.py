"""Which answer an alert gets, from what was read. Pure: `bridge.intake` does the reading and the starting."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from runmend.alerts.alert import Alert, Target
from runmend.bridge.webhook import WebhookAlert
from runmend.core.names import dns_label, dns_subdomain, quoted
from runmend.core.settings import Settings
from runmend.facts.objects import PodFacts
from runmend.plan.plan import Plan
from runmend.runs.starting import WORKFLOW_ID_MAX, Latest

CARRIED_MAX: Final = 500_000
"""How many bytes of alerts, as JSON, one start carries; Temporal refuses an input of more than 2 MB for good, however
often it is tried."""


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


class Unrouted(ValueError):
    """No runbook may be run for the alert."""


class PodGone(ValueError):
    """The alert's pod is not there any more."""


@dataclass(frozen=True, slots=True)
class Routed:
    """A firing alert that has a runbook. `index` is its place in the webhook."""

    index: int
    alert: Alert
    plan: Plan


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


def check_place(index: int, alert: WebhookAlert, plan: Plan | None, settings: Settings) -> Routed:
    """Let a firing alert through to its cluster, where it may go there.

    Every value that ends up in a request is looked at here, before the first request is made.

    Raises:
        Unrouted: it has no runbook, lacks a label, is about a place where nothing may be changed, or holds a name that
            is none.
    """
    labels = alert.labels
    if plan is None:
        asked = labels.get("runbook_id") or alert.notes.get("runbook_id")
        what = f"runbook_id {quoted(asked)}" if asked else f"alertname {quoted(labels.get('alertname', ''))}"
        raise Unrouted(f"no runbook is loaded for {what}")
    for name in dict.fromkeys((*plan.required_labels, "namespace", "pod")):
        if not labels.get(name):
            raise Unrouted(f"the label {name} is missing; {plan.runbook_id} requires it")
    for name, check in (("namespace", dns_label), ("pod", dns_subdomain), ("container", dns_label)):
        if value := labels.get(name):
            try:
                check(value)
            except ValueError as error:
                raise Unrouted(f"the label {name}: {error}") from error
    if settings.cluster_label is not None and labels.get(settings.cluster_label) != settings.cluster:
        given = labels.get(settings.cluster_label)
        said = f"is {quoted(given)}" if given else "is missing"
        raise Unrouted(f"the label {settings.cluster_label} {said}; this installation's cluster is {settings.cluster}")
    if not settings.may_change(labels["namespace"]):
        raise Unrouted(f"RUNMEND_NAMESPACES does not allow changes in namespace {labels['namespace']}")
    return Routed(index, alert.alert, plan)


def check_pod(alert: Alert, pod: PodFacts | None) -> PodFacts:
    """The alert's pod, where the one of that name is still the alert's.

    Raises:
        PodGone: there is none, or one with another uid than the alert's label, which kube-state-metrics gives it.
    """
    where = f"{alert.namespace}/{alert.pod}"
    if pod is None:
        raise PodGone(f"there is no pod {where}")
    uid = alert.labels.get("uid")
    if uid and uid != pod.uid:
        raise PodGone(f"pod {where} was made anew: its uid is {pod.uid}, the alert's is {quoted(uid)}")
    return pod


def check_target(target: Target) -> Target:
    """The target, where its workflow id is one that every Temporal server takes.

    Raises:
        Unrouted: it is too long; no start would ever be taken, however often the alert comes again.
    """
    size = len(target.workflow_id.encode())
    if size > WORKFLOW_ID_MAX:
        raise Unrouted(
            f"the names of {target} and of cluster {target.cluster} are too long: together they are the workflow id, "
            f"and {size} bytes are more than the {WORKFLOW_ID_MAX} that Temporal takes"
        )
    return target


def decide(target: Target, alerts: Sequence[Routed], latest: Latest | None, hold: timedelta, now: datetime) -> Decision:
    """What to do for a target whose alerts' pods are there, given its latest run."""
    rulings: dict[int, Ruling] = {}
    left: list[Routed] = []
    for routed in alerts:
        ruling = _before_a_start(target, routed, latest, hold, now)
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
    target: Target, routed: Routed, latest: Latest | None, hold: timedelta, now: datetime
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
    again = _tried_again(routed, latest)
    if again and latest.failed and latest.closed_at is not None and now - latest.closed_at < hold:
        tried = ", ".join(f"{container} → {image}" for container, image in again.items())
        why = f"run {latest.run_id} failed at {latest.closed_at:%Y-%m-%dT%H:%M:%SZ} and had tried {tried}"
        return Ruling(
            Answer.HELD, f"{why}; held until {latest.closed_at + hold:%Y-%m-%dT%H:%M:%SZ}", run, latest.run_id
        )
    return None


def _tried_again(routed: Routed, latest: Latest) -> dict[str, str]:
    """What the runbook would write again into the alert's container; into all that were tried, where the alert names
    none.

    Empty where anything new would be tried.
    """
    named = routed.alert.container
    tried = {container: image for container, image in latest.tried.items() if named in ("", container)}
    return tried if all(routed.plan.image_for(container) == image for container, image in tried.items()) else {}
