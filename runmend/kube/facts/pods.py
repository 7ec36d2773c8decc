"""From a pod's JSON to facts, and from its containers'."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.kube.facts.metadata import (
    LONGEST_WHY,
    between,
    denied,
    entries_of,
    moment,
    object_facts,
    reason_and_message,
    references,
)
from runmend.kube.facts.quantities import resources

Json = dict[str, Any]

_OF_THE_KUBELET: Final = frozenset({"Initialized", "Ready", "ContainersReady", "PodReadyToStartContainers"})
"""The conditions that a pod's kubelet writes."""


def pod(item: Json, told: datetime | None = None) -> PodFacts:
    """A pod."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    return PodFacts(
        **object_facts(item, told),
        phase=status.get("phase") or "",
        node=spec.get("nodeName") or "",
        service_account=spec.get("serviceAccountName") or "default",
        pull_secrets=references(spec.get("imagePullSecrets")),
        containers=tuple(_containers(spec, status, _Clocks.of(item, told))),
        not_ready=_not_ready(status),
        node_silent=_node_silent(status),
        no_node=_no_node(status),
        ended_because=reason_and_message(status) if status.get("phase") == "Failed" else "",
    )


@dataclass(frozen=True, slots=True)
class _Clocks:
    """What the two clocks tell of a pod that its containers' times are measured by: its node's, and the API server's.

    A time of the one is never compared with a time of the other.
    """

    newest: datetime | None
    """The newest time that the kubelet has written into the status, by the node's clock."""
    unchanged: timedelta | None
    """For how long the kubelet has not changed the status since, by the API server's clock: each restart would."""

    @classmethod
    def of(cls, item: Json, told: datetime | None) -> "_Clocks":
        status = item.get("status") or {}
        *_, last = {}, *entries_of(item["metadata"], "f:status", "f:containerStatuses", subresource="status")
        times = [moment(time) for time in _times(status)]
        return cls(max((time for time in times if time), default=None), between(last.get("time"), told))

    def since(self, started: object) -> timedelta | None:
        """How long something has lasted, at least, that began at a time of the node's clock and still lasts."""
        before = between(started, self.newest)
        return None if before is None or self.unchanged is None else before + self.unchanged


def _times(status: Json) -> Iterator[object]:
    """The times in a pod's status that its kubelet has written. A condition without a reason that does not hold is the
    node controller's.
    """
    for listed in ("initContainerStatuses", "containerStatuses"):
        for entry in status.get(listed) or ():
            for state in ("state", "lastState"):
                for detail in (entry.get(state) or {}).values():
                    yield from (detail.get("startedAt"), detail.get("finishedAt"))
    for condition in status.get("conditions") or ():
        if condition.get("type") in _OF_THE_KUBELET and (condition.get("status") == "True" or condition.get("reason")):
            yield condition.get("lastTransitionTime")


def _not_ready(status: Json) -> str:
    condition = denied(status, "Ready")
    if not condition:
        return ""
    since = condition.get("lastTransitionTime") or "a time that is not told"
    why = condition.get("message") or condition.get("reason")
    return f"{since} ({why[:LONGEST_WHY]})" if why else since


def _node_silent(status: Json) -> bool:
    """Whether the node's controller calls the pod not ready, which it does without a word; the kubelet says why."""
    condition = denied(status, "Ready")
    return bool(condition) and not condition.get("message") and not condition.get("reason")


def _no_node(status: Json) -> str:
    condition = denied(status, "PodScheduled")
    # The scheduler's first sentence counts the nodes and says why; what follows is about preemption.
    said = (condition.get("message") or "").partition(". ")[0]
    return said[:LONGEST_WHY] or condition.get("reason") or ""


def _containers(spec: Json, status: Json, clocks: _Clocks) -> Iterator[ContainerFacts]:
    for init, listed, statuses in (
        (True, "initContainers", "initContainerStatuses"),
        (False, "containers", "containerStatuses"),
    ):
        seen = {entry["name"]: entry for entry in status.get(statuses) or ()}
        for container in spec.get(listed) or ():
            yield _container(container, seen.get(container["name"]) or {}, clocks, init=init)


def _container(container: Json, status: Json, clocks: _Clocks, *, init: bool) -> ContainerFacts:
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
        sidecar=init and is_sidecar(container),
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
        last_ended_at=last.get("finishedAt") or "",
        started_at=detail.get("startedAt") or "" if kind == "running" else "",
        runs_for=clocks.since(detail.get("startedAt")) if kind == "running" else None,
        requests=resources((container.get("resources") or {}).get("requests")),
        limits=resources((container.get("resources") or {}).get("limits")),
    )


def is_sidecar(init_container: Json) -> bool:
    """Whether an init container runs beside the containers."""
    return bool(init_container.get("restartPolicy") == "Always")
