"""A runbook at work on what it is for, and on what it should leave alone: `runmend simulate`."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from runmend.core.errors import PermanentError
from runmend.core.kinds import label_of
from runmend.local.demo.broken import SCENARIOS, Breaking, Broken, Scenario, webhook
from runmend.local.demo.environment import Environment, Surroundings, surroundings
from runmend.local.demo.matching import scenario_for
from runmend.local.hurried import Hurried
from runmend.local.processes import unless_stopped
from runmend.local.shipped import shipped_runbooks
from runmend.local.simulating.playing import SETTLE_SECONDS, Ended, catalog_of, play, stage
from runmend.local.simulating.variations import Variation, made, put_back, spares, variations_of
from runmend.plan.plan import Plan
from runmend.runbook import SIZE_MAX, compile_runbook, read_file
from runmend.runs.terminal import Screen, console, print_report, silent
from runmend.runs.timeline import Progress

INTERRUPTED: Final = 130


class NoRunbook(PermanentError):
    """The runbook cannot be read."""


@dataclass(slots=True)
class Part:
    """One run of a simulation. `expected` is empty where nothing is known to be expected, `unmet` where it came so."""

    variation: Variation
    ended: Ended
    about: str = ""
    expected: str = ""
    unmet: str = ""

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "variation": self.variation.value,
            "object": self.variation.means,
            "outcome": self.ended.outcome,
            "summary": self.ended.summary,
            "steps": self.ended.steps,
            "changes": list(self.ended.changes),
            "pods_taken_away": self.ended.removed,
            "expected": self.expected or None,
            "as_expected": not self.unmet if self.expected else None,
        }


async def simulate(file: Path, scenario: str | None, *, as_json: bool) -> int:
    """Simulate a runbook; 1 where a run did not end as it is known to have to.

    Args:
        file: the runbook.
        scenario: what is broken. None: what is known to break for its alert.
        as_json: whether the result is printed as JSON, and nothing else.

    Raises:
        RunbookError: it does not compile.
        RunmendError: nothing is known to break for it, or something could not be started.
    """
    try:
        source = read_file(file, SIZE_MAX + 1)
    except OSError as error:
        raise NoRunbook(f"{file} cannot be read: {error.strerror or error}; name a runbook, a Markdown file") from error
    plan = compile_runbook(source, str(file)).plan
    chosen = SCENARIOS[scenario] if scenario else scenario_for(plan)
    simulation = _Simulation(plan, source, chosen, console(), quiet=as_json)
    return await unless_stopped(simulation.run(), INTERRUPTED)


@dataclass(slots=True)
class _Simulation:
    """The parts of one simulation, each in a cluster of its own, at the same time."""

    plan: Plan
    source: bytes
    scenario: Scenario
    out: Console
    quiet: bool
    shared: Surroundings = field(init=False)
    catalog: Hurried = field(init=False)
    directory: Path = field(init=False)

    async def run(self) -> int:
        plan = self.plan
        self._say(Text(f"{plan.runbook_id}: {plan.title}", "bold"))
        how = f"Simulated with {self.scenario.name} in an embedded cluster, which is all that it touches."
        self._say(Text(f"{how} Windows are passed over; settling may take {SETTLE_SECONDS} s.", "dim"))
        async with surroundings() as self.shared:
            self.directory = self.shared.folder / "runbooks"
            self.directory.mkdir()
            await asyncio.to_thread((self.directory / "runbook.md").write_bytes, self.source)
            self.catalog = catalog_of(self.directory)
            parts = await self._played()
        if self.quiet:
            self._print_json(parts)
        return int(any(part.unmet for part in parts))

    async def _played(self) -> list[Part]:
        others = [
            asyncio.create_task(self._part(each), name=each)
            for each in variations_of(self.scenario)
            if each is not Variation.BROKEN
        ]
        try:
            with Screen(silent() if self.quiet else self.out) as screen:
                screen.remark = "passed over"
                first = await self._part(Variation.BROKEN, screen)
            self._show_first(first)
            parts = [first]
            for other in others:
                await asyncio.wait([other])  # awaited itself, it would be cancelled twice
                parts.append(self._show(other.result()))
            return parts
        finally:
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _part(self, variation: Variation, screen: Screen | None = None) -> Part:
        async with stage(self.shared, self.catalog, self.directory) as env:
            broken = await made(env.connection, env.cluster, self.scenario, variation)
            if screen is not None:
                self._show_problem(broken)
            touched = False

            async def meddle(progress: Progress) -> None:
                nonlocal touched
                touched = await put_back(Breaking(env.connection, env.cluster), progress.result)

            in_window = meddle if variation is Variation.PUT_BACK else None
            ended = await play(env, self._webhook(env, broken), screen=screen, in_window=in_window)
            return self._judged(Part(variation, ended, str(broken)), touched=touched)

    def _webhook(self, env: Environment, broken: Broken) -> dict[str, Any]:
        """The scenario's alerts, as this runbook's own: with its alert's name, and the labels that it asks for."""
        body = webhook(broken, cluster=env.settings.cluster, since=datetime.now(UTC))
        asked = {each.label: each.value for each in self.plan.match if each.operator == "="}
        if (own := label_of(broken.target.kind)) in self.plan.required_labels:
            asked[own] = broken.target.name
        name = self.plan.alertname
        if self.scenario.alertname in self.plan.alertnames:
            name = self.scenario.alertname
        for alert in body["alerts"]:
            alert["labels"] |= asked | {"alertname": name, "runbook_id": self.plan.runbook_id}
        return body

    def _judged(self, part: Part, *, touched: bool) -> Part:
        plan, ended = self.plan, part.ended
        kinds = {step.operation.kind for step in plan.steps if step.changes}
        shipped = (shipped_runbooks() / f"{plan.runbook_id}.md").is_file()
        known = shipped and self.scenario.expects and self.scenario.alertname in plan.alertnames
        if part.variation is Variation.BROKEN and ended.result is None:
            part.expected, part.unmet = "a run is started", f"{ended.answer}: {ended.why}"
        elif part.variation is Variation.BROKEN and known:
            part.expected = str(self.scenario.expects)
            part.unmet = "" if ended.outcome == part.expected else ended.outcome
        elif spares(part.variation, kinds):
            part.expected = "nothing is changed"
            part.unmet = ended.touched
        elif touched:
            part.expected = "Reverted"
            part.unmet = "" if ended.reverted else ended.outcome
        return part

    def _say(self, *what: Text) -> None:
        if not self.quiet:
            self.out.print(*what, soft_wrap=True)

    def _show_problem(self, broken: Broken) -> None:
        self._say(Text(""))
        self._say(Text(f"The object is {Variation.BROKEN.means}", "bold"))
        self._say(Text(f"  {broken}"))
        for name, words, troubled in broken.parts:
            self._say(Text(f"  {'✗' if troubled else '✓'}  {name}: {words}", "dim"))

    def _show_first(self, part: Part) -> None:
        if self.quiet:
            return
        self.out.print()
        if part.ended.result is not None:
            print_report(self.out, part.ended.result)
        self._say_expected(part)

    def _show(self, part: Part) -> Part:
        self._say(Text(""))
        self._say(Text(f"The same, where {_where(part.variation)}", "bold"))
        self._say(Text(f"  {part.ended.outcome}: {part.ended.summary}"))
        self._say(Text(f"  changed: {part.ended.touched or 'nothing'}", "dim"))
        self._say_expected(part)
        return part

    def _say_expected(self, part: Part) -> None:
        if part.unmet:
            self._say(Text(f"  ✗ expected: {part.expected}; it came to: {part.unmet}", "red"))
        elif part.expected:
            self._say(Text(f"  ✓ as expected: {part.expected}", "green"))

    def _print_json(self, parts: list[Part]) -> None:
        told = {
            "runbook": self.plan.runbook_id,
            "scenario": self.scenario.name,
            "runs": [part.as_json() for part in parts],
        }
        self.out.print(json.dumps(told, indent=2, ensure_ascii=False), markup=False, soft_wrap=True)


def _where(variation: Variation) -> str:
    return f"the object is {variation.means}" if variation is Variation.HEALTHY else variation.means
