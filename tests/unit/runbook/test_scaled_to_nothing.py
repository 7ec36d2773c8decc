"""Runbooks that scale to 0: what their criteria may ask."""

import pytest

from runmend.runbook import compile_runbook
from tests.unit.runbooks import said

RUNBOOK = """\
---
runbook_id: RB_STOP
alertname: Runaway
target: Deployment
problem: workload.replicas > 0
workflow:
  - action_id: stop
---
# Stop it

## Actions

### Stop
- **action_id**: `stop`
- **command**: `kubectl scale deployment/{deployment} -n {namespace} --replicas=0`
- **conditions**:
  - Requires: `namespace`, `deployment` labels

## Success Criteria

- CRITERION
"""


@pytest.mark.parametrize(
    "criterion",
    [
        "Pod is Running",
        "No container restarts for 5 minutes",
        "At least 2 replicas are available",
        "Memory usage stays below the limit",
        "Container starts successfully",
    ],
)
def test_a_criterion_that_no_pod_could_show_is_refused_in_its_line(criterion: str) -> None:
    (error,) = said(RUNBOOK.replace("CRITERION", criterion))

    assert error.startswith(f'rb.md:21: error: the criterion "{criterion}" asks for pods, and stop scales to 0')
    assert "write `pods.size() == 0` in its place, or mode: recommend" in error


@pytest.mark.parametrize("criterion", ["`pods.size() == 0`", "`workload.available == 0` for 5 minutes"])
def test_what_holds_without_pods_is_read(criterion: str) -> None:
    assert compile_runbook(RUNBOOK.replace("CRITERION", criterion).encode(), "rb.md").plan.criteria


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("--replicas=0", "--replicas=1"),
        ("problem:", "mode: recommend\nproblem:"),
        ("- action_id: stop", "- action_id: stop\n    when: workload.replicas > 5"),
    ],
)
def test_where_pods_may_be_left_any_criterion_may_stand(written: str, instead: str) -> None:
    text = RUNBOOK.replace("CRITERION", "Pod is Running").replace(written, instead, 1)

    assert compile_runbook(text.encode(), "rb.md").plan.criteria
