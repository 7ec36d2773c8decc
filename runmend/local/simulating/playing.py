"""One run in an embedded cluster of its own: an alert is posted, and the run followed to its end, its window passed
over.

Called for each part of a simulation, and for each case of a test.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome
from runmend.local.demo.environment import Environment, Surroundings, installation
from runmend.local.hurried import Hurried
from runmend.local.offline import NotAsked
from runmend.plan.messages import RunResult
from runmend.runs.terminal import Screen, follow, silent
from runmend.runs.timeline import Progress, State, progress_of

SETTLE_SECONDS: Final = 30
"""For how long a target may take to settle at most: what recovers there does so in seconds."""
PATIENCE: Final = 150.0
"""Seconds to wait for a run's end."""
STARTED: Final = "started"
"""The bridge's answer to an alert that starts a run."""
_numbers = count(1)


class NotPlayed(PermanentError):
    """A run could not be seen to its end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of an alert: its run's end, or why the bridge started none."""

    answer: str
    why: str
    result: RunResult | None = None

    @property
    def outcome(self) -> str:
        """The run's; where there is none, the bridge's answer: `unrouted`, `gone`."""
        return str(self.result.outcome) if self.result and self.result.outcome else self.answer

    @property
    def completes(self) -> bool:
        """Whether a run ended well."""
        return self.result is not None and self.result.outcome is not None and self.result.outcome.completes

    @property
    def steps(self) -> dict[str, str]:
        """Step → how it ended."""
        if self.result is None:
            return {}
        ended = {step.named: str(step.status) for step in self.result.steps}
        failed = self.result.failed_step
        return ended | ({failed: "failed"} if failed and failed not in ended else {})

    @property
    def changes(self) -> tuple[str, ...]:
        """What was changed, in words."""
        return tuple(change.in_words for change in self.result.changes) if self.result else ()

    @property
    def removed(self) -> int:
        """How many pods were taken away."""
        return len(self.result.removed) if self.result else 0

    @property
    def touched(self) -> str:
        """Both in one line; empty where there is nothing of either."""
        taken = f"{self.removed} pod{'' if self.removed == 1 else 's'} taken away" if self.removed else ""
        return "; ".join(filter(None, (*self.changes, taken)))

    @property
    def reverted(self) -> bool:
        """Whether what was changed did not stand."""
        return self.result is not None and self.result.outcome is Outcome.REVERTED

    @property
    def summary(self) -> str:
        """Why it ended so."""
        return self.result.summary if self.result else self.why


def catalog_of(directory: Path) -> Hurried:
    """The runbooks of a directory, which wait no longer than anything takes there to settle.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read.
    """
    return Hurried(directory, settle_seconds=SETTLE_SECONDS)


@asynccontextmanager
async def stage(shared: Surroundings, catalog: Hurried, directory: Path) -> AsyncIterator[Environment]:
    """An embedded cluster, a worker and a bridge for one run.

    Raises:
        RunmendError: something cannot be started.
    """
    name = f"sandbox-{next(_numbers)}"
    async with installation(shared, name, catalog, directory, registry=NotAsked()) as env:
        yield env


async def play(
    env: Environment,
    body: Mapping[str, Any],
    *,
    screen: Screen | None = None,
    in_window: Callable[[Progress], Awaitable[None]] | None = None,
) -> Ended:
    """Post a webhook, and follow the run that it starts to its end.

    Args:
        env: where.
        body: the webhook.
        screen: where the run is shown. None: nowhere.
        in_window: called when the verification window has begun, before it is passed over.

    Raises:
        NotPlayed: the run did not end in time, the worker ended, or Temporal did not answer.
        NoAnswer: the bridge did not take the webhook.
    """
    answers = await env.post(body)
    started = next((each for each in answers if each["answer"] == STARTED), None)
    if started is None:
        return Ended(*_first(answers))
    following = asyncio.create_task(_followed(env, started["run"], screen, in_window), name="run")
    try:
        await asyncio.wait([following, env.working], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            raise NotPlayed(f"the run was not seen to its end: {await _why(env, started['run'])}")
        return Ended(STARTED, started["why"], following.result().result)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def pass_over(skipper: TimeSkipper, handle: WorkflowHandle[Any, Any], seconds: float) -> None:
    """Move a run's clock, unless it has ended: what was put back may be seen, and end its window, before that.

    Raises:
        RPCError: Temporal did not do it.
    """
    try:
        await skipper.fast_forward(handle, seconds)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _why(env: Environment, workflow_id: str) -> str:
    """Why a run has not ended: what it does."""
    if env.working.done():
        return "its worker ended"
    progress = await progress_of(env.temporal.client, workflow_id, "")
    doing = [f"{phase.name} ({phase.says})" for phase in progress.phases if phase.state is State.DOING]
    return f"after {PATIENCE:.0f} s it is at {', '.join(doing) or 'nothing'}"


def _first(answers: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    return (answers[0]["answer"], answers[0]["why"]) if answers else ("no alert", "the webhook holds no alert")


async def _followed(
    env: Environment,
    workflow_id: str,
    screen: Screen | None,
    in_window: Callable[[Progress], Awaitable[None]] | None,
) -> Progress:
    client = env.temporal.client

    async def at_window(progress: Progress) -> None:
        if in_window is not None:
            await in_window(progress)
        handle = client.get_workflow_handle(progress.workflow_id, run_id=progress.run_id)
        await pass_over(TimeSkipper(client), handle, progress.plan.window_seconds + 1)

    try:
        return await follow(client, workflow_id, "", screen or Screen(silent()), at_window)
    except RPCError as error:
        raise NotPlayed(f"Temporal did not answer: {error.message}") from error
