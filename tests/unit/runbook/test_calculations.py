"""Calculations as they are written, and what they become in the plan."""

import pytest

from runmend.plan.plan import Step
from runmend.runbook.actions import find_actions
from runmend.runbook.diagnostics import Report
from runmend.runbook.document import read_document
from runmend.runbook.steps import compile_steps

PATCH = (
    """kubectl patch deployment {deployment} -n {namespace} -p '{"spec":{"template":{"spec":{"containers":"""
    """[{"name":"{container}","resources":{"limits":{"memory":"{new_limit}"}}}]}}}}'"""
)
SET = "kubectl set resources deployment/{deployment} -c {container} --limits=memory={new_limit} -n {namespace}"
SCALE = "kubectl scale deployment/{deployment} --replicas={new_replicas} -n {namespace}"
MAX = "`new_limit = max(256Mi, current_limit * 2)`"


def compiled(command: str, *items: str) -> tuple[Step | None, list[str]]:
    report = Report("rb.md")
    lines = ["---", "title: t", "---", "", "## Remediation Actions", "", "- **action_id**: `do`"]
    lines += [f"- **command**: `{command}`", *items]
    document = read_document("\n".join(lines).encode(), report)
    assert document
    (action,) = find_actions(document, report).values()
    step = next(iter(compile_steps(action, report)), None)
    return step, [str(each) for each in report.diagnostics]


def told(command: str, *items: str) -> list[str]:
    """The calculations of a plan's step; nothing must be wrong."""
    step, said = compiled(command, *items)
    assert not said
    assert step
    return [each.in_words for each in step.calculations]


@pytest.mark.parametrize("command", [PATCH, SET])
@pytest.mark.parametrize(
    "item",
    [
        f"- **calculation**: {MAX} (max 4Gi for safety)",
        f"- **calculation**: {MAX}, at most 4Gi",
        f"- **calculation**: {MAX} (maximum: `4Gi`).",
        "- **calculation**: `new_limit = max(256Mi, current_limit * 2) (max 4Gi)`",
        "- **calculation**: new_limit = max(256Mi, current_limit * 2) (max 4Gi)",
        "- **Calculation**: `new_limit: max(256Mi, current_limit * 2)` (up to 4Gi per container)",
        f"- **calculation**: {MAX}\n- **max**: 4Gi",
        f"- **calculation**: {MAX}\n- **bound**: `4Gi`",
        f"- **calculation**:\n  - {MAX} (no more than 4Gi)",
    ],
)
def test_a_calculation_is_read_with_its_bound(command: str, item: str) -> None:
    assert told(command, item) == ["new_limit = max(256Mi, current_limit * 2), at most 4Gi"]


def test_a_bound_may_be_below_as_well() -> None:
    assert told(SET, "- **calculation**: `new_limit = current_limit * 2` (min 1Gi, max 8Gi)") == [
        "new_limit = current_limit * 2, at least 1Gi, at most 8Gi"
    ]


def test_what_it_is_made_of_is_in_the_plan() -> None:
    step, _ = compiled(SET, f"- **calculation**: {MAX}")
    assert step
    (calculation,) = step.calculations

    assert (calculation.unit, calculation.each, calculation.names) == ("memory", True, {"current_limit": "memory"})
    assert step.operation.arguments["limits"] == {"memory": "{new_limit}"}


def test_a_calculation_may_use_an_earlier_one_and_the_actions_own_items() -> None:
    command = f"{SET} --requests=memory={{new_request}}"
    items = [
        "- **factor**: 2",
        "- **floor**: `256Mi`",
        "- **calculation**:\n  - `new_limit = max(floor, current_limit * factor)`\n  - `new_request = new_limit / 2`",
    ]

    assert told(command, *items) == ["new_limit = max(256Mi, current_limit * 2)", "new_request = new_limit / 2"]


def test_whose_limit_is_meant_is_told_by_where_the_value_stands() -> None:
    command = "kubectl set resources deployment/{deployment} -c app --limits=cpu={more} -n {namespace}"
    step, said = compiled(command, "- **calculation**: `more = max(500m, current_limit * 2)` (max 2000m)")

    assert not said
    assert step
    assert (step.calculations[0].resource, step.calculations[0].unit) == ("cpu", "cpu")


def test_a_count_may_be_calculated() -> None:
    assert told(SCALE, "- **calculation**: `new_replicas = replicas + 1` (max 10)") == [
        "new_replicas = replicas + 1, at most 10"
    ]


def test_what_is_wrong_with_a_calculation_is_said_with_its_column() -> None:
    item = "- **calculation**: `new_limit = max(256Mi, curent_limit * 2)`"
    _, said = compiled(SET, item)

    assert said[0].startswith(
        f"rb.md:9:{item.index('curent') + 1}: error: the calculation of new_limit: there is no 'curent_limit'"
    )


@pytest.mark.parametrize("command", [PATCH, SET])
def test_a_new_memory_limit_has_a_default_and_lint_says_so(command: str) -> None:
    step, said = compiled(command)

    assert step
    assert [each.in_words for each in step.calculations] == ["new_limit = max(256Mi, current_limit * 2), at most 4Gi"]
    (warning,) = said
    assert warning.startswith(f"rb.md:8: warning: no calculation is written: {MAX[1:-1]}, at most 4Gi; write ")
    assert warning.endswith("(max 4Gi) [default-value]")


def test_an_own_item_of_that_name_is_what_it_says() -> None:
    step, said = compiled(SET, "- **new_limit**: 1Gi")

    assert step
    assert not said
    assert step.calculations == ()
    assert step.operation.arguments["limits"] == {"memory": "1Gi"}


@pytest.mark.parametrize(
    ("command", "item", "said"),
    [
        (SET, "- **calculation**: twice the limit", '9: error: "twice the limit" is no calculation'),
        (SET, f"- **calculation**: {MAX} in steps of 64Mi", "what stands behind the calculation is not understood"),
        (SET, "- **calculation**: `new_limit = max(256, current_limit)`", "max of a plain number and memory"),
        (SET, "- **calculation**: `new_limit = curent_limit * 2`", "there is no 'curent_limit'; did you mean"),
        (SET, "- **calculation**: `new_limit = image * 2`", "there is no 'image'"),
        (SET, "- **calculation**: `new_limit = replicas * 2`", "new_limit is of count, and stands where memory"),
        (SET, f"- **calculation**: {MAX} (max 4m)", "4m is no bound of memory"),
        (SET, f"- **calculation**: {MAX} (max 4)", "4 is no bound of memory"),
        (SET, f"- **calculation**: {MAX} (max 4Gb)", "4Gb is no bound of memory"),
        (SET, f"- **calculation**: {MAX}\n- **max**: a lot", "the item max is no bound: "),
        (SCALE, "- **calculation**: `replicas = replicas + 1`", "{replicas} is a placeholder of the run"),
        (SCALE, "", "unknown placeholder {new_replicas}"),
        (SCALE.replace("new_replicas", "new_limit"), "", "unknown placeholder {new_limit}"),
        (SET, "- **calculation**: `new_limit = 1Gi`\n- **new_limit**: 2Gi", "a second value is named new_limit"),
        (SET, "- **calculation**: `new_limit = __import__('os')`", "has no meaning in a calculation"),
        (SET.replace("{new_limit}", "{current_limit}x"), "", "the placeholder {current_limit} is only a part of"),
        (SCALE.replace("new_replicas", "image"), "", "a number of pods cannot be {image}"),
    ],
)
def test_what_is_wrong_is_an_error_in_its_line(command: str, item: str, said: str) -> None:
    _, diagnostics = compiled(command, *([item] if item else []))

    assert any(": error: " in each and said in each for each in diagnostics), diagnostics


def test_one_that_nothing_uses_is_said() -> None:
    step, said = compiled(SET, "- **calculation**:\n  - `new_limit = 1Gi`\n  - `other = current_limit`")

    assert step
    assert [each.name for each in step.calculations] == ["new_limit"]
    assert "nothing uses other" in said[0]


MORE = "`new_request = current_request * 2`"
BOTH = f"{SET} --requests=memory={{new_request}}"


@pytest.mark.parametrize("name", ["max", "maximum", "at_most", "bound", "upper_bound", "At most", "Max"])
def test_an_item_bounds_the_default_as_well(name: str) -> None:
    step, said = compiled(SET, f"- **{name}**: 1Gi")

    assert step
    assert [each.in_words for each in step.calculations] == ["new_limit = max(256Mi, current_limit * 2), at most 1Gi"]
    assert [each for each in said if "default-value" not in each] == []


def test_the_least_is_an_item_of_the_default_as_well() -> None:
    step, _ = compiled(SET, "- **min**: 1Gi")

    assert step
    assert step.calculations[0].in_words.endswith(", at least 1Gi, at most 4Gi")


@pytest.mark.parametrize(
    "item",
    [
        f"- **calculation**: {MAX}\n  - max 1Gi",
        f"- **calculation**: {MAX}\n  - **max**: `1Gi`",
        f"- **calculation**:\n  - {MAX}\n    - at most 1Gi",
        f"- **calculation**: {MAX}\n- **max**: at most 1Gi per container.",
    ],
)
def test_a_bound_may_stand_in_a_list_of_its_own(item: str) -> None:
    assert told(SET, item) == ["new_limit = max(256Mi, current_limit * 2), at most 1Gi"]


def test_each_of_several_calculations_has_its_bound_behind_it() -> None:
    assert told(BOTH, f"- **calculation**:\n  - {MAX} (max 4Gi)\n  - {MORE} (max 2Gi)") == [
        "new_limit = max(256Mi, current_limit * 2), at most 4Gi",
        "new_request = current_request * 2, at most 2Gi",
    ]


@pytest.mark.parametrize(
    ("command", "item", "said"),
    [
        (BOTH, f"- **calculation**:\n  - {MAX}\n  - {MORE}\n- **max**: `1Gi`", "which of new_limit and new_request it"),
        (BOTH, f"- **calculation**:\n  - {MAX}\n  - {MORE}\n- **min**: `1Gi`", "its own in parentheses, such as"),
        (BOTH, f"- **calculation**: {MORE}\n- **max**: `1Gi`", "which of new_request and new_limit it bounds"),
        (
            SET,
            f"- **calculation**: {MAX}\n- **limit_max**: 1Gi",
            '"limit_max" is not read as a bound of new_limit; name',
        ),
        (SET, "- **memory_cap**: 1Gi", '"memory_cap" is not read as a bound of new_limit; name it max'),
        (SET, "- **Upper limit**: 1Gi", '"Upper limit" is not read as a bound of new_limit; name it max'),
        (SET, "- **lower_limit**: 1Gi", '"lower_limit" is not read as a bound of new_limit; name it min'),
        (SET, "- **no_more_than**: 1Gi", '"no_more_than" is not read as a bound of new_limit; name it max'),
        (SET, f"- **calculation**: {MAX}\n- **max**: `1Gi` above the current", "the item max is no bound"),
        (SET, f"- **calculation**: {MAX}\n- **max**: 2 times 5Gi", "the item max is no bound"),
        (SET, f"- **calculation**: {MAX}\n- **max**: 50%", "the item max is no bound"),
        (SET, f"- **calculation**: {MAX}\n- **max**: at least 1Gi", "the item max is no bound"),
        (SET, f"- **calculation**: {MAX}\n- **max**:", "the item max is no bound"),
        (SET, f"- **calculation**: {MAX}\n- **max**: 1Gi\n- **bound**: 2Gi", "the item bound is a second bound"),
        (SET, f"- **calculation**: {MAX} (max 2Gi)\n- **max**: 1Gi", "new_limit has another bound in line 9, 2Gi"),
        (SET, f"- **calculation**: {MAX} (max 2Gi, max 4Gi)", "what stands behind the calculation is not understood"),
        (SET, f"- **calculation**: {MAX} (max 2 times the current)", "what stands behind the calculation is not"),
        (SET, f"- **calculation**: {MAX} (max 1Gi above the current)", "what stands behind the calculation is not"),
        (SET, f"- **calculation**: {MAX} (max 50%)", "what stands behind the calculation is not understood"),
        (SET, f"- **calculation**: {MAX} (max 1Gi or 2Gi)", "what stands behind the calculation is not understood"),
        (SET, f"- **calculation**: {MAX} not max 1Gi", "what stands behind the calculation is not understood"),
        (SET, f"- **calculation**:\n  - {MAX}\n    - except in staging", "what stands behind the calculation is not"),
        (SET, f"- **calculation**: {MAX} (min 4Gi, max 2Gi)", "new_limit is at least 4Gi and at most 2Gi"),
        (SET, "- **max**: 2", "9: error: 2 is no bound of memory"),
        (SET.replace("{new_limit}", "1Gi"), "- **max**: 1Gi", "the item max bounds nothing"),
        (SCALE.replace("{new_replicas}", "3"), "- **at_most**: 5", "the item at_most bounds nothing"),
    ],
)
def test_a_bound_that_cannot_be_applied_is_an_error(command: str, item: str, said: str) -> None:
    _, diagnostics = compiled(command, item)

    assert any(": error: " in each and said in each for each in diagnostics), diagnostics


def test_an_item_that_is_used_may_have_the_name_of_a_bound() -> None:
    command = SET.replace("{new_limit}", "{max}")
    step, said = compiled(command, "- **max**: 1Gi")

    assert step
    assert not said
    assert step.operation.arguments["limits"] == {"memory": "1Gi"}
