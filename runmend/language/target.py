"""A target as it is now: its pods, its workload, and which containers wait in the runbook's state.

Called by observation, by every changing step and by verification, which must see a target in the same way.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from runmend.alerts.alert import Alert, Target
from runmend.core.errors import NotYet
from runmend.core.kinds import has_pods
from runmend.facts.object import ObjectFacts
from runmend.facts.pod import PodFacts
from runmend.facts.untyped import untyped
from runmend.facts.workload import WorkloadFacts
from runmend.kube.answers import Json
from runmend.kube.client import WORKLOADS, Cluster
from runmend.kube.owners import Workloads
from runmend.language.states import STATES
from runmend.language.targets import read
from runmend.plan.messages import Affected
from runmend.plan.reasons import GONE, NO_POD, OTHER_STATE, PROBLEM_GONE

UNSCHEDULABLE = "Unschedulable"
_COMING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""What a container waits for on its way to running."""
MOST_NAMED = 20
"""How many pods are named where many could be."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Why there is nothing to do: in words, and in a few of them without a name."""

    words: str
    reason: str = PROBLEM_GONE


@dataclass(frozen=True)
class TargetNow:
    """A target, read. `workload` is None where the target is no workload, or is gone."""

    target: Target
    workloads: Workloads
    workload: WorkloadFacts | None
    item: Json | None = None
    """The object as the API server has it, of a kind that may be changed."""
    own: ObjectFacts | None = None
    """What is known of the object itself, by the model of its kind."""

    @classmethod
    def read(cls, cluster: Cluster, target: Target) -> "TargetNow":
        """Read it, for what its pods say.

        Raises:
            NotYet: the workload's controller has not acted on its newest version, so its pods are those of an older
                one.
        """
        now = cls.look(cluster, target)
        now.raise_if_lagging()
        return now

    @classmethod
    def look(cls, cluster: Cluster, target: Target) -> "TargetNow":
        """Read it as it is, whether or not its controller has acted."""
        found = read(cluster, target)
        return cls(target, found.workloads, found.workload, found.item, found.facts)

    @property
    def selector(self) -> str:
        """The workload's label selector as a list's query has it; empty where there is none."""
        return self.workload.selector if self.workload else ""

    def raise_if_lagging(self) -> None:
        """Raise `NotYet` while the pods are those of an older version of the workload."""
        if self.workload and self.workload.observed_generation < self.workload.generation:
            why = self.workload.no_revision
            raise NotYet(
                f"the controller has not acted on the newest version of {self.target}" + (f": {why}" if why else ""),
                delay=timedelta(seconds=1),
                reason="no ReplicaSet can be made" if why else None,
            )

    @cached_property
    def pods(self) -> tuple[PodFacts, ...]:
        """The pods of its current revision."""
        return self.workloads.current_pods_of(self.target, self.workload)

    @property
    def gone(self) -> bool:
        """Whether it is an object that does not exist any more. What has pods is one of another API's kind,
        called by the same name; a Deployment's pods are left behind when it is deleted without them.
        """
        kind = self.target.kind
        if not self.has_pods:
            return self.item is None
        return self.workload is None and kind in WORKLOADS and (kind == "Deployment" or not self.pods)

    @property
    def uid(self) -> str:
        """The target's own uid: the object's, or what its pods say of what controls them; empty where it is gone."""
        if self.own_uid or self.gone:
            return self.own_uid
        pod = next(iter(self.pods), None)
        if pod is None:
            return ""
        chain = self.workloads.controllers(pod)
        return chain[-1].uid if chain else pod.uid

    @property
    def own_uid(self) -> str:
        """The uid of the object itself, where it was read."""
        if self.workload:
            return self.workload.uid
        return str(self.item["metadata"]["uid"]) if self.item else ""

    @cached_property
    def untyped(self) -> Json | None:
        """The object as expressions read it without a type; None where it is gone."""
        return untyped(self.item) if self.item else None

    @property
    def deleting(self) -> bool:
        """Whether the object itself is being deleted, as far as it was read."""
        if self.workload:
            return self.workload.deleting
        return bool(self.item and "deletionTimestamp" in self.item["metadata"])

    @property
    def has_pods(self) -> bool:
        """Whether it is pods that show how it is; a node, or a claim, shows it itself."""
        return has_pods(self.target.kind)

    def node_of(self, pod: PodFacts | None) -> str:
        """The node that expressions speak of: the target itself, where it is one, else a pod's; empty where there is
        none.
        """
        if self.target.kind == "Node":
            return self.target.name
        return pod.node if pod else ""

    def affected(self, state: str) -> tuple[Affected, ...]:
        """The containers that are in a state, each with the pods in which it is."""
        found: dict[tuple[str, bool], Affected] = {}
        for pod in self.pods:
            for c in pod.containers:
                if not STATES[state].shown_in(c):
                    continue
                before = found.get((c.name, c.init))
                pods = (*before.pods, pod.name)[:MOST_NAMED] if before else (pod.name,)
                found[c.name, c.init] = Affected(
                    container=c.name, init=c.init, sidecar=c.sidecar, image=c.image, reason=c.reason or state, pods=pods
                )
        return tuple(found.values())

    def first_pod(self, alerts: tuple[Alert, ...]) -> str:
        """The pod of the first alert that still exists; the first alert's where none does.

        Where the alerts name none, the first of its pods that is not running, else its first.
        """
        named = [alert.pod for alert in alerts if alert.pod]
        if named:
            return next((name for name in named if self.workloads.pod(name)), named[0])
        broken = (pod.name for pod in self.pods if not pod.running)
        return next(broken, next((pod.name for pod in self.pods), ""))

    def named_containers(self, alerts: tuple[Alert, ...]) -> set[str]:
        """The containers that the alerts name, `""` where one names none, or one that the target has not."""
        strange = self.strange_containers(alerts)
        return {"" if alert.container in strange else alert.container for alert in alerts}

    def strange_containers(self, alerts: tuple[Alert, ...]) -> tuple[str, ...]:
        """The containers that the alerts name and the target has not: a label of the scraper's, or an old one."""
        named = dict.fromkeys(alert.container for alert in alerts if alert.container)
        own = self._own_containers
        return tuple(name for name in named if own and name not in own)

    @cached_property
    def _own_containers(self) -> frozenset[str]:
        """The names of its containers, as its template and its pods have them."""
        template = (*self.workload.containers, *self.workload.init_containers) if self.workload else ()
        return frozenset((*template, *(container.name for pod in self.pods for container in pod.containers)))

    def other_states(self, state: str) -> tuple[str, ...]:
        """The states besides this one that its pods are broken in: `ErrImageNeverPull`, `Unschedulable`."""
        passing = {*_COMING, *STATES[state].waiting}
        own = STATES[state]
        found: list[str] = []
        for pod in self.pods:
            if pod.no_node:
                found.append(UNSCHEDULABLE)
                continue
            for c in pod.containers:
                waits = c.state == "waiting" and c.reason not in passing
                if not own.shown_in(c) and (waits or (c.state == "terminated" and c.exit_code != 0)):
                    found.append(c.reason or "terminated")
        return tuple(dict.fromkeys(found))

    def problem_gone(self, state: str | None, alerts: tuple[Alert, ...]) -> Gone | None:
        """Why there is nothing to do: nobody waits in the state, or none that the alerts name does.

        None where there is something; without a state, wherever the target is there.
        """
        if self.gone:
            return Gone(f"{self.target} no longer exists", GONE)
        return self._out_of(state, alerts) if state else None

    def _out_of(self, state: str, alerts: tuple[Alert, ...]) -> Gone | None:
        affected = self.affected(state)
        pods = self.pods
        if not affected:
            seen = "; ".join(pod.in_words for pod in pods[:5])
            if not pods:
                return Gone(f"no container of {self.target} is in {state}: there is no pod", NO_POD)
            if other := self.other_states(state):
                said = f"it is in {', '.join(other[:5])}, which this runbook does not treat"
                return Gone(
                    f"no container of {self.target} is in {state}; {said}: {seen}", f"{OTHER_STATE}: {other[0]}"
                )
            return Gone(f"no container of {self.target} is in {state}: {seen}")
        named = self.named_containers(alerts)
        if named and "" not in named and not named & {one.container for one in affected}:
            others = ", ".join(sorted({one.container for one in affected}))
            return Gone(
                f"{', '.join(sorted(named))} of {self.target} is not in {state}; {others} is, and is left to its "
                "own alerts"
            )
        return None
