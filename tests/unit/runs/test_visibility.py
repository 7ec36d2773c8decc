"""What the visibility store is asked, and which of its rows are kept."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.client import Client

from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.runs import visibility
from runmend.runs.visibility import OUTCOMES, Row, Wanted, check_outcome, newest, quoted
from tests.unit.rows import a_row, some_rows, store_of

SETTINGS = Settings(cluster="prod")
QUEUE = "TaskQueue = 'runmend-prod'"
NO_CLIENT = cast("Client", None)


REFUSED = "leave out quotes, backslashes and control characters"


def read(literal: str) -> tuple[str, str]:
    """A string literal of the query language as a store reads it, and what stands behind it."""
    text, _, rest = literal.removeprefix("'").partition("'")
    assert literal[0] == "'"
    assert "\\" not in text
    return text, rest


@given(st.text())
def test_a_value_is_read_as_it_was_written_or_refused(text: str) -> None:
    if text.isprintable() and not set(text) & set("'\"\\"):
        assert read(quoted(text)) == (text, "")
        return
    with pytest.raises(ValueError, match=REFUSED):
        quoted(text)


@given(st.text(alphabet="ab -_/=()é✓", max_size=12), st.text(alphabet="ab -_=()ORND", max_size=12))
def test_no_value_reaches_beyond_its_own_place(runbook: str, namespace: str) -> None:
    rest = Wanted(runbook=runbook, namespace=namespace).query(SETTINGS).removeprefix(QUEUE)
    for begins, value in (("WorkflowType", runbook), ("KubeNamespace", namespace)):
        if value:
            assert rest.startswith(f" AND {begins} = ")
            found, rest = read(rest.removeprefix(f" AND {begins} = "))
            assert found == value
    assert rest == ""


@pytest.mark.parametrize("text", ["a'b", 'a"b', "a\\b", "a\nb", "a\x00b", "a\u202eb"])
@pytest.mark.parametrize("field", ["runbook", "namespace", "target"])
def test_a_value_that_a_store_cannot_be_asked_for_is_refused(field: str, text: str) -> None:
    with pytest.raises(ValueError, match="cannot be looked for"):
        Wanted(**cast("dict[str, Any]", {field: text}))


@pytest.mark.parametrize("text", ["RB_*", "sh%", "web?"])
@pytest.mark.parametrize("field", ["runbook", "namespace", "target"])
def test_a_wildcard_is_refused_because_the_store_would_look_for_the_character(field: str, text: str) -> None:
    with pytest.raises(ValueError, match="wildcard"):
        Wanted(**cast("dict[str, Any]", {field: text}))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(), ""),
        (Wanted(outcomes=("running",)), " AND (ExecutionStatus = 'Running')"),
        (
            Wanted(outcomes=("resolved", "timed out")),
            (
                " AND ((ExecutionStatus IN ('Completed', 'Failed') AND Outcome = 'resolved') OR ExecutionStatus = "
                "'TimedOut')"
            ),
        ),
        (Wanted(outcomes=("failed",)), " AND (ExecutionStatus IN ('Failed', 'TimedOut'))"),
        (Wanted(runbook="RB_A", namespace="shop"), " AND WorkflowType = 'RB_A' AND KubeNamespace = 'shop'"),
        (Wanted(target="web"), ""),
        (Wanted(target="shop/we"), " AND KubeNamespace = 'shop'"),
        (Wanted(target="Deployment shop/web"), " AND WorkflowId = 'prod/shop/Deployment/web'"),
        (Wanted(target="prod/shop/Deployment/web"), " AND WorkflowId = 'prod/shop/Deployment/web'"),
        (Wanted(since=datetime(2026, 11, 23, 4, tzinfo=UTC)), " AND StartTime >= '2026-11-23T04:00:00.000000+00:00'"),
    ],
)
def test_what_the_store_can_look_at_is_in_the_query(wanted: Wanted, says: str) -> None:
    assert wanted.query(SETTINGS) == QUEUE + says


@pytest.mark.parametrize(
    ("target", "fits"),
    [
        ("", True),
        ("WEB", True),
        ("shop/web", True),
        ("shop/we", False),
        ("shop/WEB", False),
        ("hop", True),
        ("shop/", True),
        ("shop/api", False),
        ("shop/shop", False),
        ("Deployment shop/web", True),
        ("pay", False),
    ],
)
def test_a_part_of_a_name_is_looked_for_in_the_rows(target: str, fits: bool) -> None:  # noqa: FBT001
    assert Wanted(target=target).fits(a_row(name="web")) is fits


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("resolved", "resolved"), ("Not-Needed", "not_needed"), ("timed out", "timed out"), ("stepfailed", "StepFailed")],
)
def test_an_outcome_is_known_however_it_is_written(text: str, outcome: str) -> None:
    assert check_outcome(text) == outcome


def test_a_wrong_outcome_is_answered_with_the_right_ones() -> None:
    with pytest.raises(
        ValueError, match=r"'fixed' is not an outcome; the outcomes are resolved, .*Reverted, .*, timed out, terminated"
    ):
        check_outcome("fixed")
    assert {outcome.value for outcome in Outcome} < set(OUTCOMES)


@given(some_rows(), st.integers(1, 12))
def test_the_newest_are_the_last_started_whatever_the_stores_order(found: list[Row], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(visibility, "rows", store_of(found))
        kept = asyncio.run(newest(NO_CLIENT, SETTINGS, Wanted(), limit))

    assert kept == sorted(found, key=lambda row: (row.started, row.run_id), reverse=True)[:limit]


async def test_closed_runs_are_not_read_beyond_those_that_may_be_among_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_out: list[Row] = []
    store = store_of([a_row(number, begins=number * 10, lasts=5) for number in range(1000)])

    async def counting(*asked: Any) -> Any:
        async for row in store(*asked):
            given_out.append(row)
            yield row

    monkeypatch.setattr(visibility, "rows", counting)

    assert [row.run_id for row in await newest(NO_CLIENT, SETTINGS, Wanted(), 3)] == [
        "run-000999",
        "run-000998",
        "run-000997",
    ]
    assert len(given_out) < 10
