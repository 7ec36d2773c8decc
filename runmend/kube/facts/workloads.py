"""From the JSON of workloads and of their revisions (ReplicaSets, ControllerRevisions) to facts."""

import math
from datetime import datetime
from typing import Any, Final

from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.revision import RevisionFacts
from runmend.facts.workload import DEFAULT_PROGRESS_DEADLINE, WorkloadFacts
from runmend.kube.facts.metadata import (
    LONGEST_CAUSE,
    between,
    controller,
    denied,
    entries_of,
    holding,
    object_facts,
    reason_and_message,
    selector,
)
from runmend.kube.facts.pods import is_sidecar

Json = dict[str, Any]

REVISION: Final = "deployment.kubernetes.io/revision"
HASH: Final = "controller-revision-hash"
"""The label by which pods of a StatefulSet or DaemonSet, and their ControllerRevisions, name their revision."""
_NO_REPLICA_SET: Final = "ReplicaSetCreateError"
_ARGO_CD: Final = frozenset({"argocd-controller", "argocd-application-controller"})
"""The field managers by which Argo CD writes."""


def _template(spec: Json, listed: str) -> list[Json]:
    return (((spec.get("template") or {}).get("spec")) or {}).get(listed) or []


def _template_images(spec: Json, listed: str) -> dict[str, str]:
    return {entry["name"]: entry.get("image") or "" for entry in _template(spec, listed)}


def _revision(metadata: Json) -> int:
    text = (metadata.get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def replica_set(item: Json, told: datetime | None = None) -> ReplicaSetFacts:
    """A ReplicaSet."""
    metadata = item["metadata"]
    return ReplicaSetFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        revision=_revision(metadata),
        age=between(metadata.get("creationTimestamp"), told),
        owner=controller(metadata),
        annotations=metadata.get("annotations") or {},
        failure=(holding(item.get("status") or {}, "ReplicaFailure").get("message") or "")[:LONGEST_CAUSE],
    )


def controller_revision(item: Json, told: datetime | None = None) -> RevisionFacts:
    """A ControllerRevision."""
    metadata = item["metadata"]
    return RevisionFacts(
        name=metadata["name"],
        revision=item.get("revision") or 0,
        hash=(metadata.get("labels") or {}).get(HASH, ""),
        age=between(metadata.get("creationTimestamp"), told),
        owner=controller(metadata),
    )


def deployment(item: Json, told: datetime | None = None) -> WorkloadFacts:
    """A Deployment."""
    return workload("Deployment", item, told)


def workload(kind: str, item: Json, told: datetime | None = None) -> WorkloadFacts:
    """An object of one of the kinds that keep pods."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    managers = [entry.get("manager") or "unknown" for entry in entries_of(metadata, "f:spec")]
    return WorkloadFacts(
        **object_facts(item, told),
        **_counted(kind, spec, status),
        kind=kind,
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation") or 0,
        observed_generation=_observed(kind, metadata, status),
        revision=_revision(metadata) if kind in ("Deployment", "ReplicaSet") else 0,
        selector=selector(spec),
        paused=bool(spec.get("paused") or spec.get("suspend")),
        strategy=((spec.get("strategy") or spec.get("updateStrategy") or {}).get("type")) or "",
        partition=((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0,
        stalled=_stalled(kind, status),
        containers=_template_images(spec, "containers"),
        init_containers=_template_images(spec, "initContainers"),
        sidecars=frozenset(entry["name"] for entry in _template(spec, "initContainers") if is_sidecar(entry)),
        update_hash=status.get("updateRevision") or "",
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        progress_deadline_seconds=spec.get("progressDeadlineSeconds") or DEFAULT_PROGRESS_DEADLINE,
        replaced_at_once=_replaced_at_once(kind, spec, status),
        taken_at_once=_taken_at_once(kind, spec, status),
        no_revision=_no_revision(status),
        managers=tuple(dict.fromkeys(reversed(managers))),
        argo_cd=_argo_cd(metadata, managers),
        flux=_flux(metadata),
        helm=_helm(metadata),
    )


def _counted(kind: str, spec: Json, status: Json) -> dict[str, int]:
    """How many pods there should be and are, as the kind counts them."""
    match kind:
        case "DaemonSet":
            names = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
            wanted, updated, available, ready = (status.get(name) or 0 for name in names)
        case "Job":
            active, ready = status.get("active") or 0, status.get("ready") or 0
            wanted, updated, available = _of_a_job(spec, status), active, ready
        case _:
            wanted = 1 if spec.get("replicas") is None else spec["replicas"]
            updated = status.get("replicas" if kind == "ReplicaSet" else "updatedReplicas") or 0
            available, ready = status.get("availableReplicas") or 0, status.get("readyReplicas") or 0
    counts = {"replicas": wanted, "updated": updated, "available": available, "ready": ready}
    return counts | {name: status.get(name) or 0 for name in ("succeeded", "failed") if kind == "Job"}


def _of_a_job(spec: Json, status: Json) -> int:
    """How many pods a Job should have now: none once it has ended, or while it is suspended."""
    if spec.get("suspend") or holding(status, "Complete") or holding(status, "Failed"):
        return 0
    parallel = 1 if spec.get("parallelism") is None else spec["parallelism"]
    completions = spec.get("completions")
    left = parallel if completions is None else completions - (status.get("succeeded") or 0)
    return max(min(parallel, left), 0)


def _observed(kind: str, metadata: Json, status: Json) -> int:
    """The generation that the controller has acted on; a Job's says none, so it counts as acted on."""
    return int((metadata.get("generation") if kind == "Job" else status.get("observedGeneration")) or 0)


def _stalled(kind: str, status: Json) -> str:
    if kind == "Job":
        return reason_and_message(holding(status, "Failed"))
    condition = denied(status, "Progressing")
    return reason_and_message(condition) if condition.get("status") == "False" else ""


def _argo_cd(metadata: Json, managers: list[str]) -> str:
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    # `application:group/Kind:namespace/name`
    application = annotations.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    by_label = labels.get("app.kubernetes.io/instance", "") if _ARGO_CD & set(managers) else ""
    return application or labels.get("argocd.argoproj.io/instance", "") or by_label


def _flux(metadata: Json) -> str:
    labels = metadata.get("labels") or {}
    for group in ("kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"):
        if name := labels.get(f"{group}/name"):
            return f"{labels.get(f'{group}/namespace', '')}/{name}"
    return ""


def _helm(metadata: Json) -> str:
    annotations = metadata.get("annotations") or {}
    name = annotations.get("meta.helm.sh/release-name")
    return f"{annotations.get('meta.helm.sh/release-namespace', '')}/{name}" if name else ""


def _replaced_at_once(kind: str, spec: Json, status: Json) -> int | None:
    found = _rolling(kind, spec, status)
    return max(sum(found), 1) if found else None


def _taken_at_once(kind: str, spec: Json, status: Json) -> int | None:
    found = _rolling(kind, spec, status)
    # A rollout that might do neither could not go on, so Kubernetes takes one away.
    return max(found[1], int(not any(found))) if found else None


def _rolling(kind: str, spec: Json, status: Json) -> tuple[int, int] | None:
    """How many pods a rolling update adds, and how many it takes away; None where all are taken first."""
    if kind in ("StatefulSet", "DaemonSet"):
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        pods = (spec.get("replicas") if kind == "StatefulSet" else status.get("desiredNumberScheduled")) or 0
        most, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge") or 0
        return math.ceil(_part(surge, pods)), math.floor(_part(1 if most is None else most, pods))
    rolling = (spec.get("strategy") or {}).get("rollingUpdate")
    if rolling is None:
        return None
    replicas = spec.get("replicas") or 0
    surge = math.ceil(_part(rolling.get("maxSurge"), replicas))
    return surge, math.floor(_part(rolling.get("maxUnavailable"), replicas))


def _part(value: str | int | None, replicas: int) -> float:
    """A number of pods, or a percentage of them; Kubernetes writes 25% where nobody has said it."""
    if isinstance(value, int):
        return value
    return replicas * int((value or "25%").removesuffix("%")) / 100


def _no_revision(status: Json) -> str:
    condition = denied(status, "Progressing")
    if condition.get("reason") != _NO_REPLICA_SET:
        return ""
    return str(condition.get("message") or _NO_REPLICA_SET)[:LONGEST_CAUSE]
