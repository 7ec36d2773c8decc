"""What expressions ask of others than Kubernetes, asked: all questions at once, each with its answer or why there is
none. Called by the activities.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from runmend.alerts.alert import Alert
from runmend.facts.expressions import Expression
from runmend.facts.outside import NoQuestion, Question, Told, filled
from runmend.outside.addresses import Addresses
from runmend.outside.fetching import NoAnswer
from runmend.outside.prometheus import Prometheus

NO_PROMETHEUS: Final = "RUNMEND_PROMETHEUS_URL of the worker names no Prometheus"
_MOST_ALERTS: Final = 10
_MOST_PODS: Final = 100


@dataclass(frozen=True, slots=True)
class Outside:
    """What was asked: question → what came of it; whether the alert fires, and where that is not known why."""

    told: Mapping[Question, Told] = field(default_factory=dict)
    alert_fires: bool | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)


class Outsiders:
    """Whom a run may ask besides Kubernetes. Safe to share between threads.

    Args:
        prometheus: None where there is none.
        addresses: those that `http(…)` may ask.
    """

    def __init__(self, prometheus: Prometheus | None = None, addresses: Addresses | None = None) -> None:
        self._prometheus = prometheus
        self._addresses = addresses or Addresses((), 1)

    def ask(
        self,
        expressions: Iterable[Expression],
        values: Mapping[str, str],
        alerts: Collection[Alert] = (),
        pods: Collection[str] = (),
    ) -> Outside:
        """Ask what expressions ask for, and nothing where they ask for nothing.

        Runs an event loop of its own, so it is called from a thread that has none.

        Args:
            expressions: that are to be judged.
            values: what placeholders stand for, besides the alert's labels.
            alerts: the run's, of which the first one's labels are filled in.
            pods: the target's, by name.
        """
        expressions = tuple(expressions)
        questions = tuple({question: None for each in expressions for question in sorted(each.questions)})
        fires = any("alert_fires" in each.groups for each in expressions)
        if not questions and not fires:
            return Outside()
        first = next(iter(alerts), None)
        labels = {f"alert.{name}": value for name, value in first.labels.items()} if first else {}
        asked = tuple(alerts) if fires else None
        return asyncio.run(self._ask(questions, {**labels, **values}, asked, tuple(pods)[:_MOST_PODS]))

    async def _ask(
        self,
        questions: tuple[Question, ...],
        values: Mapping[str, str],
        alerts: tuple[Alert, ...] | None,
        pods: tuple[str, ...],
    ) -> Outside:
        async with asyncio.TaskGroup() as group:
            tasks = {question: group.create_task(self._told(question, values)) for question in questions}
            fires = group.create_task(self._fires(alerts, pods)) if alerts is not None else None
        told = {question: task.result() for question, task in tasks.items()}
        known, why = fires.result() if fires else (None, "")
        return Outside(told, known, {"alert_fires": why} if why else {})

    async def _told(self, question: Question, values: Mapping[str, str]) -> Told:
        try:
            text = filled(question, values)
            if question.function == "http":
                return Told(answer=await self._addresses.get(text))
            if self._prometheus is None:
                return Told(unknown=NO_PROMETHEUS)
            if question.function == "samples":
                return Told(samples=await self._prometheus.samples(text))
            return Told(value=await self._prometheus.value(text))
        except (NoAnswer, NoQuestion, ValueError) as error:
            return Told(unknown=str(error))

    async def _fires(self, alerts: tuple[Alert, ...], pods: tuple[str, ...]) -> tuple[bool | None, str]:
        """Whether one of the alerts fires; None where that is not known, and why."""
        if self._prometheus is None:
            return None, NO_PROMETHEUS
        if not alerts:
            return None, "the run has no alert"
        looked_at = alerts[:_MOST_ALERTS]
        asked = (self._prometheus.fires(alert.labels, pods) for alert in looked_at)
        found = await asyncio.gather(*asked, return_exceptions=True)
        if True in found:
            return True, ""
        for each in found:
            if isinstance(each, NoAnswer):
                return None, str(each)
            if isinstance(each, BaseException):
                raise each
        if more := len(alerts) - len(looked_at):
            return None, f"none of {len(looked_at)} alerts fires, and {more} more of the run's are not looked at"
        return False, ""


NOBODY: Final = Outsiders()
"""Whom a run may ask where nothing is set: nobody."""
