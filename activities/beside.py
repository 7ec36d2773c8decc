"""Editing an object beside the run's target: created, applied or deleted, once, whatever is killed when.

Called by `activities.act`. What is created or applied carries the step's note, so that a later try recognises it. What
is deleted is noted on the target by its uid before it is: another one of the same name is left.
"""

import copy
import logging
from collections.abc import Callable

from activities.risk import Risk
from activities.trying import Try, guarded_patch, raise_if_told_to_stop, result_of
from runmend.alerts.alert import Target
from runmend.core.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from runmend.kube.answers import AlreadyExists, Json
from runmend.language.target import TargetNow
from runmend.language.verbs.verb import Situation
from runmend.plan.edit import Beside, Edit, Made
from runmend.plan.messages import StepResult, StepStatus
from runmend.plan.notes import NOTES, ChangeNote, notes_in, with_note
from runmend.plan.reasons import NOT_ALLOWED
from runmend.plan.removal import Removed

log = logging.getLogger("runmend.changes")


def noted(this: Try, now: TargetNow, edit: Beside) -> StepResult | None:
    """The result of an earlier try of this very step, from the note on what it has created or applied; None where there
    is none.
    """
    if edit.how is Edit.DELETE:
        return None
    live = _read(this, edit.object)
    return _done(this, edit, live, now.own_uid, recovered=True) if live and _is_ours(this, live) else None


def risk_of_edit(this: Try, edit: Beside) -> Risk | None:
    """What the edit may put at risk; None where nothing that runs can lose by it, or the runbook protects nothing."""
    if edit.harmless or not this.call.protect_serving:
        return None
    if edit.how is Edit.DELETE:
        return Risk(f"{edit.object} would be deleted, which cannot be undone", "a deletion cannot be undone")
    return Risk(
        f"who depends on {edit.object} is not known; with protect_serving: false it may be changed",
        "who depends on it is not known",
    )


def tried(this: Try, edit: Beside) -> tuple[str, str]:
    """What a dry run says, in words, and why the API server refused it; empty where it did not."""
    try:
        _write(this, edit, _read(this, edit.object), dry_run=True)
    except (Forbidden, Invalid, Conflict, NotFound, PreconditionFailed) as error:
        return f", and a dry run was refused: {error}", str(error)
    return " (accepted by a dry run)", ""


def edit_beside(this: Try, situation: Situation, edit: Beside, written: ChangeNote | None) -> StepResult:
    """Edit it.

    Args:
        this: the try.
        situation: the run's target, for the verb.
        edit: what is done.
        written: the note of an earlier try of the step on the target, None where there is none.

    Raises:
        PreconditionFailed: it may not be edited so.
        Conflict: it changed since it was read.
    """
    if not this.may_write:
        said = f"{edit.object} was to be {edit.how.done}, and this worker may not"
        raise PreconditionFailed(said, reason=NOT_ALLOWED)
    live = _read(this, edit.object)
    if edit.how is Edit.DELETE:
        return _delete(this, situation, edit, live, written)
    made = _write(this, edit, live, dry_run=False)
    log.info("edited", extra={"object": str(edit.object), "how": edit.how.done})
    return _done(this, edit, made, situation.now.own_uid)


def _delete(this: Try, situation: Situation, edit: Beside, live: Json | None, written: ChangeNote | None) -> StepResult:
    """Delete the one whose uid the note on the target names; where there is none yet, note the one that is there."""
    removes = written.removes if written else None
    if removes is None:
        if live is None:
            return result_of(this.call, StepStatus.DONE, f"{edit.object} is not there", reason="already so")
        it, uid = edit.object, live["metadata"]["uid"]
        removes = (Removed(kind=it.kind, namespace=it.namespace, name=it.name, uid=uid),)
        note = this.note(()).model_copy(update={"removes": removes})
        this.patch(guarded_patch(situation.item, situation.item, note))
    (gone,) = removes
    if live and live["metadata"]["uid"] == gone.uid and "deletionTimestamp" not in live["metadata"]:
        raise_if_told_to_stop()
        this.cluster.delete(edit.object.kind, edit.object.namespace, edit.object.name, gone.uid, {})
        log.info("edited", extra={"object": str(edit.object), "how": "deleted"})
    return _done(this, edit, {"metadata": {"uid": gone.uid}}, situation.now.own_uid, recovered=written is not None)


def _write(this: Try, edit: Beside, live: Json | None, *, dry_run: bool) -> Json:
    """What the API server makes of it.

    Raises:
        PreconditionFailed: it may not become so.
    """
    it = edit.object
    if edit.how is Edit.DELETE:
        if live:
            this.cluster.delete(it.kind, it.namespace, it.name, live["metadata"]["uid"], {}, dry_run=dry_run)
        return live or {}
    body = _with_note(this, edit, live)
    if not dry_run:
        raise_if_told_to_stop()
    if edit.how is Edit.CREATE:
        try:
            return this.cluster.create(it.kind, it.namespace, body, dry_run=dry_run)
        except AlreadyExists as error:
            said = f"{it} is there already, and this step has not made it"
            raise PreconditionFailed(said, reason="already there") from error
    try:
        return this.cluster.apply(it.kind, it.namespace, it.name, body, dry_run=dry_run)
    except Conflict as error:
        if "conflict with" not in str(error):
            raise
        said = f"{it} has fields of others: {error}"
        raise PreconditionFailed(said, reason="another manager has its fields") from error


def _with_note(this: Try, edit: Beside, live: Json | None) -> Json:
    body = copy.deepcopy(edit.body)
    metadata = body["metadata"]
    before = (live or {}).get("metadata", {})
    note = with_note(before.get("annotations") or {}, this.note(()))
    metadata["annotations"] = {**(metadata.get("annotations") or {}), NOTES: note}
    if live and edit.how is Edit.APPLY:
        metadata["resourceVersion"] = before["resourceVersion"]
    return body


def _read(this: Try, it: Target) -> Json | None:
    try:
        return this.cluster.read(it.kind, it.namespace, it.name)
    except NotFound:
        return None


def _is_ours(this: Try, live: Json) -> bool:
    notes = notes_in(live["metadata"].get("annotations") or {})
    return any(note.is_by(this.author.workflow, this.call.run_id, this.call.step_id) for note in notes)


def _done(this: Try, edit: Beside, made: Json, uid: str, *, recovered: bool = False) -> StepResult:
    it = edit.object
    words = f"{edit.how.done} {it}"
    remarks = this.announce(uid, words)
    lost = " (by an earlier try, whose answer was lost)" if recovered else ""
    told = Made(how=edit.how, kind=it.kind, namespace=it.namespace, name=it.name, uid=made["metadata"].get("uid", ""))
    return result_of(this.call, StepStatus.DONE, f"{words}{lost}").model_copy(
        update={"made": (told,), "recovered": recovered, "remarks": remarks}
    )


Allowed = Callable[[Target], bool]


def raise_if_other_kind(edit: Beside, allowed: Allowed) -> None:
    """Raise `PreconditionFailed` where the installation changes nothing of that kind."""
    if not allowed(edit.object):
        raise PreconditionFailed(
            f"{edit.object} is not what this installation changes anything of (RUNMEND_NAMESPACES, RUNMEND_KINDS)",
            reason=NOT_ALLOWED,
        )
