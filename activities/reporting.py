"""`runmend.report`: the report in words, counted and logged where the worker runs."""

import logging

from temporalio import activity

from activities.boundary import translated
from runmend.report import outcome_line, render
from runmend.run import ReportCall
from runmend.telemetry import RUNS

log = logging.getLogger("runmend.runs")


class Reporter:
    """Tells of a run's end."""

    @activity.defn(name="runmend.report")
    def report(self, call: ReportCall) -> str:
        """The report as Markdown. A try more counts the run once more: a counter of ends, not of runs."""
        with translated():
            result = call.result
            text = render(result)
            outcome = str(result.outcome or "none")
            RUNS.labels(runbook=result.runbook_id, outcome=outcome).inc()
            log.info(
                "run ended",
                extra={"run": activity.info().workflow_id, "runbook": result.runbook_id, "outcome": outcome, "says": outcome_line(result)},
            )
            return text
