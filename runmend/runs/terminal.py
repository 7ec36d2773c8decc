"""A run on the terminal: its report, and how it proceeds; live where there is a terminal, line by line where there is
none.

Called by the commands and by the demo.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, NoReturn, Self
from urllib.parse import quote

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.padding import Padding
from rich.segment import Segment
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from temporalio.client import Client

from runmend.core.markdown import one_line, unescaped
from runmend.core.outcomes import Outcome
from runmend.core.printable import printable
from runmend.plan.messages import RunResult
from runmend.reports.report import FENCE, outcome_line, render, verdict_line
from runmend.runs.polling import Absence
from runmend.runs.timeline import WINDOW, Phase, Progress, State, progress_of

_MARKS: Final = {
    State.PLANNED: ("·", "dim"),
    State.DOING: ("…", "cyan"),
    State.DONE: ("✓", "green"),
    State.FAILED: ("✗", "red"),
}
_LOOK_SECONDS: Final = 0.3
_LOOK_IN_WINDOW_SECONDS: Final = 1.0
NAME_WIDTH: Final = 21
_UNWRAPPED: Final = 100_000
_DOING_SHOWN: Final = 120
CALM: Final = Theme(
    {
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.code": "cyan",
        "markdown.item.bullet": "dim",
        "markdown.item.number": "dim",
    }
)


class _Quiet(Console):
    """A console that leaves a broken pipe to `main`; Rich would end the process itself. Texts are made printable before
    they get their styles.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def silent() -> Console:
    """A console that prints nothing."""
    return Console(quiet=True)


def console(*, stderr: bool = False) -> Console:
    """What goes to stdout, or to stderr; lines are wrapped for a terminal only."""
    wrapped = (sys.stderr if stderr else sys.stdout).isatty() or os.environ.get("COLUMNS")
    return _Quiet(highlight=False, theme=CALM, width=None if wrapped else _UNWRAPPED, stderr=stderr)


def print_report(out: Console, result: RunResult, *, advise: bool = True) -> None:
    """The report: laid out on a terminal, its Markdown elsewhere, without the backslashes, which would be copied with a
    command.

    Args:
        out: where to.
        result: of the run.
        advise: whether to say what a person can do.
    """
    text = render(result, advise=advise)
    if not out.is_terminal:
        out.print(unescaped(text), markup=False, soft_wrap=True)
        return
    for number, part in enumerate(f"{text}\n".split(f"\n{FENCE}\n")):
        if number % 2:
            # Whole and by itself, however narrow the terminal is: it is there to be copied.
            out.print(Text(f"\n  {part}\n", "cyan"), soft_wrap=True)
        elif part.strip():
            out.print(Markdown(part))


def print_verdict(out: Console, result: RunResult) -> None:
    """How the run ended, in one line of one colour; it stands last."""
    good = result.outcome is not None and result.outcome.completes
    plainly = good and outcome_line(result) in ("resolved", "not needed")
    style = "green" if plainly else "yellow" if good or result.outcome is Outcome.CANCELLED else "red"
    line = Text(verdict_line(result), f"bold {'cyan' if result.outcome is None else style}")
    if out.is_terminal:
        line.truncate(out.width, overflow="ellipsis")
    out.print(line, soft_wrap=True)


def link(web_ui: str, namespace: str, workflow_id: str, run_id: str) -> str:
    """A run's page in the Temporal Web UI, at the tab that tells its story in words."""
    run = f"{quote(workflow_id, safe='')}/{run_id}"
    return f"{web_ui.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows/{run}/user-metadata"


class Screen:
    """Shows the phases of a run. `remark` is added to the window's line."""

    def __init__(self, console: Console) -> None:
        self.remark = ""
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._spinner = Spinner("dots", style="cyan")
        self._told: set[tuple[int, State]] = set()
        self._last: Progress | None = None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            # What stays is complete, however low the terminal is.
            self.print_last(self._console)

    def show(self, progress: Progress) -> None:
        """Show how far the run has come."""
        if self._last and self._last.run_id != progress.run_id:
            kept = sum(phase.kept for phase in progress.phases)
            self._told = {(number, state) for number, state in self._told if number < kept}
        self._last = progress
        if self._live:
            self._live.update(self._table(progress.phases, moving=True))
            return
        for number, phase in enumerate(progress.phases):
            # What is quickly done is told once; the window is not.
            worth = phase.state in (State.DONE, State.FAILED) or (phase.state is State.DOING and phase.name == WINDOW)
            if worth and (number, phase.state) not in self._told:
                self._told.add((number, phase.state))
                self._console.print(self._table([phase]))

    def print_last(self, console: Console) -> None:
        """What was shown last, on another console."""
        if self._last:
            console.print(self._table(self._last.phases))

    def print_line(self, text: str) -> None:
        """A line above what is shown."""
        self._console.print(Text(text), soft_wrap=True)

    def _table(self, phases: list[Phase], *, moving: bool = False) -> Padding:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(min_width=NAME_WIDTH, no_wrap=True)
        table.add_column(overflow="fold")
        for phase in phases:
            mark, style = _MARKS[phase.state]
            shown: RenderableType = self._spinner if moving and phase.state is State.DOING else Text(mark, style)
            name = Text(
                phase.name, "dim" if phase.state is State.PLANNED else "bold" if phase.state is State.DOING else ""
            )
            table.add_row(shown, name, Text(self._words(phase), "red" if phase.state is State.FAILED else "dim"))
        return Padding(table, (0, 0, 0, 2), expand=False)

    def _words(self, phase: Phase) -> str:
        words = f"kept: {phase.says}" if phase.kept and phase.says else phase.says
        if phase.name == WINDOW and words and self.remark:
            words = f"{words}, {self.remark}"
        if phase.state is not State.DOING:
            return words
        # It changes with every try, so it is kept to a line or two.
        words = words if len(words) <= _DOING_SHOWN else f"{words[: _DOING_SHOWN - 1]}…"
        return f"try {phase.attempt}: {words}" if phase.attempt > 1 else words


async def follow(
    client: Client,
    workflow_id: str,
    run_id: str,
    screen: Screen,
    at_window: Callable[[Progress], Awaitable[None]] | None = None,
) -> Progress:
    """Show a run until it has ended; where somebody resets it meanwhile, which ends it, the run that goes on from
    there. Where no worker works on it for ten seconds, that is said, once.

    Args:
        client: where it runs.
        workflow_id: of the run.
        run_id: of the run; empty: the latest.
        screen: where it is shown.
        at_window: called once, when the verification window has begun.

    Raises:
        RPCError: Temporal does not answer.
    """
    entered = followed = told = False
    absence = Absence(client)
    while True:
        progress = await progress_of(client, workflow_id, run_id)
        if progress.closed and progress.resumed_as and followed:
            screen.show(progress)
            screen.print_line(f"The run was reset meanwhile; it goes on as {workflow_id}@{progress.resumed_as}.")
            run_id = progress.resumed_as
            continue
        screen.show(progress)
        if progress.closed:
            return progress
        followed = True
        if progress.problem and not told:
            told = True
            screen.print_line(f"The run is stuck: {one_line(progress.problem)}.")
        if nobody := await absence.look(progress.run_id, progress.task_queue, progress.waiting):
            screen.print_line(nobody)
        window = progress.phase(WINDOW)
        holding = window is not None and window.state is State.DOING
        if holding and at_window is not None and not entered:
            entered = True
            await at_window(progress)
            continue
        await asyncio.sleep(_LOOK_IN_WINDOW_SECONDS if holding else _LOOK_SECONDS)
