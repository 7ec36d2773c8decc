"""Pods as the verbs that take them away see them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from runmend.plan.change import Json
from runmend.plan.removal import Removed

_MIRROR: Final = "kubernetes.io/config.mirror"


def controller(pod: Json) -> Mapping[str, Any]:
    """Its controller reference; empty where it has none."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def is_mirror(pod: Json) -> bool:
    """Whether it stands for a static pod, which the kubelet has from a file of its own."""
    return _MIRROR in (pod["metadata"].get("annotations") or {})


def has_ended(pod: Json) -> bool:
    """Whether all of it has ended."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_deleting(pod: Json) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Json) -> bool:
    """Whether it serves."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return not is_deleting(pod) and any(
        condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions
    )


def loses_data(pod: Json) -> bool:
    """Whether it has a volume that goes with it."""
    return any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ())


def removed(pod: Json) -> Removed:
    """By its uid, and whose it is."""
    metadata, owner = pod["metadata"], controller(pod)
    return Removed(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        owner=f"{owner['kind']}/{owner['name']}" if owner else "",
        ran=_ran(pod),
    )


def _ran(pod: Json) -> bool:
    """Whether its containers were ready when its kubelet told last: that its node is silent speaks against no pod."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return bool(statuses) and all(status.get("ready") for status in statuses)
