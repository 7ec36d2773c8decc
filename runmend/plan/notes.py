"""The notes that changes leave on the object that they change: by them a retry recognises its own work.

An object carries the notes of all steps of the run that changed it last, and of the last few steps of others before,
newest last. A run that is reset to an earlier step finds what it has written since.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from runmend.core.frozen import Frozen
from runmend.plan.change import Change
from runmend.plan.removal import Removed

NOTES: Final = "runmend.io/changes"
"""The annotation that makes changes recognisable; on the object, never on its pod template."""
MOST_OTHERS: Final = 4
"""The most notes of other runs that are kept beside those of the run that writes."""
NOTES_BYTES: Final = 128_000
"""How long the annotation may be: the API server takes 256 KiB of annotations on one object, all together."""


class ChangeNote(Frozen):
    """Who changed what. `run` is the original execution run id, which a reset keeps."""

    workflow: str
    run: str
    step: str
    changes: tuple[Change, ...] = ()
    removes: tuple[Removed, ...] | None = None
    """The pods that it takes away, each by its uid; null where it takes none away, or has not chosen them yet."""

    def is_of(self, workflow: str, run: str) -> bool:
        """Whether a step of this run left the note."""
        return (self.workflow, self.run) == (workflow, run)

    def is_by(self, workflow: str, run: str, step: str) -> bool:
        """Whether this step of this run left the note."""
        return (self.workflow, self.run, self.step) == (workflow, run, step)


_LIST: Final = TypeAdapter(tuple[ChangeNote, ...])


def notes_in(annotations: Mapping[str, str]) -> tuple[ChangeNote, ...]:
    """The notes among an object's annotations, newest last; none where they cannot be read, for then they are not
    ours.
    """
    try:
        return _LIST.validate_json(annotations.get(NOTES, "[]"))
    except ValidationError:
        return ()


def with_note(annotations: Mapping[str, str], note: ChangeNote) -> str:
    """The annotation with one more note, in the place of an older one of the same step. All notes of its run are kept;
    of other runs' the oldest are left out where they become too many.

    Raises:
        ValueError: the notes of its run alone are too long.
    """
    before = [each for each in notes_in(annotations) if not each.is_by(note.workflow, note.run, note.step)]
    own = [*(each for each in before if each.is_of(note.workflow, note.run)), note]
    others = [each for each in before if not each.is_of(note.workflow, note.run)][-MOST_OTHERS:]
    while True:
        told: list[Any] = [each.model_dump(mode="json", exclude_defaults=True) for each in (*others, *own)]
        text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
        if (size := len(text.encode())) <= NOTES_BYTES:
            return text
        if not others:
            what = f"the run's {len(own)} changes of this object have" if len(own) > 1 else "the change has"
            raise ValueError(f"{what} {size} bytes, and at most {NOTES_BYTES} can be noted")
        others = others[1:]
