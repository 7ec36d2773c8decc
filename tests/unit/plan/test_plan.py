"""Filling placeholders, the strictest mode, and what a plan says it would write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.modes import Mode, strictest
from runmend.plan.criteria import Criterion
from runmend.plan.plan import Condition, Plan, Step, fill
from tests.builders import events_query, patch_operation


def a_patch(*entries: tuple[str, str], **parameters: str) -> Step:
    return Step(
        action_id="patch",
        title="Patch",
        line=1,
        command="kubectl patch …",
        operation=patch_operation(dict(entries)),
        changes=True,
        images=tuple((name, fill(image, {"container": "{container}", **parameters})) for name, image in entries),
        parameters=parameters,
        required_labels=("namespace", "pod"),
    )


def a_look() -> Step:
    return Step(
        action_id="look",
        title="Look",
        line=1,
        command="kubectl get events …",
        operation=events_query(),
        required_labels=("pod", "node"),
    )


def a_plan(*steps: Step) -> Plan:
    return Plan(
        sha256="0", file="rb.md", runbook_id="RB", alertname="A", title="T", state="ImagePullBackOff", steps=steps
    )


def test_a_placeholder_is_filled_wherever_it_stands() -> None:
    assert fill("{a}/{b}:{a}", {"a": "x", "b": "y"}) == "x/y:x"


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    assert fill("{a}", {"a": "{b}", "b": "never"}) == "{b}"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="pod"):
        fill("{pod}", {})


@given(st.text())
def test_any_value_is_filled_in_as_it_is(value: str) -> None:
    assert fill("<{a}>", {"a": value}) == f"<{value}>"


def test_the_strictest_mode_wins_and_auto_is_where_none_is_named() -> None:
    assert strictest(Mode.AUTO, Mode.RECOMMEND, None) is Mode.RECOMMEND
    assert strictest(Mode.AUTO, None) is Mode.AUTO
    assert strictest() is Mode.AUTO


def test_a_step_fills_its_own_parameters_and_leaves_the_container_open() -> None:
    step = a_patch(("{container}", "registry.example/{name}:{tag}"), name="app", tag="1.0")

    assert step.changes
    assert step.image_for("any") == "registry.example/app:1.0"


def test_a_step_that_names_a_container_leaves_the_others_alone() -> None:
    step = a_patch(("app", "nginx:1"))

    assert step.image_for("app") == "nginx:1"
    assert step.image_for("sidecar") is None


def test_a_reading_step_changes_nothing() -> None:
    assert not a_look().changes
    assert a_look().image_for("app") is None
    assert not a_plan(a_look()).changes


def test_a_plan_says_what_its_steps_say_together() -> None:
    plan = a_plan(a_look(), a_patch(("app", "nginx:1")), a_patch(("app", "nginx:2"), ("setup", "busybox")))

    assert plan.changes
    assert plan.required_labels == ("pod", "node", "namespace")
    assert plan.image_for("app") == "nginx:1"
    assert plan.image_for("setup") == "busybox"
    assert plan.image_for("other") is None


def test_every_expression_that_a_run_evaluates_is_among_its_plans() -> None:
    asked = Condition(text="t", line=1, expression="node.ready")
    step = a_look().model_copy(update={"gate": "pods.size() > 0", "conditions": (asked,)})
    judged = Criterion(text="t", line=1, expression="!restarted")
    unread = Criterion(text="t", line=1)
    plan = a_plan(step).model_copy(
        update={"problem_expression": "workload.available == 0", "criteria": (judged, unread)}
    )

    assert plan.expressions == ("workload.available == 0", "pods.size() > 0", "node.ready", "!restarted")
