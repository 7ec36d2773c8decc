"""The demo as it is seen: what is broken, what the bridge answers, the run as it proceeds, its report, and what it
cost.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

from runmend.local.demo.broken import (
    CLUSTER,
    SCENARIOS,
    Breaking,
    Scenario,
    webhook,
)
from runmend.local.demo.environment import Environment, environment
from runmend.local.demo.picture import check_writable, drawn, drawn_on
from runmend.local.demo.sending import DemoFailed
from runmend.local.processes import unless_stopped
from runmend.reports.report import duration
from runmend.runs.terminal import NAME_WIDTH, Screen, console, follow, link, print_report, print_verdict
from runmend.runs.timeline import Progress

INTERRUPTED: Final = 130


async def run_demo(scenario: str, *, real_time: bool, keep: bool, svg: Path | None) -> int:
    """Show a scenario: 0 only where the run ended as it should.

    Args:
        scenario: its name.
        real_time: whether the window is waited for.
        keep: whether everything stays up afterwards.
        svg: where a picture of what was shown is written; None: nowhere.

    Raises:
        RunmendError: something could not be started, or did not do as it should; or the picture cannot be written.
    """
    if svg is not None:
        check_writable(svg)
    demo = _Demo(SCENARIOS[scenario], real_time=real_time, keep=keep, svg=svg)
    code = await unless_stopped(demo.run(), INTERRUPTED)
    return code if demo.code is None else demo.code


class _Demo:
    """One showing of a scenario. `code` is the exit code, once the run has ended and was reported."""

    def __init__(self, scenario: Scenario, *, real_time: bool, keep: bool, svg: Path | None) -> None:
        self.code: int | None = None
        self._scenario = scenario
        self._real_time = real_time
        self._keep = keep
        self._svg = svg
        self._out = console()
        self._outs = [self._out]
        self._began = time.monotonic()

    async def run(self) -> int:
        """Start everything, show the scenario, and end everything; where it is kept, only when cancelled."""
        ends = Text(": everything runs on this machine, and ends with it.", "dim")
        self._print(Text("Runmend's demo", "bold") + ends)
        async with environment(real_time=self._real_time) as env:
            self._print_line("✓", "Temporal", f"{env.temporal.address}, Web UI {env.temporal.web_ui}")
            self._print_line("✓", "embedded cluster", env.sandbox.url)
            self._print_line("✓", "worker, bridge", env.bridge)
            progress = await _unless_it_ends(env.working, self._show(env))
            self.code = 0 if progress.result.outcome is self._scenario.expects else 1
            if self._keep:
                self._kept(env, progress)
                await env.working
        return self.code

    async def _show(self, env: Environment) -> Progress:
        """From the problem to the report, and the picture of that."""
        broken = await Breaking(env.connection, env.cluster).make(self._scenario)
        if self._svg is not None:
            self._outs.append(drawn_on())
        self._heading("The problem")
        self._print(Padding(Text(str(broken)), (0, 0, 0, 2), expand=False))
        for name, words, troubled in broken.parts:
            self._print_line("✗" if troubled else "✓", name, words)
        self._heading("Alertmanager's webhook: what the bridge answers")
        answers = await env.post(webhook(broken))
        for answer in answers:
            about = answer["pod"] if broken.node is None else broken.node.name
            self._print_line("✓" if answer["answer"] == "started" else "✗", about, answer["answer"])
        for why in dict.fromkeys(answer["why"] for answer in answers):
            self._print_line("", "", why)
        self._heading("The run")
        progress = await self._follow(env, broken.target.workflow_id)
        for out in self._outs:
            out.print()
            print_report(out, progress.result)
        self._end(progress)
        for out in self._outs:
            print_verdict(out, progress.result)
        if self._svg is not None:
            self._svg.write_text(drawn(self._outs.pop()), encoding="utf-8")
        return progress

    async def _follow(self, env: Environment, workflow_id: str) -> Progress:
        """Show the run. The window is entered in real time and skipped alone, so that the cluster has done its part."""
        client = env.temporal.client

        async def skip(progress: Progress) -> None:
            handle = client.get_workflow_handle(progress.workflow_id, run_id=progress.run_id)
            await TimeSkipper(client).fast_forward(handle, progress.plan.window_seconds + 1)

        try:
            with Screen(self._out) as screen:
                screen.remark = "waited in real time" if self._real_time else "skipped by moving this run's clock alone"
                progress = await follow(client, workflow_id, "", screen, None if self._real_time else skip)
        except RPCError as error:
            raise DemoFailed(f"Temporal did not answer: {error.message}") from error
        for picture in self._outs[1:]:
            screen.print_last(picture)
        return progress

    def _end(self, progress: Progress) -> None:
        took = time.monotonic() - self._began
        self._print()
        if progress.result.window_seconds and not self._real_time:
            held = duration(progress.result.window_seconds)
            self._dim(f"The {held} of the window were skipped: this run's clock alone was moved. --real-time waits.")
        kept = "" if self._keep else " --keep leaves the Web UI up."
        self._dim(f"{progress.events} history events, {progress.activities} activities, {took:.0f} s in all.{kept}")
        if progress.skipping:
            names = ", ".join(dict.fromkeys(progress.skipping))
            self._dim(f"The skipping added {len(progress.skipping)} events that no other run has: {names}.")
        expected = progress.result.outcome is self._scenario.expects
        if not expected:
            self._print(Text(f"The run should have ended {self._scenario.expects}, and did not.", "red"))

    def _kept(self, env: Environment, progress: Progress) -> None:
        web_ui = link(env.temporal.web_ui, "default", progress.workflow_id, progress.run_id)
        self._heading("Everything stays up until Ctrl-C")
        exports = {
            "TEMPORAL_ADDRESS": env.temporal.address,
            "KUBECONFIG": env.folder / "kubeconfig",
            "RUNMEND_CLUSTER": CLUSTER,
            "RUNMEND_WEB_UI": env.temporal.web_ui,
        }
        exported = " ".join(f"{name}={value}" for name, value in exports.items())
        for line in (f"the run   {web_ui}", f"commands  export {exported}", f"logs      {env.folder / 'demo.log'}"):
            self._out.print(f"  {line}", soft_wrap=True)

    def _print(self, *what: RenderableType) -> None:
        for out in self._outs:
            out.print(*what)

    def _dim(self, text: str) -> None:
        self._print(Text(text, "dim"))

    def _heading(self, text: str) -> None:
        self._print()
        self._print(Text(text, "bold"))

    def _print_line(self, mark: str, name: str, text: str) -> None:
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=1)
        line.add_column(min_width=NAME_WIDTH, no_wrap=True)
        line.add_column(overflow="fold")
        line.add_row(Text(mark, "green" if mark == "✓" else "red"), name, Text(text, "dim"))
        self._print(Padding(line, (0, 0, 0, 2), expand=False))


async def _unless_it_ends(working: asyncio.Task[None], showing: Any) -> Progress:  # noqa: ANN401  a coroutine
    """The demo's end; the worker's, where that comes first."""
    shown: asyncio.Task[Progress] = asyncio.create_task(showing, name="demo")
    try:
        await asyncio.wait([shown, working], return_when=asyncio.FIRST_COMPLETED)
        if not shown.done():
            await working
            raise DemoFailed("the worker ended by itself")
        return shown.result()
    finally:
        shown.cancel()
        await asyncio.wait([shown])
