"""The notes that changes leave on their object: whose they are, how many are kept, and what is none."""

import json

import pytest

from runmend.plan.notes import MOST_NOTES, NOTES, NOTES_BYTES, ChangeNote, notes_in, with_note
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


def test_the_last_few_steps_are_kept_and_the_oldest_goes_first() -> None:
    annotations: dict[str, str] = {}
    for number in range(MOST_NOTES + 3):
        annotations[NOTES] = with_note(annotations, a_note(f"{number:02d}-step"))

    kept = [note.step for note in notes_in(annotations)]
    assert kept == [f"{number:02d}-step" for number in range(3, MOST_NOTES + 3)]


def test_notes_that_are_too_long_together_make_room_for_the_newest() -> None:
    long = CHANGE.model_copy(update={"after": "x" * (NOTES_BYTES * 2 // 3)})
    first, second = a_note("01-a"), a_note("02-b")
    annotations = {NOTES: with_note({}, first.model_copy(update={"changes": (long,)}))}
    annotations[NOTES] = with_note(annotations, second.model_copy(update={"changes": (long,)}))

    assert [note.step for note in notes_in(annotations)] == ["02-b"]


def test_a_note_that_is_too_long_alone_is_refused() -> None:
    longest = CHANGE.model_copy(update={"after": "x" * NOTES_BYTES})
    with pytest.raises(ValueError, match=f"at most {NOTES_BYTES} can be noted"):
        with_note({}, a_note().model_copy(update={"changes": (longest,)}))


def test_a_note_says_no_more_than_it_has_to() -> None:
    (told,) = json.loads(with_note({}, a_note()))

    assert set(told) == {"workflow", "run", "step", "changes"}
    assert set(told["changes"][0]) == {"path", "before", "after"}
