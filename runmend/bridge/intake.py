"""A webhook's way to Temporal: owners from the cluster, one describe and one start for each target.

Called by `bridge.app`.

Nothing is remembered here. What was started before something failed stays started, and is `known` when the webhook
comes again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

import anyio.to_thread

from runmend.alerts.alert import Alert, Target
from runmend.bridge.triage import (
    Answer,
    PodGone,
    Routed,
    Ruling,
    Unrouted,
    check_place,
    check_pod,
    check_target,
    decide,
)
from runmend.bridge.webhook import Malformed, WebhookAlert
from runmend.core.errors import RunmendError, TemporaryError
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads
from runmend.runbook.loader import Catalog
from runmend.runs.starting import OpenRun, Starter

CLUSTER_CALLS_AT_ONCE: Final = 8
TARGETS_AT_ONCE: Final = 16

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

    async def take(self, alerts: Sequence[WebhookAlert | Malformed]) -> Taken:
        """Rule on every alert. When this returns without failures, Temporal holds all that they call for."""
        taking = _Taking()
        resolved: dict[int, Alert] = {}
        places: dict[str, list[Routed]] = defaultdict(list)
        for index, alert in enumerate(alerts):
            if isinstance(alert, Malformed):
                taking.rule([index], Ruling(Answer.UNROUTED, alert.why))
            elif alert.status == "resolved":
                resolved[index] = alert.alert
            else:
                try:
                    plan = self._catalog.for_alert(alert.labels, alert.notes)
                    routed = check_place(index, alert, plan, self._settings)
                except Unrouted as why:
                    taking.rule([index], Ruling(Answer.UNROUTED, str(why)))
                else:
                    places[routed.alert.namespace].append(routed)
        async with asyncio.TaskGroup() as group:
            if resolved:
                group.create_task(self._resolved(resolved, taking))
            for namespace, firing in places.items():
                group.create_task(self._namespace(namespace, firing, taking))
        return Taken(tuple(taking.rulings[index] for index in range(len(alerts))), tuple(taking.failures))

    async def _namespace(self, namespace: str, firing: list[Routed], taking: _Taking) -> None:
        targets: dict[Target, list[Routed]] = defaultdict(list)
        try:
            names = {routed.alert.pod for routed in firing}
            read = partial(Workloads.named, self._cluster, namespace, names, metadata_only=True)
            workloads = await anyio.to_thread.run_sync(read, limiter=self._threads)
        except RunmendError as error:
            _log.warning("cluster did not answer", extra={"kube_namespace": namespace, "error": str(error)})
            taking.fail((routed.index for routed in firing), error)
            return
        for routed in firing:
            try:
                pod = check_pod(routed.alert, workloads.pod(routed.alert.pod))
                target = check_target(workloads.target_of(pod, self._settings.cluster))
            except PodGone as why:
                taking.rule([routed.index], Ruling(Answer.POD_GONE, str(why)))
            except Unrouted as why:
                taking.rule([routed.index], Ruling(Answer.UNROUTED, str(why)))
            else:
                targets[target].append(routed)
        async with asyncio.TaskGroup() as group:
            for target, members in targets.items():
                group.create_task(self._target(target, members, taking))

    async def _target(self, target: Target, alerts: list[Routed], taking: _Taking) -> None:
        lock = self._locks.setdefault(target, asyncio.Lock())
        async with lock, self._targets:
            try:
                await self._start_or_join(target, alerts, taking)
            except RunmendError as error:
                _log.warning("Temporal did not answer", extra={"target": target.workflow_id, "error": str(error)})
                taking.fail((routed.index for routed in alerts), error)

    async def _start_or_join(self, target: Target, alerts: list[Routed], taking: _Taking) -> None:
        latest = await self._starter.latest(target)
        decision = decide(target, alerts, latest, self._settings.hold, datetime.now(UTC))
        if decision.carried:
            plan = decision.carried[0].plan
            run_id = await self._starter.start(plan, target, decision.alerts, self._starter.options, latest)
            answer = Answer.JOINED if decision.joins else Answer.STARTED
            ruling = Ruling(answer, f"run {run_id} of {plan.runbook_id} for {target}", target.workflow_id, run_id)
            taking.rule((routed.index for routed in decision.carried), ruling)
        taking.rulings.update(decision.rulings)

    async def _resolved(self, resolved: dict[int, Alert], taking: _Taking) -> None:
        try:
            runs = await self._starter.open_runs({alert.fingerprint for alert in resolved.values()})
        except RunmendError as error:
            _log.warning("Temporal did not answer", extra={"error": str(error)})
            taking.fail(resolved, error)
            return
        taking.rule(resolved, Ruling(Answer.NO_OPEN_RUN, "no open run was started for this alert"))
        for run in runs:
            await self._signal_resolved(
                run,
                {index: alert for index, alert in resolved.items() if alert.fingerprint in run.fingerprints},
                taking,
            )

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
        if told:
            taking.rule(alerts, Ruling(Answer.NOTED, f"run {run.run_id} was told", run.workflow_id, run.run_id))
