"""The note that a change leaves on the object that it changes: by it a retry recognises its own work.

Called by the changing step.
"""

from collections.abc import Iterator
from contextlib import suppress

from runmend.core.frozen import Frozen
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.workload import WorkloadFacts

LAST_CHANGE = "runmend.io/last-change"
"""The annotation that makes a change recognisable; on the Deployment, never on its pod template."""


class ChangeNote(Frozen):
    """What the annotation says: who changed what. `run` is the original execution run id, which a reset keeps."""

    workflow: str
    run: str
    step: str
    containers: dict[str, tuple[str, str]]
    """Container → image before and after."""

    def is_by(self, workflow: str, run: str, step: str) -> bool:
        """Whether this step of this run left the note."""
        return (self.workflow, self.run, self.step) == (workflow, run, step)


def notes_on(*objects: WorkloadFacts | ReplicaSetFacts) -> Iterator[ChangeNote]:
    """The notes that a Deployment and its ReplicaSets carry; one that cannot be read is not ours.

    The Deployment's own is not enough: `kubectl rollout undo` takes it away, and leaves the copy on the ReplicaSet of
    our revision.
    """
    for carrying in objects:
        text = carrying.annotations.get(LAST_CHANGE)
        if text is not None:
            with suppress(ValueError):
                yield ChangeNote.model_validate_json(text)
