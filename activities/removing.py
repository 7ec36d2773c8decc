"""Taking pods away, by eviction or deletion: each once, by its uid, whatever is killed when.

Called by `activities.act`. Which pods they are is noted on the object before the first of them is taken away, so that a
later try takes the same: those that are gone or being deleted are done, the others are left to do. What a
PodDisruptionBudget holds is tried again until the step's time is over.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from temporalio import activity

from activities.trying import Try, guarded_patch, raise_if_told_to_stop, result_of
from runmend.core.errors import Conflict, HeldByBudget, NotYet, PreconditionFailed, ServerError, StepFailed
from runmend.kube import facts
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from runmend.kube.requests import WRITE_SECONDS
from runmend.language.states import STATES
from runmend.language.verbs.pods import is_deleting, removed
from runmend.language.verbs.verb import Removing, Situation
from runmend.plan.change import in_words
from runmend.plan.messages import StepResult, StepStatus
from runmend.plan.notes import ChangeNote
from runmend.plan.reasons import NOT_ALLOWED
from runmend.plan.removal import How, Removed, named

log = logging.getLogger("runmend.changes")

_ALWAYS = "AlwaysAllow"
CRASH_LOOP = STATES["CrashLoopBackOff"]
AGAIN = timedelta(seconds=5)
"""When a held pod is tried again."""
ENDING = timedelta(seconds=2)
"""When it is looked again whether pods have ended."""


@dataclass(slots=True)
class _Progress:
    """How far it is: the pods that are still to go, each with why, and those that are about to end."""

    held: dict[str, str] = field(default_factory=dict)
    """uid → why it could not be taken away."""
    ending: list[Removed] = field(default_factory=list)
    unasked: int = 0
    """How many this try had no time for."""


def go_on(this: Try, situation: Situation, note: ChangeNote, removing: Removing[Any], arguments: Any) -> StepResult:  # noqa: ANN401  the verb's
    """Take away what the note names; where it names nothing yet, choose and note it first.

    Args:
        this: the try.
        situation: the target, as it was read or written last.
        note: this step's own, which stands on the object, or is to.
        removing: how the verb does it.
        arguments: the verb's.

    Raises:
        NotYet: some are held, or have not ended; the next try goes on.
        StepFailed: the step's time is over; which are left, and what holds them.
    """
    if not this.may_write:
        raise PreconditionFailed("pods were to be taken away, and this worker may not", reason=NOT_ALLOWED)
    pods = removing.reads(arguments, this.cluster, situation)
    if note.removes is None:
        chosen = removing.chosen(arguments, situation, pods)
        note = note.model_copy(update={"removes": tuple(removed(pod) for pod in chosen.pods)})
        situation = replace(situation, item=this.patch(guarded_patch(situation.item, situation.item, note)))
    removes = note.removes or ()
    live = {pod["metadata"]["uid"]: pod for pod in pods}
    progress = _take_away(this, removing.how, removing.grace_seconds(arguments), removes, live)
    waits = removing.how is How.EVICT and _is_heard_of(situation.item)
    if progress.held or progress.unasked or (progress.ending and waits):
        raise _not_yet(this, removing.seconds(arguments), removes, progress)
    return _done(this, situation, note, removing.how, progress)


def _take_away(
    this: Try, how: How, grace: int | None, removes: tuple[Removed, ...], live: dict[str, Json]
) -> _Progress:
    progress = _Progress()
    options: Json = {} if grace is None else {"gracePeriodSeconds": grace}
    for each in removes:
        pod = live.get(each.uid)
        if pod is None:
            continue
        if is_deleting(pod):
            progress.ending.append(each)
            continue
        if this.left_seconds < WRITE_SECONDS[1]:
            progress.unasked += 1
            continue
        raise_if_told_to_stop()
        try:
            if _ask(this.cluster, how, each, options):
                progress.ending.append(each)
                log.info("pod taken away", extra={"object": f"Pod {each}", "how": how.done})
        except (HeldByBudget, Conflict, ServerError) as error:
            progress.held[each.uid] = str(error)
    return progress


def _ask(cluster: Cluster, how: How, each: Removed, options: Json, *, dry_run: bool = False) -> bool:
    if how is How.EVICT:
        return cluster.evict(each.namespace, each.name, each.uid, options, dry_run=dry_run)
    return cluster.delete("Pod", each.namespace, each.name, each.uid, options, dry_run=dry_run)


def tried(cluster: Cluster, removing: Removing[Any], pods: Iterable[Json], most: int = 20) -> str:
    """What a dry run of taking pods away says, in words; of the first so many."""
    asked = [removed(pod) for pod in pods][:most]
    refused = []
    for each in asked:
        try:
            _ask(cluster, removing.how, each, {}, dry_run=True)
        except HeldByBudget as error:
            refused.append(f"{each}: {error}")
    return f" (a dry run was refused: {'; '.join(refused[:5])})" if refused else ""


def _is_heard_of(item: Json) -> bool:
    """Whether a node's kubelet is heard of: else its pods end when it is again, and nobody can tell when."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return not any(each.get("type") == "Ready" and each.get("status") == "Unknown" for each in conditions)


def _not_yet(this: Try, seconds: int, removes: tuple[Removed, ...], progress: _Progress) -> NotYet | StepFailed:
    by_uid = {each.uid: each for each in removes}
    info = activity.info()
    over = (info.current_attempt_scheduled_time - info.scheduled_time).total_seconds() >= seconds
    words = [f"{by_uid[uid]}: {why}" for uid, why in progress.held.items()]
    if progress.ending:
        words.append(f"has not ended: {named(progress.ending)}")
    if progress.unasked:
        words.append(f"not asked for yet: {progress.unasked} pods")
    gone = len(removes) - len(progress.held) - len(progress.ending) - progress.unasked
    said = f"{gone} of {len(removes)} pods are gone from {this.call.target}; {'; '.join(words[:10])}"
    if not over:
        return NotYet(said, delay=AGAIN if progress.held else ENDING)
    counted = _counted(this.cluster, [by_uid[uid] for uid in progress.held])
    return StepFailed(
        "; ".join((f"not done within {seconds} seconds: {said}", *counted)),
        reason="held by a PodDisruptionBudget" if progress.held else "pods have not ended",
    )


def _counted(cluster: Cluster, held: list[Removed]) -> list[str]:
    """Which pods that crash-loop are counted by the budgets of what is held: they keep others from being evicted, and
    are kept themselves.
    """
    said = []
    for namespace in dict.fromkeys(each.namespace for each in held):
        ours = {each.uid for each in held if each.namespace == namespace}
        for budget in cluster.list_of("PodDisruptionBudget", namespace):
            selector = facts.selector(budget["spec"])
            pods = cluster.pods(namespace, selector) if selector else ()
            if not ours & {pod.uid for pod in pods}:
                continue
            name = f"PodDisruptionBudget {namespace}/{budget['metadata']['name']}"
            said.append(f"held by {name}")
            # Between two crashes it runs, and crash-loops all the same.
            if looping := [f"{namespace}/{pod.name}" for pod in pods if any(map(CRASH_LOOP.shown_in, pod.containers))]:
                allows = budget["spec"].get("unhealthyPodEvictionPolicy") == _ALWAYS
                remedy = "" if allows else f"; its unhealthyPodEvictionPolicy {_ALWAYS} would let it go"
                said.append(f"{named(looping)} crash-loops, and {name} counts it{remedy}")
    return said


def _done(this: Try, situation: Situation, note: ChangeNote, how: How, progress: _Progress) -> StepResult:
    call, removes = this.call, note.removes or ()
    counted = f"{len(removes)} pod{'' if len(removes) == 1 else 's'}"
    words = f"{how.done} {counted}: {named(removes)}" if removes else f"no pod to be {how.done}"
    if note.changes:
        words = f"changed {in_words(note.changes)}; {words}"
    remarks = this.announce(situation.item["metadata"]["uid"], words)
    if progress.ending and how is How.EVICT:
        remarks += (f"these pods end when the node's kubelet is heard of again: {named(progress.ending)}",)
    if broken := [each for each in removes if not each.ran and each.owner]:
        remarks += (f"did not run before either, so nothing waits for it to run elsewhere: {named(broken)}",)
    return result_of(call, StepStatus.DONE, words, note.changes).model_copy(
        update={"remarks": remarks, "removed": removes}
    )
