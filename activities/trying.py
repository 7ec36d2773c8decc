"""One try of a changing step: what it is to do, and what every kind of edit has in common."""

import copy
import time
from dataclasses import dataclass

import jsonpatch
from temporalio import activity
from temporalio.exceptions import CancelledError

from runmend.core.errors import PreconditionFailed
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.change import Change
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.notes import NOTES, ChangeNote, with_note
from runmend.reports.target_events import Announcement, Author, Fact, announce


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a step: what it is to do, whose run it is, whether it may write, and when it began (monotonic)."""

    cluster: Cluster
    call: StepCall
    author: Author
    may_write: bool
    began: float
    outsiders: Outsiders = NOBODY
    """Who is asked besides Kubernetes."""

    @property
    def left_seconds(self) -> float:
        """How much of its time is left."""
        return self.call.step.try_seconds - (time.monotonic() - self.began)

    def announce(self, uid: str, words: str) -> tuple[str, ...]:
        """Tell of a change on its object, where this try may write at all; remarks, where that could not be done.

        It takes half of what is left of the try's time at most: the step's result, which the run waits for, comes after
        it.
        """
        if not self.may_write:
            return ()
        told = Announcement(
            fact=Fact.CHANGED,
            target=self.call.target,
            uid=uid,
            words=words,
            author=self.author,
            step=self.call.step_id,
        )
        remark = announce(self.cluster, told, self.left_seconds / 2)
        return (remark,) if remark else ()

    def note(self, changes: tuple[Change, ...]) -> ChangeNote:
        """What the object is to tell of this step."""
        return ChangeNote(workflow=self.author.workflow, run=self.call.run_id, step=self.call.step_id, changes=changes)

    def patch(self, steps: list[Json]) -> Json:
        """Write, where the step is still to."""
        raise_if_told_to_stop()
        target = self.call.target
        return self.cluster.patch(target.kind, target.namespace, target.name, steps)


def raise_if_told_to_stop() -> None:
    """Raise `CancelledError` where the run was cancelled, or this try is over for Temporal (its worker was paused):
    another speaks for the step.
    """
    if activity.in_activity() and activity.is_cancelled():
        raise CancelledError("told to stop before the write")


def result_of(
    call: StepCall, status: StepStatus, summary: str, changes: tuple[Change, ...] = (), reason: str = ""
) -> StepResult:
    """A step's result."""
    return StepResult(
        action_id=call.step.action_id,
        part=call.step.part,
        status=status,
        summary=summary,
        changes=changes,
        reason=reason,
    )


def guarded_patch(item: Json, made: Json, note: ChangeNote) -> list[Json]:
    """The JSON patch that makes an object so, guarded by the version that was read, with a note in it.

    Raises:
        PreconditionFailed: the change is too large for a note.
    """
    with_it = copy.deepcopy(made)
    metadata = with_it["metadata"]
    try:
        said = with_note(item["metadata"].get("annotations") or {}, note)
    except ValueError as error:
        raise PreconditionFailed(str(error), reason="too large a change") from error
    metadata["annotations"] = {**(metadata.get("annotations") or {}), NOTES: said}
    guard = {"op": "replace", "path": "/metadata/resourceVersion", "value": item["metadata"]["resourceVersion"]}
    return [guard, *jsonpatch.make_patch(item, with_it).patch]
