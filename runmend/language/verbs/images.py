"""Giving containers an image: what `patch` and `set image` have in common. Pure."""

from collections.abc import Sequence

from runmend.core.errors import PreconditionFailed
from runmend.images.references import pins
from runmend.language.verbs.containers import EACH
from runmend.language.verbs.values import checked
from runmend.language.verbs.verb import Situation
from runmend.plan.change import POD_SPEC, Json
from runmend.plan.notes import notes_in
from runmend.plan.reasons import ALREADY, LEAVES_A_CONTAINER


def images_for(entries: Sequence[tuple[str, str]], situation: Situation) -> dict[str, str]:
    """Container → image, `{container}` as each that is treated, which all have to be given one.

    Raises:
        PreconditionFailed: a treated container would be left as it is, so that its pod could not start anyway.
        StepFailed: an image is none.
    """
    given = dict(entries)
    if situation.treated:
        names = [one.container for one in situation.treated if one.container in given or EACH in given]
        if left := {one.container for one in situation.treated} - set(names):
            raise PreconditionFailed(
                f"the command leaves affected containers of {situation.now.target} as they are: "
                f"{', '.join(sorted(left))}",
                reason=LEAVES_A_CONTAINER,
            )
    else:
        names = [name for name in given if name != EACH]
    return {name: image_of(given.get(name) or given[EACH], name, situation) for name in names}


def image_of(template: str, container: str, situation: Situation) -> str:
    """An image with its placeholders filled.

    Raises:
        StepFailed: it is none.
    """
    return checked(template, situation.values_of(container), "image")


def raise_if_already(container: Json, image: str, situation: Situation, *, named: str) -> None:
    """Raise `PreconditionFailed` where a container runs an image already: it is broken, and the image is no help.

    One whose tag has got a digest since a run wrote it runs it as well.
    """
    before = container.get("image") or ""
    if before == image or (pins(before, image) and _was_written(situation, container["name"], image)):
        raise PreconditionFailed(
            f"{named} of {situation.now.target} already runs the fallback image {image}", reason=ALREADY
        )


def _was_written(situation: Situation, container: str, image: str) -> bool:
    notes = notes_in((situation.item.get("metadata") or {}).get("annotations") or {})
    paths = [(*POD_SPEC, listed, container, "image") for listed in ("containers", "initContainers")]
    return any(change.path in paths and change.after == image for note in notes for change in note.changes)
