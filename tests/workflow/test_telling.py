"""What a worker counts and logs of its runs."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.core.outcomes import Outcome
from runmend.core.telemetry import METRICS, log_to
from tests.workflow.scenes import a_runbook
from tests.world import World

RUNBOOK = "RB_IMAGEPULL"
STEPS = ("get_pod_events", "patch_image")
ACTIVITIES = ("runmend.observe", *STEPS, "runmend.settle", "runmend.check", "runmend.report")


class Counted:
    """The metrics since this was made; they are the process's, and other tests count too."""

    def __init__(self) -> None:
        self._before = self._now()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return self._now()[key] - self._before.get(key, 0)

    @staticmethod
    def _now() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        samples = (sample for family in METRICS.collect() for sample in family.samples)
        return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the worker logs, as JSON."""
    root, ours = logging.getLogger(), logging.getLogger("runmend")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    stream = io.StringIO()
    log_to(stream, form="json")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def read(lines: io.StringIO, message: str) -> list[dict[str, Any]]:
    """The lines with a message, oldest first."""
    return [line for line in map(json.loads, lines.getvalue().splitlines()) if line["message"] == message]


async def test_a_resolved_run_is_counted_with_the_time_that_it_took(world: World, counted: Counted) -> None:
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start()
    await world.window(handle)
    assert counted("runmend_runs_ended_total", runbook=RUNBOOK, outcome="StepFailed") == 0, (
        "it is there before anything ended"
    )
    await world.skip()
    result = await world.completed(handle)

    assert result.began
    assert result.ended
    took = (result.ended - result.began).total_seconds()
    assert counted("runmend_runs_ended_total", runbook=RUNBOOK, outcome="resolved") == 1
    assert counted("runmend_time_to_fix_seconds_count", runbook=RUNBOOK) == 1
    assert counted("runmend_runs_resolved_unverified_total", runbook=RUNBOOK) == 0
    assert counted("runmend_time_to_fix_seconds_sum", runbook=RUNBOOK) == pytest.approx(took)
    assert took > 300
    for name in ACTIVITIES:
        assert counted("runmend_activity_try_seconds_count", activity=name, result="completed") == 1, name


async def test_a_try_after_a_fault_is_a_retry_and_a_wait_is_no_failure(world: World, counted: Counted) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", times=2, status=500)
    handle = await world.start()
    await world.window(handle)

    assert counted("runmend_activity_retries_total", activity="patch_image") == 2
    assert counted("runmend_activity_try_seconds_count", activity="patch_image", result="failed") == 2
    assert counted("runmend_activity_try_seconds_count", activity="patch_image", result="completed") == 1
    waited = counted("runmend_activity_try_seconds_count", activity="runmend.settle", result="waiting")
    # How often it had to wait is the machine's affair: on a slow one the pods are up before it looks.
    assert waited == counted("runmend_activity_retries_total", activity="runmend.settle")
    assert counted("runmend_activity_try_seconds_count", activity="runmend.settle", result="failed") == 0


async def test_a_run_that_fails_is_counted_under_its_outcome_and_has_no_time_to_fix(
    world: World, counted: Counted
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", times=99, status=422)

    failed = await world.failed(await world.start())

    assert failed.kind == Outcome.STEP_FAILED
    assert counted("runmend_runs_ended_total", runbook=RUNBOOK, outcome="StepFailed") == 1
    assert counted("runmend_runs_ended_total", runbook=RUNBOOK, outcome="resolved") == 0
    assert counted("runmend_time_to_fix_seconds_count", runbook=RUNBOOK) == 0


async def test_a_failed_try_is_one_line_of_the_sdk_that_names_run_target_step_and_attempt(
    world: World, lines: io.StringIO
) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", times=2, status=500, reason="said\nINFO forged")
    handle = await world.start()
    await world.window(handle)

    told = read(lines, "Completing activity as failed")
    place = {"run": handle.run_id, "target": world.target.workflow_id, "activity": "patch_image"}
    assert [line["attempt"] for line in told] == [1, 2]
    for line in told:
        assert place.items() <= line.items()
        assert line["error"].startswith("ServerError: PATCH deployments shop/web: 500: said")
        assert line.keys() - place.keys() == {"time", "level", "logger", "message", "error", "attempt"}


async def test_the_line_of_a_runs_end_names_run_and_target(world: World, lines: io.StringIO) -> None:
    world.deploy()
    await world.until_broken(count=2)
    world.faults.add("PATCH", "deployments/web", times=99, status=422)
    handle = await world.start()
    await world.failed(handle)

    (line,) = read(lines, "run ended")
    assert (line["run"], line["target"], line["activity"]) == (
        handle.run_id,
        world.target.workflow_id,
        "runmend.report",
    )
    assert (line["runbook"], line["outcome"], line["says"]) == (RUNBOOK, "StepFailed", "StepFailed")


@workflow.defn
class Talking:
    """A workflow that says something."""

    @workflow.run
    async def run(self) -> None:
        workflow.logger.warning("said in a workflow")


@workflow.defn
class Broken:
    """A workflow with a fault in its code."""

    @workflow.run
    async def run(self) -> None:
        raise KeyError("no\nsuch")


async def test_a_workflows_own_lines_name_run_and_target(world: World, lines: io.StringIO) -> None:
    client = world.env.client
    async with Worker(
        client, task_queue="telling", workflows=[Talking, Broken], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        talking = await client.start_workflow("Talking", id="prod/shop/Deployment/web", task_queue="telling")
        await talking.result()
        broken = await client.start_workflow("Broken", id="prod/shop/Deployment/api", task_queue="telling")
        await world.until(lambda: "KeyError" in lines.getvalue())
        await broken.terminate()

    (said,) = read(lines, "said in a workflow")
    failed = next(
        line for line in map(json.loads, lines.getvalue().splitlines()) if "KeyError" in line.get("error", "")
    )
    assert (said["run"], said["target"]) == (talking.result_run_id, talking.id)
    assert (failed["run"], failed["target"]) == (broken.result_run_id, broken.id)
    assert failed["logger"].startswith("temporalio")


async def test_a_run_that_resolved_with_a_criterion_unverified_is_counted(world: World, counted: Counted) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    success = "- Container starts successfully"
    handle = await world.start(plan=a_runbook((success, f"{success}\n- The customers are happy")))
    await world.window(handle)
    await world.skip()
    await world.completed(handle)

    assert counted("runmend_runs_resolved_unverified_total", runbook=RUNBOOK) == 1
