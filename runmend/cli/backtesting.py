"""`runmend backtest`: which runs a runbook would have started, by what Prometheus remembers. Reads only."""

import json
import math
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from runmend.cli.context import Misconfigured, counted, load_settings
from runmend.cli.listing import cell, table_of
from runmend.cli.running import find_plan
from runmend.core.errors import TemporaryError
from runmend.core.settings import Settings, prometheus_at
from runmend.facts.outside import escaped
from runmend.outside.fetching import NoAnswer, trusting
from runmend.outside.prometheus import Prometheus
from runmend.reports.report import duration
from runmend.runs.backtesting import Backtest, backtest
from runmend.runs.terminal import console

_MOST_POINTS: Final = 10_000
"""How many samples of a series Prometheus gives at most; it has 11,000."""
_STEP: Final = 30
_TARGETS_SHOWN: Final = 20
_REASONS_SHOWN: Final = 10


class PrometheusSays(TemporaryError):
    """Prometheus did not tell what it was asked."""


async def run_backtest(
    runbook: str, *, url: str | None, token_file: Path | None, since: datetime, runbooks: Path | None, as_json: bool
) -> int:
    """Print which runs a runbook would have started since then.

    Raises:
        Misconfigured: no Prometheus is named, or what is named is no address.
        PrometheusSays: it did not tell.
    """
    settings = load_settings(runbooks=runbooks)
    plan = find_plan(runbook, settings.runbooks)
    prometheus = _prometheus(settings, url, token_file)
    until = datetime.now(UTC)
    step = timedelta(seconds=max(_STEP, math.ceil((until - since).total_seconds() / _MOST_POINTS)))
    try:
        found = [
            series
            for name in plan.alertnames
            for series in await prometheus.series(
                f'ALERTS{{alertname="{escaped(name)}",alertstate="firing"}}', since, until, step
            )
        ]
    except NoAnswer as error:
        raise PrometheusSays(str(error)) from error
    told = backtest(plan, found, settings, step.total_seconds())
    if as_json:
        about = {"runbook": plan.runbook_id, "since": since.isoformat(), "until": until.isoformat()}
        step_seconds = {"step_seconds": step.total_seconds()}
        sys.stdout.write(json.dumps(about | step_seconds | _as_json(told), indent=2, ensure_ascii=False) + "\n")
    else:
        _print(console(), told, plan.runbook_id, since, step, plan.window_seconds)
    return 0


def _prometheus(settings: Settings, url: str | None, token_file: Path | None) -> Prometheus:
    """Whom to ask. The settings' token is for the settings' Prometheus alone."""
    if url is None and settings.prometheus_url is None:
        raise Misconfigured("no Prometheus is named; write --prometheus URL, or set RUNMEND_PROMETHEUS_URL")
    asked = url or settings.prometheus_url or ""
    try:
        prometheus_at(asked)
    except ValueError as error:
        raise Misconfigured(f"--prometheus {asked!s:.80}: {error}") from error
    own = settings.prometheus_token_file if asked == settings.prometheus_url else None
    try:
        tls = trusting(settings.answer_ca_file) if settings.answer_ca_file else None
    except OSError as error:
        raise Misconfigured(f"RUNMEND_ANSWER_CA_FILE: {settings.answer_ca_file}: {error.strerror}") from error
    return Prometheus(asked, token_file=token_file or own, seconds=settings.answer_seconds, tls=tls)


def _print(out: Console, told: Backtest, runbook: str, since: datetime, step: timedelta, window: int) -> None:
    fired = f"its alerts fired {counted(told.alerts, 'time')} since {_moment(since.timestamp())} UTC"
    would = f"{runbook} would have started {counted(told.runs, 'run')} for {counted(len(told.targets), 'target')}"
    lines = [f"{would}: {fired}"]
    if told.at is not None:
        lines.append(f"for {counted(told.at_once, 'target')} at once at most, at {_moment(told.at)} UTC")
    for line in lines:
        out.print(Text(line), soft_wrap=True)
    if told.targets:
        out.print()
        rows = [
            [cell(one.name), cell(str(one.runs)), cell(str(one.episodes)), cell(_moment(one.last))]
            for one in told.targets[:_TARGETS_SHOWN]
        ]
        for row in table_of(("TARGET", "RUNS", "ALERTS", "LAST (UTC)"), rows, right=3):
            out.print(row, soft_wrap=True)
        if (more := len(told.targets) - _TARGETS_SHOWN) > 0:
            out.print(Text(f"and {counted(more, 'more target')}"), soft_wrap=True)
    if told.passed_over:
        out.print(Text("\nno run would have been started for:"), soft_wrap=True)
        for why, count in told.passed_over[:_REASONS_SHOWN]:
            out.print(Text(f"  {counted(count, 'alert')}: {why}"), soft_wrap=True)
        if (more := len(told.passed_over) - _REASONS_SHOWN) > 0:
            out.print(Text(f"  and for {counted(more, 'more reason')}"), soft_wrap=True)
    out.print(
        Text(
            f"\nAn alert that began while a run's window of {duration(window)} lasted has joined it. Looked at every "
            f"{duration(round(step.total_seconds()))}: what fired for less may be missing."
        ),
        soft_wrap=True,
    )


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%m-%d %H:%M")


def _as_json(told: Backtest) -> dict[str, object]:
    return {
        "alerts": told.alerts,
        "runs": told.runs,
        "at_once": told.at_once,
        "at_once_first": _iso(told.at),
        "targets": [asdict(one) | {"last": _iso(one.last)} for one in told.targets],
        "passed_over": [{"why": why, "alerts": count} for why, count in told.passed_over],
    }


def _iso(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).isoformat()
