"""Starting a run, at the edges of what Temporal takes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from runmend.alerts.alert import Alert, Target
from runmend.plan.memo import EPISODES, EPISODES_KEPT, RUNBOOK, TARGET_UID, TROUBLES
from runmend.plan.plan import Plan
from runmend.runs import starting
from runmend.runs.starting import WORKFLOW_ID_MAX, Latest, Starter
from tests.bridge.support import STARTED_AT, Installation, an_alert


@pytest.fixture
def starter(installed: Installation) -> Starter:
    return Starter(installed.client, installed.settings)


@pytest.fixture
def plan(installed: Installation) -> Plan:
    return installed.catalog.plans["RB_IMAGEPULL"]


def alerts(count: int, **labels: str) -> tuple[Alert, ...]:
    return tuple(
        Alert(fingerprint=f"{n:016x}", starts_at=STARTED_AT, labels=an_alert(pod=f"web-{n}")["labels"] | labels)
        for n in range(count)
    )


async def test_a_target_without_a_run_has_no_latest(installed: Installation, starter: Starter) -> None:
    assert await starter.latest(installed.target()) is None


async def test_the_latest_run_is_found_with_what_its_memo_says(
    installed: Installation, starter: Starter, plan: Plan
) -> None:
    run_id = await starter.start(plan, installed.target(), alerts(1), starter.options("shop"), None, uid="u-1")

    latest = await starter.latest(installed.target())

    assert latest is not None
    assert (latest.run_id, latest.runbook_id, latest.open, latest.failed) == (run_id, "RB_IMAGEPULL", True, False)
    assert list(latest.episodes) == [alerts(1)[0].episode]
    assert (latest.troubles, latest.target_uid) == (("KubePodImagePullBackOff/app",), "u-1")
    assert latest.sha256 == plan.sha256
    assert latest.knows(alerts(1)[0])


async def test_a_run_remembers_what_its_predecessors_dealt_with(
    installed: Installation, starter: Starter, plan: Plan
) -> None:
    (first, second) = alerts(2)
    await starter.start(plan, installed.target(), (first,), starter.options("shop"), None)
    await installed.run().terminate()

    await starter.start(
        plan, installed.target(), (second,), starter.options("shop"), await starter.latest(installed.target())
    )

    latest = await starter.latest(installed.target())
    assert latest is not None
    assert set(latest.episodes) == {first.episode, second.episode}


async def test_a_memo_that_somebody_else_wrote_does_no_harm(installed: Installation, starter: Starter) -> None:
    now = datetime.now(UTC).isoformat()
    memo = {
        EPISODES: {"a/1": "yesterday", "a/2": 7, "a/3": "2026-11-22", "a/4": now},
        TROUBLES: [7],
        TARGET_UID: None,
        RUNBOOK: None,
    }
    await installed.client.start_workflow(
        "Other", id=installed.target().workflow_id, task_queue=installed.settings.task_queue, memo=memo
    )

    latest = await starter.latest(installed.target())

    assert latest is not None
    assert latest.episodes == {"a/4": now}
    assert (latest.troubles, latest.target_uid, latest.sha256) == ((), "", "")


async def test_a_run_takes_thousands_of_alerts(installed: Installation, starter: Starter, plan: Plan) -> None:
    many = alerts(3000)

    await starter.start(plan, installed.target(), many, starter.options("shop"), None)

    assert len((await installed.input()).alerts) == 3000
    found = await installed.run().describe()
    fingerprints = found.typed_search_attributes.get(SearchAttributeKey.for_keyword_list("Fingerprints")) or ()
    assert 90 < len(fingerprints) < 110  # what Temporal allows: 2048 bytes
    assert len((await found.memo())[EPISODES]) == EPISODES_KEPT
    assert len(((await found.static_details()) or "").encode()) < 20_000


async def test_the_longest_names_fit(installed: Installation, starter: Starter, plan: Plan) -> None:
    target = Target(cluster=installed.settings.cluster, namespace="n" * 63, kind="Deployment", name="d" * 165)
    assert len(target.workflow_id) == WORKFLOW_ID_MAX

    await starter.start(plan.model_copy(update={"title": "T" * 500}), target, alerts(1), starter.options("shop"), None)

    found = await installed.client.get_workflow_handle(target.workflow_id).describe()
    summary = await found.static_summary() or ""
    assert summary.endswith("…")
    assert len(summary.encode()) < 400


async def test_a_run_ends_24_hours_after_what_its_plan_waits_for(
    installed: Installation, starter: Starter, plan: Plan
) -> None:
    await starter.start(
        plan.model_copy(update={"settle_seconds": 700, "window_seconds": 20}),
        installed.target(),
        alerts(1),
        starter.options("shop"),
        None,
    )

    described = (await installed.run().describe()).raw_description
    assert described.execution_config.workflow_execution_timeout.ToTimedelta() == timedelta(hours=24, seconds=720)


async def test_a_run_that_was_not_ended_in_time_counts_as_failed(
    installed: Installation, starter: Starter, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "STEPS_TIME", timedelta(seconds=1))
    hasty = plan.model_copy(update={"settle_seconds": 0, "window_seconds": 0})
    await starter.start(hasty, installed.target(), alerts(1), starter.options("shop"), None)
    while (await installed.run().describe()).close_time is None:  # noqa: ASYNC110  Temporal ends it
        await asyncio.sleep(0.05)

    latest = await starter.latest(installed.target())

    assert latest is not None
    assert (latest.open, latest.failed) == (False, True)


async def test_the_runbooks_problem_and_notes_are_shown(installed: Installation, starter: Starter, plan: Plan) -> None:
    told = plan.model_copy(
        update={"problem": "Nothing can be pulled.\n\nNot a thing.", "notes": ("Ask before.", "Ask\nafter.")}
    )

    await starter.start(told, installed.target(), alerts(1), starter.options("shop"), None)

    details = await (await installed.run().describe()).static_details() or ""
    assert f"# {plan.title}\n\n{plan.description}\n\nNothing can be pulled.\n\nNot a thing.\n\n- **Target**" in details
    assert "\n- **Note**: Ask before.\n- **Note**: Ask after.\n- **Alert**: " in details


async def test_long_prose_leaves_room_for_the_alerts(installed: Installation, starter: Starter, plan: Plan) -> None:
    long = plan.model_copy(update={"problem": "é" * 30_000, "notes": ("n" * 200,) * 200})

    await starter.start(long, installed.target(), alerts(10), starter.options("shop"), None)

    details = await (await installed.run().describe()).static_details() or ""
    assert details.count("**Alert**") == 10
    assert len(details.encode()) < 10_000


async def test_a_hostile_alertname_stays_text(installed: Installation, starter: Starter, plan: Plan) -> None:
    name = "`[click](javascript:1)`\n# head\x00" + "é" * 300

    await starter.start(plan, installed.target(), alerts(1, alertname=name), starter.options("shop"), None)

    found = await installed.run().describe()
    assert "`` `[click](javascript:1)` # head" in (await found.static_details() or "")
    attribute = found.typed_search_attributes.get(SearchAttributeKey.for_keyword("AlertName")) or ""
    assert attribute.startswith("`[click](javascript:1)`?# head?é")
    assert len(attribute.encode()) <= 250


async def test_two_hundred_of_the_longest_fingerprints_can_be_asked_for(starter: Starter) -> None:
    assert await starter.open_runs({f"{n:064x}" for n in range(450)}) == ()


async def test_a_fingerprint_with_a_quote_is_never_asked_for(starter: Starter) -> None:
    with pytest.raises(ValueError, match="cannot be looked for"):
        await starter.open_runs({"a' OR '1'='1"})


def test_what_counts_as_failed() -> None:
    closed = datetime.now(UTC) - timedelta(minutes=1)
    failed = {status.name for status in WorkflowExecutionStatus if Latest("r", "RB", status, closed).failed}
    assert failed == {"FAILED", "TIMED_OUT"}
