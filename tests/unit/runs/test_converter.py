"""Our payloads are the stock converter's; only what they are made by is shared."""

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from runmend.alerts.alert import Alert, Target
from runmend.core.errors import Forbidden
from runmend.plan.messages import RunInput
from runmend.plan.plan import Plan, Step
from runmend.runs.converter import data_converter
from tests.builders import events_query

GIVEN = RunInput(
    plan=Plan(
        sha256="0",
        file="r.md",
        runbook_id="R",
        alertname="A",
        title="t",
        state=None,
        steps=(
            Step(
                action_id="look",
                title="t",
                line=1,
                command="kubectl get events",
                operation=events_query("involvedObject.name=x"),
            ),
        ),
    ),
    target=Target(cluster="c", namespace="n", kind="Deployment", name="web"),
    alerts=(Alert(fingerprint="f", starts_at="2026-11-22T13:31:12.482Z", labels={"pod": "p"}),),
)


def test_a_payload_is_the_stock_converters() -> None:
    values = [GIVEN, None, b"bytes", {"key": ["text", 1, None]}]

    assert data_converter.payload_converter.to_payloads(
        values
    ) == pydantic_data_converter.payload_converter.to_payloads(values)


def test_a_payload_is_read_back_as_what_it_was() -> None:
    (payload,) = data_converter.payload_converter.to_payloads([GIVEN])

    assert data_converter.payload_converter.from_payload(payload, RunInput) == GIVEN


def test_two_converters_share_what_they_have_learnt() -> None:
    one, other = data_converter.payload_converter_class(), data_converter.payload_converter_class()

    assert one is not other
    assert list(one.converters.values()) == list(other.converters.values())  # type: ignore[attr-defined]


def stack_of(error: Exception) -> str:
    failure = Failure()
    try:
        raise error
    except type(error) as raised:
        data_converter.failure_converter.to_failure(raised, data_converter.payload_converter, failure)
    return failure.stack_trace


def test_what_we_raise_ourselves_reaches_the_reader_without_a_stack_and_a_fault_with_one() -> None:
    assert stack_of(ApplicationError("the pod must be owned by a Deployment", type="PreconditionFailed")) == ""
    assert stack_of(Forbidden("GET pods shop: 403")) == ""
    assert "stack_of" in stack_of(KeyError("a fault of the program"))
