"""Runs what runbooks are expected to do, each case in an embedded cluster of its own, many at the same time."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runmend.core.errors import PermanentError, RunmendError
from runmend.local.demo.broken import SCENARIOS, Breaking, webhook
from runmend.local.demo.environment import Environment, Surroundings, surroundings
from runmend.local.hurried import Hurried
from runmend.local.simulating.expectations import ENDING, SIZE_MAX, Case, Unreadable, read_expectations
from runmend.local.simulating.objects import Objects
from runmend.local.simulating.playing import Ended, catalog_of, play, stage
from runmend.local.simulating.variations import Variation, made, put_back
from runmend.plan.plan import Plan
from runmend.runbook import Diagnostic, read_file
from runmend.runbook.diagnostics import Report
from runmend.runbook.files import files_under, runbook_files
from runmend.runs.timeline import Progress


class NothingToTest(PermanentError):
    """There are no expectations."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A case, its runbook, and the directory whose runbooks answer its alert."""

    file: str
    case: Case
    plan: Plan
    directory: Path
    catalog: Hurried


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case: `failures` are differences from what was expected, `error` why it could not be told."""

    file: str
    name: str
    runbook: str
    seconds: float
    failures: tuple[str, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return not self.failures and not self.error


@dataclass(frozen=True, slots=True)
class Found:
    """The cases of some paths, what is wrong with files of expectations, and the runbooks that have none."""

    trials: tuple[Trial, ...]
    problems: tuple[Diagnostic, ...]
    untested: tuple[str, ...]


def find(paths: Sequence[Path]) -> Found:
    """Find the expectations of directories, with their subdirectories, and of single files: of a runbook, or its
    expectations. The other runbooks of a file's directory may answer its alerts too.

    Raises:
        UnreadableDirectory: a directory may not be read.
        NothingToTest: there are none, and nothing is wrong with any.
    """
    trials: list[Trial] = []
    problems: list[Diagnostic] = []
    untested: list[str] = []
    for path in paths:
        directory = path if path.is_dir() else path.parent
        catalog = catalog_of(directory)
        plans = {directory / place: catalog.plans[name] for name, place in catalog.places.items()}
        files, without = _files(path)
        untested += map(str, without)
        for file in files:
            try:
                trials += _trials(file, plans, catalog, directory)
            except Unreadable as error:
                problems += error.diagnostics
    if not trials and not problems:
        raise NothingToTest(
            f"there is no file *{ENDING} under {', '.join(map(str, paths))}; docs/cli.md says how to write one"
        )
    return Found(tuple(trials), tuple(problems), tuple(untested))


def _files(path: Path) -> tuple[list[Path], list[Path]]:
    """The files of expectations, and the runbooks that have none."""
    if not path.is_dir():
        return [path if path.name.endswith(ENDING) else _beside(path)], []
    files = sorted(file for file in files_under(path) if file.name.endswith(ENDING))
    return files, [file for file in runbook_files(path) if _beside(file) not in files]


def _beside(runbook: Path) -> Path:
    return runbook.with_name(runbook.stem + ENDING)


def _trials(file: Path, plans: dict[Path, Plan], catalog: Hurried, directory: Path) -> Iterator[Trial]:
    report = Report(str(file))
    runbook = file.with_name(file.name.removesuffix(ENDING) + ".md")
    plan = plans.get(runbook)
    try:
        text = read_file(file, SIZE_MAX + 1)
        if len(text) > SIZE_MAX:
            report.error(1, f"the file has more than {SIZE_MAX} bytes", "make it several runbooks' files")
        elif plan is None:
            wrong = catalog.problems.get(runbook.relative_to(directory).as_posix())
            why = f"its runbook does not compile: {wrong.errors[0]}" if wrong else f"there is no runbook {runbook}"
            remedy = "correct it" if wrong else f"name it as its runbook, with {ENDING} for .md"
            report.error(1, why, remedy)
        if plan is None or report.failed:
            raise Unreadable(report.diagnostics)
        cases = read_expectations(text.decode(), str(file), plan).cases
    except OSError as error:
        report.error(1, f"the file cannot be read: {error.strerror or error}", "write it, or let the process read it")
        raise Unreadable(report.diagnostics) from None
    except UnicodeDecodeError:
        report.error(1, "the file is not UTF-8", "save it as UTF-8")
        raise Unreadable(report.diagnostics) from None
    for case in cases:
        yield Trial(str(file), case, plan, directory, catalog)


async def run_all(trials: Sequence[Trial], at_once: int, tell: Callable[[Result], None]) -> None:
    """Run cases, and tell of each when it has ended.

    Raises:
        RunmendError: Temporal cannot be started.
    """
    slots = asyncio.Semaphore(at_once)
    async with surroundings() as shared:

        async def one(trial: Trial) -> None:
            async with slots:
                tell(await _result(shared, trial))

        tasks = [asyncio.create_task(one(trial), name=trial.case.name) for trial in trials]
        try:
            # Not `gather`, which would cancel them as well: a second time interrupts what the first has them clean up.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _result(shared: Surroundings, trial: Trial) -> Result:
    began = time.monotonic()
    failures: tuple[str, ...] = ()
    error = ""
    try:
        async with stage(shared, trial.catalog, trial.directory) as env:
            failures = tuple(differences(trial, await _ended(env, trial)))
    except RunmendError as raised:
        error = str(raised)
    seconds = time.monotonic() - began
    return Result(trial.file, trial.case.name, trial.plan.runbook_id, seconds, failures, error)


async def _ended(env: Environment, trial: Trial) -> Ended:
    case = trial.case
    labels = {"alertname": trial.plan.alertname, "cluster": env.settings.cluster}
    if case.scenario is None:
        objects = Objects(env.connection, env.cluster, case)
        await objects.make()
        return await play(env, await objects.alerts(labels))
    scenario = SCENARIOS[case.scenario]
    broken = await made(env.connection, env.cluster, scenario, case.variation)

    async def meddle(progress: Progress) -> None:
        await put_back(Breaking(env.connection, env.cluster), progress.result)

    if scenario.alertname in trial.plan.alertnames:
        labels["alertname"] = scenario.alertname
    body = webhook(broken, cluster=env.settings.cluster, since=datetime.now(UTC))
    for alert in body["alerts"]:
        alert["labels"] = _filled(alert["labels"] | labels | case.alert.labels)
    return await play(env, body, in_window=meddle if case.variation is Variation.PUT_BACK else None)


def _filled(labels: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in labels.items() if value}


def differences(trial: Trial, ended: Ended) -> Iterator[str]:
    """What came otherwise than expected, each as what was expected and what came."""
    expect = trial.case.expect
    if ended.result is not None and ended.result.runbook_id != trial.plan.runbook_id:
        yield f"runbook: expected {trial.plan.runbook_id}, got {ended.result.runbook_id}, which answered the alert"
        return
    if ended.outcome != expect.outcome:
        yield f"outcome: expected {expect.outcome}, got {ended.outcome}: {ended.summary}"
    if expect.says not in ended.summary:
        yield f'says: expected "{expect.says}", got "{ended.summary}"'
    for step, status in expect.steps.items():
        if (got := ended.steps.get(step, "not reached")) != status:
            yield f"step {step}: expected {status}, got {got}"
    if expect.changes is not None and sorted(expect.changes) != sorted(ended.changes):
        yield f"changes: expected {_listed(expect.changes)}, got {_listed(ended.changes)}"
    if expect.removed is not None and expect.removed != ended.removed:
        yield f"removed: expected {expect.removed} pods, got {ended.removed}"


def _listed(changes: Sequence[str]) -> str:
    return "; ".join(changes) or "nothing"
