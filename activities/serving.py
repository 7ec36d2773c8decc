"""What serves of a target, and what a person is told where a change would put it at risk. Called by the changing step.

Serving means Ready, by any count that says so. That a pod is available comes later, by the Deployment's own
minReadySeconds; its status lags behind its pods, and a pod that is read may be older than the status.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity

from activities.boundary import put_off
from runmend.core.errors import NotYet
from runmend.facts.pod import PodFacts
from runmend.facts.workload import WorkloadFacts
from runmend.language.states import STATES
from runmend.language.target import TargetNow
from runmend.reports.commands import kubectl, resource

SILENT = (5, 10, 15, 30)
"""After how many seconds a step or a check looks again at pods whose node was not heard of."""
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Serving:
    """Why a change is left to a person: what serves, in words, and the command that goes back to the revision that
    does; empty where none but the newest does.
    """

    words: str
    rollback: str = ""


def serving_count(now: TargetNow, deployment: WorkloadFacts) -> int:
    """How many pods serve: the largest of what the Deployment's status and its pods themselves say."""
    return max(deployment.available, deployment.ready, sum(pod.running for pod in now.workloads.pods_of(now.target)))


def serving(now: TargetNow, deployment: WorkloadFacts, state: str | None) -> Serving | None:
    """What serves, None where nothing does.

    Args:
        now: the target.
        deployment: its Deployment.
        state: the state that the step treats, None where it treats none.

    Raises:
        NotYet: nothing serves, for the silence of nodes alone. When the API server is back after an outage, every node
            was silent; that is waited for, a minute at most.
    """
    count = serving_count(now, deployment)
    if count:
        return _serving(now, deployment, state, count)
    silent = [pod for pod in now.workloads.pods_of(now.target) if pod.if_heard_of.running]
    again = _put_off() if silent else None
    if again is not None:
        raise NotYet(
            f"these pods served when their nodes were last heard of: {_named(silent)}; looked at again",
            delay=again,
            reason="nodes are silent",
        )
    return None


def _put_off() -> timedelta | None:
    # A rehearsal, which is no activity, is not tried again.
    return put_off("silent", SILENT) if activity.in_activity() else timedelta()


def _named(pods: list[PodFacts]) -> str:
    more = f" and {len(pods) - MOST_NAMED} more" if len(pods) > MOST_NAMED else ""
    return ", ".join(f"{pod.name} on node {pod.node or 'none'}" for pod in pods[:MOST_NAMED]) + more


def _serving(now: TargetNow, deployment: WorkloadFacts, state: str | None, count: int) -> Serving:
    current = {pod.uid for pod in now.pods}
    older = [pod for pod in now.workloads.pods_of(now.target) if pod.running and pod.uid not in current]
    if older:
        newest = max(older, key=lambda pod: _revision_number(now, pod))
        undo = _undo(now, newest)
        serve = sum(pod.owner == newest.owner for pod in older)
        images = ", ".join(dict.fromkeys(c.image for c in newest.containers if not c.must_end))
        number = _revision_number(now, newest)
        revision = f"revision {number}" if number else "an older revision"
        return Serving(
            f"{serve} of {deployment.replicas} replicas still serve {revision} (image {images}); `{undo}` restores it",
            undo,
        )
    stuck = [pod for pod in now.pods if pod.waiting_for(*STATES[state].waiting)] if state else []
    if not stuck:
        return Serving(f"{count} of {deployment.replicas} replicas of the same revision serve")
    return Serving(
        f"{count} of {deployment.replicas} replicas of the same revision serve; these pods cannot pull: {_named(stuck)}"
    )


def _undo(now: TargetNow, pod: PodFacts) -> str:
    # Named, because the revision before this one may be as bad.
    number = _revision_number(now, pod)
    return kubectl(
        now.target, "rollout", "undo", resource(now.target), *([f"--to-revision={number}"] if number else [])
    )


def _revision_number(now: TargetNow, pod: PodFacts) -> int:
    found = now.workloads.revision_of(pod)
    return found.revision if found else 0
