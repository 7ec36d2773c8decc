"""From quantities in JSON to facts: what is asked for, allowed, there, or used."""

from typing import Any

from runmend.core.quantities import byte_count, millicores
from runmend.facts.pod import Resources

Json = dict[str, Any]


def resources(given: Json | None) -> Resources:
    """Processor and memory of a list of resources."""
    given = given or {}
    return Resources(
        cpu=millicores(str(given["cpu"])) if "cpu" in given else None,
        memory=byte_count(str(given["memory"])) if "memory" in given else None,
    )


def usage_of_pod(item: Json) -> tuple[str, dict[str, Resources]]:
    """PodMetrics: the pod's name, and what each of its containers uses."""
    used = {each["name"]: resources(each.get("usage")) for each in item.get("containers") or ()}
    return item["metadata"]["name"], used
