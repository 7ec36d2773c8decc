"""A cluster and a registry that cost next to nothing, so that what is measured is not them.

The sandbox would take most of the processor's time, on both sides alike, and hide the difference that is asked for.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import jsonpatch

from runmend.core.errors import NotFound
from runmend.facts.event import EventFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts, Owner
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.revision import RevisionFacts
from runmend.facts.workload import WorkloadFacts
from runmend.images.pull_secrets import Credentials
from runmend.images.references import ImageReference
from runmend.images.registry import Answer, Registry, RegistryAnswer
from runmend.kube import facts
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from runmend.kube.facts import REVISION

MISSING = "registry.example/app:missing"
REPLICAS = 2


class NoRegistry(Registry):
    """Answers at once, and asks nobody."""

    def ask(self, image: str | ImageReference, credentials: Sequence[Credentials] = ()) -> RegistryAnswer:  # noqa: ARG002
        """`unknown`."""
        return RegistryAnswer(str(image), Answer.UNKNOWN, "not asked")


class StubCluster(Cluster):
    """One failing Deployment `web` in each namespace that is asked for, healed at once by a patch of its image."""

    def __init__(self) -> None:  # pylint: disable=super-init-not-called
        self._lock = threading.Lock()
        self._written: dict[str, Json] = {}

    @property
    def host(self) -> str:
        """Nowhere."""
        return "stub"

    def pods(
        self,
        namespace: str,
        selector: str = "",  # noqa: ARG002
        *,
        metadata_only: bool = False,  # noqa: ARG002
    ) -> tuple[PodFacts, ...]:
        """Two pods of the current revision."""
        patched = self._image(namespace)
        return tuple(_pod(namespace, number, patched) for number in range(REPLICAS))

    def replica_sets(self, namespace: str, selector: str = "") -> tuple[ReplicaSetFacts, ...]:  # noqa: ARG002
        """One for each revision."""
        revisions = 2 if self._image(namespace) else 1
        return tuple(_replica_set(namespace, revision) for revision in range(1, revisions + 1))

    def pod(self, namespace: str, name: str, **_: object) -> PodFacts:
        """One of the two."""
        return next(pod for pod in self.pods(namespace) if pod.name == name)

    def replica_set(self, namespace: str, name: str, *, metadata_only: bool = True) -> ReplicaSetFacts:  # noqa: ARG002
        """One of the revisions."""
        return next(found for found in self.replica_sets(namespace) if found.name == name)

    def workload(self, kind: str, namespace: str, name: str) -> WorkloadFacts:
        """No other workload than the Deployment."""
        return facts.workload(kind, self.read(kind, namespace, name))

    def deployment(self, namespace: str, name: str) -> WorkloadFacts:
        """The same."""
        return self.workload("Deployment", namespace, name)

    def controller_revisions(self, namespace: str, selector: str) -> tuple[RevisionFacts, ...]:  # noqa: ARG002
        """None: a Deployment keeps none."""
        return ()

    def node(self, name: str, *, pods: bool = False) -> NodeFacts:  # noqa: ARG002
        """No expression of the benchmark names one."""
        raise NotFound(f"Node {name}")

    def usage_of_pods(self, namespace: str, selector: str = "", *, name: str = "") -> dict[str, dict[str, Resources]]:  # noqa: ARG002
        """It has no metrics API."""
        raise NotFound(f"PodMetrics {namespace}")

    def usage_of_node(self, name: str) -> Resources:
        """It has no metrics API."""
        raise NotFound(f"NodeMetrics {name}")

    def secret(self, namespace: str, name: str) -> Json:
        """None is there."""
        raise NotFound(f"Secret {namespace}/{name}")

    def create_event(self, namespace: str, event: Json, *, seconds: float) -> bool:  # noqa: ARG002
        """Taken, and not kept."""
        return True

    def version(self) -> str:
        """Of no Kubernetes."""
        return "stub"

    def close(self) -> None:
        """Nothing is open."""

    def events(self, namespace: str, field_selector: str = "") -> tuple[EventFacts, ...]:
        """The events of the failing pod, by its name or its uid."""
        broken = f"web-{namespace}-1-0"
        if field_selector not in (f"involvedObject.name={broken}", f"involvedObject.uid=pod-{broken}"):
            return ()
        return (
            _event(broken, 1, "Failed", f'Failed to pull image "{MISSING}": not found'),
            _event(broken, 2, "Failed", "Error: ErrImagePull"),
        )

    def read(self, kind: str, namespace: str, name: str, **_: object) -> Json:
        """The Deployment, with the annotations that a patch left."""
        if kind != "Deployment":
            raise NotFound(f"{kind} {namespace}/{name}")
        written = self._written.get(namespace)
        return written or _deployment(namespace, name)

    def look_at(self, kind: str, namespace: str, name: str) -> tuple[Json, datetime | None]:
        """The same, at no time that would be known."""
        return self.read(kind, namespace, name), None

    def create(self, kind: str, namespace: str, body: Json, *, dry_run: bool = False) -> Json:  # noqa: ARG002
        """Nothing is created here."""
        raise AssertionError(f"{kind} {namespace}/{body['metadata']['name']} was to be created")

    def apply(self, kind: str, namespace: str, name: str, body: Json, *, dry_run: bool = False) -> Json:  # noqa: ARG002
        """Nothing is applied here."""
        raise AssertionError(f"{kind} {namespace}/{name} was to be applied")

    def delete(self, kind: str, namespace: str, name: str, uid: str, options: Json, *, dry_run: bool = False) -> bool:  # noqa: ARG002
        """Nothing is deleted here."""
        raise AssertionError(f"{kind} {namespace}/{name} was to be deleted")

    def evict(self, namespace: str, name: str, uid: str, options: Json, *, dry_run: bool = False) -> bool:  # noqa: ARG002
        """Nothing is evicted here."""
        raise AssertionError(f"{namespace}/{name} was to be evicted")

    def facts_of(self, kind: str, namespace: str, name: str) -> ObjectFacts:
        """Of the Deployment."""
        return facts.facts_of(kind, self.read(kind, namespace, name))

    def facts_of_all(self, kind: str, namespace: str, selector: str = "") -> tuple[ObjectFacts, ...]:  # noqa: ARG002
        """None."""
        return ()

    def log(self, namespace: str, pod: str, container: str, **_: object) -> str:
        """Nothing has started."""
        raise NotFound(f"log of {container} of pod {namespace}/{pod}")

    def list_of(self, *_: object, **__: object) -> tuple[Json, ...]:
        """None."""
        return ()

    def pull_secrets_of(self, namespace: str, service_account: str) -> tuple[str, ...]:  # noqa: ARG002
        """None."""
        return ()

    def patch(self, kind: str, namespace: str, name: str, steps: list[Json], *, dry_run: bool = False) -> Json:  # noqa: ARG002
        """Remember it, as a controller that has acted at once."""
        made: Json = jsonpatch.apply_patch(self.read(kind, namespace, name), steps)
        made["metadata"] |= {"resourceVersion": "2", "generation": 2}
        made["metadata"]["annotations"][REVISION] = "2"
        made["status"] = {"observedGeneration": 2, "availableReplicas": REPLICAS}
        with self._lock:
            if namespace in self._written:
                raise AssertionError(f"{namespace} was patched twice")
            self._written[namespace] = made
        return made

    def _image(self, namespace: str) -> str | None:
        written: Any = self._written.get(namespace)
        return written["spec"]["template"]["spec"]["containers"][0]["image"] if written else None


def lacking() -> list[str]:
    """What the product asks a cluster and the stub has not: a call that got to the real client would fail each run."""
    asked = {name for name, what in vars(Cluster).items() if callable(what) and not name.startswith("_")}
    return sorted(asked - set(vars(StubCluster)))


def _deployment(namespace: str, name: str) -> Json:
    template = {"spec": {"containers": [{"name": "app", "image": MISSING}]}}
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": f"deployment-{namespace}",
            "resourceVersion": "1",
            "generation": 1,
            "annotations": {REVISION: "1"},
        },
        "spec": {"replicas": REPLICAS, "template": template},
        "status": {"observedGeneration": 1},
    }


def first_pod(namespace: str) -> str:
    """The name of the failing Deployment's first pod."""
    return f"web-{namespace}-1-0"


def _replica_set(namespace: str, revision: int) -> ReplicaSetFacts:
    owner = Owner(kind="Deployment", name="web", uid=f"deployment-{namespace}")
    return ReplicaSetFacts(
        namespace=namespace,
        name=f"web-{namespace}-{revision}",
        uid=f"rs-{namespace}-{revision}",
        revision=revision,
        owner=owner,
    )


def _pod(namespace: str, number: int, patched: str | None) -> PodFacts:
    revision = 2 if patched else 1
    app = (
        ContainerFacts(name="app", image=patched, state="running", ready=True, started=True)
        if patched
        else ContainerFacts(name="app", image=MISSING, state="waiting", reason="ImagePullBackOff")
    )
    name = f"web-{namespace}-{revision}"
    return PodFacts(
        namespace=namespace,
        name=f"{name}-{number}",
        uid=f"pod-{name}-{number}",
        phase="Running" if patched else "Pending",
        node="node-0",
        owner=Owner(kind="ReplicaSet", name=name, uid=f"rs-{namespace}-{revision}"),
        containers=(app,),
    )


def _event(pod: str, number: int, reason: str, message: str) -> EventFacts:
    return EventFacts(
        uid=f"event-{pod}-{number}",
        reason=reason,
        message=message,
        type="Warning",
        count=3,
        object_kind="Pod",
        object_name=pod,
        object_uid=f"pod-{pod}",
    )
