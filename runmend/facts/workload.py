"""What is read of a workload. Filled by `runmend.kube.facts`."""

import math
from datetime import timedelta
from typing import Final

from runmend.facts.object import ObjectFacts

DEFAULT_PROGRESS_DEADLINE: Final = 600
"""What Kubernetes writes where nobody has said a Deployment's progressDeadlineSeconds."""
NO_PROGRESS_DEADLINE: Final = 2**31 - 1
"""What Kubernetes takes for none."""
LONGEST_ROLLOUT: Final = 12 * 3600
"""The longest, in seconds, that a rollout is waited for, whatever the object says."""


class WorkloadFacts(ObjectFacts):
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job, as far as they are alike. Where a kind has no such
    field, the fact is what that means: 0, false, empty or null.
    """

    kind: str
    """`Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet` or `Job`."""
    resource_version: str
    """Of which version of it all this is."""
    generation: int
    """How often its spec was changed (`metadata.generation`)."""
    observed_generation: int
    """The generation that its controller has acted on (`status.observedGeneration`)."""
    revision: int
    """The number of its newest revision; 0 while it has none. Of a Deployment its annotation
    `deployment.kubernetes.io/revision`, of a StatefulSet or DaemonSet its newest ControllerRevision's `revision`.
    """
    previous_revision: int | None = None
    """The number of the revision before its newest that is still kept, which an undo goes back to; null where there is
    none. By the ReplicaSets of a Deployment, the ControllerRevisions of a StatefulSet or DaemonSet.
    """
    revision_age: timedelta | None = None
    """For how long its newest revision has been there, both told by the API server's clock: the `Date` of its answer
    less `metadata.creationTimestamp` of a Deployment's newest ReplicaSet, of the newest ControllerRevision of a
    StatefulSet or DaemonSet. An undo takes an older one again, which is as old as it is. Null for other kinds, and
    where it is not told.
    """
    paused: bool
    """Whether its rollout is paused (`spec.paused`), or the Job suspended (`spec.suspend`)."""
    replicas: int
    """How many pods it should have: `spec.replicas`; of a DaemonSet `status.desiredNumberScheduled`; of a Job
    `spec.parallelism`, and no more than it has still to complete.
    """
    updated: int = 0
    """How many of its pods are of the newest template (`status.updatedReplicas`, `status.updatedNumberScheduled`)."""
    available: int
    """How many of its pods have been Ready for `minReadySeconds` (`status.availableReplicas`,
    `status.numberAvailable`).
    """
    ready: int = 0
    """How many of its pods are Ready, which is what serves (`status.readyReplicas`, `status.numberReady`; of a Job
    `status.ready`).
    """
    succeeded: int = 0
    """How many pods of a Job have ended well (`status.succeeded`)."""
    failed: int = 0
    """How many pods of a Job have failed (`status.failed`)."""
    strategy: str = ""
    """How it replaces its pods: `RollingUpdate`, `Recreate` or `OnDelete` (`spec.strategy.type`,
    `spec.updateStrategy.type`).
    """
    partition: int = 0
    """The pods of a StatefulSet with a lower number keep their revision (`spec.updateStrategy.rollingUpdate`)."""
    stalled: str = ""
    """Why its rollout makes no progress (a Deployment's condition Progressing is False), or its Job has failed
    (condition Failed): reason and message; empty where it does, or nobody says.
    """
    containers: dict[str, str]
    """Container → image of the template."""
    init_containers: dict[str, str]
    """Init container → image of the template."""
    sidecars: frozenset[str] = frozenset()
    """Those of its init containers that run beside the containers (`restartPolicy: Always`)."""
    selector: str = ""
    """Its label selector as a list's query has it."""
    update_hash: str = ""
    """What its current pods have as label `controller-revision-hash`: of a StatefulSet `status.updateRevision`, of a
    DaemonSet its newest ControllerRevision's; empty for other kinds.
    """
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
    managers: tuple[str, ...] = ()
    """The field managers that set something of its spec (`metadata.managedFields`), who wrote last first."""
    argo_cd: str = ""
    """The Argo CD application that it belongs to: the annotation `argocd.argoproj.io/tracking-id`, the label
    `argocd.argoproj.io/instance`, or `app.kubernetes.io/instance` where Argo CD's controller is one of its managers.
    """
    flux: str = ""
    """The Flux Kustomization or HelmRelease that it belongs to, `namespace/name`: the labels
    `kustomize.toolkit.fluxcd.io/…` or `helm.toolkit.fluxcd.io/…`.
    """
    helm: str = ""
    """The Helm release that it belongs to, `namespace/name`: the annotations `meta.helm.sh/release-…`."""

    @property
    def images(self) -> dict[str, str]:
        """Container → image of the template, init containers included."""
        return {**self.init_containers, **self.containers}

    @property
    def gitops(self) -> bool:
        """Whether Argo CD or Flux owns it, which may put an old value back."""
        return bool(self.argo_cd or self.flux)

    @property
    def rolled_out(self) -> bool:
        """Whether its controller has acted on its newest version, and all pods that it should have are of the newest
        template and available; those of a StatefulSet below its partition may be older.
        """
        acted = self.observed_generation >= self.generation
        return acted and self.updated >= self.replicas - self.partition and self.available >= self.replicas

    @property
    def unavailable(self) -> int:
        """How many pods it lacks: those that it should have, without those that are available; never below 0."""
        return max(self.replicas - self.available, 0)

    @property
    def in_words(self) -> str:
        """`web: 1 of 2 available, 2 updated, revision 3`, and what is the matter with its rollout; of a Job how many
        pods have ended.
        """
        said = [f"{self.available} of {self.replicas} {'run' if self.kind == 'Job' else 'available'}"]
        if self.kind == "Job":
            said.append(f"{self.succeeded} succeeded, {self.failed} failed")
        elif self.kind != "ReplicaSet":
            said.append(f"{self.updated} updated")
        said += [f"revision {self.revision}"] if self.revision else []
        said += ["paused"] if self.paused else []
        said += ["Terminating"] if self.deleting else []
        said += [self.stalled] if self.stalled else []
        return f"{self.name}: {', '.join(said)}"

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

    def beside(self, fact: str) -> str:
        """Why its rollout stopped, and who would put a value back."""
        match fact:
            case "rolled_out" | "updated" | "available" | "unavailable":
                return self.stalled
            case "gitops":
                return ", ".join(f"{name} {of}" for name, of in (("Argo CD", self.argo_cd), ("Flux", self.flux)) if of)
            case _:
                return ""
