"""Why pods of a target's newest revision are missing or cannot run, as those say it who refuse them: the ReplicaSet's
controller (a quota, an admission webhook, a policy), the scheduler, or a node.

Called by verification. Nothing is read where no pod is missing; else a Deployment's newest ReplicaSet by its name, and
its events where its own condition says nothing, or those of the StatefulSet or DaemonSet itself.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from runmend.core.errors import Forbidden, NotFound
from runmend.facts.object import Owner
from runmend.facts.pod import PodFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube.client import Cluster
from runmend.kube.refusals import refused_by
from runmend.language.target import TargetNow
from runmend.plan.reasons import NO_NODE, PODS_REFUSED

_CREATING: Final = "Error creating: "


class Lacking(NamedTuple):
    """What a target lacks: in words, and why in a few of them without a name."""

    words: str
    reason: str


def why_no_pods(cluster: Cluster, now: TargetNow) -> Lacking | None:
    """Why pods of the newest revision are missing or have no node; None where none are, or nobody says why."""
    if now.workload is None:
        return None
    maker = _maker(now, now.workload)
    if maker and len(now.pods) < now.workload.replicas:
        if said := _not_created(cluster, now.workload.namespace, maker):
            return Lacking(f"{maker.kind} {maker.name} cannot create pods: {said}", f"{PODS_REFUSED}{_kind(said)}")
        if refused := _refused_by_a_node(now, maker):
            said = f"{refused.name} ended on node {refused.node or 'none'}: {refused.ended_because}"
            return Lacking(said, f"{PODS_REFUSED}{refused.ended_because.partition(':')[0]}")
    if waits := next((pod for pod in now.pods if pod.no_node), None):
        # A criterion about running pods says the same words of each pod.
        return Lacking(waits.in_words, NO_NODE)
    return None


def _maker(now: TargetNow, workload: WorkloadFacts) -> Owner | None:
    """Whose controller makes the pods of the newest revision: a Deployment's newest ReplicaSet, else the workload's."""
    if workload.kind != "Deployment":
        return Owner(kind=workload.kind, name=workload.name, uid=workload.uid)
    newest = now.workloads.newest(now.target, workload.uid)
    return Owner(kind="ReplicaSet", name=newest.name, uid=newest.uid) if newest else None


def _not_created(cluster: Cluster, namespace: str, maker: Owner) -> str:
    """What keeps it from creating pods; empty where it does not say."""
    if maker.kind == "ReplicaSet":
        with suppress(NotFound, Forbidden):
            if failure := cluster.replica_set(namespace, maker.name, metadata_only=False).failure:
                return failure
    with suppress(Forbidden):
        events = cluster.events(namespace, f"involvedObject.uid={maker.uid},reason=FailedCreate")
        if events:
            return max(events, key=lambda event: event.count).message.removeprefix(_CREATING)
    return ""


def _refused_by_a_node(now: TargetNow, maker: Owner) -> PodFacts | None:
    """A pod that its node did not take, or evicted: it has ended, and does not count any more."""
    return next(
        (
            pod
            for pod in now.workloads.pods
            if pod.ended_because and pod.owner and pod.owner.uid == maker.uid and not pod.deleting
        ),
        None,
    )


def _kind(said: str) -> str:
    return refused_by(said) or "not accepted by the API server"
