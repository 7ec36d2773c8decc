"""`runmend.report`: the report in words, counted and logged where the worker runs."""

import logging
from collections.abc import Callable

from temporalio import activity

from activities.boundary import translated
from runmend.alerts.alert import Target
from runmend.core.modes import Mode, strictest
from runmend.core.outcomes import Outcome
from runmend.core.telemetry import count_run
from runmend.kube.client import Cluster
from runmend.plan.messages import ReportCall, RunResult
from runmend.reports.report import outcome_line, render
from runmend.reports.static_details import cut
from runmend.reports.target_events import Announcement, Author, Fact, announce

_FACTS = {Outcome.RESOLVED: Fact.RESOLVED, Outcome.CANCELLED: Fact.CANCELLED}

TEXT_BYTES = 200_000
"""How much of the report is kept in the history; what it is told from is there whole."""

log = logging.getLogger("runmend.runs")


class Reporter:
    """Tells of a run's end: to whoever reads the report, and on the target.

    Args:
        cluster: where the targets are.
        mode_in: the worker's own mode in a namespace; in the mode recommend nothing is written.
        may_change: whether a target may be changed, by the worker's own settings.
    """

    def __init__(
        self, cluster: Cluster, mode_in: Callable[[str], Mode | None], may_change: Callable[[Target], bool]
    ) -> None:
        self._cluster = cluster
        self._mode_in = mode_in
        self._may_change = may_change

    @activity.defn(name="runmend.report", no_thread_cancel_exception=True)
    def report(self, call: ReportCall) -> str:
        """The report as Markdown. A try more counts the run once more: a counter of ends, not of runs."""
        with translated():
            result = call.result
            remark = self._announced(result)
            text = render(result.model_copy(update={"remarks": (*result.remarks, remark)}) if remark else result)
            count_run(result.runbook_id, result.outcome, result.took, unverified=result.unverified)
            outcome = str(result.outcome or "none")
            log.info(
                "run ended", extra={"runbook": result.runbook_id, "outcome": outcome, "says": outcome_line(result)}
            )
            return cut(text, TEXT_BYTES)

    def _announced(self, result: RunResult) -> str:
        """Tell of the end on the target, where something was meant to be changed; a remark, where that could not be
        done.
        """
        if result.outcome in (None, Outcome.NOT_NEEDED, Outcome.RECOMMENDED, Outcome.OBSERVED):
            return ""
        uid = result.observation.target_uid if result.observation else ""
        recommends = strictest(result.mode, self._mode_in(result.target.namespace)) is Mode.RECOMMEND
        silent = recommends or not self._may_change(result.target)
        if silent or not uid:
            return ""
        info = activity.info()
        told = Announcement(
            fact=_FACTS.get(result.outcome, Fact.FAILED),
            target=result.target,
            uid=uid,
            words=f"{outcome_line(result)}: {result.summary}",
            author=Author(runbook=result.runbook_id, workflow=info.workflow_id or "", run=info.workflow_run_id or ""),
        )
        return announce(self._cluster, told)
