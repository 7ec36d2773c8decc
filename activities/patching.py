"""A changing step: asks, in this order, own key there; problem gone; preconditions; risk; mode; and only then writes.

Called by `activities.operations`. Runs at least once, so every path must be right when an earlier try has already
written. What was written is told on the Deployment as an event, also where an earlier try wrote it: that one may have
ended before it told.
"""

import logging
import time
from dataclasses import dataclass
from typing import NamedTuple

from temporalio import activity
from temporalio.exceptions import CancelledError

from activities.gates import skipped
from activities.risk import Risk, restricted, risk_of
from activities.serving import serving_count
from runmend.core.errors import (
    Forbidden,
    Invalid,
    PreconditionFailed,
    Reverted,
    ServerError,
    StepFailed,
    Unreachable,
)
from runmend.core.modes import Mode
from runmend.facts.objects import DeploymentFacts
from runmend.images.references import pins
from runmend.kube.client import FIELD_MANAGER, Cluster, Json
from runmend.kube.notes import ChangeNote, notes_on
from runmend.language.target import TargetNow
from runmend.language.verbs import checked, image_patch, placeholders
from runmend.plan.messages import Affected, Change, StepCall, StepResult, StepStatus, in_words
from runmend.plan.plan import ContainerImage, PatchDeployment, fill
from runmend.plan.reasons import (
    ALREADY,
    DELETING,
    LEAVES_A_CONTAINER,
    NO_STATE,
    NOT_ALLOWED,
    NOT_IN_TEMPLATE,
    OTHER_OBJECT,
    OWNER,
    PAUSED,
)
from runmend.reports.target_events import Announcement, Author, Fact, announce

log = logging.getLogger("runmend.changes")


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a step: what it is to do, whose run it is, whether it may write, and when it began (monotonic)."""

    cluster: Cluster
    call: StepCall
    author: Author
    may_write: bool
    began: float

    def announce(self, deployment: DeploymentFacts, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Tell of a change on its Deployment, where this try may write at all; remarks, where that could not be done.

        It takes half of what is left of the try's time at most: the step's result, which the run waits for, comes after
        it.
        """
        if not self.may_write:
            return ()
        left = self.call.step.try_seconds - (time.monotonic() - self.began)
        told = Announcement(
            fact=Fact.CHANGED,
            target=self.call.target,
            uid=deployment.uid,
            words=f"changed {in_words(changes)}",
            author=self.author,
            step=self.call.step_id,
        )
        remark = announce(self.cluster, told, left / 2)
        return (remark,) if remark else ()


def patch_images(cluster: Cluster, call: StepCall, author: Author, *, may_change: bool) -> StepResult:
    """`kubectl patch deployment` with the images of the containers that the step treats.

    Args:
        cluster: where.
        call: the step.
        author: the run, by its original execution run id, as the call has it.
        may_change: whether anything may be changed in the target's namespace.

    Raises:
        CancelledError: the activity was told to stop before it wrote.
        PreconditionFailed: nothing was written, because the object may not be changed so.
        Reverted: an earlier try of this step wrote, and somebody has put the old value back.
        Conflict: the object changed since it was read; the next try reads it anew.
    """
    this = Try(cluster, call, author, may_change and call.mode is not Mode.RECOMMEND, time.monotonic())
    now = TargetNow.look(cluster, call.target)
    if now.deployment and (earlier := _earlier_try(this, now, now.deployment)):
        return earlier
    now.raise_if_lagging()
    if call.state is None:
        raise StepFailed(
            "the plan names no state, so there is nothing to tell which containers to treat",
            reason=NO_STATE,
        )
    if gone := now.problem_gone(call.state, call.alerts):
        return _result(call, StepStatus.NOT_NEEDED, gone.words, reason=gone.reason)
    if not_run := skipped(now, call):
        return not_run
    deployment = _changeable(now, call, may_change=may_change)
    changes = _changes(deployment, _treated(now, call, call.state), call)
    note = ChangeNote(
        workflow=author.workflow,
        run=call.run_id,
        step=call.step_id,
        containers={change.container: (change.before, change.after) for change in changes},
    )
    patch = image_patch(deployment, changes, note)
    risk = restricted(call) or risk_of(now, deployment, changes, call)
    if risk or call.mode is Mode.RECOMMEND:
        left = risk or Risk("the mode is recommend", "the mode is recommend")
        tried = _tried(cluster, deployment, patch, whatever=bool(risk))
        return _result(
            call,
            StepStatus.RECOMMENDED,
            f"{left.words}; would change {in_words(changes)}{tried.words}",
            changes,
            reason=left.reason,
        ).model_copy(update={"rollback": left.rollback, "refused": tried.refused})
    if activity.in_activity() and activity.is_cancelled():
        # The run was cancelled, or this try is over for Temporal (this worker was paused): another speaks for the step.
        raise CancelledError("told to stop before the write")
    written = cluster.patch_deployment(deployment.namespace, deployment.name, patch)
    log.info("deployment patched", extra={"object": str(call.target), "changes": in_words(changes)})
    made = tuple(_as_admitted(change, written) for change in changes)
    if altered := [change for change in made if written.image_of(change.container) != change.after]:
        said = ", ".join(f"{change.named} became {written.image_of(change.container)}" for change in altered)
        raise StepFailed(
            f"{in_words(changes)} was written, and something on the way to {call.target} (an admission webhook) "
            f"altered it: {said}",
            reason="altered by an admission webhook",
        )
    facts: dict[str, str | int] = {
        "revision before": deployment.revision,
        "replicas": deployment.replicas,
        "serving": serving_count(now, deployment),
    }
    told = {"facts": facts, "remarks": (*_digests_added(changes, made), *this.announce(deployment, made))}
    return _result(call, StepStatus.DONE, f"changed {in_words(made)}", made).model_copy(update=told)


class _Tried(NamedTuple):
    """What a dry run said, in words, and why the API server refused it; empty where it did not."""

    words: str
    refused: str = ""


def _tried(cluster: Cluster, deployment: DeploymentFacts, patch: Json, *, whatever: bool) -> _Tried:
    """What a dry run of a patch says: the API server checks it, admission included, and writes nothing.

    Args:
        cluster: where.
        deployment: what would be patched.
        patch: the change.
        whatever: whether the step says what it has to say, whatever becomes of the dry run.

    Raises:
        RunmendError: the API server refused it, or did not answer, and that is the step's own failure.
    """
    try:
        cluster.patch_deployment(deployment.namespace, deployment.name, patch, dry_run=True)
    except Forbidden as error:
        # An account that may only read is what a careful installation recommends with; an admission webhook's denial is
        # another 403.
        if "cannot patch resource" in str(error):
            return _Tried(f" (not checked by a dry run, which needs the right to patch: {error})")
        if not whatever:
            raise
        return _Tried(f", and a dry run was refused: {error}", str(error))
    except Invalid as error:
        if not whatever:
            raise
        return _Tried(f", and a dry run was refused: {error}", str(error))
    except (ServerError, Unreachable) as error:
        if not whatever:
            raise
        return _Tried(f" (not checked by a dry run: {error})")
    return _Tried(" (accepted by a dry run)")


def _result(
    call: StepCall, status: StepStatus, summary: str, changes: tuple[Change, ...] = (), reason: str = ""
) -> StepResult:
    return StepResult(action_id=call.step.action_id, status=status, summary=summary, changes=changes, reason=reason)


def _earlier_try(this: Try, now: TargetNow, deployment: DeploymentFacts) -> StepResult | None:
    """The result of an earlier try of this very step, from the note that it left; None where it left none."""
    call = this.call
    changes = written_before(now, deployment, call, this.author.workflow)
    if changes is None:
        return None
    remarks = this.announce(deployment, changes)
    if lost := reverted(deployment, changes):
        raise lost
    result = _result(
        call, StepStatus.DONE, f"changed {in_words(changes)} (by an earlier try, whose answer was lost)", changes
    )
    return result.model_copy(update={"recovered": True, "remarks": remarks})


def written_before(
    now: TargetNow, deployment: DeploymentFacts, call: StepCall, workflow_id: str
) -> tuple[Change, ...] | None:
    """What this very step of this run has written, from the note that it left, whether or not it stands; None where it
    left none.
    """
    notes = notes_on(deployment, *now.workloads.revisions(call.target, deployment.uid))
    note = next((note for note in notes if note.is_by(workflow_id, call.run_id, call.step_id)), None)
    if note is None:
        return None
    changes = (
        Change(
            container=name,
            init=name in deployment.init_containers,
            sidecar=name in deployment.sidecars,
            before=before,
            after=after,
        )
        for name, (before, after) in note.containers.items()
    )
    return tuple(_as_admitted(change, deployment) for change in changes)


def reverted(deployment: DeploymentFacts, changes: tuple[Change, ...]) -> Reverted | None:
    """Which of the changes no longer stand, and who undid them, as the error that says so; None where all stand."""
    lost, undone_by = [], "nobody named"
    for change in changes:
        live = deployment.image_of(change.container)
        if live != change.after:
            manager = deployment.image_managers.get(change.container)
            who = f"by field manager {manager!r}" if manager else "by somebody whom the API server does not name"
            undone_by = manager or undone_by
            if manager == FIELD_MANAGER:
                who += " (another run, or an admission webhook that altered what was written)"
            lost.append(f"{change.named} was set to {change.after} and is {live or 'not in the template'} now, {who}")
    return Reverted("; ".join(lost), reason=f"put back by {undone_by}") if lost else None


def _was_written(deployment: DeploymentFacts, container: str, image: str) -> bool:
    """Whether a run has written a container's image, by the note that it left."""
    notes = (note.containers.get(container) for note in notes_on(deployment))
    return any(note is not None and note[1] == image for note in notes)


def _as_admitted(change: Change, deployment: DeploymentFacts) -> Change:
    """A change as it was let in: with the digest that was added to the tag that was written, which is the same change;
    as it was written where anything else became of it.
    """
    live = deployment.image_of(change.container)
    return change.model_copy(update={"after": live}) if live and pins(live, change.after) else change


def _digests_added(written: tuple[Change, ...], made: tuple[Change, ...]) -> tuple[str, ...]:
    """What was added to what was written, as remarks."""
    return tuple(
        f"something on the way (an admission webhook) added a digest to {asked.after}: {got.named} runs {got.after}"
        for asked, got in zip(written, made, strict=True)
        if asked != got
    )


def _changeable(now: TargetNow, call: StepCall, *, may_change: bool) -> DeploymentFacts:
    """The Deployment, if it is one and may be changed at all."""
    if not may_change:
        raise PreconditionFailed(
            f"namespace {call.target.namespace} is not one where this installation changes anything "
            "(RUNMEND_NAMESPACES)",
            reason=NOT_ALLOWED,
        )
    if now.deployment is None:
        pod = next(iter(now.pods), None)
        chain = f" ({now.workloads.chain_of(pod)})" if pod else ""
        says = f"{call.target} has no controller" if call.target.kind == "Pod" else f"the pod is owned by {call.target}"
        raise PreconditionFailed(
            f"the pod must be owned by a Deployment, and {says}{chain}", reason=f"{OWNER}{call.target.kind}"
        )
    if now.deployment.deleting:
        raise PreconditionFailed(
            f"{call.target} is being deleted, so its controller would do nothing about the change", reason=DELETING
        )
    if now.deployment.paused:
        raise PreconditionFailed(
            f"{call.target} is paused: it would take the change and replace no pod; `kubectl rollout resume` first",
            reason=PAUSED,
        )
    operation = call.step.operation
    if isinstance(operation, PatchDeployment):
        values = placeholders(call.target)
        named = (checked(operation.namespace, values, "namespace"), checked(operation.name, values, "name"))
        if named != (call.target.namespace, call.target.name):
            raise PreconditionFailed(
                f"the command names Deployment {'/'.join(named)}, and the target of this run is {call.target}",
                reason=OTHER_OBJECT,
            )
    return now.deployment


def _treated(now: TargetNow, call: StepCall, state: str) -> tuple[tuple[Affected, str], ...]:
    """The affected containers, each with the image that the command gives it."""
    operation = call.step.operation
    if not isinstance(operation, PatchDeployment):
        raise TypeError("only a patch treats containers")
    entries = (*operation.containers, *operation.init_containers)
    affected = now.affected(state)
    treated = [(one, image) for one in affected if (image := _image_for(entries, one.container, call))]
    if len(treated) < len(affected):
        # The pod could not start anyway.
        left = {one.container for one in affected} - {one.container for one, _ in treated}
        raise PreconditionFailed(
            f"the command leaves affected containers of {call.target} as they are: {', '.join(sorted(left))}",
            reason=LEAVES_A_CONTAINER,
        )
    return tuple(treated)


def _image_for(entries: tuple[ContainerImage, ...], container: str, call: StepCall) -> str | None:
    values = placeholders(call.target, call.step.parameters, container=container)
    for entry in entries:
        if fill(entry.name, {"container": container}) == container:
            return checked(entry.image, values, "image")
    return None


def _changes(
    deployment: DeploymentFacts, treated: tuple[tuple[Affected, str], ...], call: StepCall
) -> tuple[Change, ...]:
    """Before and after for each container; before is the live template's, which is what the patch rests on.

    One that cannot be changed keeps the pod from starting, so then none is.
    """
    changes = []
    for one, image in treated:
        template = deployment.init_containers if one.init else deployment.containers
        before = template.get(one.container)
        if before is None:
            raise PreconditionFailed(
                f"{one.named} is in the pod and not in the template of {call.target} (it was injected): a patch "
                "would add it",
                reason=NOT_IN_TEMPLATE,
            )
        if before == image or (pins(before, image) and _was_written(deployment, one.container, image)):
            raise PreconditionFailed(
                f"{one.named} of {call.target} already runs the fallback image {image}",
                reason=ALREADY,
            )
        sidecar = one.container in deployment.sidecars
        changes.append(Change(container=one.container, init=one.init, sidecar=sidecar, before=before, after=image))
    return tuple(changes)
