"""Rows of runs for tests, and a visibility store that gives them in Temporal's order."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from runmend.runs.visibility import OUTCOMES, RUNNING, Row

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
_OPEN_LAST = datetime.max.replace(tzinfo=UTC)


def a_row(
    number: int = 1, outcome: str = "resolved", *, begins: float = 0, lasts: float = 300, **more: str | bool
) -> Row:
    """A run that begins so many seconds after midnight."""
    started = MIDNIGHT + timedelta(seconds=begins)
    ended = None if outcome == RUNNING else started + timedelta(seconds=lasts)
    name = str(more.pop("name", "web"))
    runbook, reason, replay = (
        str(more.pop("runbook", "RB_A")),
        str(more.pop("reason", "")),
        bool(more.pop("replay", False)),
    )
    return Row(
        outcome,
        f"Deployment shop/{name}",
        runbook,
        reason,
        started,
        ended,
        f"c/shop/Deployment/{name}",
        f"run-{number:06}",
        replay,
    )


@st.composite
def some_rows(draw: st.DrawFn, outcomes: tuple[str, ...] = (*OUTCOMES, "completed")) -> list[Row]:
    """Runs with different ids; targets, runbooks and times are often the same."""
    made = draw(
        st.lists(
            st.tuples(
                st.sampled_from(outcomes),
                st.integers(0, 50),
                st.integers(0, 50),
                st.sampled_from(("web", "api", "db")),
                st.sampled_from(("RB_A", "RB_B")),
                st.sampled_from(("", "image not found", "owner is a Pod")),
                st.booleans(),
            ),
            max_size=40,
        )
    )
    return [
        a_row(number, outcome, begins=begins, lasts=lasts, name=name, runbook=runbook, reason=reason, replay=replay)
        for number, (outcome, begins, lasts, name, runbook, reason, replay) in enumerate(made)
    ]


def store_of(found: list[Row]) -> Callable[..., AsyncIterator[Row]]:
    """What `runmend.runs.visibility.rows` does, for a query about open runs or about closed ones."""

    async def rows(_client: object, query: str, *_: object) -> AsyncIterator[Row]:
        wants_closed = "ExecutionStatus != 'Running'" in query
        chosen = [row for row in found if (row.ended is not None) is wants_closed]
        for row in sorted(chosen, key=lambda row: (row.ended or _OPEN_LAST, row.started, row.run_id), reverse=True):
            yield row

    return rows
