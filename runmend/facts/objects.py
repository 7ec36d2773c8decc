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
    """The controller's kind: `ReplicaSet`, `StatefulSet`, `Job`."""
    name: str
    """The controller's name."""
    uid: str
    """The controller's uid, which no other object ever has."""


class Resources(Frozen):
    """What a container asks for, or may use at most; null where its spec says nothing."""

    cpu: int | None = None
    """Processor, in thousandths of one."""
    memory: int | None = None
    """Memory, in bytes."""


class ContainerFacts(Frozen):
    """One container of a pod, an init container included."""

    name: str
    """Its name in the pod's spec."""
    init: bool = False
    """Whether the spec lists it under `initContainers`."""
    sidecar: bool = False
    """Whether it stands among the init containers with `restartPolicy: Always`: it runs beside the containers."""
    image: str
    """The spec's image; a runtime may report it under another of its names."""
    state: Literal["waiting", "running", "terminated"]
    """`waiting`, `running` or `terminated`; `waiting` while no kubelet has looked at it."""
    reason: str = ""
    """The reason of the waiting or terminated state (`ErrImagePull`, `OOMKilled`); empty while it runs."""
    message: str = ""
    """What the runtime says of that state, its first 300 characters."""
    exit_code: int | None = None
    """With what it ended; null unless it is terminated."""
    ready: bool = False
    """Whether it passes its readiness probe (`status.containerStatuses[].ready`)."""
    started: bool = False
    """Whether it has passed its startup probe (`status.containerStatuses[].started`); without one, whether it runs."""
    restarts: int = 0
    """How often it was restarted (`restartCount`)."""
    last_termination: str = ""
    """The reason for which it last ended (`lastState.terminated.reason`); empty where it never did."""
    last_exit_code: int | None = None
    """With what it last ended (`lastState.terminated.exitCode`); null where it never did."""
    requests: Resources = Resources()
    """What it asks for (`resources.requests`)."""
    limits: Resources = Resources()
    """What it may use at most (`resources.limits`)."""

    @property
    def done(self) -> bool:
        """Whether it is an init container that has done its work: no sidecar, terminated, with exit code 0."""
        return self.must_end and self.state == "terminated" and self.exit_code == 0

    @property
    def in_words(self) -> str:
        """`app: waiting (ImagePullBackOff)`."""
        return f"{self.name}: {self.state}" + (f" ({self.reason})" if self.reason else "")

    @property
    def must_end(self) -> bool:
        """Whether it is done before the pod's containers start: an init container that is no sidecar."""
        return self.init and not self.sidecar


class PodFacts(Frozen):
    """A pod, with what Kubernetes says of it as a whole beside what it says of its containers: on a node that died, the
    containers stay as the node last told them.
    """

    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    uid: str
    """Its uid, which no other object ever has."""
    phase: str
    """`Pending`, `Running`, `Succeeded`, `Failed` or `Unknown` (`status.phase`); Running says nothing of readiness."""
    node: str = ""
    """The node that it was given to; empty while it was given to none."""
    deleting: bool = False
    """Whether it is being deleted (`metadata.deletionTimestamp`)."""
    owner: Owner | None = None
    """What controls it; unset where nothing does."""
    service_account: str = "default"
    """The account that it runs as."""
    pull_secrets: tuple[str, ...] = ()
    """The secrets that its spec names for pulling images."""
    containers: tuple[ContainerFacts, ...] = ()
    """Its containers, init containers first."""
    not_ready: str = ""
    """Since when its condition Ready does not hold, and why where that is said; empty where it holds, or nobody has
    said.
    """
    node_silent: bool = False
    """Whether it counts as not ready for its node's silence alone: a condition without a word."""
    no_node: str = ""
    """Why no node takes it (its condition PodScheduled); empty where one did."""
    ended_because: str = ""
    """Why it ended as a whole (phase Failed): its node refused it, or evicted it."""

    @property
    def running(self) -> bool:
        """Whether it serves: phase Running, not being deleted, every container ready, and the pod itself."""
        ready = all(c.ready for c in self.containers if not c.must_end) and not self.not_ready
        return self.phase == "Running" and not self.deleting and ready

    @property
    def if_heard_of(self) -> "PodFacts":
        """The same pod, as ready as its containers are where nothing but its node's silence speaks against it."""
        return self.model_copy(update={"not_ready": "", "node_silent": False}) if self.node_silent else self

    @property
    def ended(self) -> bool:
        """Whether it will never run again: phase Failed or Succeeded.

        An evicted pod stays until somebody deletes it; its controller does not count it any more.
        """
        return self.phase in ("Failed", "Succeeded")

    @property
    def evicted(self) -> bool:
        """Whether its node evicted it (phase Failed, reason Evicted)."""
        return self.ended_because.partition(":")[0] == "Evicted"

    @property
    def scheduled(self) -> bool:
        """Whether a node was found for it."""
        return bool(self.node)

    @property
    def restarts(self) -> int:
        """How often its containers were restarted, all together."""
        return sum(container.restarts for container in self.containers)

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
            if not c.ready and not c.done
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
    """A Deployment, and the images of its live template."""

    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    uid: str
    """Its uid, which no other object ever has."""
    resource_version: str
    """Of which version of it all this is."""
    generation: int
    """How often its spec was changed (`metadata.generation`)."""
    observed_generation: int
    """The generation that its controller has acted on (`status.observedGeneration`)."""
    revision: int
    """The number of its newest revision; 0 while it has none."""
    paused: bool
    """Whether its rollout is paused (`spec.paused`)."""
    deleting: bool = False
    """Whether its deletion has begun (`metadata.deletionTimestamp`); its controller then does nothing more for it."""
    replicas: int
    """How many pods it should have (`spec.replicas`)."""
    updated: int = 0
    """How many of its pods are of the newest template (`status.updatedReplicas`)."""
    available: int
    """How many of its pods have been Ready for `minReadySeconds` (`status.availableReplicas`)."""
    ready: int = 0
    """How many of its pods are Ready, which is what serves (`status.readyReplicas`)."""
    containers: dict[str, str]
    """Container → image of the template."""
    init_containers: dict[str, str]
    """Init container → image of the template."""
    sidecars: frozenset[str] = frozenset()
    """Those of its init containers that run beside the containers (`restartPolicy: Always`)."""
    annotations: dict[str, str] = {}
    """Its annotations."""
    selector: str = ""
    """Its label selector as a list's query has it."""
    owner: Owner | None = None
    """What controls it; unset where nothing does."""
    min_ready_seconds: int = 0
    """For how long a pod must be Ready before it counts, and the rollout goes on (`spec.minReadySeconds`)."""
    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE
    """For how long its rollout may make no progress (`spec.progressDeadlineSeconds`)."""
    replaced_at_once: int | None = None
    """How many pods a rolling update replaces at a time; null: all of them."""
    no_revision: str = ""
    """Why its controller cannot make a ReplicaSet of its newest version; empty where it can."""
    image_managers: dict[str, str] = {}
    """Container → the field manager that last set its image, where the API server names one."""

    @property
    def unavailable(self) -> int:
        """How many pods it lacks: those that it should have, without those that are available; never below 0."""
        return max(self.replicas - self.available, 0)

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
    """An event, aggregated on one object: the same one again raises its count."""

    uid: str
    """The event's own uid."""
    reason: str
    """Why, in a word: `Failed`, `BackOff`, `Unhealthy`."""
    message: str
    """What happened."""
    type: str
    """`Normal` or `Warning`."""
    count: int
    """How often it happened (`count`, or `series.count` where that is larger)."""
    object_kind: str
    """The kind of the object that it is about."""
    object_name: str
    """The name of the object that it is about."""
    object_uid: str
    """The uid of the object that it is about."""
