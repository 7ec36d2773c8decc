"""Prose binds nothing; what plainly restricts a change is left to a person, and never taken as if it were not there."""

import pytest

from runmend.runbook.steps import REMEDY
from tests.unit.runbooks import CRITERIA, SEED, compiled, said

DESCRIPTION = "If pod is in ImagePullBackOff, patch the owning Deployment to a known-good fallback image."
ACTION = "### Action 2: Patch Image\n"
LAST_CONDITION = "  - Pod must be owned by a Deployment\n"
VALUE = "- **fallback_image**: `us-docker"


def restrictions(*replacements: tuple[str, str]) -> tuple[str, ...]:
    """What restricts the change, each of which a warning says, in the order of the lines."""
    found = compiled(*replacements)
    told = [warning for warning in found.warnings if warning.kind == "recommend-only"]
    step = next(step for step in found.plan.steps if step.action_id == "patch_image")
    assert sorted({warning.line for warning in told}) == sorted(
        {int(each.split(":")[0].removeprefix("line ")) for each in step.restrictions}
    )
    assert all("patch_image only recommends" in warning.problem for warning in told)
    return step.restrictions


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("If pod is in ImagePullBackOff, **after approval by the on-call**, patch it.", None),
        ("If pod is in ImagePullBackOff, patch it. Do **not** patch canaries.", "Do not patch canaries."),
        (
            "If pod is in ImagePullBackOff, don\u2019t patch canaries.",
            "If pod is in ImagePullBackOff, don\u2019t patch canaries.",
        ),
        (
            "If pod is in ImagePullBackOff, do nothing and page the owner. Otherwise patch the image.",
            "If pod is in ImagePullBackOff, do nothing and page the owner. Otherwise patch the image.",
        ),
        (
            "Set the image to the fallback, whenever the registry cannot serve the wanted one.",
            "Set the image to the fallback, whenever the registry cannot serve the wanted one",
        ),
        ("Patch it, but not when pods are ready.", "Patch it, but not when pods are ready."),
        ("For staging: patch it.", "For staging: patch it."),
        ("If pod is in ImagePullBackOff, ask the on-call first.", None),
        ("If pod is in ImagePullBackOff, patch it, but not in production.", "patch it, but not in production."),
        ("Patch it, unl\u00adess it is a canary.", "Patch it, unl\u00adess it is a canary."),
        ("Patch it \uff4f\uff4e\uff4c\uff59 in staging.", "Patch it \uff4f\uff4e\uff4c\uff59 in staging."),
        ("Patch it before it is approved.", "Patch it before it is approved."),
        ("Patch it manually.", "Patch it manually."),
        ("Confirm with the team. Patch it.", "Confirm with the team."),
        ("Patch the owning Deployment.\n\n  Only in staging.", "Only in staging."),
    ],
)
def test_a_description_that_restricts_the_change_makes_it_a_recommendation(
    description: str, sentence: str | None
) -> None:
    said_of_it = sentence or description.replace("*", "")
    assert restrictions((DESCRIPTION, description)) == (f"line 41: {said_of_it}",)


@pytest.mark.parametrize(
    "description",
    [
        "Patch the owning Deployment to a known-good fallback image, so that its pods can be pulled again.",
        "While pods wait for an image that is gone, put a known-good one in its place.",
        "Patch the Deployment first, then the rollout starts by itself.",
        "Replace the image; the kubelet waits before it tries again, so this takes a minute.",
        "Roll production back to the image that was last known to work in production.",
        "Point the affected container at the fallback image until somebody has pushed the right one.",
        "Set the image to the approved fallback, because the registry cannot serve the wanted one.",
        "Then patch the Deployment whose pods cannot pull their image.",
        "Give the container an image that exists. Wait for the rollout to finish afterwards.",
        "If pod is in ImagePullBackOff then set the image to the last known-good version, to restore service.",
        "Every replica gets the fallback image after its pod was replaced, during the rollout.",
        "Last resort: patch the image where it may not be found, in low season.",
    ],
)
def test_a_natural_description_is_a_description(description: str) -> None:
    assert compiled((DESCRIPTION, description)).warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "restriction"),
    [
        (ACTION, "### Patch Image (manual)\n", "line 39: Patch Image (manual)"),
        (ACTION, "### ~~Patch Image~~\n", "line 39: ~~Patch Image~~"),
        (ACTION, f"{ACTION}\nOnly in staging.\n\n", "line 41: Only in staging."),
        (ACTION, f"{ACTION}\n> Never in production.\n\n", "line 41: Never in production."),
        (ACTION, f"{ACTION}\n<p>ask the on-call</p>\n\n", "line 41: <p>ask the on-call</p>"),
        (LAST_CONDITION, f"{LAST_CONDITION}\nOnly in staging.\n", "line 48: Only in staging."),
        (VALUE, f"\n  Not in production.\n\n{VALUE}", "line 44: Not in production."),
        (
            "- **command**: `kubectl patch",
            "  - never at night\n- **command**: `kubectl patch",
            "line 42: never at night",
        ),
        (VALUE, f"- **note**: only in staging\n{VALUE}", "line 43: note: only in staging"),
        (VALUE, f"- Not on Fridays\n{VALUE}", "line 43: Not on Fridays"),
        (ACTION, "### Skip (if the Deployment is paused)\n", "line 39: Skip (if the Deployment is paused)"),
        (
            ACTION,
            "### Fix (if pod is in ImagePullBackOff) in staging\n",
            "line 39: Fix (if pod is in ImagePullBackOff) in staging",
        ),
        (VALUE, f"- **guardrail**: 2 replicas remain\n{VALUE}", "line 43: guardrail: 2 replicas remain"),
        (VALUE, f"- **Allowed namespaces**:\n  - dev\n{VALUE}", "line 43: Allowed namespaces: dev"),
        (VALUE, f"- **max_replicas**: `10`\n{VALUE}", "line 43: max_replicas: 10"),
        (VALUE, f"- **if**: it is Monday\n{VALUE}", "line 43: when: it is Monday"),
        (VALUE, f"- **unless**:\n  - it is Monday\n{VALUE}", "line 44: unless: it is Monday"),
    ],
)
def test_what_stands_beside_a_change_and_restricts_it_does_so_too(old: str, new: str, restriction: str) -> None:
    assert restrictions((old, new)) == (restriction,)


@pytest.mark.parametrize(
    ("condition", "remedy"),
    [
        ("Only on weekdays", "`runmend sentences` lists what is understood"),
        ("Deployment isn't paused", 'did you mean "The Deployment is not paused"?'),
        ("Requires: approval", 'did you mean "Requires: no labels"?'),
    ],
)
def test_a_condition_that_nothing_reads_makes_it_a_recommendation(condition: str, remedy: str) -> None:
    with_it = (LAST_CONDITION, f"{LAST_CONDITION}  - {condition}\n")

    assert restrictions(with_it) == (f"line 47: {condition}",)
    (warning,) = compiled(with_it).warnings
    assert str(warning) == (
        f'rb.md:47: warning: the condition "{condition}" is not understood, so patch_image only recommends; {remedy} '
        "[recommend-only]"
    )


@pytest.mark.parametrize(
    ("begins", "restriction"),
    [
        ("If the moon is full, patch", "line 41: If the moon is full"),
        ("Once pod is in ImagePullBackOff, patch", "line 41: Once pod is in ImagePullBackOff"),
        ("If pod is in Sadness, patch", "line 41: If pod is in Sadness"),
        (
            "If pod is in ImagePullBackOff, and if it is Monday, patch",
            f"line 41: If pod is in ImagePullBackOff, and if it is Monday, patch{DESCRIPTION.partition('patch')[2]}",
        ),
    ],
)
def test_so_does_a_leading_condition(begins: str, restriction: str) -> None:
    assert restrictions(("If pod is in ImagePullBackOff, patch", begins)) == (restriction,)


def test_and_the_condition_of_a_heading() -> None:
    assert restrictions((ACTION, "### Patch Image (if somebody agrees)\n")) == ("line 39: if somebody agrees",)


def test_a_warning_says_what_to_write() -> None:
    (warning,) = compiled((DESCRIPTION, "Patch it manually.")).warnings

    assert str(warning) == (
        'rb.md:41: warning: the description says "Patch it manually.", and nothing would hold the change to it, so '
        f"patch_image only recommends; {REMEDY} [recommend-only]"
    )


def test_approval_none_takes_prose_back_and_no_condition() -> None:
    none = (VALUE, f"- **approval**: none\n{VALUE}")
    found = compiled((DESCRIPTION, "Patch it manually."), none)
    assert (found.warnings, found.plan.steps[1].restrictions) == ((), ())
    unread = (LAST_CONDITION, f"{LAST_CONDITION}  - Only on weekdays\n")
    assert restrictions((DESCRIPTION, "Patch it manually."), none, unread) == ("line 48: Only on weekdays",)


def test_approval_none_takes_back_no_item_that_is_not_read() -> None:
    items = (VALUE, f"- **approval**: none\n- **max_replicas**: 10\n- **note**: only in staging\n{VALUE}")
    assert restrictions(items) == ("line 44: max_replicas: 10",)


@pytest.mark.parametrize("name", ["owner", "Risk", "notes", "Estimated duration", "expected_impact", "severity"])
def test_an_item_that_describes_restricts_nothing(name: str) -> None:
    assert restrictions((VALUE, f"- **{name}**: small\n{VALUE}")) == ()


@pytest.mark.parametrize(
    ("old", "new", "gate"),
    [
        (VALUE, f"- **if**: `workload.replicas > 1`\n{VALUE}", "(workload.replicas > 1)"),
        (VALUE, f"- **only_if**:\n  - the Deployment is not paused\n{VALUE}", "(!workload.paused)"),
        (VALUE, f"- **unless**: the Deployment is paused\n{VALUE}", "(!(workload.paused))"),
        (ACTION, "### Patch Image - if the Deployment is paused\n", "(workload.paused)"),
        (DESCRIPTION, "Patch it if the Deployment is not paused. It is quick.", "(!workload.paused)"),
        (DESCRIPTION, "Patch it, provided that the Deployment is not paused.", "(!workload.paused)"),
        (DESCRIPTION, "Given that the Deployment is paused, patch it.", "(workload.paused)"),
    ],
)
def test_a_condition_that_can_be_read_gates_the_action_where_people_write_it(old: str, new: str, gate: str) -> None:
    found = compiled((old, new))
    assert found.warnings == ()
    assert found.plan.steps[1].gate == gate


def test_there_are_no_approvals_yet() -> None:
    source = SEED.replace(VALUE, f"- **approval**: required\n{VALUE}")
    assert said(source) == [
        (
            'rb.md:43: error: approval is "required", and there are no approvals yet; write - **approval**: `none` '
            "where nothing of the action's prose is meant to wait, or remove it"
        )
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Fetch recent events for the pod", "Only now, ask the API server for the events"),
        ("## Notes\n", "## Notes\n\nNever in production, only after approval.\n"),
        ("## Problem\n", "## Problem\n\nDo not panic.\n"),
        ("description: Pod cannot", "description: Never in production. Pod cannot"),
        ("# ImagePullBackOff Remediation\n", "# ImagePullBackOff Remediation\n\nDo not use in production.\n"),
    ],
)
def test_other_prose_is_for_people(old: str, new: str) -> None:
    assert compiled((old, new)).warnings == ()


@pytest.mark.parametrize(
    ("after", "line"),
    [(ACTION, 41), (LAST_CONDITION, 48), ("## Remediation Actions\n", 32), ("### Action 1: Inspect Events\n", 34)],
)
def test_prose_beside_an_action_is_a_warning(after: str, line: int) -> None:
    warnings = compiled((after, f"{after}\nThe image is small.\n\n")).warnings

    assert [str(warning) for warning in warnings] == [
        (
            f'rb.md:{line}: warning: the paragraph "The image is small." is prose and binds nothing; leave it if it '
            "is for people [prose]"
        )
    ]


def test_a_restriction_without_a_criterion_is_still_an_error_of_the_criteria() -> None:
    source = SEED[: SEED.index("- Pod transitions")].replace(DESCRIPTION, "If pod is in ImagePullBackOff, only look.")

    assert said(source)[-1] == (
        "rb.md:48: error: no success criterion can be checked, and the runbook changes something; "
        f"under ## Success Criteria write {CRITERIA}"
    )
