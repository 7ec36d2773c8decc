"""What kubectl wants of OpenAPI before it sends anything: which kinds there are, and that the server checks fields.

No kind has a schema here, so kubectl checks no field by itself, and the server's own checks are all there are.
"""

from typing import Final

from runmend.local.sandbox.resources import RESOURCES, Object

VERSION_2: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_TITLE: Final = b"Kubernetes"
_VERSION: Final = b"v1.36.3"


def document(path: str) -> Object | None:
    """The documents of version 3: which there are, and of each group which kinds may be sent; None elsewhere."""
    paths = {resource.prefix.removeprefix("/"): resource.prefix for resource in RESOURCES}
    if path == "/openapi/v3":
        return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=0"} for name in paths}}
    name = path.removeprefix("/openapi/v3/")
    if name == path or name not in paths:
        return None
    described = {"title": _TITLE.decode(), "version": _VERSION.decode()}
    return {"openapi": "3.0.0", "info": described, "paths": _paths(paths[name]), "components": {"schemas": {}}}


def _paths(prefix: str) -> Object:
    checks = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation")]
    found: Object = {}
    for resource in RESOURCES:
        if resource.prefix == prefix:
            kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
            patch = {"parameters": checks, "responses": {}, "x-kubernetes-group-version-kind": kind}
            namespace = "/namespaces/{namespace}" if resource.namespaced else ""
            found[f"{resource.prefix}{namespace}/{resource.plural}/{{name}}"] = {"patch": patch}
    return found


def old_document() -> bytes:
    """The document of version 2, as Protocol Buffers, for kubectl before 1.27: it names nothing."""
    info = _field(1, _TITLE) + _field(2, _VERSION)
    return _field(1, b"2.0") + _field(2, info) + _field(8, b"")


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes; both its number and its length fit into one byte."""
    return bytes([number << 3 | 2, len(content)]) + content
