"""What stands around the success criteria and may turn their meaning."""

import pytest

from tests.unit.runbooks import CRITERIA, changed, compiled, said

SECTION = "## Success Criteria\n"
TURNED = (
    "and every criterion is checked by itself: all of them must hold; "
    f"remove it, and write as list items what must hold, for example {CRITERIA}"
)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("None of the following may be true:", "none"),
        ("At least one of the following must hold:", "at least"),
        ("Failure is when any of these happens:", "failure"),
        ("These must not happen:", "not"),
        ("Any of these is enough.", "any"),
        ("Within 5 minutes:", "within"),
        ("For 10 minutes after the patch:", "for 10"),
        ("Talk to somebody when:", "when"),
    ],
)
def test_an_introduction_that_turns_the_meaning_is_an_error(text: str, word: str) -> None:
    message = f'error: the text "{text}" says "{word}", {TURNED}'

    assert said(changed((SECTION, f"{SECTION}\n{text}\n"))) == [f"rb.md:50: {message}"]
    assert said(changed(("- Container starts successfully\n", f"- Container starts successfully\n\n{text}\n"))) == [
        f"rb.md:54: {message}"
    ]


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("Any one of these is enough", "any"),
        ("Failure", "failure"),
        ("Optional", "optional"),
        ("Within 1 hour", "within"),
    ],
)
def test_a_heading_that_turns_the_meaning_is_an_error(heading: str, word: str) -> None:
    assert said(changed((SECTION, f"{SECTION}\n### {heading}\n"))) == [
        f'rb.md:50: error: the heading "{heading}" says "{word}", {TURNED}'
    ]


@pytest.mark.parametrize(
    ("item", "word"),
    [("None of the following may be true", "none"), ("Any one of:", "any"), ("or", "or"), ("Not:", "not")],
)
def test_an_item_that_turns_its_neighbours_is_an_error(item: str, word: str) -> None:
    messages = said(changed(("- Pod transitions", f"- {item}\n- Pod transitions")))

    assert f'rb.md:50: error: the criterion "{item}" says "{word}", {TURNED}' in messages


def test_a_criterion_about_the_following_hour_is_one_by_itself() -> None:
    assert compiled(("events for 5 minutes", "events throughout the following 2 hours")).plan.window_seconds == 7200


@pytest.mark.parametrize(
    "text", ["All of these must hold:", "Every one of these must hold:", "The fix is good when:", "Verify:"]
)
def test_an_introduction_that_says_what_is_done_is_fine(text: str) -> None:
    assert compiled((SECTION, f"{SECTION}\n{text}\n")).warnings == ()


def test_another_introduction_is_a_warning() -> None:
    assert [str(warning) for warning in compiled((SECTION, f"{SECTION}\nPods:\n")).warnings] == [
        (
            "rb.md:50: warning: text beside the list is not read as a criterion; write each criterion as a list item "
            "of its own [unread-text]"
        )
    ]


def test_a_runbook_that_only_reads_is_told_by_a_warning() -> None:
    warnings = compiled(("  - action_id: patch_image\n", ""), (SECTION, f"{SECTION}\nNone of these:\n")).warnings

    assert f'rb.md:49: warning: the text "None of these:" says "none", {TURNED} [unread-text]' in map(str, warnings)


def test_within_is_a_deadline_and_the_writer_is_told() -> None:
    compilation = compiled(("events for 5 minutes", "events within 20 minutes"))

    assert compilation.plan.window_seconds == 300
    assert [str(warning) for warning in compilation.warnings] == [
        (
            'rb.md:51: warning: the criterion "No new ImagePullBackOff events within 20 minutes" is not '
            'understood, so it will be reported as unverified; did you mean "No new `ImagePullBackOff` events for 5 '
            'minutes"? [unverified-criterion]'
        )
    ]


def test_a_section_whose_heading_is_struck_out_is_not_read() -> None:
    assert any(
        "no success criterion can be checked" in message
        for message in said(changed((SECTION, "## ~~Success Criteria~~\n")))
    )
