"""Who controls a pod, and which pods stand for a target now.

Called by the bridge, by observation, by steps and by verification.
"""

import math
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound
from runmend.facts.object import Owner
from runmend.facts.pod import PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.revision import RevisionFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube.client import Cluster
from runmend.kube.facts import HASH

T = TypeVar("T")

FEW = 20
"""The most pods of a namespace that are read one by one, with their ReplicaSets; more by two lists.

Measured on the sandbox: 20 pods one by one cost 20 ms of processor time in every namespace; the lists cost 3 ms where
there are 50 pods, 11 ms where 200, 27 ms where 500, and 66 ms where 1,000. So they cross at 400 pods in the namespace.
"""


@dataclass(frozen=True)
class Workloads:
    """Pods of a namespace and their ReplicaSets: a target's, those of some names, or all; and the ControllerRevisions
    of a target that keeps its revisions in these.
    """

    pods: tuple[PodFacts, ...]
    replica_sets: dict[str, ReplicaSetFacts]
    """By uid."""
    controller_revisions: tuple[RevisionFacts, ...] = ()

    @classmethod
    def of(cls, cluster: Cluster, namespace: str, selector: str = "", *, metadata_only: bool = False) -> "Workloads":
        """Read what a label selector chooses by two lists; a namespace where there is none.

        The pods first: a ReplicaSet that a pod names was there before the pod, so it is in a list that is read
        afterwards.
        """
        pods = cluster.pods(namespace, selector, metadata_only=metadata_only)
        return cls.under(pods, cluster.replica_sets(namespace, selector))

    @classmethod
    def under(cls, pods: Iterable[PodFacts], replica_sets: Iterable[ReplicaSetFacts]) -> "Workloads":
        """Of what was read."""
        return cls(tuple(pods), {found.uid: found for found in replica_sets})

    @classmethod
    def named(
        cls, cluster: Cluster, namespace: str, names: Collection[str], *, few: int = FEW, metadata_only: bool = False
    ) -> "Workloads":
        """Read the pods of these names, those that there are, and then their ReplicaSets; all pods of the namespace
        where more than `few` are named.
        """
        if len(names) > few:
            return cls.of(cluster, namespace, metadata_only=metadata_only)
        pods = _there(partial(cluster.pod, namespace, metadata_only=metadata_only), names)
        owners = (pod.owner for pod in pods if pod.owner)
        above = dict.fromkeys(owner.name for owner in owners if owner.kind == "ReplicaSet")
        return cls.under(pods, _there(partial(cluster.replica_set, namespace), above))

    @classmethod
    def of_target(cls, cluster: Cluster, target: Target, workload: WorkloadFacts | None) -> "Workloads":
        """Read a target's pods of every revision, and its revisions, however many others there are.

        Its selector may choose others' too: who owns them tells. What has no selector that could be read is looked for
        by the metadata of its whole namespace: a workload that is gone, and one of a kind that Kubernetes does not
        bring along, also where that is called by the name of one that it does.

        Args:
            cluster: where.
            target: what to read.
            workload: the target, where it is a workload that is there.
        """
        namespace, name = target.namespace, target.name
        if workload:
            return cls._of_workload(cluster, workload)
        if target.kind == "Pod":
            return cls.named(cluster, namespace, [name])
        every = cls.of(cluster, namespace, metadata_only=True)
        names = [pod.name for pod in every.pods if every.target_of(pod, target.cluster) == target]
        if len(names) > FEW:
            return cls(cluster.pods(namespace), every.replica_sets)
        return cls(tuple(_there(partial(cluster.pod, namespace), names)), every.replica_sets)

    @classmethod
    def _of_workload(cls, cluster: Cluster, workload: WorkloadFacts) -> "Workloads":
        namespace = workload.namespace
        match workload.kind:
            case "Deployment":
                return cls.of(cluster, namespace, workload.selector)
            case "StatefulSet" | "DaemonSet":
                pods = cluster.pods(namespace, workload.selector)
                return cls(pods, {}, cluster.controller_revisions(namespace, workload.selector))
            case kind:
                pods = cluster.pods(namespace, workload.selector)
                # It is the top of the pods' chain only while nothing owns it.
                own = [workload.name] if kind == "ReplicaSet" else []
                return cls.under(pods, _there(partial(cluster.replica_set, namespace), own))

    def pod(self, name: str) -> PodFacts | None:
        """The pod of a name, None where it is gone."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, PodFacts]:
        return {pod.name: pod for pod in self.pods}

    def controllers(self, pod: PodFacts) -> tuple[Owner, ...]:
        """The chain of controllers from the pod upwards, as far as was read.

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

    def target_uid(self, pod: PodFacts) -> str:
        """The uid of what a pod's alert asks to have fixed."""
        chain = self.controllers(pod)
        return chain[-1].uid if chain else pod.uid

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
        """The ReplicaSet of a Deployment's current revision; None for a target of another kind, whose revisions are its
        own affair.

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

    def with_revisions(self, workload: WorkloadFacts) -> WorkloadFacts:
        """A workload with what its revisions say of it: their numbers, and what its current pods are told by."""
        if workload.kind == "Deployment":
            owned = [each for each in self.replica_sets.values() if each.owner and each.owner.uid == workload.uid]
            kept = {found.revision: found.age for found in owned}
            return workload.model_copy(
                update={
                    "previous_revision": _before(workload.revision, kept),
                    "revision_age": kept.get(workload.revision),
                }
            )
        own = [found for found in self.controller_revisions if found.owner and found.owner.uid == workload.uid]
        newest = max(own, key=lambda found: found.revision, default=None)
        if newest is None:
            return workload
        previous = _before(newest.revision, {found.revision for found in own})
        return workload.model_copy(
            update={
                "revision": newest.revision,
                "previous_revision": previous,
                "revision_age": newest.age,
                "update_hash": workload.update_hash or newest.hash,
            }
        )

    def current_pods_of(self, target: Target, workload: WorkloadFacts | None = None) -> tuple[PodFacts, ...]:
        """The target's pods of its newest revision; all of them where the target keeps no revisions of its own.

        Of a Deployment they are those of its newest ReplicaSet. Of a StatefulSet or DaemonSet they are told by the hash
        of its newest revision, which is how their controllers tell them; those of a StatefulSet below its partition are
        current whatever they are of, because they are meant to stay.

        Args:
            target: whose.
            workload: the target as it was read, where it is a workload that is there. One that was deleted and made
                anew has left ReplicaSets under the same name.
        """
        pods = self.pods_of(target)
        if workload and workload.update_hash:
            return tuple(
                pod
                for pod in pods
                if pod.labels.get(HASH) == workload.update_hash or _number_of(pod) < workload.partition
            )
        newest = self.newest(target, workload.uid if workload else None)
        return tuple(pod for pod in pods if pod.owner and pod.owner.uid == newest.uid) if newest else pods


def _before(newest: int, kept: Collection[int]) -> int | None:
    return max((number for number in kept if 0 < number < newest), default=None)


def _number_of(pod: PodFacts) -> float:
    """The number of a StatefulSet's pod, which its name ends with; more than any where it has none."""
    number = pod.name.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else math.inf


def uids_of(cluster: Cluster, kind: str, namespace: str, names: Collection[str], *, few: int = FEW) -> dict[str, str]:
    """Name → uid of the objects of these names that there are; all of their kind where more than `few` are named.
    `namespace` is empty for a kind that is in none.
    """
    if len(names) > few:
        found = cluster.list_of(kind, namespace, metadata_only=True)
    else:
        found = tuple(_there(partial(cluster.read, kind, namespace, metadata_only=True), names))
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in found}


def _there(get: Callable[[str], T], names: Iterable[str]) -> list[T]:
    """What `get` makes of each name, those left out that are not there."""
    found = []
    for name in names:
        with suppress(NotFound):
            found.append(get(name))
    return found
