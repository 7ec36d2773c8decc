"""From a node's JSON to facts."""

from datetime import datetime
from typing import Any

from runmend.facts.node import NodeFacts, Taint
from runmend.kube.facts.metadata import between, entries_of, object_facts
from runmend.kube.facts.quantities import resources

Json = dict[str, Any]


def node(item: Json, told: datetime | None = None) -> NodeFacts:
    """A node."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    cordoned = bool(spec.get("unschedulable"))
    *_, by = ({}, *entries_of(metadata, "f:spec", "f:unschedulable")) if cordoned else ({},)
    return NodeFacts(
        **object_facts(item, told),
        resource_version=metadata.get("resourceVersion") or "",
        schedulable=not cordoned,
        taints=tuple(map(_taint, spec.get("taints") or ())),
        cordoned_by=by.get("manager") or "",
        cordoned_at=by.get("time") or "",
        cordoned_for=between(by.get("time"), told),
        allocatable=resources((item.get("status") or {}).get("allocatable")),
    )


def _taint(entry: Json) -> Taint:
    return Taint(
        key=entry.get("key") or "",
        value=entry.get("value") or "",
        effect=entry.get("effect") or "",
        since=entry.get("timeAdded") or "",
    )
