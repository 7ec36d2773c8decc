"""Which volumes of a pod a kubelet cannot mount: those whose ConfigMap or Secret, or a key of it, is not there.

A volume that no container mounts is passed over.
"""

from collections.abc import Iterator

from runmend.local.sandbox.resources import CONFIG_MAPS, SECRETS, Object, Resource
from runmend.local.sandbox.store import Store

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 122.0
"""How long a kubelet waits before it mounts a volume again, at first and at most; it doubles."""
# How a source of a volume names its object, and what the kubelet calls the object and its keys.
_SOURCES: dict[str, tuple[str, Resource, str, str]] = {
    "configMap": ("name", CONFIG_MAPS, "configmap", "configmap references non-existent config key"),
    "secret": ("secretName", SECRETS, "secret", "references non-existent secret key"),
}


def not_mounted(store: Store, pod: Object) -> list[str]:
    """What the kubelet tells of each volume that it cannot mount."""
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    containers = [*(spec.get("initContainers") or []), *spec["containers"]]
    mounted = {mount["name"] for each in containers for mount in each.get("volumeMounts") or []}
    used = [volume for volume in spec.get("volumes") or [] if volume["name"] in mounted]
    lacking = ((volume["name"], _lacking(store, namespace, volume)) for volume in used)
    return [f'MountVolume.SetUp failed for volume "{name}" : {why}' for name, why in lacking if why]


def _lacking(store: Store, namespace: str, volume: Object) -> str:
    """What a volume lacks; empty where it lacks nothing. A projected one tells of all of its sources."""
    projected = volume.get("projected")
    if projected is None:
        return next(_of_sources(store, namespace, volume), "")
    lacks = [why for source in projected.get("sources") or [] for why in _of_sources(store, namespace, source)]
    return f"[{', '.join(lacks)}]" if len(lacks) > 1 else "".join(lacks)


def _of_sources(store: Store, namespace: str, sources: Object) -> Iterator[str]:
    for kind, (named, resource, called, keyless) in _SOURCES.items():
        source = sources.get(kind)
        if source is None or source.get("optional"):
            continue
        name = source.get(named) or source.get("name", "")
        found = store.find(resource, namespace, name)
        if found is None:
            yield f'{called} "{name}" not found'
            continue
        keys = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
        yield from (f"{keyless}: {item['key']}" for item in source.get("items") or [] if item["key"] not in keys)
