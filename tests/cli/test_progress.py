"""What is said of a run's activities."""

from datetime import UTC, datetime, timedelta

import pytest

from runmend.plan.messages import Affected, Observation
from runmend.runs.history import Timer
from runmend.runs.timeline import _observed, to_go


@pytest.mark.parametrize(
    ("revision", "says"),
    [
        (None, "in 1 of 1 pods"),
        (1, "in 1 of 1 pods"),
        # Three pods of revision 1 may serve beside it.
        (2, "in 1 of 1 pods of the current revision"),
    ],
)
def test_the_pods_that_were_counted_are_named(revision: int | None, says: str) -> None:
    affected = (Affected(container="app", init=False, image="a:1", reason="ImagePullBackOff", pods=("web-1",)),)
    seen = Observation(
        owner="Deployment web", pods=("web-1: Pending",), pod_count=1, revision=revision, affected=affected
    )

    assert _observed(seen) == f"container app waits (ImagePullBackOff) {says}"


@pytest.mark.parametrize(
    ("since", "left"), [(0, "5m 00s"), (29.2, "4m 31s"), (299, "1s"), (400, "0s"), (-3, "5m 00s")], ids=str
)
def test_an_open_window_counts_down_whatever_this_machines_clock_says(since: float, left: str) -> None:
    began = datetime(2026, 11, 23, 14, 0, 10, tzinfo=UTC)

    said = to_go(Timer(300, began), began + timedelta(seconds=since))

    assert said == f"{left} of 5 minutes to go, until 14:05:10 UTC"
