"""What is said of a run's activities."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.messages import Affected, Observation, RunResult, StepResult, StepStatus
from runmend.reports.commands import restore
from runmend.runs.history import Timer
from runmend.runs.terminal import CALM, print_report, print_verdict
from runmend.runs.timeline import _observed, to_go
from tests.builders import image_change


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


@pytest.mark.parametrize("width", [40, 200])
def test_a_command_of_a_report_is_never_wrapped_on_a_terminal_and_the_verdict_is_its_last_line(width: int) -> None:
    out = io.StringIO()
    terminal = Console(file=out, width=width, force_terminal=True, color_system=None, theme=CALM)
    change = image_change("app", "registry.example/a/long/name/of/an/image:1", "b:2")
    step = StepResult(action_id="patch_image", status=StepStatus.DONE, summary="changed it", changes=(change,))
    target = Target(cluster="c", namespace="shop", kind="Deployment", name="web")
    result = RunResult(
        runbook_id="RB_A",
        title="A",
        sha256="0",
        target=target,
        alerts=(),
        mode=Mode.AUTO,
        outcome=Outcome.VERIFICATION_FAILED,
        reason="not recovered in time",
        steps=(step,),
    )

    print_report(terminal, result)
    print_verdict(terminal, result)

    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert f"  {restore(target, [change])}" in lines
    assert not any("```" in line for line in lines)
    assert lines[-1] == "✗ VerificationFailed: Deployment shop/web: not recovered in time"[: width - 1] + (
        "…" if width < 60 else ""
    )
