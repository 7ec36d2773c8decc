"""What is said of a run's activities."""

import pytest

from runmend.plan.messages import Affected, Observation
from runmend.runs.timeline import _observed


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
