"""What runs come to, counted."""

from dataclasses import fields
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.outcomes import Outcome
from runmend.runs.statistics import Stats, Tally, count
from runmend.runs.visibility import Row
from tests.unit.rows import a_row, some_rows

PARTS = ("resolved", "not_needed", "recommended", "observed", "failed", "cancelled", "running", "other")
ADDED = ("runs", *PARTS, "replays", "trouble")


def added(tallies: tuple[Tally, ...]) -> dict[str, int]:
    return {name: sum(getattr(tally, name) for tally in tallies) for name in ADDED}


@given(some_rows(), st.randoms())
def test_the_order_of_the_rows_changes_nothing(rows: list[Row], random: Random) -> None:
    mixed = random.sample(rows, len(rows))

    assert count(mixed) == count(rows)


@given(some_rows())
def test_every_run_is_counted_once_in_each_table(rows: list[Row]) -> None:
    stats = count(rows)

    assert stats.total.runs == len(rows)
    assert added(stats.runbooks) == added(stats.targets) == added((stats.total,))
    for tally in (stats.total, *stats.runbooks, *stats.targets):
        assert sum(getattr(tally, part) for part in PARTS) == tally.runs
        assert sum(tally.failed_by_outcome.values()) == sum(tally.failed_by_reason.values()) == tally.failed


@given(some_rows())
def test_a_runbooks_numbers_are_those_of_its_runs_alone(rows: list[Row]) -> None:
    for tally in count(rows).runbooks:
        [alone] = count([row for row in rows if row.runbook_id == tally.name]).runbooks
        assert alone == tally


@given(some_rows())
def test_the_median_is_of_the_resolved_runs(rows: list[Row]) -> None:
    lasted = [(row.ended - row.started).total_seconds() for row in rows if row.outcome == "resolved" and row.ended]

    assert count(rows).total.median_seconds == (median(lasted) if lasted else None)


@given(some_rows())
def test_repeat_offenders_are_the_targets_with_two_troubles_or_more_the_worst_first(rows: list[Row]) -> None:
    stats = count(rows)
    troubles = [target.trouble for target in stats.targets]

    assert troubles == sorted(troubles, reverse=True)
    assert stats.offenders == tuple(target for target in stats.targets if target.trouble >= 2)


@pytest.mark.parametrize(
    ("outcome", "part", "trouble"),
    [
        ("resolved", "resolved", 1),
        ("not_needed", "not_needed", 0),
        ("recommended", "recommended", 1),
        ("observed", "observed", 1),
        ("PreconditionFailed", "failed", 1),
        ("StepFailed", "failed", 1),
        ("Reverted", "failed", 1),
        ("VerificationFailed", "failed", 1),
        ("failed", "failed", 1),
        ("timed out", "failed", 1),
        ("cancelled", "cancelled", 0),
        ("terminated", "cancelled", 0),
        ("running", "running", 0),
        ("completed", "other", 0),
        ("continued as new", "other", 0),
    ],
)
def test_every_ending_has_its_place(outcome: str, part: str, trouble: int) -> None:
    total = count([a_row(outcome=outcome)]).total

    assert {name for name in PARTS if getattr(total, name)} == {part}
    assert total.trouble == trouble


def test_no_outcome_is_without_a_place() -> None:
    assert [outcome for outcome in Outcome if count([a_row(outcome=outcome.value)]).total.other] == []


def test_failures_are_told_by_outcome_and_reason_the_most_frequent_first() -> None:
    total = count(
        [
            a_row(1, "Reverted", reason="owner is a Pod"),
            a_row(2, "StepFailed", reason="Forbidden"),
            a_row(3, "PreconditionFailed", reason="owner is a Pod"),
            a_row(4, "StepFailed", reason="Unreachable"),
            a_row(5, "timed out"),
        ]
    ).total

    assert list(total.failed_by_outcome.items()) == [
        ("StepFailed", 2),
        ("PreconditionFailed", 1),
        ("Reverted", 1),
        ("timed out", 1),
    ]
    assert list(total.failed_by_reason.items()) == [
        ("owner is a Pod", 2),
        ("Forbidden", 1),
        ("Unreachable", 1),
        ("timed out", 1),
    ]


def test_a_replay_is_a_run_and_no_new_trouble() -> None:
    stats = count([a_row(1, "StepFailed"), a_row(2, "resolved", replay=True)])

    assert (stats.total.runs, stats.total.replays, stats.total.trouble) == (2, 1, 1)
    assert stats.offenders == ()


def test_nothing_is_counted_without_runs() -> None:
    assert count([]) == Stats(total=Tally("all"), runbooks=(), targets=())
    assert {field.name for field in fields(Tally)} >= set(ADDED)
