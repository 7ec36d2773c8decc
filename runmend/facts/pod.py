"""What is read of a pod, and of its containers. Filled by `runmend.kube.facts`."""

from datetime import timedelta
from typing import Final, Literal

from runmend.core.frozen import Frozen
from runmend.facts.object import ObjectFacts
from runmend.facts.units import Bytes, Millicores

FIRST_BACK_OFF: Final = timedelta(seconds=10)
LONGEST_BACK_OFF: Final = timedelta(minutes=5)
"""How long a kubelet waits before it starts a container that has ended again, at first and at most; it doubles."""


class Resources(Frozen):
    """What is asked for, may be used at most, or is used; null where nobody says."""

    cpu: Millicores | None = None
    """Processor, in thousandths of one."""
    memory: Bytes | None = None
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
    last_ended_at: str = ""
    """When it last ended, by its node's clock (`lastState.terminated.finishedAt`); empty where it never did."""
    started_at: str = ""
    """Since when it runs, by its node's clock (`state.running.startedAt`); empty unless it runs."""
    runs_for: timedelta | None = None
    """For how long it has run, at least; null unless it runs, or where that is not told. What its node's clock tells
    (from its start to the newest time in the pod's status) and what the API server's does (from the kubelet's last
    change of that status to the answer), together.
    """
    requests: Resources = Resources()
    """What it asks for (`resources.requests`)."""
    limits: Resources = Resources()
    """What it may use at most (`resources.limits`)."""
    usage: Resources = Resources()
    """What it used last, as the metrics API says (`metrics.k8s.io`, PodMetrics `containers[].usage`); null where that
    API is not there, or has no sample of it yet. Read only where an expression names it, and of the target's pods.
    """

    @property
    def back_off(self) -> timedelta:
        """How long its kubelet waits, at most, before it starts it again when it ends: 10 seconds after the first
        restart, twice as long after each further one, five minutes at most; nothing before the first.
        """
        if not self.restarts:
            return timedelta()
        doubled: int = 2 ** min(self.restarts - 1, 10)
        return min(FIRST_BACK_OFF * doubled, LONGEST_BACK_OFF)

    @property
    def lingers(self) -> bool:
        """Whether it has ended and been started again, and has not yet run for longer than its back-off."""
        started = self.state == "running" and self.restarts > 0 and not self.done
        return started and self.runs_for is not None and self.runs_for <= self.back_off

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


class PodFacts(ObjectFacts):
    """A pod, with what Kubernetes says of it as a whole beside what it says of its containers: on a node that died, the
    containers stay as the node last told them.
    """

    phase: str
    """`Pending`, `Running`, `Succeeded`, `Failed` or `Unknown` (`status.phase`); Running says nothing of readiness."""
    node: str = ""
    """The node that it was given to; empty while it was given to none."""
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
    def ready(self) -> bool:
        """Whether its condition Ready holds."""
        return self.conditions.get("Ready") == "True"

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

    def beside(self, fact: str) -> str:  # noqa: ARG002  the same beside each
        """How it is, and its containers."""
        return self.in_words.partition(": ")[2]
