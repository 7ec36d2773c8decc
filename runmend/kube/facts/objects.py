"""From an autoscaler's JSON, and a claim's, to facts."""

from datetime import datetime
from typing import Any

from runmend.core.quantities import byte_count
from runmend.facts.autoscaler import AutoscalerFacts
from runmend.facts.claim import ClaimFacts
from runmend.kube.facts.metadata import holding, object_facts

Json = dict[str, Any]


def autoscaler(item: Json, told: datetime | None = None) -> AutoscalerFacts:
    """A HorizontalPodAutoscaler."""
    spec, status = item["spec"], item.get("status") or {}
    scales = spec["scaleTargetRef"]
    return AutoscalerFacts(
        **object_facts(item, told),
        scales=f"{scales['kind']}/{scales['name']}",
        min_replicas=spec.get("minReplicas", 1),
        max_replicas=spec["maxReplicas"],
        current_replicas=status.get("currentReplicas") or 0,
        desired_replicas=status.get("desiredReplicas") or 0,
        active=bool(holding(status, "ScalingActive")),
        limited=bool(holding(status, "ScalingLimited")),
    )


def claim(item: Json, told: datetime | None = None) -> ClaimFacts:
    """A PersistentVolumeClaim."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    return ClaimFacts(
        **object_facts(item, told),
        phase=status.get("phase") or "",
        requested=_storage((spec.get("resources") or {}).get("requests")),
        capacity=_storage(status.get("capacity")),
        storage_class=spec.get("storageClassName") or "",
        volume=spec.get("volumeName") or "",
        access_modes=tuple(spec.get("accessModes") or ()),
        resizing=any(holding(status, kind) for kind in ("Resizing", "FileSystemResizePending")),
    )


def _storage(given: Json | None) -> int | None:
    return byte_count(str(given["storage"])) if given and "storage" in given else None
