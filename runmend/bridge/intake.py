"""A webhook's way to Temporal: owners from the cluster, one describe and one start for each target.

Called by `bridge.app`.

Nothing is remembered here. What was started before something failed stays started, and is `known` when the webhook
comes again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

import anyio.to_thread

from runmend.alerts.alert import Alert, Target
from runmend.bridge.slices import Breath, each
from runmend.bridge.triage import Answer, Ruling, decide
from runmend.bridge.webhook import TooLarge, Webhook
from runmend.core.errors import RunmendError, TemporaryError
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.owners import FEW, Workloads, uids_of
from runmend.runbook.loader import Catalog
from runmend.runs.routing import (
    Gone,
    Place,
    Routed,
    Unrouted,
    check_object,
    check_place,
    check_pod,
    check_target,
)
from runmend.runs.starting import RESOLVED_MAX, OpenRun, PlanTooLarge, Starter, Told

CLUSTER_CALLS_AT_ONCE: Final = 8
TARGETS_AT_ONCE: Final = 16
NAMESPACES_MAX: Final = 2000
"""The most namespaces that a webhook's alerts may be about."""
NAMED_MAX: Final = 2000
"""Where a webhook tells of more alerts than that, pods are read by name only where a namespace has `FEW_OF_MANY`."""
FEW_OF_MANY: Final = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A webhook's rulings, in the order of its alerts, and what failed: then the webhook has to come again."""

    rulings: tuple[Ruling, ...]
    failures: tuple[RunmendError, ...]

    @property
    def retry_after(self) -> timedelta:
        """When to come again: the longest that anybody asked for."""
        asked = (error.delay for error in self.failures if isinstance(error, TemporaryError))
        return max((delay for delay in asked if delay is not None), default=timedelta(seconds=5))


class _Taking:
    """The rulings of one webhook while they come in."""

    def __init__(self) -> None:
        self.rulings: dict[int, Ruling] = {}
        self.failures: list[RunmendError] = []

    def rule(self, indexes: Iterable[int], ruling: Ruling) -> None:
        self.rulings.update(dict.fromkeys(indexes, ruling))

    def fail(self, indexes: Iterable[int], error: RunmendError) -> None:
        self.failures.append(error)
        self.rule(indexes, Ruling(Answer.FAILED, str(error)))


@dataclass(frozen=True, slots=True)
class _Located:
    """The alerts of a target, and its uid, which another object of the same name has not."""

    uid: str
    alerts: list[Routed]


class Intake:
    """Takes webhooks' alerts; any number at once."""

    def __init__(self, settings: Settings, starter: Starter, cluster: Cluster, catalog: Catalog) -> None:
        self._settings = settings
        self._starter = starter
        self._cluster = cluster
        self._catalog = catalog
        self._threads = anyio.CapacityLimiter(CLUSTER_CALLS_AT_ONCE)
        self._targets = asyncio.Semaphore(TARGETS_AT_ONCE)
        # Two webhooks at once for one target are no fault, Temporal makes one run of them; here the second one waits,
        # so that it sees the first one's run and is answered `known` instead of sending the run what it has.
        self._locks: WeakValueDictionary[Target, asyncio.Lock] = WeakValueDictionary()

    async def take(self, webhook: Webhook) -> Taken:
        """Rule on every alert. When this returns without failures, Temporal holds all that they call for.

        Raises:
            TooLarge: the alerts are about more namespaces than one webhook may ask for; none of them was taken.
        """
        taking = _Taking()
        breath = Breath()
        resolved: dict[int, Alert] = {}
        places: dict[Place, list[Routed]] = defaultdict(list)
        for index, each_alert in enumerate(webhook.alerts):
            await breath()
            alert, subject = each_alert.alert, each_alert.subject
            if each_alert.status == "resolved":
                resolved[index] = alert
                continue
            plan = self._catalog.for_alert(alert.labels, each_alert.notes)
            if plan is None:
                why_none = self._catalog.why_none(alert.labels, each_alert.notes)
                taking.rule([index], Ruling(Answer.UNROUTED, why_none))
                continue
            try:
                routed = check_place(index, alert, subject, plan, self._settings)
            except Unrouted as why:
                taking.rule([index], Ruling(Answer.UNROUTED, str(why)))
            else:
                places[routed.place].append(routed)
        namespaces = {place.namespace for place in places}
        if len(namespaces) > NAMESPACES_MAX:
            raise TooLarge(
                f"its alerts are about {len(namespaces)} namespaces, and at most {NAMESPACES_MAX} are looked at"
            )
        few = FEW if sum(map(len, places.values())) <= NAMED_MAX else FEW_OF_MANY
        await self._start_all(places, few, taking)
        if resolved:
            await self._resolved(resolved, taking)
        return Taken(tuple(taking.rulings[index] for index in range(len(webhook.alerts))), tuple(taking.failures))

    async def _start_all(self, places: dict[Place, list[Routed]], few: int, taking: _Taking) -> None:
        """Find the targets of each namespace, and start what they call for while others are still looked for."""
        located: asyncio.Queue[tuple[Target, _Located] | None] = asyncio.Queue()

        async def locate(some: tuple[Place, list[Routed]]) -> None:
            for found in (await self._locate(*some, few, taking)).items():
                located.put_nowait(found)

        async def start() -> None:
            breath = Breath()
            while found := await located.get():
                await self._target(*found, taking)
                await breath()

        async with asyncio.TaskGroup() as group:
            for _ in range(TARGETS_AT_ONCE):
                group.create_task(start())
            await each(places.items(), locate, CLUSTER_CALLS_AT_ONCE)
            for _ in range(TARGETS_AT_ONCE):
                located.put_nowait(None)

    async def _locate(self, place: Place, firing: list[Routed], few: int, taking: _Taking) -> dict[Target, _Located]:
        """The targets of a place's alerts."""
        located: dict[Target, _Located] = {}
        find = self._pods if place.kind == "Pod" else self._objects
        try:
            target_of = await anyio.to_thread.run_sync(partial(find, place, firing, few), limiter=self._threads)
        except RunmendError as error:
            _log.warning("cluster did not answer", extra={"kube_namespace": place.namespace, "error": str(error)})
            taking.fail((routed.index for routed in firing), error)
            return located
        breath = Breath()
        for routed in firing:
            await breath()
            try:
                target, uid = target_of(routed)
            except Gone as why:
                taking.rule([routed.index], Ruling(Answer.GONE, str(why)))
            except Unrouted as why:
                taking.rule([routed.index], Ruling(Answer.UNROUTED, str(why)))
            else:
                located.setdefault(target, _Located(uid, [])).alerts.append(routed)
        return located

    def _pods(self, place: Place, firing: list[Routed], few: int) -> Callable[[Routed], tuple[Target, str]]:
        """Reads the pods of a namespace's alerts; tells what each alert's target is, and its uid."""
        names = {routed.name for routed in firing}
        workloads = Workloads.named(self._cluster, place.namespace, names, few=few, metadata_only=True)

        def target_of(routed: Routed) -> tuple[Target, str]:
            pod = check_pod(routed.alert, routed.subject, workloads)
            return check_target(workloads.target_of(pod, self._settings.cluster)), workloads.target_uid(pod)

        return target_of

    def _objects(self, place: Place, firing: list[Routed], few: int) -> Callable[[Routed], tuple[Target, str]]:
        """The same where the alerts name their targets themselves."""
        uids = uids_of(self._cluster, place.kind, place.namespace, {routed.name for routed in firing}, few=few)
        return lambda routed: check_object(routed, uids, self._settings.cluster)

    async def _target(self, target: Target, found: _Located, taking: _Taking) -> None:
        lock = self._locks.setdefault(target, asyncio.Lock())
        async with lock, self._targets:
            try:
                await self._start_or_join(target, found, taking)
            except PlanTooLarge as error:
                taking.rule((routed.index for routed in found.alerts), Ruling(Answer.UNROUTED, str(error)))
            except RunmendError as error:
                _log.warning("Temporal did not answer", extra={"target": target.workflow_id, "error": str(error)})
                taking.fail((routed.index for routed in found.alerts), error)

    async def _start_or_join(self, target: Target, found: _Located, taking: _Taking) -> None:
        latest = await self._starter.latest(target)
        decision = decide(target, found.uid, found.alerts, latest, self._settings, datetime.now(UTC))
        if decision.carried:
            plan = decision.carried[0].plan
            options = self._starter.options(target.namespace)
            run_id = await self._starter.start(plan, target, decision.alerts, options, latest, uid=found.uid)
            answer = Answer.JOINED if decision.joins else Answer.STARTED
            for routed in decision.carried:
                left = routed.alert.left_out
                remarks = (
                    f"run {run_id} of {plan.runbook_id} for {target}",
                    routed.subject.remark,
                    f"without {left} of its labels, which are too large all together" if left else "",
                )
                why = "; ".join(remark for remark in remarks if remark)
                taking.rule([routed.index], Ruling(answer, why, target.workflow_id, run_id))
        taking.rulings.update(decision.rulings)

    async def _resolved(self, resolved: dict[int, Alert], taking: _Taking) -> None:
        try:
            runs = await self._starter.open_runs({alert.fingerprint for alert in resolved.values()})
        except RunmendError as error:
            _log.warning("Temporal did not answer", extra={"error": str(error)})
            taking.fail(resolved, error)
            return
        taking.rule(resolved, Ruling(Answer.NO_OPEN_RUN, "no open run was started for this alert"))
        alike: dict[str, list[int]] = defaultdict(list)
        for index, alert in resolved.items():
            alike[alert.fingerprint].append(index)
        breath = Breath()
        for run in runs:
            await breath()
            indexes = [index for fingerprint in run.fingerprints for index in alike.get(fingerprint, ())]
            await self._signal_resolved(run, {index: resolved[index] for index in sorted(indexes)}, taking)

    async def _signal_resolved(self, run: OpenRun, alerts: dict[int, Alert], taking: _Taking) -> None:
        try:
            told = await self._starter.signal_resolved(
                run, tuple({alert.episode: alert for alert in alerts.values()}.values())
            )
        except RunmendError as error:
            _log.warning(
                "Temporal did not answer", extra={"target": run.workflow_id, "run": run.run_id, "error": str(error)}
            )
            taking.fail(alerts, error)
            return
        if told is Told.FULL:
            full = f"the history of run {run.run_id} is so long that it is told nothing more; nothing depends on it"
            taking.rule(alerts, Ruling(Answer.BUSY, full, run.workflow_id, run.run_id))
        elif told is Told.YES:
            why = f"run {run.run_id} was told"
            numbered = Ruling(Answer.NOTED, f"{why}, as one of a number", run.workflow_id, run.run_id)
            named = dict.fromkeys(alert.episode for alert in alerts.values())
            by_name = set(list(named)[:RESOLVED_MAX])
            taking.rule(alerts, numbered)
            one_by_one = (index for index, alert in alerts.items() if alert.episode in by_name)
            taking.rule(one_by_one, Ruling(Answer.NOTED, why, run.workflow_id, run.run_id))
