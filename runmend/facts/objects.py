"""What was read from the cluster, as values: pods, containers, events, Deployments. Filled by `runmend.kube.facts`."""

import math
from typing import Final, Literal

from runmend.core.frozen import Frozen

DEFAULT_PROGRESS_DEADLINE: Final = 600
"""What Kubernetes writes where nobody has said a Deployment's progressDeadlineSeconds."""
NO_PROGRESS_DEADLINE: Final = 2**31 - 1
"""What Kubernetes takes for none."""
LONGEST_ROLLOUT: Final = 12 * 3600
"""The longest, in seconds, that a rollout is waited for, whatever the object says."""


class Owner(Frozen):
    """A controller reference."""

    kind: str
    name: str
    uid: str


class ContainerFacts(Frozen):
    """One container of a pod, an init container included.

    `reason` is that of the waiting or terminated state (`ErrImagePull`, `OOMKilled`), empty while it runs.
    """

    name: str
    init: bool = False
    image: str
    state: Literal["waiting", "running", "terminated"]
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    ready: bool = False
    started: bool = False
    restarts: int = 0
    last_termination: str = ""


class PodFacts(Frozen):
    """A pod, with what Kubernetes says of it as a whole beside what it says of its containers.

    `not_ready` is since when it does not count as ready, and why where that is said: on a node that died, the
    containers stay as the node last told them. `node_silent`: its node's silence alone is why. `no_node` is why none
    takes it. `ended_because` is why it ended as a whole: its node refused it, or evicted it. Empty where it is not so.
    """

    namespace: str
    name: str
    uid: str
    phase: str
    node: str = ""
    deleting: bool = False
    owner: Owner | None = None
    service_account: str = "default"
    pull_secrets: tuple[str, ...] = ()
    containers: tuple[ContainerFacts, ...] = ()
    not_ready: str = ""
    node_silent: bool = False
    no_node: str = ""
    ended_because: str = ""

    @property
    def running(self) -> bool:
        """Phase Running, with every container ready, and the pod itself; the phase alone says nothing of readiness."""
        ready = all(c.ready for c in self.containers if not c.init) and not self.not_ready
        return self.phase == "Running" and not self.deleting and ready

    @property
    def if_heard_of(self) -> "PodFacts":
        """The same pod, as ready as its containers are where nothing but its node's silence speaks against it."""
        return self.model_copy(update={"not_ready": "", "node_silent": False}) if self.node_silent else self

    @property
    def ended(self) -> bool:
        """Whether it will never run again.

        An evicted pod stays until somebody deletes it; its controller does not count it any more.
        """
        return self.phase in ("Failed", "Succeeded")

    def waiting_for(self, *reasons: str) -> tuple[ContainerFacts, ...]:
        """The containers that wait for one of `reasons`, init containers first, as the kubelet starts them."""
        return tuple(c for c in self.containers if c.state == "waiting" and c.reason in reasons)

    @property
    def in_words(self) -> str:
        """`web-1: Pending, app waits (ImagePullBackOff)`; what Kubernetes says of the pod only where no container's
        state does.
        """
        troubles = [
            f"{c.name} {'waits' if c.state == 'waiting' else c.state} ({c.reason or 'no reason given'})"
            if c.state != "running"
            else f"{c.name} is not ready"
            for c in self.containers
            if (c.init and not (c.state == "terminated" and c.exit_code == 0) and not c.ready)
            or (not c.init and not c.ready)
        ]
        if self.no_node:
            troubles = [f"no node takes it ({self.no_node})"]
        elif self.not_ready and not troubles:
            troubles = [f"not ready since {self.not_ready}"]
        return ", ".join([f"{self.name}: {'Terminating' if self.deleting else self.phase or 'Unknown'}", *troubles])


class ReplicaSetFacts(Frozen):
    """A ReplicaSet: one revision of a Deployment where one owns it."""

    namespace: str
    name: str
    uid: str
    revision: int = 0
    owner: Owner | None = None
    annotations: dict[str, str] = {}
    """With those of the Deployment when this was its current revision."""
    failure: str = ""
    """Why it cannot create or delete pods (its condition ReplicaFailure); empty where it can, and of metadata alone."""


class DeploymentFacts(Frozen):
    """A Deployment. `containers` and `init_containers` are name → image of the live template."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    observed_generation: int
    revision: int
    paused: bool
    deleting: bool = False
    """Whether its deletion has begun; its controller then does nothing more for it."""
    replicas: int
    available: int
    """How many pods have been Ready for its minReadySeconds."""
    ready: int = 0
    """How many pods are Ready, which is what serves."""
    containers: dict[str, str]
    init_containers: dict[str, str]
    annotations: dict[str, str] = {}
    selector: str = ""
    """Its label selector as a list's query has it."""
    owner: Owner | None = None
    min_ready_seconds: int = 0
    """For how long a pod must be Ready before it counts, and the rollout goes on."""
    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE
    """For how long its rollout may make no progress."""
    replaced_at_once: int | None = None
    """How many pods a rolling update replaces at a time; None: all of them."""
    no_revision: str = ""
    """Why its controller cannot make a ReplicaSet of its newest version; empty where it can."""
    image_managers: dict[str, str] = {}
    """Container name → the field manager that last set its image, where the API server names one."""

    def image_of(self, container: str) -> str | None:
        """The template's image of a container or init container, None where the template has none of that name."""
        return self.containers.get(container) or self.init_containers.get(container)

    def settles_within(self, seconds: int) -> int:
        """For how long its rollout is waited for: so many seconds, and longer where its own fields say that nothing is
        wrong before.

        That is minReadySeconds for the pods that are replaced at a time, as often as it takes for all of them, or the
        deadline for its progress, where somebody has set one.
        """
        waves = math.ceil(self.replicas / self.replaced_at_once) if self.replaced_at_once else 1
        deadline = self.progress_deadline_seconds
        own = 0 if deadline in (DEFAULT_PROGRESS_DEADLINE, NO_PROGRESS_DEADLINE) else deadline
        longest = max(seconds, LONGEST_ROLLOUT)
        return min(max(seconds + waves * self.min_ready_seconds, own), longest)


class EventFacts(Frozen):
    """An event, aggregated: `count` grows on one object (count, or series.count where that is larger)."""

    uid: str
    reason: str
    message: str
    type: str
    count: int
    object_kind: str
    object_name: str
    object_uid: str
