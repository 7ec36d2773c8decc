"""The API server by what it is asked for: one method a question or a write; `kube.requests` sends them."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from runmend.core.errors import NotFound
from runmend.core.kinds import kind_of_name
from runmend.facts.event import EventFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.pod import PodFacts, Resources
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.revision import RevisionFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube import facts
from runmend.kube.answers import AlreadyExists, Json
from runmend.kube.connection import Connection
from runmend.kube.discovery import Discovery
from runmend.kube.requests import JSON, METADATA, Requests, untimed

FIELD_MANAGER: Final = "runmend"
LOG_BYTES: Final = 500_000
"""The most of a container's log that is read."""
WORKLOADS: Final = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
"""The kinds that keep pods by a selector."""
_PODS: Final = "/api/v1/namespaces/{namespace}/pods"
_METRICS: Final = "/apis/metrics.k8s.io/v1beta1"
_REPLICA_SETS: Final = "/apis/apps/v1/namespaces/{namespace}/replicasets"


class Cluster:
    """A Kubernetes API server. Safe to share between threads.

    Every method raises the errors of `runmend.core.errors`: `Throttled`, `Conflict`, `ServerError`, `Unreachable`
    (worth another try), `NotFound`, `Forbidden`, `Invalid` (not).
    """

    def __init__(self, connection: Connection) -> None:
        self._requests = Requests(connection)
        self._kinds = Discovery(self._requests)

    @property
    def host(self) -> str:
        """The API server's address."""
        return self._requests.host

    @classmethod
    def connect(cls, *, kubeconfig: Path | None = None, context: str | None = None) -> "Cluster":
        """By the kubeconfig (its own path, else KUBECONFIG, else ~/.kube/config), or in-cluster where there is none.

        Nothing is sent yet.

        Raises:
            NotConfigured: neither is there, or it cannot be read.
        """
        return cls(Connection.to(kubeconfig, context))

    def close(self) -> None:
        """Drop the connections."""
        self._requests.close()

    def version(self) -> str:
        """The API server's version, `v1.36.3`."""
        return str(self._requests.send("GET", "/version").get("gitVersion", "unknown"))

    def pods(self, namespace: str, selector: str = "", *, metadata_only: bool = False) -> tuple[PodFacts, ...]:
        """The pods of a namespace, those that a label selector chooses; of metadata alone, which names their owners."""
        within = {"namespace": namespace}
        return self._requests.listed(_PODS, within, facts.pod, metadata_only=metadata_only, labelSelector=selector)

    def pod(self, namespace: str, name: str, *, metadata_only: bool = False) -> PodFacts:
        """A pod as it is now; of metadata alone, which names its owner."""
        path, names = f"{_PODS}/{{name}}", {"namespace": namespace, "name": name}
        return facts.pod(*self._requests.ask("GET", path, names, accept=METADATA if metadata_only else JSON))

    def replica_sets(self, namespace: str, selector: str = "") -> tuple[ReplicaSetFacts, ...]:
        """The ReplicaSets of a namespace, those that a label selector chooses."""
        within = {"namespace": namespace}
        return self._requests.listed(
            _REPLICA_SETS, within, facts.replica_set, metadata_only=True, labelSelector=selector
        )

    def replica_set(self, namespace: str, name: str, *, metadata_only: bool = True) -> ReplicaSetFacts:
        """A ReplicaSet as it is now; of metadata alone, unless what it says of itself is asked for."""
        path, names = f"{_REPLICA_SETS}/{{name}}", {"namespace": namespace, "name": name}
        return facts.replica_set(*self._requests.ask("GET", path, names, accept=METADATA if metadata_only else JSON))

    def read(self, kind: str, namespace: str, name: str, *, metadata_only: bool = False) -> Json:
        """An object as the API server has it, of a kind of `runmend.core.kinds`."""
        accept = METADATA if metadata_only else JSON
        return self._requests.ask("GET", self._kinds.kind(kind).path, _names(kind, namespace, name), accept=accept)[0]

    def look_at(self, kind: str, namespace: str, name: str) -> tuple[Json, datetime | None]:
        """The same, and when the API server told it by its own clock; None where it does not tell."""
        return self._requests.ask("GET", self._kinds.kind(kind).path, _names(kind, namespace, name))

    def list_of(
        self, kind: str, namespace: str, selector: str = "", *, fields: str = "", metadata_only: bool = False
    ) -> tuple[Json, ...]:
        """The objects of a kind of `runmend.core.kinds` that a label selector and a field selector choose, as the API
        server has them; of every namespace where none is named.
        """
        known = self._kinds.kind(kind)
        path = (known.path if namespace else known.everywhere).removesuffix("/{name}")
        chosen = {"labelSelector": selector, "fieldSelector": fields}
        names = {"namespace": namespace} if namespace else {}
        return self._requests.listed(path, names, untimed(dict), metadata_only=metadata_only, **chosen)

    def facts_of(self, kind: str, namespace: str, name: str) -> ObjectFacts:
        """What is known of an object of a kind of `runmend.core.kinds`."""
        return facts.facts_of(kind, *self.look_at(kind, namespace, name))

    def facts_of_all(self, kind: str, namespace: str, selector: str = "") -> tuple[ObjectFacts, ...]:
        """What is known of those that a label selector chooses."""
        path, within = self._kinds.kind(kind).path.removesuffix("/{name}"), _within(kind, namespace)
        return self._requests.listed(path, within, partial(facts.facts_of, kind), labelSelector=selector)

    def workload(self, kind: str, namespace: str, name: str) -> WorkloadFacts:
        """An object of a kind that keeps pods, one of `WORKLOADS`, as it is now."""
        return facts.workload(kind, *self.look_at(kind, namespace, name))

    def controller_revisions(self, namespace: str, selector: str) -> tuple[RevisionFacts, ...]:
        """The ControllerRevisions of a namespace that a label selector chooses."""
        path, within = kind_of_name("ControllerRevision").path.removesuffix("/{name}"), {"namespace": namespace}
        return self._requests.listed(path, within, facts.controller_revision, labelSelector=selector)

    def node(self, name: str, *, pods: bool = False) -> NodeFacts:
        """A node as it is now; with the pods on it, of every namespace, where they are asked for."""
        node = facts.node(*self.look_at("Node", "", name))
        if not pods:
            return node
        on_it = self._requests.listed("/api/v1/pods", {}, facts.pod, fieldSelector=f"spec.nodeName={name}")
        return node.model_copy(update={"pods": on_it})

    def usage_of_pods(self, namespace: str, selector: str = "", *, name: str = "") -> dict[str, dict[str, Resources]]:
        """What the metrics API says that pods use: pod → container → what; of those that a label selector chooses, or
        of the one of a name. A pod of which it has no sample is not among them.

        Raises:
            NotFound: there is no metrics API, or it has no sample of the pod of that name.
        """
        path, within = f"{_METRICS}/namespaces/{{namespace}}/pods", {"namespace": namespace}
        if name:
            return dict([facts.usage_of_pod(self._requests.send("GET", f"{path}/{{name}}", {**within, "name": name}))])
        return dict(self._requests.listed(path, within, untimed(facts.usage_of_pod), labelSelector=selector))

    def usage_of_node(self, name: str) -> Resources:
        """What the metrics API says that a node uses.

        Raises:
            NotFound: there is no metrics API, or it has no sample of the node.
        """
        return facts.resources(self._requests.send("GET", f"{_METRICS}/nodes/{{name}}", {"name": name}).get("usage"))

    def events(self, namespace: str, field_selector: str = "") -> tuple[EventFacts, ...]:
        """The events of a namespace, those that a field selector chooses."""
        path, read = "/api/v1/namespaces/{namespace}/events", untimed(facts.event)
        return self._requests.listed(path, {"namespace": namespace}, read, fieldSelector=field_selector)

    def log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        lines: int,
        since_seconds: int | None = None,
        previous: bool = False,
    ) -> str:
        """The last lines that a container of a pod has written; with `previous` those of the one that ran before it.

        At most `LOG_BYTES` of them: the API server leaves out what follows.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_BYTES)}
        query |= {"sinceSeconds": str(since_seconds)} if since_seconds else {}
        query |= {"previous": "true"} if previous else {}
        names = {"namespace": namespace, "name": pod}
        answer = self._requests.answer("GET", f"{_PODS}/{{name}}/log", names, query, accept="*/*")
        return answer.body.decode(errors="replace")

    def deployment(self, namespace: str, name: str) -> WorkloadFacts:
        """A Deployment as it is now."""
        return self.workload("Deployment", namespace, name)

    def pull_secrets_of(self, namespace: str, service_account: str) -> tuple[str, ...]:
        """The names in a service account's imagePullSecrets."""
        path = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        return facts.references(
            self._requests.send("GET", path, {"namespace": namespace, "name": service_account}).get("imagePullSecrets")
        )

    def secret(self, namespace: str, name: str) -> Json:
        """A Secret as the API returns it. Never logged, never kept."""
        return self._requests.send(
            "GET", "/api/v1/namespaces/{namespace}/secrets/{name}", {"namespace": namespace, "name": name}
        )

    def patch(self, kind: str, namespace: str, name: str, steps: list[Json], *, dry_run: bool = False) -> Json:
        """A JSON patch (RFC 6902); with `dry_run` the API server checks it and writes nothing.

        Returns:
            The object as it was written, or would be.
        """
        query = _query(dry_run=dry_run)
        path = self._kinds.kind(kind).path
        return self._requests.write("PATCH", path, _names(kind, namespace, name), query, steps)

    def create(self, kind: str, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object, which must not be there.

        Raises:
            AlreadyExists: there is one of its name.
        """
        path = self._kinds.kind(kind).path.removesuffix("/{name}")
        return self._requests.write("POST", path, _within(kind, namespace), _query(dry_run=dry_run), body)

    def apply(self, kind: str, namespace: str, name: str, body: Json, *, dry_run: bool = False) -> Json:
        """Apply a document by our field manager, on the server's side; with a `resourceVersion` in it only to that
        version.

        Raises:
            Conflict: another manager has a field of it, or the object is of another version.
        """
        known = self._kinds.kind(kind)
        whole = {**body, "apiVersion": known.api_version} if known.custom else body
        names = _names(kind, namespace, name)
        return self._requests.write("PATCH", known.path, names, _query(dry_run=dry_run), whole)

    def delete(self, kind: str, namespace: str, name: str, uid: str, options: Json, *, dry_run: bool = False) -> bool:
        """Delete one object, the one of this uid; False where that is gone already.

        Args:
            kind: of `runmend.core.kinds`.
            namespace: empty for a kind that is in none.
            name: the object's.
            uid: which it must have; another one of the same name is left.
            options: DeleteOptions besides: the grace period.
            dry_run: whether the API server only checks it.

        Raises:
            Conflict: the one of that name is another one now, or was just changed.
        """
        body = _delete_options(uid, options, dry_run=dry_run)
        return self._gone_or("DELETE", self._kinds.kind(kind).path, _names(kind, namespace, name), body)

    def evict(self, namespace: str, name: str, uid: str, options: Json, *, dry_run: bool = False) -> bool:
        """Evict a pod, the one of this uid; False where that is gone already.

        Raises:
            HeldByBudget: a PodDisruptionBudget does not allow it now; the message names it.
            Conflict: as for `delete`.
        """
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": _delete_options(uid, options, dry_run=dry_run),
        }
        return self._gone_or("POST", f"{_PODS}/{{name}}/eviction", {"namespace": namespace, "name": name}, body)

    def _gone_or(self, method: str, path: str, names: Mapping[str, str], body: Json) -> bool:
        try:
            self._requests.write(method, path, names, None, body)
        except NotFound:
            return False
        return True

    def create_event(self, namespace: str, event: Json, *, seconds: float) -> bool:
        """Create an event, and wait for no longer; False where there is one of its name already, which stays as it
        is.
        """
        path = "/api/v1/namespaces/{namespace}/events"
        try:
            self._requests.send(
                "POST", path, {"namespace": namespace}, {"fieldManager": FIELD_MANAGER}, event, seconds=seconds
            )
        except AlreadyExists:
            return False
        return True


def _query(*, dry_run: bool) -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})


def _delete_options(uid: str, options: Json, *, dry_run: bool) -> Json:
    return {"preconditions": {"uid": uid}, **options} | ({"dryRun": ["All"]} if dry_run else {})


def _within(kind: str, namespace: str) -> dict[str, str]:
    return {"namespace": namespace} if kind_of_name(kind).namespaced else {}


def _names(kind: str, namespace: str, name: str) -> dict[str, str]:
    return {**_within(kind, namespace), "name": name}
