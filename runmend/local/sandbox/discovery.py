"""Which kinds are served and where: those that Kubernetes has, and custom resources once they are defined."""

from typing import Final

from runmend.local.sandbox.api import Address
from runmend.local.sandbox.resources import CUSTOM_RESOURCES, PODS, RESOURCES, TEMPLATED, Object, Resource
from runmend.local.sandbox.status import no_such_path
from runmend.local.sandbox.store import Store

MARK: Final = "sandbox"
"""What its version ends with, as distributions mark theirs: how it is told from a cluster that matters to somebody."""
_VERSION: Final = {
    "major": "1",
    "minor": "36",
    "gitVersion": f"v1.36.3+{MARK}",
    "platform": "linux/amd64",
    **dict.fromkeys(("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler"), ""),
}
_VERBS: Final = ["create", "delete", "get", "list", "patch", "update", "watch"]
_CHANGED: Final = ["get", "patch", "update"]
_ALL: Final = (PODS, *TEMPLATED)
"""What `kubectl get all` means."""


class Discovery:
    """The kinds that are served now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[str, ...] = ()
        self._served: tuple[Resource, ...] = RESOURCES

    @property
    def served(self) -> tuple[Resource, ...]:
        """All of them, custom resources last."""
        defined = list(self._store.each(CUSTOM_RESOURCES))
        known = tuple(each["metadata"]["resourceVersion"] for each in defined)
        if known != self._known:
            custom = [found for each in defined for found in _defined(each)]
            self._known, self._served = known, (*RESOURCES, *custom)
        return self._served

    def address(self, path: str) -> Address | None:
        """What a path names; None outside the API's prefixes.

        Raises:
            Refused: 404, for a resource that is not served.
        """
        prefix = "/api/v1" if path.startswith("/api/v1/") else "/".join(path.split("/")[:4])
        served = {(each.prefix, each.plural): each for each in self.served}
        if prefix not in {known for known, _ in served}:
            return None
        steps = path.removeprefix(prefix).strip("/").split("/")
        namespace = ""
        if steps[0] == "namespaces" and len(steps) > 2 and steps[2] not in ("status", "finalize"):  # noqa: PLR2004
            namespace, steps = steps[1], steps[2:]
        resource = served.get((prefix, steps[0]))
        name, subresource, *more = [*steps[1:], "", ""]
        if resource is None or any(more) or (namespace and not resource.namespaced):
            raise no_such_path()
        if subresource and subresource not in _subresources(resource):
            raise no_such_path()
        if name and resource.namespaced and not namespace:
            raise no_such_path()
        return Address(resource, namespace, name, subresource)

    def document(self, path: str) -> Object | None:
        """What a client asks before it asks for anything else; None for any other path."""
        if path == "/version":
            return dict(_VERSION)
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        groups = sorted({each.group for each in self.served if each.group})
        if path == "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [self._group(group) for group in groups]}
        for group in groups:
            if path == f"/apis/{group}":
                return {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
        found = [each for each in self.served if each.prefix == path]
        if not found:
            return None
        head: Object = {"groupVersion": found[0].api_version} | ({"apiVersion": "v1"} if found[0].group else {})
        listed = [entry for each in found for entry in _entries(each)]
        return {"kind": "APIResourceList", **head, "resources": listed}

    def _group(self, group: str) -> Object:
        versions = dict.fromkeys(each.version for each in self.served if each.group == group)
        known = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
        return {"name": group, "versions": known, "preferredVersion": known[0]}


def _defined(definition: Object) -> list[Resource]:
    """The kinds that a CustomResourceDefinition defines: one for each version that is served."""
    spec = definition["spec"]
    names = spec["names"]
    return [
        Resource(
            names["plural"],
            names["kind"],
            spec["group"],
            namespaced=spec.get("scope") == "Namespaced",
            status="status" in (version.get("subresources") or {}),
            generated=True,
            short=tuple(names.get("shortNames") or ()),
            version=version["name"],
            plain=True,
        )
        for version in spec["versions"]
        if version.get("served")
    ]


def _subresources(resource: Resource) -> tuple[str, ...]:
    served = (
        ("status", resource.status),
        ("scale", resource.scaled),
        ("log", resource == PODS),
        ("eviction", resource == PODS),
    )
    return tuple(name for name, is_served in served if is_served)


def _entries(resource: Resource) -> list[Object]:
    common = {"namespaced": resource.namespaced, "kind": resource.kind}
    names: Object = {"name": resource.plural, "singularName": resource.kind.lower()}
    names |= {"shortNames": list(resource.short)} if resource.short else {}
    names |= {"categories": ["all"]} if resource in _ALL else {}
    listed = [names | common | {"verbs": _VERBS}]
    if resource.status:
        listed.append({"name": f"{resource.plural}/status", "singularName": "", **common, "verbs": _CHANGED})
    if resource.scaled:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale", "namespaced": True}
        listed.append({"name": f"{resource.plural}/scale", "singularName": "", **scale, "verbs": _CHANGED})
    if resource == PODS:
        listed.append({"name": "pods/log", "singularName": "", **common, "verbs": ["get"]})
    return listed
