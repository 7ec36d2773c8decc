"""What passes between programs of two versions: a field that one of them does not know; docs/changing-workflows.md."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from runmend.plan.messages import RunInput, Settled, StepResult
from runmend.runs.compatibility import fit
from runmend.runs.compatibility.events import kind_of
from runmend.runs.converter import data_converter
from tests.histories import stored

Json = dict[str, Any]


def payload_of(history: WorkflowHistory, event_kind: str, activity: str) -> Payload:
    """What an event brought: the first of its kind, or the result of an activity."""
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
        if kind_of(event) == event_kind and (not activity or attributes.scheduled_event_id == number):
            payload: Payload = (attributes.result if activity else attributes.input).payloads[0]
            return payload
    raise AssertionError(f"no {event_kind} in {history.workflow_id}")


def edited(kind: str, event_kind: str, edit: Callable[[Json], None], *, activity: str = "") -> WorkflowHistory:
    """A recording in which what an event brought is another."""
    history = stored.history(stored.newest(kind))
    payload = payload_of(history, event_kind, activity)
    value: Json = json.loads(payload.data)
    edit(value)
    payload.data = json.dumps(value).encode()
    return history


def more(value: Json) -> None:
    value["of_tomorrow"] = 1


def less(name: str) -> Callable[[Json], None]:
    def drop(value: Json) -> None:
        del value[name]

    return drop


async def fails_the_run(history: WorkflowHistory, event_kind: str, activity: str, model: type[Any], event: str) -> None:
    """What was brought is no such model, and the code fails the run where the history goes on with this event."""
    with pytest.raises(ValidationError, match=rf"^1 validation error for {model.__name__}\n"):
        data_converter.payload_converter.from_payload(payload_of(history, event_kind, activity), model)
    problem = (await fit(history)).problem
    assert problem is not None
    assert problem.event is not None
    assert problem.event.endswith(event)
    assert "Fail workflow machine does not handle this event" in problem.says


async def test_a_worker_that_gets_an_input_with_a_field_of_tomorrow_fails_the_run() -> None:
    history = edited("resolved", "workflow_execution_started", more)

    await fails_the_run(history, "workflow_execution_started", "", RunInput, "activity runmend.observe, id 1")


async def test_a_worker_that_gets_a_signal_with_a_field_of_tomorrow_drops_it() -> None:
    """So an alert that joined is lost: the recorded run remembered it."""
    late = edited("joined", "workflow_execution_signaled", lambda _: None)
    signals = [each for each in late.events if kind_of(each) == "workflow_execution_signaled"]
    payload = signals[1].workflow_execution_signaled_event_attributes.input.payloads[0]
    payload.data = json.dumps(json.loads(payload.data) | {"of_tomorrow": 1}).encode()
    problem = (await fit(late)).problem

    assert problem is not None
    assert problem.event is not None
    assert problem.event.endswith("memo episodes, troubles")
    assert "No command scheduled for event" in problem.says


async def test_a_worker_that_gets_a_result_with_a_field_of_tomorrow_fails_the_run() -> None:
    history = edited("resolved", "activity_task_completed", more, activity="runmend.settle")

    await fails_the_run(history, "activity_task_completed", "runmend.settle", Settled, "activity runmend.hold, id 5")


async def test_a_result_of_yesterday_without_a_field_that_has_a_default_is_read() -> None:
    assert (
        await fit(edited("resolved", "activity_task_completed", less("remarks"), activity="patch_image"))
    ).problem is None


async def test_a_result_of_yesterday_without_a_field_that_has_none_fails_the_run() -> None:
    history = edited("resolved", "activity_task_completed", less("summary"), activity="patch_image")

    await fails_the_run(history, "activity_task_completed", "patch_image", StepResult, "activity runmend.settle, id 4")
