"""What `runmend stats` counts agrees with what was run, on a real server, while runs end under the reading.

`STATS_RUNS=10000` runs more of them.
"""

import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from statistics import median
from typing import Any

import pytest
from temporalio.client import Client

from runmend.core.settings import Settings
from runmend.runs import visibility
from runmend.runs.statistics import Stats, count
from runmend.runs.visibility import Row, Wanted, every, newest
from tests.temporal.many_runs import BY_ITSELF, Ending, Run, a_worker_of_endings, end, known, pattern, play, start

RUNS = int(os.environ.get("STATS_RUNS", "300"))
SEED = 20261123
FAILING = ("PreconditionFailed", "StepFailed", "Unhandled", "Reverted", "VerificationFailed", "timed out")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(max(120, RUNS // 10))]


@pytest.fixture
def settings() -> Settings:
    """A cluster of the test's own."""
    return Settings(cluster=f"t-{uuid.uuid4().hex[:12]}")


def agree(stats: Stats, endings: list[Ending]) -> None:
    """Counted another way: from what the runs were told to do."""
    for runbook in stats.runbooks:
        mine = [ending for ending in endings if ending.runbook == runbook.name]
        outcomes = Counter(ending.outcome for ending in mine)
        assert (runbook.runs, runbook.replays) == (len(mine), sum(ending.replay for ending in mine))
        assert (runbook.resolved, runbook.not_needed, runbook.recommended) == tuple(
            outcomes[outcome] for outcome in BY_ITSELF[:3]
        )
        assert runbook.failed_by_outcome == {outcome: outcomes[outcome] for outcome in FAILING if outcomes[outcome]}
        assert runbook.cancelled == outcomes["cancelled"] + outcomes["terminated"]
        assert Counter(runbook.failed_by_reason) == Counter(
            one.reason or one.outcome for one in mine if one.outcome in FAILING
        )
    assert {runbook.name for runbook in stats.runbooks} == {ending.runbook for ending in endings}
    troubled = Counter(
        one.target
        for one in endings
        if one.outcome in ("resolved", "recommended", "observed", *FAILING) and not one.replay
    )
    assert {target.name: target.trouble for target in stats.offenders} == {
        name: times for name, times in troubled.items() if times > 1
    }
    assert Counter({target.name: target.runs for target in stats.targets}) == Counter(
        ending.target for ending in endings
    )


async def test_stats_agree_with_what_was_run_whatever_the_page_size(client: Client, settings: Settings) -> None:
    queue = f"TaskQueue = '{settings.task_queue}'"
    async with a_worker_of_endings(client, settings):
        runs = await play(client, settings, pattern(RUNS, SEED))
    stats = count(await every(client, settings, Wanted()))

    assert stats.total.runs == RUNS
    agree(stats, [run.ending for run in runs])
    assert count(await every(client, settings, Wanted(), page_size=RUNS // 17)) == stats
    await agrees_with_the_servers_counts(client, queue, stats)
    await agrees_with_what_each_run_says_of_its_time(runs, stats)

    most = RUNS * 5 // 6
    listed = await newest(client, settings, Wanted(), most, page_size=RUNS // 12)
    rows = await every(client, settings, Wanted())
    assert listed == sorted(rows, key=lambda row: (row.started, row.run_id), reverse=True)[:most]
    for outcome in ("resolved", "failed", "cancelled", "terminated", "timed out"):
        some = await every(client, settings, Wanted(outcomes=(outcome,), namespace="ns-3", runbook="RB_OOM"))
        assert Counter(row.outcome for row in some) == Counter(
            run.ending.outcome
            for run in runs
            if (run.ending.namespace, run.ending.runbook) == ("ns-3", "RB_OOM")
            and (run.ending.outcome == outcome or (outcome == "failed" and run.ending.outcome in FAILING))
        )


async def agrees_with_the_servers_counts(client: Client, queue: str, stats: Stats) -> None:
    for runbook in stats.runbooks:
        for outcome in BY_ITSELF:
            found = await client.count_workflows(
                f"{queue} AND WorkflowType = '{runbook.name}' AND Outcome = '{outcome}'"
            )
            told = {name: getattr(runbook, name) for name in ("resolved", "not_needed", "recommended", "observed")}
            assert found.count == (told | runbook.failed_by_outcome).get(outcome, 0)


async def agrees_with_what_each_run_says_of_its_time(runs: list[Run], stats: Stats) -> None:
    """`describe` reads a run itself, and not the visibility store."""
    lasted: dict[str, list[float]] = {}
    for run in runs:
        if run.ending.outcome == "resolved":
            described = await run.handle.describe()
            assert described.close_time is not None
            lasted.setdefault(run.ending.runbook, []).append(
                (described.close_time - described.start_time).total_seconds()
            )
    for runbook in stats.runbooks:
        assert runbook.median_seconds == pytest.approx(median(lasted[runbook.name]), abs=2e-6)


async def test_a_run_that_starts_or_ends_while_stats_are_read_is_counted_once(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = f"TaskQueue = '{settings.task_queue}'"
    async with a_worker_of_endings(client, settings):
        ended = await play(client, settings, pattern(60, SEED))
        waiting = [
            await start(
                client,
                settings,
                Ending(runbook="RB_OOM", namespace="open", name=f"w-{number}", outcome="resolved", waits=True),
            )
            for number in range(60)
        ]
        await known(client, queue, 120)
        ending, started = iter(waiting), iter(range(1000))
        store = visibility.rows

        async def while_much_happens(asked: Client, query: str, page_size: int, *more: Any) -> AsyncIterator[Row]:
            """Between any two rows and before the first a run ends, the latest started first, then the earliest; and
            another starts."""
            async for row in store(asked, query, page_size, *more):
                if run := next(ending, None):
                    await end(run)
                    late = Ending(
                        runbook="RB_LATE", namespace="late", name=f"l-{next(started)}", outcome="resolved", waits=True
                    )
                    await start(client, settings, late)
                    await known(
                        client, f"{queue} AND WorkflowId = '{run.handle.id}' AND ExecutionStatus = 'Completed'", 1
                    )
                yield row

        monkeypatch.setattr(visibility, "rows", while_much_happens)
        rows = await every(client, settings, Wanted(), page_size=4)

        assert next(ending, None) is None, "not all ended under the reading"
        mine = [row for row in rows if row.runbook_id != "RB_LATE"]
        assert Counter(row.run_id for row in mine) == Counter(run.handle.run_id for run in (*ended, *waiting))
        assert {row.run_id for row in mine if row.outcome == "running"} <= {run.handle.run_id for run in waiting}
        assert len({row.run_id for row in rows}) == len(rows)
        agree(count(row for row in mine if row.outcome != "running"), [run.ending for run in (*ended, *waiting)])
