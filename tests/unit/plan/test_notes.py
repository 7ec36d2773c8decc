"""The notes that changes leave on their object: whose they are, how many are kept, and what is none."""

import json

import pytest

from runmend.plan.notes import MOST_OTHERS, NOTES, NOTES_BYTES, ChangeNote, notes_in, with_note
from tests.builders import image_change

CHANGE = image_change("app", "a:1", "a:2")


def a_note(step: str = "02-patch_image") -> ChangeNote:
    return ChangeNote(workflow="test/shop/Deployment/web", run="r", step=step, changes=(CHANGE,))


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", '[{"workflow": "w"}]', '[{"workflow":"w","run":"r","step":"s","changes":{"app":"a"}}]', "[1]"],
)
def test_an_annotation_that_is_not_ours_to_read_is_no_note(text: str) -> None:
    assert notes_in({NOTES: text}) == ()


def test_an_object_without_the_annotation_has_none() -> None:
    assert notes_in({"other": "[]"}) == ()


def test_a_note_is_its_steps_own_and_no_others() -> None:
    (found,) = notes_in({NOTES: with_note({}, a_note())})

    assert found.changes == (CHANGE,)
    assert found.is_by("test/shop/Deployment/web", "r", "02-patch_image")
    assert not found.is_by("test/shop/Deployment/web", "another", "02-patch_image")
    assert not found.is_by("test/shop/Deployment/web", "r", "03-patch_image")
    assert not found.is_by("test/shop/Deployment/api", "r", "02-patch_image")


def noted(*notes: ChangeNote) -> dict[str, str]:
    annotations: dict[str, str] = {}
    for note in notes:
        annotations[NOTES] = with_note(annotations, note)
    return annotations


def test_all_notes_of_the_run_that_writes_are_kept() -> None:
    """A reset to before its first command must find what it wrote, however many commands came after it."""
    steps = [f"{number:02d}-fix" for number in range(1, 41)]

    assert [note.step for note in notes_in(noted(*map(a_note, steps)))] == steps


def test_of_other_runs_the_last_few_are_kept_and_the_oldest_goes_first() -> None:
    others = [a_note(f"{number:02d}-step").model_copy(update={"run": "before"}) for number in range(MOST_OTHERS + 3)]
    kept = [note.step for note in notes_in(noted(*others, a_note("01-a"), a_note("02-b")))]

    assert kept == [*(f"{number:02d}-step" for number in range(3, MOST_OTHERS + 3)), "01-a", "02-b"]


LONG = CHANGE.model_copy(update={"after": "x" * (NOTES_BYTES * 2 // 3)})


def test_notes_of_others_make_room_where_they_are_too_long_together() -> None:
    first = a_note("01-a").model_copy(update={"changes": (LONG,), "run": "before"})
    second = a_note("02-b").model_copy(update={"changes": (LONG,)})

    assert [note.step for note in notes_in(noted(first, second))] == ["02-b"]


def test_a_change_that_would_cost_a_note_of_its_own_run_is_refused() -> None:
    first, second = (a_note(step).model_copy(update={"changes": (LONG,)}) for step in ("01-a", "02-b"))

    with pytest.raises(ValueError, match=rf"the run's 2 changes .* at most {NOTES_BYTES} can be noted"):
        noted(first, second)


def test_a_note_that_is_too_long_alone_is_refused() -> None:
    longest = CHANGE.model_copy(update={"after": "x" * NOTES_BYTES})
    with pytest.raises(ValueError, match=f"at most {NOTES_BYTES} can be noted"):
        with_note({}, a_note().model_copy(update={"changes": (longest,)}))


def test_a_note_says_no_more_than_it_has_to() -> None:
    (told,) = json.loads(with_note({}, a_note()))

    assert set(told) == {"workflow", "run", "step", "changes"}
    assert set(told["changes"][0]) == {"path", "before", "after"}
