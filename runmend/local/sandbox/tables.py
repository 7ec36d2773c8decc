"""The tables that `kubectl get` shows: what the API server says of each kind in columns. Pure.

A column whose priority is not 0 is shown with `-o wide` alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from runmend.local.sandbox.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    SECRETS,
    SERVICE_ACCOUNTS,
    STATEFUL_SETS,
    Object,
    Resource,
)

_API_VERSION: Final = "meta.k8s.io/v1"
_NONE: Final = "<none>"
_DURATIONS: Final = ((86_400, "d"), (3600, "h"), (60, "m"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and what stands in it for an object."""

    name: str
    cell: Callable[[Object], object]
    wide: bool = False


def table(resource: Resource, objects: Sequence[Object], metadata: Object, *, whole: bool = False) -> Object:
    """A list, or one object, as a Table.

    Args:
        resource: their kind.
        objects: the rows.
        metadata: the list's.
        whole: whether each row has its whole object, instead of its metadata.
    """
    columns = _COLUMNS.get(resource, (_NAME, _AGE))
    return {
        "kind": "Table",
        "apiVersion": _API_VERSION,
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": column.name,
                "type": "string",
                "format": "name" if column.name == "Name" else "",
                "description": "",
                "priority": int(column.wide),
            }
            for column in columns
        ],
        "rows": [
            {"cells": [column.cell(obj) for column in columns], "object": _shown(resource, obj, whole=whole)}
            for obj in objects
        ],
    }


def _shown(resource: Resource, obj: Object, *, whole: bool) -> Object:
    if whole:
        return {"kind": resource.kind, "apiVersion": resource.api_version, **obj}
    return {"kind": "PartialObjectMetadata", "apiVersion": _API_VERSION, "metadata": obj["metadata"]}


def age(time: str | None, now: datetime | None = None) -> str:
    """How long ago a time was: its largest unit, and the next one where the first says little."""
    if not time:
        return "<unknown>"
    seconds = max(0, int(((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds()))
    if seconds < 120:  # noqa: PLR2004  as kubectl's own
        return f"{seconds}s"
    for number, (size, unit) in enumerate(_DURATIONS):
        count, rest = divmod(seconds, size)
        if count:
            smaller, name = [*_DURATIONS, (1, "s")][number + 1]
            more = rest // smaller
            return f"{count}{unit}{more}{name}" if more and count < 10 else f"{count}{unit}"  # noqa: PLR2004
    return f"{seconds}s"


_NAME: Final = Column("Name", lambda obj: obj["metadata"]["name"])
_AGE: Final = Column("Age", lambda obj: age(obj["metadata"].get("creationTimestamp")))


def _status(obj: Object, name: str, default: object = 0) -> object:
    return (obj.get("status") or {}).get(name, default)


def _statuses(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _pod_status(pod: Object) -> str:
    """One word for a pod: what its containers wait for or ended with, else its phase."""
    status = pod.get("status") or {}
    found = status.get("reason") or status.get("phase") or "Unknown"
    inits = status.get("initContainerStatuses") or []
    for number, container in enumerate(inits):
        state = container.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode") == 0:
            continue
        reason = (state.get("terminated") or state.get("waiting") or {}).get("reason")
        if reason not in (None, "PodInitializing"):
            return f"Init:{reason}"
        if not (container.get("started") and container.get("ready")):
            return f"Init:{number}/{len(inits)}"
    for container in reversed(_statuses(pod)):
        state = container.get("state") or {}
        if reason := (state.get("waiting") or state.get("terminated") or {}).get("reason"):
            found = reason
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(found)


def _ready(pod: Object) -> str:
    return f"{sum(bool(each.get('ready')) for each in _statuses(pod))}/{len(pod['spec'].get('containers') or [])}"


def _restarts(pod: Object) -> str:
    count = sum(int(each.get("restartCount") or 0) for each in _statuses(pod))
    ended = [
        when
        for each in _statuses(pod)
        if (when := ((each.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
    ]
    return f"{count} ({age(max(ended))} ago)" if count and ended else str(count)


def _of_template(what: str) -> Callable[[Object], object]:
    def cell(obj: Object) -> str:
        containers = obj["spec"].get("template", {}).get("spec", {}).get("containers") or []
        return ",".join(str(each.get(what, "")) for each in containers)

    return cell


def _selector(obj: Object) -> str:
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items())) or _NONE


def _node_status(node: Object) -> str:
    conditions = {each["type"]: each["status"] for each in (node.get("status") or {}).get("conditions") or []}
    word = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return f"{word},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else word


def _roles(node: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(name.removeprefix(prefix) for name in labels if name.startswith(prefix))) or _NONE


def _address(node: Object) -> str:
    addresses = (node.get("status") or {}).get("addresses") or []
    return next((each["address"] for each in addresses if each["type"] == "InternalIP"), _NONE)


def _info(name: str) -> Callable[[Object], object]:
    return lambda node: ((node.get("status") or {}).get("nodeInfo") or {}).get(name, "")


def _last_seen(event: Object) -> str:
    series = event.get("series") or {}
    when = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return age(when or event["metadata"].get("creationTimestamp"))


def _about(event: Object) -> str:
    involved = event.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _completions(job: Object) -> str:
    return f"{_status(job, 'succeeded')}/{job['spec'].get('completions') or 1}"


_IMAGES: Final = (
    Column("Containers", _of_template("name"), wide=True),
    Column("Images", _of_template("image"), wide=True),
    Column("Selector", _selector, wide=True),
)


def _controller(obj: Object) -> str:
    owner: Object = next((each for each in obj["metadata"].get("ownerReferences") or () if each.get("controller")), {})
    kind, _, version = owner.get("kind", "").lower(), "", owner.get("apiVersion", "").rpartition("/")[0]
    return f"{kind}.{version}/{owner['name']}" if owner else _NONE


_COLUMNS: Final[dict[Resource, tuple[Column, ...]]] = {
    PODS: (
        _NAME,
        Column("Ready", _ready),
        Column("Status", _pod_status),
        Column("Restarts", _restarts),
        _AGE,
        Column("IP", lambda pod: _status(pod, "podIP", _NONE), wide=True),
        Column("Node", lambda pod: pod["spec"].get("nodeName") or _NONE, wide=True),
    ),
    DEPLOYMENTS: (
        _NAME,
        Column("Ready", lambda obj: f"{_status(obj, 'readyReplicas')}/{obj['spec'].get('replicas', 1)}"),
        Column("Up-to-date", lambda obj: _status(obj, "updatedReplicas")),
        Column("Available", lambda obj: _status(obj, "availableReplicas")),
        _AGE,
        *_IMAGES,
    ),
    REPLICA_SETS: (
        _NAME,
        Column("Desired", lambda obj: obj["spec"].get("replicas", 1)),
        Column("Current", lambda obj: _status(obj, "replicas")),
        Column("Ready", lambda obj: _status(obj, "readyReplicas")),
        _AGE,
        *_IMAGES,
    ),
    STATEFUL_SETS: (
        _NAME,
        Column("Ready", lambda obj: f"{_status(obj, 'readyReplicas')}/{obj['spec'].get('replicas', 1)}"),
        _AGE,
        *_IMAGES[:2],
    ),
    DAEMON_SETS: (
        _NAME,
        Column("Desired", lambda obj: _status(obj, "desiredNumberScheduled")),
        Column("Current", lambda obj: _status(obj, "currentNumberScheduled")),
        Column("Ready", lambda obj: _status(obj, "numberReady")),
        Column("Up-to-date", lambda obj: _status(obj, "updatedNumberScheduled")),
        Column("Available", lambda obj: _status(obj, "numberAvailable")),
        _AGE,
        *_IMAGES,
    ),
    BUDGETS: (
        _NAME,
        Column("Min Available", lambda obj: obj["spec"].get("minAvailable", "N/A")),
        Column("Max Unavailable", lambda obj: obj["spec"].get("maxUnavailable", "N/A")),
        Column("Allowed Disruptions", lambda obj: _status(obj, "disruptionsAllowed")),
        _AGE,
    ),
    CONTROLLER_REVISIONS: (
        _NAME,
        Column("Controller", _controller),
        Column("Revision", lambda obj: obj.get("revision", 0)),
        _AGE,
    ),
    JOBS: (_NAME, Column("Completions", _completions), _AGE, *_IMAGES),
    NODES: (
        _NAME,
        Column("Status", _node_status),
        Column("Roles", _roles),
        _AGE,
        Column("Version", _info("kubeletVersion")),
        Column("Internal-IP", _address, wide=True),
        Column("OS-Image", _info("osImage"), wide=True),
        Column("Kernel-Version", _info("kernelVersion"), wide=True),
        Column("Container-Runtime", _info("containerRuntimeVersion"), wide=True),
    ),
    NAMESPACES: (_NAME, Column("Status", lambda obj: _status(obj, "phase", "Active")), _AGE),
    SECRETS: (
        _NAME,
        Column("Type", lambda obj: obj.get("type", "Opaque")),
        Column("Data", lambda obj: len(obj.get("data") or {})),
        _AGE,
    ),
    CONFIG_MAPS: (
        _NAME,
        Column("Data", lambda obj: len(obj.get("data") or {}) + len(obj.get("binaryData") or {})),
        _AGE,
    ),
    SERVICE_ACCOUNTS: (_NAME, Column("Secrets", lambda obj: len(obj.get("secrets") or [])), _AGE),
    EVENTS: (
        Column("Last Seen", _last_seen),
        Column("Type", lambda event: event.get("type", "")),
        Column("Reason", lambda event: event.get("reason", "")),
        Column("Object", _about),
        Column("Message", lambda event: event.get("message", "")),
        Column("Name", lambda event: event["metadata"]["name"], wide=True),
    ),
}
