"""What passes between programs of two versions: a field that one of them does not know; docs/changing-workflows.md."""

import json
from collections.abc import Callable
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from runmend.runs.compatibility import fit
from runmend.runs.compatibility.events import kind_of
from tests.histories import stored

Json = dict[str, Any]


def edited(kind: str, event_kind: str, edit: Callable[[Json], None], *, activity: str = "") -> WorkflowHistory:
    """A recording in which what an event brought is another: the first of its kind, or the result of an activity."""
    history = stored.history(stored.newest(kind))
    number = next(
        (
            each.event_id
            for each in history.events
            if activity and each.activity_task_scheduled_event_attributes.activity_type.name == activity
        ),
        0,
    )
    for event in history.events:
        attributes: Any = getattr(event, f"{event_kind}_event_attributes")
        if kind_of(event) != event_kind or (activity and attributes.scheduled_event_id != number):
            continue
        payload: Payload = (attributes.result if activity else attributes.input).payloads[0]
        value: Json = json.loads(payload.data)
        edit(value)
        payload.data = json.dumps(value).encode()
        return history
    raise AssertionError(f"no {event_kind} in {kind}")


def more(value: Json) -> None:
    value["of_tomorrow"] = 1


def less(name: str) -> Callable[[Json], None]:
    def drop(value: Json) -> None:
        del value[name]

    return drop


async def test_a_worker_that_gets_an_input_with_a_field_of_tomorrow_fails_the_run() -> None:
    problem = (await fit(edited("resolved", "workflow_execution_started", more))).problem

    assert problem is not None
    assert problem.event is not None
    assert "ActivityTaskScheduled" in problem.event
    assert problem.instead == "the run's failure: 1 validation error for RunInput"


async def test_a_worker_that_gets_a_signal_with_a_field_of_tomorrow_drops_it() -> None:
    """So an alert that joined is lost: the recorded run remembered it."""
    late = edited("joined", "workflow_execution_signaled", lambda _: None)
    signals = [each for each in late.events if kind_of(each) == "workflow_execution_signaled"]
    payload = signals[1].workflow_execution_signaled_event_attributes.input.payloads[0]
    payload.data = json.dumps(json.loads(payload.data) | {"of_tomorrow": 1}).encode()
    problem = (await fit(late)).problem

    assert problem is not None
    assert problem.event is not None
    assert problem.event.endswith("memo episodes")
    assert problem.instead == "nothing more"


async def test_a_worker_that_gets_a_result_with_a_field_of_tomorrow_fails_the_run() -> None:
    problem = (await fit(edited("resolved", "activity_task_completed", more, activity="runmend.settle"))).problem

    assert problem is not None
    assert problem.instead == "the run's failure: 1 validation error for Settled"


async def test_a_result_of_yesterday_without_a_field_that_has_a_default_is_read() -> None:
    assert (
        await fit(edited("resolved", "activity_task_completed", less("remarks"), activity="patch_image"))
    ).problem is None


async def test_a_result_of_yesterday_without_a_field_that_has_none_fails_the_run() -> None:
    problem = (
        await fit(edited("resolved", "activity_task_completed", less("summary"), activity="patch_image"))
    ).problem

    assert problem is not None
    assert problem.instead == "the run's failure: 1 validation error for StepResult"
