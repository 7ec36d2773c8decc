"""Alerts that would make a run too large for Temporal, which then fails its every task: it stays open, and keeps its
target from all others."""

import asyncio
from collections.abc import Iterator

import pytest

from runmend.alerts.alert import Alert
from runmend.core.outcomes import Outcome
from runmend.plan.messages import RESOLVED_SIGNAL, Joining, RunResult
from runmend.reports.report import render
from runmend.runs.starting import HISTORY_BYTES, OpenRun, PlanTooLarge, Told
from runmend.worker.assembly import RUNNER
from tests.builders import an_alert
from tests.temporal.support import quick
from tests.world import World, a_worker

CONTAINERS = 12_200
A_START = 250
"""How many alerts of such containers one start carries."""
LONG = 31_800


def named(pod: str, number: int) -> Alert:
    return an_alert(pod, f"{number:05}-{'c' * 57}", fingerprint=f"{number:064}")


def in_starts(alerts: list[Alert]) -> Iterator[tuple[Alert, ...]]:
    for begin in range(0, len(alerts), A_START):
        yield tuple(alerts[begin : begin + A_START])


@pytest.mark.timeout(240)
async def test_alerts_of_thousands_of_containers_are_counted_and_the_run_ends(world: World) -> None:
    """12,200 distinct labels `container` made the input of every activity larger than 2 MB."""
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()
    plan = quick(world.plan, window=1)
    first, *others = in_starts([an_alert(pod), *(named(pod.name, number) for number in range(CONTAINERS))])
    handle = await world.start(first, plan=plan)
    for alerts in others:
        await world.start(alerts, plan=plan)
    # As in production: under Temporal's sandbox a busy machine takes longer than a workflow task may.
    async with a_worker(world, RUNNER):
        result = await world.completed(handle, 120)

    assert result.outcome is Outcome.RESOLVED
    assert result.more_alerts == CONTAINERS + 1 - len(result.alerts)
    assert f"and {CONTAINERS + 1 - 20} more alerts" in render(result)
    assert len(result.model_dump_json()) < 200_000


async def test_resolved_alerts_with_names_of_any_length_are_told_in_brief(world: World) -> None:
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()
    handle = await world.start((an_alert(pod),), plan=quick(world.plan, window=5))
    long = an_alert("p" * LONG, "c" * LONG)
    resolved = tuple(
        long.model_copy(update={"labels": long.labels | {"alertname": "n" * LONG}, "fingerprint": f"{number}"})
        for number in range(1000)
    )
    run = OpenRun(handle.id, handle.run_id or "", "RB_IMAGEPULL", frozenset())

    assert await world.starter.signal_resolved(run, resolved) is Told.YES

    async with a_worker(world):
        result = await world.completed(handle, 60)
    assert result.outcome is Outcome.RESOLVED
    assert result.remarks[0] == "950 more alerts resolved meanwhile than are named here"
    assert result.remarks[-1] == "and 1 more remarks like these"
    assert len(result.model_dump_json()) < 200_000


async def test_names_of_any_length_that_came_past_the_bridge_make_no_run_too_large(world: World) -> None:
    """15 alerts with an alertname of 31,800 characters did."""
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()
    alerts = [
        an_alert(pod).model_copy(update={"labels": an_alert(pod).labels | {"alertname": f"{number:02}{'n' * LONG}"}})
        for number in range(60)
    ]
    plan = quick(world.plan, window=1)
    handle = await world.start(tuple(alerts[:15]), plan=plan)
    for begin in range(15, 60, 15):
        await world.start(tuple(alerts[begin : begin + 15]), plan=plan)
    async with a_worker(world):
        result = await world.completed(handle, 60)

    assert result.outcome is Outcome.RESOLVED
    assert len(result.alerts) + result.more_alerts == 60


async def test_a_plan_that_temporal_would_never_take_is_refused(world: World) -> None:
    plan = world.plan.model_copy(update={"description": "d" * 600_000, "sha256": "0" * 64})

    with pytest.raises(PlanTooLarge, match=r"the plan of RB_IMAGEPULL has \d+ bytes, and a run takes 500000"):
        await world.start((an_alert("web-1"),), plan=plan)


@pytest.mark.timeout(240)
async def test_a_run_whose_history_is_full_is_told_nothing_more(world: World) -> None:
    """Temporal would end it at 50 MB."""
    handle = await world.start((an_alert("web-1"),))
    large = Joining(runbook_id="RB_OTHER", alerts=(Alert(fingerprint="a", starts_at="b", labels={"a": "a" * 900_000}),))
    for _ in range(HISTORY_BYTES // 900_000 + 1):
        await handle.signal(RESOLVED_SIGNAL, large)
    latest = await world.starter.latest(world.target)
    assert latest is not None
    assert latest.full

    run = OpenRun(handle.id, handle.run_id or "", "RB_IMAGEPULL", frozenset())
    assert await world.starter.signal_resolved(run, (an_alert("web-1"),)) is Told.FULL
    await handle.terminate()
    await asyncio.sleep(0)
    assert await world.starter.signal_resolved(run, (an_alert("web-1"),)) in (Told.FULL, Told.CLOSED)


async def test_an_activity_whose_result_is_too_large_fails_its_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.boundary.RESULT_BYTES", 500)
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()
    handle = await world.start((an_alert(pod),))
    async with a_worker(world):
        failed = await world.failed(handle)

    assert failed.kind == "StepFailed"
    assert failed.result.reason == "result too large"
    assert isinstance(failed.result, RunResult)
