"""Objects as kubectl's typed commands send them: `kubectl create deployment`, `drain` and their like speak Protocol
Buffers.

The messages are those of Kubernetes' generated.proto, as far as these commands fill them. A field that is not in the
table and says something is refused, so nothing is left out.
"""

import base64
from collections.abc import Iterator
from typing import Any, Final

from runmend.local.sandbox.resources import Object

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\0"
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5

_METADATA: Final = (1, "metadata", "ObjectMeta")
_MESSAGES: Final[dict[str, tuple[tuple[int, str, str], ...]]] = {
    "Unknown": ((1, "typeMeta", "TypeMeta"), (2, "raw", "bytes")),
    "TypeMeta": ((1, "apiVersion", "text"), (2, "kind", "text")),
    "ObjectMeta": (
        (1, "name", "text"),
        (2, "generateName", "text"),
        (3, "namespace", "text"),
        (11, "labels", "{text"),
        (12, "annotations", "{text"),
        (14, "finalizers", "[text"),
    ),
    "Namespace": (_METADATA,),
    "ServiceAccount": (_METADATA,),
    "Secret": (
        _METADATA,
        (2, "data", "{base64"),
        (3, "type", "text"),
        (4, "stringData", "{text"),
        (5, "immutable", "bool"),
    ),
    "DeleteOptions": (
        (1, "gracePeriodSeconds", "number!"),
        (2, "preconditions", "Preconditions"),
        (3, "orphanDependents", "bool"),
        (4, "propagationPolicy", "text"),
        (5, "dryRun", "[text"),
    ),
    "Preconditions": ((1, "uid", "text"), (2, "resourceVersion", "text")),
    "Deployment": (_METADATA, (2, "spec", "DeploymentSpec")),
    "DeploymentSpec": (
        (1, "replicas", "number!"),
        (2, "selector", "LabelSelector"),
        (3, "template", "PodTemplateSpec"),
        (5, "minReadySeconds", "number"),
        (6, "revisionHistoryLimit", "number!"),
        (7, "paused", "bool"),
        (9, "progressDeadlineSeconds", "number!"),
    ),
    "Job": (_METADATA, (2, "spec", "JobSpec")),
    "JobSpec": (
        (1, "parallelism", "number!"),
        (2, "completions", "number!"),
        (3, "activeDeadlineSeconds", "number!"),
        (6, "template", "PodTemplateSpec"),
        (7, "backoffLimit", "number!"),
        (8, "ttlSecondsAfterFinished", "number!"),
    ),
    "LabelSelector": ((1, "matchLabels", "{text"),),
    "Pod": (_METADATA, (2, "spec", "PodSpec")),
    "PodTemplateSpec": (_METADATA, (2, "spec", "PodSpec")),
    "PodSpec": (
        (2, "containers", "[Container"),
        (3, "restartPolicy", "text"),
        (4, "terminationGracePeriodSeconds", "number!"),
        (6, "dnsPolicy", "text"),
        (7, "nodeSelector", "{text"),
        (8, "serviceAccountName", "text"),
        (10, "nodeName", "text"),
        (15, "imagePullSecrets", "[LocalObjectReference"),
        (19, "schedulerName", "text"),
        (20, "initContainers", "[Container"),
    ),
    "LocalObjectReference": ((1, "name", "text"),),
    "Container": (
        (1, "name", "text"),
        (2, "image", "text"),
        (3, "command", "[text"),
        (4, "args", "[text"),
        (5, "workingDir", "text"),
        (6, "ports", "[ContainerPort"),
        (7, "env", "[EnvVar"),
        (13, "terminationMessagePath", "text"),
        (14, "imagePullPolicy", "text"),
        (16, "stdin", "bool"),
        (17, "stdinOnce", "bool"),
        (18, "tty", "bool"),
        (20, "terminationMessagePolicy", "text"),
    ),
    "ContainerPort": ((1, "name", "text"), (3, "containerPort", "number"), (4, "protocol", "text")),
    "EnvVar": ((1, "name", "text"), (2, "value", "text")),
}
"""Message → its fields: number, name, and type. `[`: many, `{`: a map of texts, `!`: 0 says something."""


class Unreadable(ValueError):
    """The bytes are no object of a kind that is known, or say something that is not."""


def decoded(body: bytes) -> Object:
    """The object that a body holds, as its JSON would be.

    Raises:
        Unreadable: it is none that is known, or it has a field that is not.
    """
    if not body.startswith(_MAGIC):
        raise Unreadable("it does not begin as Kubernetes' Protocol Buffers do")
    try:
        unknown = _message("Unknown", body[len(_MAGIC) :])
        head: Object = unknown["typeMeta"]
        if head.get("kind") not in _MESSAGES:
            raise Unreadable(f"{head.get('kind')} is sent as JSON")
        return head | _message(head["kind"], unknown.get("raw", b""))
    except (AttributeError, IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        # A number stands where bytes are expected, or bytes where a number is, or they end too early.
        raise Unreadable("it cannot be read") from error


def _message(kind: str, data: bytes) -> Object:
    fields = {number: (name, held) for number, name, held in _MESSAGES[kind]}
    found: Object = {}
    for number, value in _fields(data):
        if number not in fields:
            if _says_something(value):
                raise Unreadable(f"field {number} of {kind} is not known")
            continue
        name, held = fields[number]
        if held.startswith("["):
            found.setdefault(name, []).append(_value(held[1:], value))
        elif held.startswith("{"):
            entry = dict(_fields(value))
            found.setdefault(name, {})[entry[1].decode()] = _value(held[1:], entry.get(2, b""))
        elif held.endswith("!") or _says_something(value):
            found[name] = _value(held.rstrip("!"), value)
    return found


def _value(held: str, value: Any) -> Any:  # noqa: ANN401  bytes or a number, whatever the field holds
    match held:
        case "text":
            return value.decode()
        case "bytes":
            return value
        case "base64":
            return base64.b64encode(value).decode()
        case "number":
            return value - (1 << 64) if value >> 63 else value
        case "bool":
            return bool(value)
    return _message(held, value)


def _says_something(value: object) -> bool:
    """Whether a field is more than its type's zero, which Kubernetes sends of every field that is no pointer."""
    if isinstance(value, bytes):
        try:
            return any(_says_something(inner) for _, inner in _fields(value)) if value else False
        except IndexError:
            return True
    return bool(value)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = {_FIXED_64: 8, _FIXED_32: 4}.get(wire, 0)
        if wire == _BYTES:
            size, at = _varint(data, at)
        if not number or wire not in (_FIXED_64, _BYTES, _FIXED_32) or at + size > len(data):
            raise IndexError("not a message")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  the last byte of a number
            return value, at
