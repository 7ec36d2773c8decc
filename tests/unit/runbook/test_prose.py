"""Prose that would restrict a change: never understood as if it were not there."""

import pytest

from tests.unit.runbooks import CONDITIONS, SEED, changed, compiled, said

DESCRIPTION = "If pod is in ImagePullBackOff, patch the owning Deployment to a known-good fallback image."
ACTION = "### Action 2: Patch Image\n"
REMEDY = (
    f"write it as a condition that Runmend reads ({CONDITIONS}), take it to Notes, where it binds nothing, or "
    "leave the word out"
)
LAST_CONDITION = "  - Pod must be owned by a Deployment\n"


@pytest.mark.parametrize(
    ("description", "word"),
    [
        ("If pod is in ImagePullBackOff, **after approval by the on-call**, patch it.", "after"),
        ("If pod is in ImagePullBackOff, wait 10 minutes and patch it.", "wait"),
        ("If pod is in ImagePullBackOff, do nothing in prod; elsewhere patch it.", "nothing"),
        ("If pod is in ImagePullBackOff, do **not** patch the Deployment when it is a canary.", "not"),
        ("If pod is in ImagePullBackOff, don\u2019t patch canaries.", "dont"),
        ("If pod is in ImagePullBackOff, ask the on-call first.", "ask"),
        ("If pod is in ImagePullBackOff, patch it, but not in production.", "but"),
        ("If pod is in ImagePullBackOff then, once somebody agrees, patch it.", "once"),
        ("If pod is in ImagePullBackOff, patch it in pr\u00adod.", "prod"),
        ("After approval by the on-call, patch it.", "after"),
        ("In non\u2011production namespaces, patch it.", "non-production"),
        ("Do not run in production: patch it.", "not"),
        ("Patch the owning Deployment, but only if nobody objects.", "but"),
        ("Patch the owning Deployment.\n\n  Only in staging.", "only"),
        ("Patch the owning Deployment at 3am.", "3am"),
        ("Patch the owning Deployment for gold-tier tenants.", "tier"),
    ],
)
def test_a_description_that_restricts_the_change_is_an_error(description: str, word: str) -> None:
    assert said(changed((DESCRIPTION, description))) == [
        (
            f'rb.md:41: error: the description of patch_image says "{word}", and nothing would hold the change to '
            f"it; {REMEDY}"
        )
    ]


@pytest.mark.parametrize(
    ("description", "remark"),
    [
        ("Pending change control: patch it.", None),
        ("With two colleagues, patch it.", "with two colleagues"),
        ("For payments: patch it.", "for payments"),
        ("Last resort - patch it.", "last resort"),
        ("Patch it, in low season.", "in low season"),
        ("Sobald genehmigt, das Deployment patchen.", "sobald genehmigt"),
    ],
)
def test_a_description_says_what_is_done_and_what_for(description: str, remark: str | None) -> None:
    (message,) = said(changed((DESCRIPTION, description)))

    assert message.startswith("rb.md:41: error: the description of patch_image says ")
    if remark:
        assert message.removeprefix("rb.md:41: error: ") == (
            f'the description of patch_image says "{remark}", which is neither what is done nor what for; '
            'say what is done ("Patch \u2026"), what for ("so that \u2026"), and take the rest to Notes, where '
            "it binds nothing"
        )


@pytest.mark.parametrize(
    "description",
    [
        "Patch the owning Deployment to a known-good fallback image, so that its pods can be pulled again.",
        "Replace the image of the Deployment whose pods cannot pull theirs by a known-good one.",
        "If pod is in ImagePullBackOff then set the image to the last known-good version, to restore service.",
        "To restore service, the Deployment's image is replaced.",
        "This action patches the affected containers: a known-good image is put in place of the one that is gone.",
    ],
)
def test_a_plain_description_is_fine(description: str) -> None:
    assert compiled((DESCRIPTION, description)).warnings == ()


def test_a_reading_action_may_be_described_as_its_writer_likes() -> None:
    assert (
        compiled(
            ("Fetch recent events for the pod", "Before anything else, ask the API server for the events")
        ).warnings
        == ()
    )


@pytest.mark.parametrize(
    ("prose", "said_of_it"),
    [
        ("Only in staging.", 'the paragraph "Only in staging." says "only"'),
        ("> Never in production.", 'a block quote "Never in production." says "never"'),
        ("| where |\n|---|\n| staging |", 'a table "where / staging" says "where"'),
        ("<p>ask the on-call</p>", 'HTML "<p>ask the on-call</p>" says "ask"'),
    ],
)
@pytest.mark.parametrize(
    ("after", "line"),
    [(ACTION, 41), (LAST_CONDITION, 48), ("## Remediation Actions\n", 32), (f"{LAST_CONDITION}\n#### Caveats\n", 50)],
)
def test_prose_beside_a_change_that_restricts_it_is_an_error(
    prose: str, said_of_it: str, after: str, line: int
) -> None:
    source = changed((LAST_CONDITION, after)) if after.startswith(LAST_CONDITION) else SEED
    messages = said(source.replace(after, f"{after}\n{prose}\n\n", 1))

    assert f"rb.md:{line}: error: {said_of_it}, and nothing would hold the change to it; {REMEDY}" in messages


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (ACTION, "### Patch Image (manual)\n", 'rb.md:39: error: the heading "Patch Image (manual)" says "manual"'),
        (ACTION, "### ~~Patch Image~~\n", 'rb.md:39: error: the heading "~~Patch Image~~" says "~~"'),
        (
            "## Diagnostic Steps\n",
            "## Diagnostic Steps\n\n### Stop if unsure\n\n",
            'rb.md:18: error: the heading "Stop if unsure" says "stop"',
        ),
        (
            "- **fallback_image",
            "\n  Not in production.\n\n- **fallback_image",
            'rb.md:44: error: the text under "command" says "not"',
        ),
        (
            "- **command**: `kubectl patch",
            "  - never at night\n- **command**: `kubectl patch",
            'rb.md:42: error: the list under the description says "never"',
        ),
        (
            "- **fallback_image",
            "- **environment**: staging\n- **fallback_image",
            'rb.md:43: error: the item "environment" of patch_image says "environment"',
        ),
        (
            "- **fallback_image",
            "- **enabled**: false\n- **fallback_image",
            'rb.md:43: error: the item "enabled" of patch_image says "enabled"',
        ),
        (
            "# ImagePullBackOff Remediation\n",
            "# ImagePullBackOff Remediation\n\nDo not use in production.\n",
            'rb.md:13: error: the paragraph "Do not use in production." says "do not"',
        ),
        (
            "## Notes",
            "## Prerequisites\n\nTea.\n\n## Notes",
            'rb.md:54: error: the heading "Prerequisites" says "prerequisites"',
        ),
        (
            "## Notes",
            "## When not to use\n\nTea.\n\n## Notes",
            'rb.md:54: error: the heading "When not to use" says "when not to use"',
        ),
        (
            "## Diagnostic Steps\n",
            "## Diagnostic Steps\n\nIf the registry is down, do not patch.\n",
            'rb.md:18: error: the paragraph "If the registry is down, do not patch." says "do not patch"',
        ),
    ],
)
def test_a_restriction_elsewhere_in_a_changing_runbook_is_an_error(old: str, new: str, message: str) -> None:
    assert f"{message}, and nothing would hold the change to it; {REMEDY}" in said(changed((old, new)))


@pytest.mark.parametrize(
    ("after", "line"),
    [(ACTION, 41), (LAST_CONDITION, 48), ("## Remediation Actions\n", 32), ("### Action 1: Inspect Events\n", 34)],
)
def test_other_prose_beside_an_action_is_a_warning(after: str, line: int) -> None:
    warnings = compiled((after, f"{after}\nThe image is small.\n\n")).warnings

    assert [str(warning) for warning in warnings] == [
        (
            f'rb.md:{line}: warning: the paragraph "The image is small." is prose and binds nothing; leave it if it '
            "is for people [prose]"
        )
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## Notes\n", "## Notes\n\nNever in production, only after approval.\n"),
        ("## Problem\n", "## Problem\n\nDo not panic.\n"),
    ],
)
def test_problem_and_notes_are_for_people(old: str, new: str) -> None:
    assert compiled((old, new)).warnings == ()


def test_the_front_matter_restricts_nothing_and_says_so() -> None:
    (warning,) = compiled(("description: Pod cannot", "description: Never in production. Pod cannot")).warnings

    assert str(warning) == f'rb.md:5: warning: the description says "never", and binds nothing; {REMEDY} [prose]'


def test_a_runbook_that_only_reads_may_hold_any_prose() -> None:
    warnings = compiled(
        ("  - action_id: patch_image\n", ""), ("## Remediation Actions\n", "## Remediation Actions\n\nOnly by hand.\n")
    ).warnings

    said = 'rb.md:31: warning: the paragraph "Only by hand." is prose and binds nothing; leave it if it is for people'
    assert f"{said} [prose]" in map(str, warnings)


def test_a_workflow_changes_something_once() -> None:
    action = SEED[SEED.index(ACTION) : SEED.index("## Success")].replace("`patch_image`", "`patch_again`")

    assert said(
        changed(
            ("  - action_id: patch_image\n", "  - patch_image\n  - patch_again\n"),
            ("## Success", f"{action}## Success"),
        )
    ) == [
        (
            "rb.md:9: error: a workflow may change something once; patch_image in line 8 does already; "
            "put both changes into one patch, or remove one"
        )
    ]
