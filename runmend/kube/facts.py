"""From the API's JSON to facts.

Called by `runmend.kube.client`; a field that is missing is what Kubernetes means by its absence.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal

from runmend.core.quantities import byte_count, millicores
from runmend.facts.event import EventFacts
from runmend.facts.object import Owner
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.workload import DEFAULT_PROGRESS_DEADLINE, WorkloadFacts

Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
_LONGEST_WHY = 200
_LONGEST_CAUSE = 500
_NO_REPLICA_SET = "ReplicaSetCreateError"
_COMBINED = "(combined from similar events): "


def references(names: Any) -> tuple[str, ...]:  # noqa: ANN401  what JSON holds
    """The names of a list of references, such as imagePullSecrets."""
    return tuple(entry["name"] for entry in names or () if entry.get("name"))


def controller(metadata: Json) -> Owner | None:
    """The owner reference that controls an object; the others only keep it from being collected."""
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return Owner(kind=owner["kind"], name=owner["name"], uid=owner["uid"])
    return None


def pod(item: Json) -> PodFacts:
    """A pod."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    return PodFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        phase=status.get("phase") or "",
        node=spec.get("nodeName") or "",
        deleting="deletionTimestamp" in metadata,
        owner=controller(metadata),
        service_account=spec.get("serviceAccountName") or "default",
        pull_secrets=references(spec.get("imagePullSecrets")),
        containers=tuple(_containers(spec, status)),
        not_ready=_not_ready(status),
        node_silent=_node_silent(status),
        no_node=_no_node(status),
        ended_because=_told(status) if status.get("phase") == "Failed" else "",
    )


def _denied(status: Json, kind: str) -> Json:
    """A pod's condition where it does not hold; nothing where it does, or nobody has said."""
    return next(
        (each for each in status.get("conditions") or () if each.get("type") == kind and each.get("status") != "True"),
        {},
    )


def _holding(status: Json, kind: str) -> Json:
    """An object's condition where it holds; nothing where it does not."""
    return next(
        (each for each in status.get("conditions") or () if each.get("type") == kind and each.get("status") == "True"),
        {},
    )


def _told(said: Json) -> str:
    """A reason with its message, `OutOfcpu: Pod was rejected: …`; the one of them that is there, or nothing."""
    return ": ".join(text for text in (said.get("reason"), said.get("message")) if text)[:_LONGEST_CAUSE]


def _not_ready(status: Json) -> str:
    condition = _denied(status, "Ready")
    if not condition:
        return ""
    since = condition.get("lastTransitionTime") or "a time that is not told"
    why = condition.get("message") or condition.get("reason")
    return f"{since} ({why[:_LONGEST_WHY]})" if why else since


def _node_silent(status: Json) -> bool:
    """Whether the node's controller calls the pod not ready, which it does without a word; the kubelet says why."""
    condition = _denied(status, "Ready")
    return bool(condition) and not condition.get("message") and not condition.get("reason")


def _no_node(status: Json) -> str:
    condition = _denied(status, "PodScheduled")
    # The scheduler's first sentence counts the nodes and says why; what follows is about preemption.
    said = (condition.get("message") or "").partition(". ")[0]
    return said[:_LONGEST_WHY] or condition.get("reason") or ""


def _containers(spec: Json, status: Json) -> Iterator[ContainerFacts]:
    for init, listed, statuses in (
        (True, "initContainers", "initContainerStatuses"),
        (False, "containers", "containerStatuses"),
    ):
        seen = {entry["name"]: entry for entry in status.get(statuses) or ()}
        for container in spec.get(listed) or ():
            yield _container(container, seen.get(container["name"]) or {}, init=init)


def _container(container: Json, status: Json, *, init: bool) -> ContainerFacts:
    # A container without a status has not been looked at by a kubelet: it waits, for no reason given.
    state = status.get("state") or {}
    kind: Literal["waiting", "running", "terminated"] = (
        "terminated" if "terminated" in state else "running" if "running" in state else "waiting"
    )
    detail = state.get(kind) or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    return ContainerFacts(
        name=container["name"],
        init=init,
        sidecar=init and _is_sidecar(container),
        # The spec's, not the status's: a runtime may report an image under another of its names.
        image=container.get("image") or "",
        state=kind,
        reason=detail.get("reason") or "",
        message=(detail.get("message") or "")[:300],
        exit_code=detail.get("exitCode"),
        ready=bool(status.get("ready")),
        started=bool(status.get("started")),
        restarts=status.get("restartCount") or 0,
        last_termination=last.get("reason") or "",
        last_exit_code=last.get("exitCode"),
        requests=_resources(container, "requests"),
        limits=_resources(container, "limits"),
    )


def _resources(container: Json, which: str) -> Resources:
    given = (container.get("resources") or {}).get(which) or {}
    return Resources(
        cpu=millicores(str(given["cpu"])) if "cpu" in given else None,
        memory=byte_count(str(given["memory"])) if "memory" in given else None,
    )


def _is_sidecar(init_container: Json) -> bool:
    return bool(init_container.get("restartPolicy") == "Always")


def _template(spec: Json, listed: str) -> list[Json]:
    return (((spec.get("template") or {}).get("spec")) or {}).get(listed) or []


def _template_images(spec: Json, listed: str) -> dict[str, str]:
    return {entry["name"]: entry.get("image") or "" for entry in _template(spec, listed)}


def _revision(metadata: Json) -> int:
    text = (metadata.get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def replica_set(item: Json) -> ReplicaSetFacts:
    """A ReplicaSet."""
    metadata = item["metadata"]
    return ReplicaSetFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        revision=_revision(metadata),
        owner=controller(metadata),
        annotations=metadata.get("annotations") or {},
        failure=(_holding(item.get("status") or {}, "ReplicaFailure").get("message") or "")[:_LONGEST_CAUSE],
    )


def selector(spec: Json) -> str:
    """A workload's label selector as a list's query has it; empty where it has none."""
    given = spec.get("selector") or {}
    labels = (f"{key}={value}" for key, value in (given.get("matchLabels") or {}).items())
    return ",".join((*labels, *map(_requirement, given.get("matchExpressions") or ())))


def _requirement(expression: Json) -> str:
    key, among = expression["key"], ",".join(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return f"{key} in ({among})"
        case "NotIn":
            return f"{key} notin ({among})"
        case "Exists":
            return str(key)
        case _:
            return f"!{key}"


def deployment(item: Json) -> WorkloadFacts:
    """A Deployment."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    return WorkloadFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation") or 0,
        observed_generation=status.get("observedGeneration") or 0,
        revision=_revision(metadata),
        selector=selector(spec),
        paused=bool(spec.get("paused")),
        deleting="deletionTimestamp" in metadata,
        replicas=1 if spec.get("replicas") is None else spec["replicas"],
        updated=status.get("updatedReplicas") or 0,
        available=status.get("availableReplicas") or 0,
        ready=status.get("readyReplicas") or 0,
        containers=_template_images(spec, "containers"),
        init_containers=_template_images(spec, "initContainers"),
        sidecars=frozenset(entry["name"] for entry in _template(spec, "initContainers") if _is_sidecar(entry)),
        annotations=metadata.get("annotations") or {},
        owner=controller(metadata),
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        progress_deadline_seconds=spec.get("progressDeadlineSeconds") or DEFAULT_PROGRESS_DEADLINE,
        replaced_at_once=_replaced_at_once(spec),
        taken_at_once=_taken_at_once(spec),
        no_revision=_no_revision(status),
    )


def _replaced_at_once(spec: Json) -> int | None:
    found = _rolling(spec)
    return max(sum(found), 1) if found else None


def _taken_at_once(spec: Json) -> int | None:
    found = _rolling(spec)
    # A rollout that might do neither could not go on, so Kubernetes takes one away.
    return max(found[1], int(not any(found))) if found else None


def _rolling(spec: Json) -> tuple[int, int] | None:
    """How many pods a rolling update adds, and how many it takes away; None where all are taken first."""
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
    condition = _denied(status, "Progressing")
    if condition.get("reason") != _NO_REPLICA_SET:
        return ""
    return str(condition.get("message") or _NO_REPLICA_SET)[:_LONGEST_CAUSE]


def event(item: Json) -> EventFacts:
    """An event. A newer API counts in `series`; one that stands for many that are alike says so before its text."""
    involved = item.get("involvedObject") or {}
    series = item.get("series") or {}
    return EventFacts(
        uid=item["metadata"]["uid"],
        reason=item.get("reason") or "",
        message=(item.get("message") or "").removeprefix(_COMBINED)[:1000],
        type=item.get("type") or "",
        count=max(item.get("count") or 1, series.get("count") or 1),
        object_kind=involved.get("kind") or "",
        object_name=involved.get("name") or "",
        object_uid=involved.get("uid") or "",
    )
