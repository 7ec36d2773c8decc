"""The one way to write. A changing step asks, in this order: own note there; problem gone; gate; may it be changed;
risk; restrictions and mode; and only then writes, guarded by the version that was read.

Called by `activities.operations`. Runs at least once, so every path must be right when an earlier try has already
written. What was written is told on the object as an event, also where an earlier try wrote it: that one may have ended
before it told.
"""

import json
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from activities.beside import Allowed, edit_beside, noted, raise_if_other_kind, risk_of_edit
from activities.beside import tried as tried_beside
from activities.gates import skipped
from activities.removing import go_on
from activities.removing import tried as removals_tried
from activities.risk import Risk, left_running, restricted, risk_of, risk_of_removal
from activities.serving import serving_count
from activities.trying import Try, guarded_patch, result_of
from runmend.alerts.alert import Target
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
from runmend.kube.answers import Json
from runmend.kube.client import FIELD_MANAGER, Cluster
from runmend.kube.managers import manager_of
from runmend.language.target import TargetNow
from runmend.language.verbs import changing_of, is_beside
from runmend.language.verbs.containers import EACH
from runmend.language.verbs.pods import removed
from runmend.language.verbs.values import placeholders, raise_if_other
from runmend.language.verbs.verb import Removing, Situation
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.change import TEMPLATE, Change, as_admitted, differences, in_words, lasting, shown, stands, value_at
from runmend.plan.messages import Affected, StepCall, StepResult, StepStatus
from runmend.plan.notes import ChangeNote, notes_in
from runmend.plan.operations import Operation
from runmend.plan.reasons import BY_MODE, DELETING, GONE, NOT_ALLOWED, OWNER, PAUSED
from runmend.plan.removal import named
from runmend.plan.values import known
from runmend.reports.target_events import Author

log = logging.getLogger("runmend.changes")


def act(
    cluster: Cluster,
    call: StepCall,
    author: Author,
    *,
    may_change: bool,
    allowed: Allowed | None = None,
    outsiders: Outsiders = NOBODY,
) -> StepResult:
    """A changing step, whatever its verb.

    Args:
        cluster: where.
        call: the step.
        author: the run, by its original execution run id, as the call has it.
        may_change: whether the target may be changed, by the worker's own settings.
        allowed: whether another object may be; None: where the target may.
        outsiders: who is asked besides Kubernetes.

    Raises:
        CancelledError: the activity was told to stop before it wrote.
        PreconditionFailed: nothing was written, because the object may not be changed so.
        Reverted: an earlier try of this step wrote, and somebody has put the old value back.
        Conflict: the object changed since it was read; the next try reads it anew.
    """
    this = Try(cluster, call, author, may_change and call.mode is not Mode.RECOMMEND, time.monotonic(), outsiders)
    now = TargetNow.look(cluster, call.target)
    written = written_before(now, call, author.workflow)
    if is_beside(call.step.operation):
        return _beside(this, now, written.note if written else None, allowed or (lambda _: may_change))
    return _earlier_try(this, now, written) if written else _on_target(this, now, may_change=may_change)


def _on_target(this: Try, now: TargetNow, *, may_change: bool) -> StepResult:
    """A step that changes the target itself, where no earlier try of it has."""
    cluster, call = this.cluster, this.call
    now.raise_if_lagging()
    if nothing := _nothing_to_do(this, now):
        return nothing
    item = _changeable(cluster, now, call, may_change=may_change)
    changing, arguments = changing_of(call.step.operation)
    situation = _situation(now, item, call, this.author)
    if changing.reads:
        situation = replace(situation, more=changing.reads(arguments, cluster, situation))
    made = changing.effect(arguments, situation)
    changes = differences(item, made)
    removing = changing.removing
    pods = removing.chosen(arguments, situation, removing.reads(arguments, cluster, situation)).pods if removing else ()
    if not changes and not pods:
        return _already(call, repeatable=changing.repeatable)
    _raise_if_paused(now, changes)
    note = this.note(changes)
    steps = guarded_patch(item, made, note)
    risk = restricted(call) or risk_of(now, changes, call, changing.risk) or risk_of_removal(cluster, now, pods, call)
    if left := _left(risk, call):
        # A pod is not written to, only deleted.
        tried = _Tried("") if call.target.kind == "Pod" else _tried(cluster, call, steps, whatever=bool(risk))
        would = _would(call, changes, pods, removing)
        refused = removals_tried(cluster, removing, pods) if removing else ""
        return result_of(
            call, StepStatus.RECOMMENDED, f"{left.words}; would {would}{tried.words}{refused}", changes, left.reason
        ).model_copy(
            update={"rollback": left.rollback, "refused": tried.refused, "remarks": left_running(now, changes)}
        )
    if changes:
        item = _patched(this, changes, steps)
    if removing:
        return go_on(this, replace(situation, item=item), note, removing, arguments)
    return _written(this, now, changes, item)


def _beside(this: Try, now: TargetNow, written: ChangeNote | None, allowed: Allowed) -> StepResult:
    """A step that leaves its target as it is, and edits an object beside it: in the same order."""
    call = this.call
    changing, arguments = changing_of(call.step.operation)
    if changing.beside is None:
        raise TypeError(f"{call.step.operation.verb} changes its target")
    if now.item is None or now.gone:
        raise PreconditionFailed(f"{call.target} no longer exists", reason=GONE)
    situation = _situation(now, now.item, call, this.author)
    edit = changing.beside(arguments, this.cluster, situation)
    raise_if_other_kind(edit, allowed)
    if done := noted(this, now, edit):
        return done
    if written is None:
        now.raise_if_lagging()
        if nothing := _nothing_to_do(this, now):
            return nothing
        if left := _left(restricted(call) or risk_of_edit(this, edit), call):
            words, refused = tried_beside(this, edit)
            said = f"{left.words}; would {edit.how} {edit.object}{words}"
            return result_of(call, StepStatus.RECOMMENDED, said, (), left.reason).model_copy(
                update={"refused": refused}
            )
    return edit_beside(this, situation, edit, written)


def _nothing_to_do(this: Try, now: TargetNow) -> StepResult | None:
    """The result where the problem is gone, or the step's gate does not hold: of an action that has changed something
    already neither is asked.
    """
    call = this.call
    if call.step.begun:
        return None
    if gone := now.problem_gone(call.state, call.alerts):
        return result_of(call, StepStatus.NOT_NEEDED, gone.words, reason=gone.reason)
    return skipped(this.cluster, now, call, this.outsiders)


def _would(call: StepCall, changes: tuple[Change, ...], pods: tuple[Json, ...], removing: Removing[Any] | None) -> str:
    """What is only recommended, in words."""
    said = [f"change {in_words(changes)}{_calculated(call, changes)}"] if changes else []
    if removing:
        which = named(removed(pod) for pod in pods) or "no pod"
        said.append(f"{removing.how} {which}, which cannot be undone")
    return ", and ".join(said)


def _patched(this: Try, changes: tuple[Change, ...], steps: list[Json]) -> Json:
    """The object as it was written.

    Raises:
        StepFailed: it was written otherwise.
    """
    written = this.patch(steps)
    log.info("changed", extra={"object": str(this.call.target), "changes": in_words(changes)})
    if altered := [change for change in changes if not stands(change, written)]:
        said = ", ".join(f"{each.named} became {shown(each.path, value_at(written, each.path))}" for each in altered)
        raise StepFailed(
            f"{in_words(changes)} was written, and something on the way to {this.call.target} (an admission webhook) "
            f"altered it: {said}",
            reason="altered by an admission webhook",
        )
    return written


def _written(this: Try, now: TargetNow, changes: tuple[Change, ...], written: Json) -> StepResult:
    """The result of a write, by what the API server answered."""
    call = this.call
    made = tuple(as_admitted(change, written) for change in changes)
    facts: dict[str, str | int] = {}
    if now.workload:
        facts = {
            "revision before": now.workload.revision,
            "replicas": now.workload.replicas,
            "serving": serving_count(now, now.workload),
        }
    told = this.announce(written["metadata"]["uid"], f"changed {in_words(made)}")
    remarks = (*_digests_added(changes, made), *left_running(now, made), *told)
    return result_of(call, StepStatus.DONE, f"changed {in_words(made)}{_calculated(call, made)}", made).model_copy(
        update={"facts": facts, "remarks": remarks}
    )


def _left(risk: Risk | None, call: StepCall) -> Risk | None:
    """Why a change is left to a person; None where it is made."""
    if risk:
        return risk
    return Risk(BY_MODE, BY_MODE) if call.mode is Mode.RECOMMEND else None


class _Tried(NamedTuple):
    """What a dry run said, in words, and why the API server refused it; empty where it did not."""

    words: str
    refused: str = ""


def _tried(cluster: Cluster, call: StepCall, steps: list[Json], *, whatever: bool) -> _Tried:
    """What a dry run of a patch says: the API server checks it, admission included, and writes nothing.

    Args:
        cluster: where.
        call: the step.
        steps: the patch.
        whatever: whether the step says what it has to say though the API server does not answer.

    Raises:
        RunmendError: the API server did not answer, and that is the step's own failure.
    """
    target = call.target
    try:
        cluster.patch(target.kind, target.namespace, target.name, steps, dry_run=True)
    except Forbidden as error:
        # An account that may only read is what a careful installation recommends with; an admission webhook's denial is
        # another 403.
        if "cannot patch resource" in str(error):
            return _Tried(f" (not checked by a dry run, which needs the right to patch: {error})")
        return _Tried(f", and a dry run was refused: {error}", str(error))
    except Invalid as error:
        return _Tried(f", and a dry run was refused: {error}", str(error))
    except (ServerError, Unreachable) as error:
        if not whatever:
            raise
        return _Tried(f" (not checked by a dry run: {error})")
    return _Tried(" (accepted by a dry run)")


def _calculated(call: StepCall, changes: tuple[Change, ...]) -> str:
    """What was calculated for a change, with its operands, behind its words; empty where nothing was."""
    changed = {change.container for change in changes}
    names = {calculation.name for calculation in call.step.calculations}
    told = [each for each in call.values if each.name in names and each.text and each.container in {"", *changed}]
    several = len({each.container for each in told}) > 1
    said = [f"{each.in_words}{f' (container {each.container})' if several else ''}" for each in told]
    return f" ({'; '.join(said)})" if said else ""


def _already(call: StepCall, *, repeatable: bool) -> StepResult:
    """The result of a step whose object is already as the step would make it."""
    said = f"{call.target} is already so: {call.step.operation.verb} {call.step.says}".rstrip()
    if not repeatable:
        raise PreconditionFailed(f"{said}, and the problem is there all the same", reason="already so")
    return result_of(call, StepStatus.DONE, f"{said}; nothing was written", reason="already so")


class Written(NamedTuple):
    """The note that an earlier try of a step has left, and what later steps of the same run have changed since."""

    note: ChangeNote
    later: tuple[Change, ...] = ()


def _earlier_try(this: Try, now: TargetNow, written: Written) -> StepResult:
    """The result of an earlier try of this very step, from the note that it left; what it left undone is done."""
    call, changes, item = this.call, written.note.changes, now.item or {}
    changing, arguments = changing_of(call.step.operation)
    lost = reverted(now, changes, written.later)
    if changing.removing and not lost:
        return go_on(this, _situation(now, item, call, this.author), written.note, changing.removing, arguments)
    remarks = this.announce(item["metadata"]["uid"], f"changed {in_words(changes)}")
    if lost:
        raise lost
    said = f"changed {in_words(changes)}{_calculated(call, changes)} (by an earlier try, whose answer was lost)"
    result = result_of(call, StepStatus.DONE, said, changes)
    return result.model_copy(update={"recovered": True, "remarks": remarks})


def written_before(now: TargetNow, call: StepCall, workflow_id: str) -> Written | None:
    """What this very step of this run has written, from the note that it left, whether or not it stands; None where it
    left none.

    The object's own notes are not enough: `kubectl rollout undo` takes them from a Deployment, and leaves the copy on
    the ReplicaSet of our revision.
    """
    if now.item is None:
        return None
    uid = now.item["metadata"]["uid"]
    carried = [now.item["metadata"].get("annotations") or {}]
    carried += [found.annotations for found in now.workloads.revisions(call.target, uid)]
    for annotations in carried:
        of_run = [note for note in notes_in(annotations) if note.is_of(workflow_id, call.run_id)]
        place = next((place for place, note in enumerate(of_run) if note.step == call.step_id), None)
        if place is None:
            continue
        note = of_run[place]
        known = note.model_copy(update={"changes": tuple(as_admitted(change, now.item) for change in note.changes)})
        return Written(known, tuple(change for each in of_run[place + 1 :] for change in each.changes))
    return None


def reverted(now: TargetNow, changes: tuple[Change, ...], later: tuple[Change, ...] = ()) -> Reverted | None:
    """Which of the changes no longer stand, and who undid them, as the error that says so; None where all stand, or
    where their object is gone.

    Of what was changed twice the last has to stand; what the run itself has changed `later` is nobody's undoing.
    """
    if now.item is None:
        return None
    lost, undone_by = [], "nobody named"
    for change in lasting(changes, later):
        if stands(change, now.item):
            continue
        manager = manager_of(now.item, change.path)
        who = f"by field manager {manager!r}" if manager else "by somebody whom the API server does not name"
        undone_by = manager or undone_by
        if manager == FIELD_MANAGER:
            who += " (another run, or an admission webhook that altered what was written)"
        live = value_at(now.item, change.path)
        is_now = "not in the template" if live is None and change.container else shown(change.path, live)
        lost.append(f"{change.named} was set to {shown(change.path, change.after)} and is {is_now} now, {who}")
    return Reverted("; ".join(lost), reason=f"put back by {undone_by}") if lost else None


def _digests_added(written: tuple[Change, ...], made: tuple[Change, ...]) -> tuple[str, ...]:
    """What was added to what was written, as remarks."""
    return tuple(
        f"something on the way (an admission webhook) added a digest to {asked.after}: {got.named} runs {got.after}"
        for asked, got in zip(written, made, strict=True)
        if asked != got
    )


def _changeable(cluster: Cluster, now: TargetNow, call: StepCall, *, may_change: bool) -> Json:
    """The object as it is, if it is what the command names and may be changed at all."""
    if not may_change:
        raise PreconditionFailed(
            _not_allowed(call.target),
            reason=NOT_ALLOWED,
        )
    operation = call.step.operation
    if now.gone:
        raise PreconditionFailed(f"{call.target} no longer exists", reason=GONE)
    of_its_pods = operation.kind == "Pod"
    if of_its_pods and call.target.kind == "Pod" and now.pods:
        return cluster.read("Pod", call.target.namespace, call.target.name)
    if now.item is None or (operation.kind != call.target.kind and not of_its_pods):
        pod = next(iter(now.pods), None)
        chain = f" ({now.workloads.chain_of(pod)})" if pod else ""
        if of_its_pods:
            raise PreconditionFailed(
                f"pods of {call.target} are not deleted{chain}: nothing is known that would make them anew",
                reason=f"{OWNER}{call.target.kind}",
            )
        says = f"{call.target} has no controller" if call.target.kind == "Pod" else f"the pod is owned by {call.target}"
        raise PreconditionFailed(
            f"the pod must be owned by a {operation.kind}, and {says}{chain}", reason=f"{OWNER}{call.target.kind}"
        )
    if "deletionTimestamp" in now.item["metadata"]:
        raise PreconditionFailed(
            f"{call.target} is being deleted, so its controller would do nothing about the change", reason=DELETING
        )
    if not of_its_pods:
        raise_if_other(operation, call.target, placeholders(call.target, call.step.parameters))
    return now.item


def _not_allowed(target: Target) -> str:
    if target.namespace:
        where = f"namespace {target.namespace} is not one where this installation changes anything (RUNMEND_NAMESPACES)"
        return f"{where}, or a {target.kind} is none of what it changes (RUNMEND_KINDS)"
    return f"{target} is not one that this installation changes (RUNMEND_NODES, RUNMEND_KINDS)"


def _raise_if_paused(now: TargetNow, changes: tuple[Change, ...]) -> None:
    of_template = any(change.path[: len(TEMPLATE)] == TEMPLATE for change in changes)
    if of_template and now.workload and now.workload.paused:
        raise PreconditionFailed(
            f"{now.target} is paused: it would take the change and replace no pod; `kubectl rollout resume` first",
            reason=PAUSED,
        )


def _situation(now: TargetNow, item: Json, call: StepCall, author: Author) -> Situation:
    treated = _treated(now, call, call.step.operation)
    base = placeholders(call.target, call.step.parameters, pod=now.first_pod(call.alerts))
    # Where one container is treated, what is its own may stand anywhere.
    only = treated[0].container if len(treated) == 1 else ""
    return Situation(
        item=item,
        now=now,
        values=known(base, call.values, only),
        treated=treated,
        observed=call.values,
        operation=call.step.operation,
        own=f"{author.workflow} {call.run_id} {call.step_id}",
        moment=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _treated(now: TargetNow, call: StepCall, operation: Operation) -> tuple[Affected, ...]:
    """The containers that `{container}` stands for: those that wait in the step's state, or did before its action
    began; without one, those that the alerts name, or the only one that there is.

    Raises:
        PreconditionFailed: nothing says which they are, and the command asks for them.
    """
    if call.state and not call.step.begun:
        return now.affected(call.state)
    if not call.containers and EACH not in json.dumps(operation.arguments, ensure_ascii=False):
        return ()
    workload = now.workload
    own = {**workload.init_containers, **workload.containers} if workload else {}
    names = [name for name in own if name in (call.containers or now.named_containers(call.alerts))]
    if not names and workload and len(workload.containers) == 1:
        names = list(workload.containers)
    if not names:
        raise PreconditionFailed(
            f"nothing says which container of {call.target} is meant: the alert names none of {', '.join(own)}",
            reason="no container named",
        )
    return tuple(
        Affected(
            container=name,
            init=bool(workload and name in workload.init_containers),
            sidecar=bool(workload and name in workload.sidecars),
            image=own[name],
            reason="",
            pods=(),
        )
        for name in names
    )
