"""Who controls a pod, and which pods stand for a target now.

Called by the bridge, by observation, by steps and by verification.
"""

from dataclasses import dataclass

from runmend.alerts.alert import Target
from runmend.facts.objects import Owner, PodFacts, ReplicaSetFacts
from runmend.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Workloads:
    """The pods and ReplicaSets of a namespace, read by two list calls."""

    pods: tuple[PodFacts, ...]
    replica_sets: dict[str, ReplicaSetFacts]
    """By uid."""

    @classmethod
    def of(cls, cluster: Cluster, namespace: str) -> "Workloads":
        """Read a namespace.

        The pods first: a ReplicaSet that a pod names was there before the pod, so it is in a list that is read
        afterwards.
        """
        pods = cluster.pods(namespace)
        return cls(pods, {found.uid: found for found in cluster.replica_sets(namespace)})

    def pod(self, name: str) -> PodFacts | None:
        """The pod of a name, None where it is gone."""
        return next((pod for pod in self.pods if pod.name == name), None)

    def controllers(self, pod: PodFacts) -> tuple[Owner, ...]:
        """The chain of controllers from the pod upwards, as far as two lists tell.

        Through its ReplicaSet, and no further.
        """
        if pod.owner is None:
            return ()
        above = self.replica_sets.get(pod.owner.uid) if pod.owner.kind == "ReplicaSet" else None
        return (pod.owner, above.owner) if above and above.owner else (pod.owner,)

    def target_of(self, pod: PodFacts, cluster_name: str) -> Target:
        """What a pod's alert asks to have fixed: the top of its chain, or the pod itself where nothing controls it."""
        chain = self.controllers(pod)
        kind, name = (chain[-1].kind, chain[-1].name) if chain else ("Pod", pod.name)
        return Target(cluster=cluster_name, namespace=pod.namespace, kind=kind, name=name)

    def chain_of(self, pod: PodFacts) -> str:
        """The chain in words: `Pod web-1 → ReplicaSet web-6b9 → Deployment web`."""
        return " → ".join([f"Pod {pod.name}", *(f"{owner.kind} {owner.name}" for owner in self.controllers(pod))])

    def pods_of(self, target: Target) -> tuple[PodFacts, ...]:
        """The target's pods of every revision, those that have ended or are being deleted left out."""
        return tuple(
            pod
            for pod in self.pods
            if not (pod.deleting or pod.ended) and self.target_of(pod, target.cluster) == target
        )

    def revision_of(self, pod: PodFacts) -> ReplicaSetFacts | None:
        """The ReplicaSet that a pod belongs to."""
        return self.replica_sets.get(pod.owner.uid) if pod.owner else None

    def newest(self, target: Target, uid: str | None = None) -> ReplicaSetFacts | None:
        """The ReplicaSet of a Deployment's current revision.

        None for a target of another kind, whose revisions are its own affair.

        `uid` is the Deployment's, where it is known: one that was deleted and made anew has left ReplicaSets under the
        same name.
        """
        return max(self.revisions(target, uid), key=lambda found: found.revision, default=None)

    def revisions(self, target: Target, uid: str | None = None) -> tuple[ReplicaSetFacts, ...]:
        """The ReplicaSets of a Deployment, in no order; none for a target of another kind."""
        if target.kind != "Deployment":
            return ()
        return tuple(
            found
            for found in self.replica_sets.values()
            if found.owner
            and (found.owner.kind, found.owner.name) == (target.kind, target.name)
            and uid in (None, found.owner.uid)
        )

    def current_pods_of(self, target: Target, uid: str | None = None) -> tuple[PodFacts, ...]:
        """The target's pods of its newest revision; all of them where the target keeps no revisions of its own."""
        newest = self.newest(target, uid)
        pods = self.pods_of(target)
        return tuple(pod for pod in pods if pod.owner and pod.owner.uid == newest.uid) if newest else pods
