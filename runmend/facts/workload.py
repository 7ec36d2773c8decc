"""What is read of a workload. Filled by `runmend.kube.facts`."""

import math
from typing import Final

from runmend.core.frozen import Frozen
from runmend.facts.object import Owner

DEFAULT_PROGRESS_DEADLINE: Final = 600
"""What Kubernetes writes where nobody has said a Deployment's progressDeadlineSeconds."""
NO_PROGRESS_DEADLINE: Final = 2**31 - 1
"""What Kubernetes takes for none."""
LONGEST_ROLLOUT: Final = 12 * 3600
"""The longest, in seconds, that a rollout is waited for, whatever the object says."""


class WorkloadFacts(Frozen):
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
    taken_at_once: int | None = None
    """How many pods a rolling update may take away before others serve in their place; null: all of them."""
    no_revision: str = ""
    """Why its controller cannot make a ReplicaSet of its newest version; empty where it can."""

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
