"""`runmend.hold` looks at the target while its verification window lasts, and ends it where the fix does not hold.

It waits by being tried again, like settle, so it occupies nothing between two looks. What it cannot see breaks nothing:
an API server that does not answer, a node that is silent, a pod that is on its way. The check judges those.
"""

from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.act import reverted
from activities.boundary import REFUSED, count_anew, put_off, translated
from activities.events import own_uids, place_of
from activities.moved import moved
from activities.verification import besides_of, events_asked_for, failed_of, live_of, lost, problem_back
from runmend.core.errors import NotYet, Reverted, VerificationFailed
from runmend.facts.expressions import compiled
from runmend.facts.moved import MovedFacts
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.language.verdicts import Live, broken, judge
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.criteria import Criterion, Status, Verdict
from runmend.plan.messages import CheckCall, Checked

BROKEN: Final = "broken"
AGAIN: Final = 10
"""After how many seconds what seems broken is looked at again: it is broken where two looks in a row say so."""


class Holder:
    """Watches over a window.

    Args:
        cluster: where the target is.
        seconds: from one look to the next.
        outsiders: who is asked besides Kubernetes.
    """

    def __init__(self, cluster: Cluster, seconds: int, outsiders: Outsiders = NOBODY) -> None:
        self._cluster = cluster
        self._outsiders = outsiders
        self._every = timedelta(seconds=seconds)
        self._again = (min(AGAIN, seconds),)

    @activity.defn(name="runmend.hold", no_thread_cancel_exception=True)
    def hold(self, call: CheckCall) -> Checked:
        """What ends the window: it returns only where the fix does not hold.

        Raises (as Temporal's):
            NotYet: nothing is broken; the next try looks again.
        """
        with translated():
            if activity.info().attempt == 1:
                raise NotYet("the window has begun, as settle left the target", delay=self._every)
            now, live = self._look(call)
            if final := reverted(now, call.changes) or lost(now, call.watermark):
                return _ended(call, live, final)
            now.raise_if_lagging()
            failure = _failure(now, call, live)
            if failure is None:
                count_anew(REFUSED, BROKEN)
                raise NotYet(f"holds: {live.in_words}", delay=self._every)
            if again := put_off(BROKEN, self._again):
                raise NotYet(f"{failure}; looked at again", delay=again, reason=failure.reason)
            return _ended(call, live, failure)

    def _look(self, call: CheckCall) -> tuple[TargetNow, Live]:
        """The target as it is, and what of it is judged.

        A pod that is younger than the window counts once it runs: until then it is on its way, or takes another's
        place. Nothing but a node's own silence speaks against a pod's readiness: that says nothing of the pod.
        """
        now = TargetNow.look(self._cluster, call.target)
        pods = tuple(pod.if_heard_of for pod in now.workloads.pods_of(call.target))
        uids = {pod.uid for pod in pods} | set(call.watermark.pods) | own_uids(now)
        besides = besides_of(self._cluster, now, call.criteria, self._outsiders, call.alerts)
        pods = besides.measured(pods)
        pods = tuple(pod for pod in pods if pod.running or pod.uid in call.watermark.pods)
        events = events_asked_for(self._cluster, call.criteria, place_of(now), uids)
        live = live_of(now, call.criteria, besides, pods, events, self._moved(now, call))
        return now, live

    def _moved(self, now: TargetNow, call: CheckCall) -> tuple[MovedFacts, ...]:
        """What was moved, where a criterion asks for it: settle has waited for it, and the check looks again."""
        asked = any("moved" in compiled(one.expression).groups for one in call.criteria if one.understood)
        return moved(self._cluster, call.removed) if asked and not now.has_pods else ()


def _failure(now: TargetNow, call: CheckCall, live: Live) -> VerificationFailed | None:
    """What does not hold; None where all does, or where there is no pod that could show it."""
    if now.has_pods and not live.pods:
        return None
    mark = call.watermark
    failed = [judge(criterion, mark, live) for criterion in call.criteria if broken(criterion, mark, live)]
    return failed_of(failed) or problem_back(call.state, live.pods)


def _ended(call: CheckCall, live: Live, why: Reverted | VerificationFailed) -> Checked:
    undone = isinstance(why, Reverted)
    return Checked(
        verdicts=tuple(_so_far(criterion, judge(criterion, call.watermark, live)) for criterion in call.criteria),
        failure=None if undone else str(why),
        reverted=str(why) if undone else None,
        reason=why.reason,
    )


def _so_far(criterion: Criterion, verdict: Verdict) -> Verdict:
    """A verdict; what must stay true has not been proven by a window that ends early."""
    if criterion.must == "become" or verdict.status is not Status.PASSED:
        return verdict
    evidence = f"held until the window ended early: {verdict.evidence}"
    return verdict.model_copy(update={"status": Status.UNVERIFIED, "evidence": evidence})
