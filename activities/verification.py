"""`runmend.settle` waits, by retry, until the target has recovered; `runmend.check` judges the criteria after the
window.
"""

from collections.abc import Iterable
from datetime import timedelta

from temporalio import activity

from activities.act import reverted
from activities.boundary import REFUSED, count_anew, put_off, translated
from activities.diagnosis import classified
from activities.events import events_of, own_uids, place_of
from activities.gates import snapshot_of
from activities.missing_pods import Lacking, why_no_pods
from activities.moved import moved
from activities.serving import SILENT
from runmend.alerts.alert import Alert
from runmend.core.errors import Forbidden, NotYet, VerificationFailed
from runmend.facts.event import EventFacts
from runmend.facts.expressions import compiled
from runmend.facts.moved import MovedFacts
from runmend.facts.pod import PodFacts
from runmend.facts.states import EventSign
from runmend.kube.client import Cluster
from runmend.language.besides import Besides
from runmend.language.states import STATES
from runmend.language.target import TargetNow
from runmend.language.verdicts import (
    EVENT_TYPES,
    Live,
    event_names,
    judge,
    settled_pods,
    unmet,
    waiting_pods,
)
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.change import REPLICAS, Change
from runmend.plan.criteria import Criterion, Status, Verdict, Watermark
from runmend.plan.messages import CheckCall, Checked, SettleCall, Settled
from runmend.plan.reasons import DELETING, GONE, NEW_IMAGE, SCALED_DOWN

UNPROVED = "no criterion could be checked"
NOT_RUNNING = "what was moved does not run"


class Verifier:
    """Proves that the fix took, and that it held."""

    def __init__(self, cluster: Cluster, outsiders: Outsiders = NOBODY) -> None:
        self._cluster = cluster
        self._outsiders = outsiders

    @activity.defn(name="runmend.settle", no_thread_cancel_exception=True)
    def settle(self, call: SettleCall) -> Settled:
        """The watermark, once all that must become true is.

        Raises (as Temporal's):
            NotYet: with what is still missing; the next try looks again.
            Reverted: the change no longer stands.
            VerificationFailed: waiting longer cannot help.
        """
        with translated():
            now, lacking = settling(self._cluster, call, self._outsiders)
            if lacking:
                count_anew(REFUSED)
                # Quickly at first, because most pods are up within seconds.
                delay = timedelta(seconds=min(activity.info().attempt, 5))
                raise NotYet(lacking.words, delay=delay, reason=lacking.reason)
            uids = {pod.uid for pod in now.pods} | own_uids(now)
            events = events_asked_for(self._cluster, call.criteria, place_of(now), uids)
            mark = Live(pods=now.pods, events=events).watermark.model_copy(update={"uid": now.own_uid})
            return Settled(watermark=mark, summary=_settled(now, mark))

    @activity.defn(name="runmend.check", no_thread_cancel_exception=True)
    def check(self, call: CheckCall) -> Checked:
        """The verdict on every criterion, against the watermark and the live state.

        Raises (as Temporal's):
            NotYet: a pod counts as not ready for its node's silence alone. When the API server is back after an outage,
                every node was silent, and all pods count so until their kubelets have spoken again; the verdict waits
                for that, a minute at most.
        """
        with translated():
            now = TargetNow.read(self._cluster, call.target)
            pods = now.workloads.pods_of(call.target)
            uids = {pod.uid for pod in pods} | set(call.watermark.pods) | own_uids(now)
            events = events_asked_for(self._cluster, call.criteria, place_of(now), uids)
            besides = besides_of(self._cluster, now, call.criteria, self._outsiders, call.alerts)
            pods = besides.measured(pods)
            gone = () if now.has_pods else moved(self._cluster, call.removed)
            live = live_of(now, call.criteria, besides, pods, events, gone)
            checked = _judged(now, call, live)
            idle = [each.in_words for each in live.moved if not each.running]
            if not checked.failure and idle:
                checked = checked.model_copy(
                    update={"failure": f"what was moved does not run: {'; '.join(idle[:5])}", "reason": NOT_RUNNING}
                )
            heard = live.model_copy(update={"pods": tuple(pod.if_heard_of for pod in pods)})
            silence_alone = checked.failure and not checked.reverted and not _judged(now, call, heard).failure
            if silence_alone and (again := put_off("silent", SILENT)):
                raise NotYet(
                    f"{checked.failure}; its containers were well when its node was last heard of: looked at again",
                    delay=again,
                    reason=checked.reason,
                )
            if checked.failure or checked.reverted:
                return checked
            return with_problem(self._cluster, now, call, checked, self._outsiders)


def with_problem(
    cluster: Cluster, now: TargetNow, call: CheckCall, checked: Checked, outsiders: Outsiders = NOBODY
) -> Checked:
    """What a check has found, with what became of the problem that the runbook has in its header: a node that was
    drained may be not ready as before.

    An alert's pod may be gone since; what is asked of it is then asked of the target's first.
    """
    if not call.problem:
        return checked
    alerts = tuple(alert if now.workloads.pod(alert.pod) else alert.without("pod") for alert in call.alerts)
    problem = compiled(call.problem)
    judged = problem.judge(snapshot_of(cluster, now, alerts, call.state, [problem], {}, outsiders))
    if judged.holds is None:
        unknown = f"whether the problem is still there cannot be told: {judged.evidence}"
        return checked.model_copy(update={"remarks": (*checked.remarks, unknown)})
    return checked.model_copy(update={"still_there": judged.evidence}) if judged.holds else checked


def events_asked_for(
    cluster: Cluster, criteria: tuple[Criterion, ...], namespace: str, uids: set[str]
) -> tuple[EventFacts, ...]:
    """The events about the target's pods that the criteria ask about, by state or by reason."""
    names = event_names(criteria)
    if not names:
        return ()
    types = names & EVENT_TYPES
    signs = [
        sign
        for name in names - types
        for sign in (STATES[name].events if name in STATES else (EventSign(reason=name),))
    ]
    events = events_of(cluster, namespace, uids, {sign.reason for sign in signs}, types)
    return tuple(event for event in events if event.type in types or any(sign.matches(event) for sign in signs))


def besides_of(
    cluster: Cluster,
    now: TargetNow,
    criteria: tuple[Criterion, ...],
    outsiders: Outsiders = NOBODY,
    alerts: tuple[Alert, ...] = (),
) -> Besides:
    """What the criteria ask for besides the target's pods."""
    expressions = [compiled(criterion.expression) for criterion in criteria if criterion.understood]
    return Besides.read(cluster, now, expressions, now.node_of(next(iter(now.pods), None)), outsiders, alerts)


def live_of(
    now: TargetNow,
    criteria: tuple[Criterion, ...],
    besides: Besides,
    pods: tuple[PodFacts, ...],
    events: tuple[EventFacts, ...],
    gone: tuple[MovedFacts, ...],
) -> Live:
    """What criteria are asked about: the target, what was read besides it, and what was moved from it."""
    asked = any("object" in compiled(one.expression).groups for one in criteria if one.understood)
    return Live(
        pods=pods,
        events=events,
        workload=now.workload,
        object=now.untyped if asked else None,
        own=now.own,
        node=besides.node,
        moved=gone,
        unknown=dict(besides.unknown),
        outside=dict(besides.outside.told),
        alert_fires=besides.outside.alert_fires,
    )


def _settled(now: TargetNow, mark: Watermark) -> str:
    if not now.has_pods:
        return f"{now.target} is as the criteria say"
    if now.workload and now.workload.replicas == 0:
        return f"{now.target} has no pod left, as the run scaled it to 0"
    return f"{mark.running} of {len(now.pods)} pods are Running, nothing of an older revision is left"


def settling(cluster: Cluster, call: SettleCall, outsiders: Outsiders = NOBODY) -> tuple[TargetNow, Lacking | None]:
    """The target, and what it still lacks to have settled (None: nothing), with why where somebody says it.

    Raises:
        NotYet: the Deployment's controller has not acted on its newest version.
        Reverted: the change no longer stands.
        VerificationFailed: waiting longer cannot help.
    """
    now = TargetNow.read(cluster, call.target)
    if now.gone:
        raise VerificationFailed(f"{call.target} no longer exists", reason=GONE)
    if undone := reverted(now, call.changes):
        raise undone
    if now.own_uid and call.uid and call.changes and now.own_uid != call.uid:
        raise VerificationFailed(
            f"{call.target} was deleted and made anew before it had settled: what was changed no longer exists",
            reason=GONE,
        )
    _raise_if_hopeless(now, call)
    causes = _causes(cluster, now, call)
    refused = None if causes else why_no_pods(cluster, now)
    uids = {pod.uid for pod in now.pods} | own_uids(now)
    # By name an event is asked for as new, and nothing is new before the target has settled.
    listing = tuple(one for one in call.criteria if one.understood and compiled(one.expression).reads_each("events"))
    events = events_asked_for(cluster, listing, place_of(now), uids)
    besides = besides_of(cluster, now, call.criteria, outsiders, call.alerts)
    gone = () if now.has_pods else moved(cluster, call.removed)
    live = live_of(now, call.criteria, besides, besides.measured(now.pods), events, gone)
    idle = [each.in_words for each in gone if not each.running]
    missing = "; ".join(filter(None, (_missing(now, call, live, causes, refused), *idle))) or None
    if missing is None:
        return now, None
    pulled = f"{NEW_IMAGE}{', '.join(causes)}" if causes else ""
    return now, Lacking(missing, pulled or (refused.reason if refused else "not recovered in time"))


def stopped_by(changes: tuple[Change, ...]) -> bool:
    """Whether a run has itself scaled its target to 0, so that no pod is what it wants."""
    counts = [change.after for change in changes if change.path == REPLICAS]
    return bool(counts) and counts[-1] == 0


def _causes(cluster: Cluster, now: TargetNow, call: SettleCall) -> tuple[str, ...]:
    """Why the target's pods cannot be pulled, where they cannot; none where nobody can say."""
    affected = {name for one in now.affected(call.state) for name in one.pods} if call.state else set()
    if not call.state or not affected:
        return ()
    uids = {pod.uid for pod in now.pods if pod.name in affected}
    reasons = {sign.reason for sign in STATES[call.state].events}
    try:
        return tuple(classified(events_of(cluster, call.target.namespace, uids, reasons)))
    except Forbidden:
        return ()


def _raise_if_hopeless(now: TargetNow, call: SettleCall) -> None:
    """End at once when a container that this run did not change waits in the bad state: no waiting will start the
    pod.
    """
    if now.deleting:
        raise VerificationFailed(
            f"{call.target} is being deleted, so its controller replaces no pod any more", reason=DELETING
        )
    if now.workload and now.workload.replicas == 0 and not stopped_by(call.changes):
        raise VerificationFailed(
            f"{call.target} was scaled to 0: there is no pod that could prove the fix", reason=SCALED_DOWN
        )
    changed = {change.container for change in call.changes}
    # What changes more than images, or makes pods anew, may well help a container that it does not name.
    outside = (
        [one for one in now.affected(call.state) if one.container not in changed]
        if call.state and not call.removed and all(change.of_image for change in call.changes)
        else []
    )
    if outside:
        named = ", ".join(
            f"{one.container} ({one.reason}, image {one.image}) in {', '.join(one.pods[:3])}" for one in outside
        )
        raise VerificationFailed(
            f"a container that this run did not change waits: {named}", reason="another container waits"
        )


def _missing(
    now: TargetNow,
    call: SettleCall,
    live: Live,
    causes: tuple[str, ...] = (),
    refused: Lacking | None = None,
) -> str | None:
    """What the target still lacks to have settled, as far as it can be seen.

    Args:
        now: the target.
        call: what is waited for.
        live: it, and what the criteria ask for besides it.
        causes: why images cannot be pulled.
        refused: why pods are missing, where somebody says it.
    """
    current = now.pods
    lacking = [f"{call.target} is paused, so no pod is replaced"] if now.workload and now.workload.paused else []
    again = now.affected(call.state) if call.state else ()
    why = f" ({', '.join(causes)})" if causes else ""
    new = {change.container for change in call.changes if change.of_image}
    lacking += [
        f"the image that this run wrote cannot be pulled either: {one.container} waits ({one.reason}), {one.image}{why}"
        if one.container in new
        else f"{one.container} waits ({one.reason}), image {one.image}{why}"
        for one in again
    ]
    wanted = now.workload.replicas if now.workload else len(current)
    # That there is no pod is said below, with how many there should be.
    if not again and (current or not wanted):
        lacking += [text for criterion in call.criteria if (text := unmet(criterion, live))]
    if current and not wanted and now.workload:
        lacking.append(f"{len(current)} pods are left, and none is wanted")
    if len(current) < wanted:
        lacking.append(f"{len(current)} of {wanted} pods of the new revision are there")
    if refused and not any(refused.words in said for said in lacking):
        lacking.append(refused.words)
    uids = {pod.uid for pod in current}
    older = [pod for pod in now.workloads.pods_of(call.target) if pod.uid not in uids]
    if older:
        lacking.append(f"{len(older)} left of an older revision: {', '.join(pod.name for pod in older[:3])}")
    return "; ".join(dict.fromkeys(lacking)) or None


def _judged(now: TargetNow, call: CheckCall, live: Live) -> Checked:
    # A workload that was scaled down meanwhile cannot run as many pods as it did.
    wanted = now.workload.replicas if now.workload else call.watermark.running
    mark = call.watermark.model_copy(update={"running": min(call.watermark.running, wanted)})
    verdicts = tuple(judge(criterion, mark, live) for criterion in call.criteria)
    failure = _failure(now, call, mark, live, verdicts)
    undone = reverted(now, call.changes)
    return Checked(
        verdicts=verdicts,
        failure=str(failure) if failure else None,
        reverted=str(undone) if undone else None,
        reason=undone.reason if undone else failure.reason if failure else "",
        remarks=_remarks(call, mark, live),
    )


def _failure(
    now: TargetNow, call: CheckCall, mark: Watermark, live: Live, verdicts: tuple[Verdict, ...]
) -> VerificationFailed | None:
    found = lost(now, mark) or failed_of(verdicts) or problem_back(call.state, live.pods) or unproved(verdicts)
    if found:
        return found
    running = sum(pod.running for pod in live.pods)
    if now.has_pods and running < max(mark.running, 0 if stopped_by(call.changes) else 1):
        said = f"{running} pods are Running, {mark.running} were when the target had settled"
        return VerificationFailed(said, reason="fewer pods are Running")
    return None


def failed_of(verdicts: Iterable[Verdict]) -> VerificationFailed | None:
    """The failure of the criteria that do not hold, with their evidence; None where all do, or cannot be judged."""
    failed = [verdict for verdict in verdicts if verdict.status is Status.FAILED]
    said = "; ".join(f"{verdict.text!r}: {verdict.evidence}" for verdict in failed)
    return VerificationFailed(said, reason=f"criterion: {failed[0].text}") if failed else None


def unproved(verdicts: tuple[Verdict, ...]) -> VerificationFailed | None:
    """The failure of criteria of which none could be checked: nothing has proved the fix."""
    if any(verdict.status is not Status.UNVERIFIED for verdict in verdicts):
        return None
    said = "; ".join(f"{verdict.text!r}: {verdict.evidence}" for verdict in verdicts)
    return VerificationFailed(f"no criterion could be checked: {said}", reason=UNPROVED)


def problem_back(state: str | None, pods: tuple[PodFacts, ...]) -> VerificationFailed | None:
    """Whether one of these pods is in the runbook's state again."""
    waiting = waiting_pods((state,), pods) if state else []
    said = f"the problem is back: {'; '.join(waiting[:5])}"
    return VerificationFailed(said, reason="the problem is back") if waiting else None


def lost(now: TargetNow, mark: Watermark) -> VerificationFailed | None:
    """Whether the object that was changed is gone, or going."""
    if now.gone:
        return VerificationFailed(f"{now.target} no longer exists", reason=GONE)
    if now.own_uid and mark.uid and now.own_uid != mark.uid:
        return VerificationFailed(
            f"{now.target} was deleted and made anew in the window: what was changed no longer exists", reason=GONE
        )
    if now.deleting:
        return VerificationFailed(f"{now.target} is being deleted: what was changed goes with it", reason=DELETING)
    return None


def _remarks(call: CheckCall, mark: Watermark, live: Live) -> tuple[str, ...]:
    _, younger = settled_pods(mark, live)
    states = (call.state,) if call.state else ()
    younger = tuple(pod for pod in younger if not waiting_pods(states, (pod,)))
    remarks = [f"a younger pod is not running yet, which fails nothing: {pod.in_words}" for pod in younger]
    if others := sum(pod.uid not in mark.pods for pod in live.pods):
        remarks.append(f"{others} of {len(live.pods)} pods are younger than the window")
    if mark.running < call.watermark.running:
        remarks.append(f"scaled down in the window: {mark.running} of {call.watermark.running} pods are wanted now")
    return tuple(remarks)
