"""Which objects are refused as invalid, and in which words. Only what the contract tests look at is checked."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from runmend.local.sandbox.resources import DEPLOYMENTS, EVENTS, JOBS, PODS, SECRETS, TEMPLATED, Object, Resource
from runmend.local.sandbox.selectors import selects
from runmend.local.sandbox.status import Cause, bad_request, invalid, unreadable

_LONGEST_NAME = 253
_LONGEST_LABEL = 63
_LONGEST_MANAGER = 128
_WHOLE = 100
_LABEL_RULE = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_RULE = rf"{_LABEL_RULE}(\.{_LABEL_RULE})*"
_VALUE_RULE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_KEY_RULE = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_ENDS = "and must start and end with an alphanumeric character"
_LABEL = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS} "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL_RULE}')"
)
_SUBDOMAIN = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS} "
    f"(e.g. 'example.com', regex used for validation is '{_SUBDOMAIN_RULE}')"
)
_VALUE = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE_RULE}')"
)
_KEY = (
    f"name part must consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_KEY_RULE}')"
)
_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)
_QUANTITY_RULE = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][-+]?[0-9]+)?")
_FACTORS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    **{letter: Decimal(1000 ** (power + 2)) for power, letter in enumerate("MGTPE")},
    **{f"{letter}i": Decimal(1024 ** (power + 1)) for power, letter in enumerate("KMGTPE")},
}
_STRING_MAPS = frozenset({"labels", "annotations", "matchLabels", "nodeSelector", "data", "stringData"})
_SHAPES: dict[str, type] = {
    **dict.fromkeys(
        (
            "metadata",
            "spec",
            "template",
            "strategy",
            "rollingUpdate",
            "readinessProbe",
            "livenessProbe",
            "startupProbe",
            "securityContext",
            "selector",
            "resources",
            "limits",
            "requests",
            *_STRING_MAPS,
        ),
        dict,
    ),
    **dict.fromkeys(
        (
            "containers",
            "initContainers",
            "env",
            "ports",
            "volumes",
            "imagePullSecrets",
            "ownerReferences",
            "conditions",
        ),
        list,
    ),
    **dict.fromkeys(
        ("name", "namespace", "generateName", "image", "uid", "resourceVersion", "nodeName", "serviceAccountName"), str
    ),
    **dict.fromkeys(
        (
            "progressDeadlineSeconds",
            "revisionHistoryLimit",
            "terminationGracePeriodSeconds",
            "periodSeconds",
            "initialDelaySeconds",
        ),
        int,
    ),
}
_JSON_NAMES: dict[type, str] = {dict: "map", list: "slice", str: "string", int: "int64", float: "float64", bool: "bool"}
_POD_UPDATES = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"


def quantity(text: str) -> Decimal | None:
    """The number of bytes or cores that a quantity says; None where it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = match.groups(default="")
    if suffix in _FACTORS:
        return Decimal(number) * _FACTORS[suffix]
    try:
        return Decimal(number + suffix)
    except InvalidOperation:
        return None


def check_types(resource: Resource, obj: Object, patch: str | None) -> None:
    """Refuse values of a wrong type; `patch` is the patch as it is shown, None for a creation.

    Raises:
        Refused: 400 for a creation, 422 for a patch.
    """
    # What is kept as it is sent has fields of other types under the same names.
    seen = {"metadata": obj.get("metadata")} if resource.plain else obj
    why = next(_wrong_types(resource, seen), None)
    if why is None:
        return
    if patch is None:
        raise bad_request(f'{resource.kind} in version "v1" cannot be handled as a {resource.kind}: {why}')
    raise unreadable(f'"{patch}": {why}')


def _misshapen(obj: Object) -> Iterator[str]:
    """Values that no API type could hold, told by the name of their field."""
    for key, value in obj.items():
        wanted = _SHAPES.get(key)
        if value is None or key == "managedFields":
            continue
        if wanted is not None and not isinstance(value, wanted):
            yield f"cannot convert {_JSON_NAMES[type(value)]} to {_JSON_NAMES[wanted]}"
        elif key in _STRING_MAPS:
            yield from ("cannot convert int64 to string" for item in value.values() if not isinstance(item, str))
        else:
            items = value if isinstance(value, list) else [value]
            if wanted is list and not all(isinstance(item, dict) for item in items):
                yield "cannot restore struct from string"
            for item in items:
                yield from _misshapen(item) if isinstance(item, dict) else ()


def _wrong_types(resource: Resource, obj: Object) -> Iterator[str]:
    yield from (wrong := list(_misshapen(obj)))
    if wrong:
        return
    spec = obj.get("spec") or {} if resource in TEMPLATED else {}
    for name, wanted, shown in (
        ("replicas", int, "int32"),
        ("minReadySeconds", int, "int32"),
        ("paused", bool, "bool"),
    ):
        if spec.get(name) is not None and not isinstance(spec[name], wanted):
            yield f"unrecognized type: {shown}"
    for _, container in _containers(resource, obj):
        resources = container.get("resources") or {}
        for amounts in (resources.get("limits"), resources.get("requests")):
            if any(quantity(str(amount)) is None for amount in (amounts or {}).values()):
                yield f"quantities must match the regular expression '{_QUANTITY_RULE}'"
    if resource == SECRETS:
        for value in (obj.get("data") or {}).values():
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error:
                yield "illegal base64 data at input byte 0"


def check_options(kind: str, manager: str, dry_run: list[str]) -> None:
    """Refuse a write whose query asks for what there is not.

    Args:
        kind: what the query's parameters are called as a whole, such as PatchOptions.
        manager: the name of the field manager.
        dry_run: every value of `dryRun`.

    Raises:
        Refused: 422.
    """
    found = []
    if set(dry_run) - {"All"}:
        message = f'Unsupported value: {json.dumps(dry_run, separators=(",", ":"))}: supported values: "All"'
        found.append(Cause("dryRun", message, "FieldValueNotSupported"))
    if len(manager.encode()) > _LONGEST_MANAGER:
        found.append(
            Cause("fieldManager", f"Too long: may not be more than {_LONGEST_MANAGER} bytes", "FieldValueTooLong")
        )
    if found:
        raise invalid(Resource("", kind, "meta.k8s.io"), "", found)


def problems(resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
    """Everything that is wrong with a new object, or with the new version of `old`."""
    found = [*_metadata(obj["metadata"])]
    if resource == SECRETS:
        found += _secret(obj)
    if resource == EVENTS:
        found += _event(obj)
    if resource == PODS or resource in TEMPLATED:
        found += _workload(resource, obj)
        found += _pod_spec(resource, obj)
    if resource == DEPLOYMENTS:
        found += _rollout(obj["spec"])
    if old is not None:
        found += _update(resource, old, obj)
    return found


def _metadata(metadata: Object) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        yield Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
    elif not re.fullmatch(_SUBDOMAIN_RULE, name) or len(name) > _LONGEST_NAME:
        yield Cause("metadata.name", f"Invalid value: {json.dumps(name)}: {_SUBDOMAIN}")
    yield from _labels("metadata.labels", metadata.get("labels"))
    for key in metadata.get("annotations") or {}:
        if not re.fullmatch(_KEY_RULE, key.rpartition("/")[2]):
            yield Cause("metadata.annotations", f"Invalid value: {json.dumps(key)}: {_KEY}")


def _labels(field: str, labels: dict[str, str] | None) -> Iterator[Cause]:
    for key, value in (labels or {}).items():
        if not re.fullmatch(_KEY_RULE, key.rpartition("/")[2]):
            yield Cause(field, f"Invalid value: {json.dumps(key)}: {_KEY}")
        if not re.fullmatch(_VALUE_RULE, value) or len(value) > _LONGEST_LABEL:
            yield Cause(field, f"Invalid value: {json.dumps(value)}: {_VALUE}")


def _workload(resource: Resource, obj: Object) -> Iterator[Cause]:
    if resource in (PODS, JOBS):
        return
    spec = obj.get("spec") or {}
    if spec.get("replicas", 0) < 0:
        yield Cause("spec.replicas", f"Invalid value: {spec['replicas']}: must be greater than or equal to 0")
    labels = (spec.get("template", {}).get("metadata") or {}).get("labels") or {}
    wanted = spec.get("selector") or {}
    if not any(wanted.values()):
        yield Cause("spec.selector", "Required value", "FieldValueRequired")
    if not any(wanted.values()) or not selects(wanted, labels):
        shown = json.dumps(labels or None, separators=(",", ":"), sort_keys=True)
        yield Cause(
            "spec.template.metadata.labels", f"Invalid value: {shown}: `selector` does not match template `labels`"
        )


def _rollout(spec: Object) -> Iterator[Cause]:
    rolling = spec["strategy"].get("rollingUpdate") or {}
    if rolling and spec["strategy"]["type"] == "Recreate":
        message = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield Cause("spec.strategy.rollingUpdate", message, "FieldValueForbidden")
    else:
        yield from _bounds(rolling)
    least = spec.get("minReadySeconds", 0)
    if least < 0:
        yield Cause("spec.minReadySeconds", f"Invalid value: {least}: must be greater than or equal to 0")
    if spec["progressDeadlineSeconds"] <= least:
        message = f"Invalid value: {spec['progressDeadlineSeconds']}: must be greater than minReadySeconds"
        yield Cause("spec.progressDeadlineSeconds", message)


def _bounds(rolling: Object) -> Iterator[Cause]:
    for name, bound in rolling.items():
        field, shown = f"spec.strategy.rollingUpdate.{name}", json.dumps(bound)
        if isinstance(bound, str) and not re.fullmatch("[0-9]+%", bound):
            yield Cause(field, f"Invalid value: {shown}: {_PERCENT}")
        elif not isinstance(bound, str) and (not isinstance(bound, int) or bound < 0):
            yield Cause(field, f"Invalid value: {shown}: must be greater than or equal to 0")
        elif isinstance(bound, str) and name == "maxUnavailable" and int(bound[:-1]) > _WHOLE:
            yield Cause(field, f"Invalid value: {shown}: must not be greater than 100%")
    unavailable = rolling.get("maxUnavailable")
    if {str(unavailable), str(rolling.get("maxSurge"))} <= {"0", "0%"}:
        message = f"Invalid value: {json.dumps(unavailable)}: may not be 0 when `maxSurge` is 0"
        yield Cause("spec.strategy.rollingUpdate.maxUnavailable", message)


def _containers(resource: Resource, obj: Object) -> Iterator[tuple[str, Object]]:
    """Every container with its path, the init containers last, as the validation goes through them."""
    spec, path = obj.get("spec") or {}, "spec"
    if resource in TEMPLATED:
        spec, path = (spec.get("template") or {}).get("spec") or {}, "spec.template.spec"
    elif resource != PODS:
        return
    for field in ("containers", "initContainers"):
        for number, container in enumerate(spec.get(field) or []):
            yield f"{path}.{field}[{number}]", container


def _pod_spec(resource: Resource, obj: Object) -> Iterator[Cause]:
    seen: set[str] = set()
    path = "spec.template.spec" if resource in TEMPLATED else "spec"
    containers = list(_containers(resource, obj))
    if not any(field.startswith(f"{path}.containers") for field, _ in containers):
        yield Cause(f"{path}.containers", "Required value", "FieldValueRequired")
    for field, container in containers:
        name = container.get("name", "")
        if not name:
            yield Cause(f"{field}.name", "Required value", "FieldValueRequired")
        elif not re.fullmatch(_LABEL_RULE, name) or len(name) > _LONGEST_LABEL:
            yield Cause(f"{field}.name", f"Invalid value: {json.dumps(name)}: {_LABEL}")
        elif name in seen:
            yield Cause(f"{field}.name", f"Duplicate value: {json.dumps(name)}", "FieldValueDuplicate")
        seen.add(name)
        if not container.get("image"):
            yield Cause(f"{field}.image", "Required value", "FieldValueRequired")
        yield from _limits(field, container.get("resources") or {})


def _limits(field: str, resources: Object) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for name, requested in (resources.get("requests") or {}).items():
        limit = limits.get(name)
        if limit is not None and (quantity(str(requested)) or 0) > (quantity(str(limit)) or 0):
            message = (
                f"Invalid value: {json.dumps(str(requested))}: must be less than or equal to {name} limit of {limit}"
            )
            yield Cause(f"{field}.resources.requests", message)


def _secret(secret: Object) -> Iterator[Cause]:
    if secret.get("type") != _DOCKER_CONFIG:
        return
    field = "data[.dockerconfigjson]"
    content = (secret.get("data") or {}).get(".dockerconfigjson")
    if content is None:
        yield Cause(field, "Required value", "FieldValueRequired")
        return
    try:
        json.loads(base64.b64decode(content))
    except ValueError:
        yield Cause(field, 'Invalid value: "<secret contents redacted>": not JSON')


def _event(event: Object) -> Iterator[Cause]:
    involved = (event.get("involvedObject") or {}).get("namespace", "")
    namespace = event["metadata"]["namespace"]
    if involved != namespace and (involved or namespace != "default"):
        yield Cause(
            "involvedObject.namespace", f"Invalid value: {json.dumps(involved)}: does not match event.namespace"
        )


def _update(resource: Resource, old: Object, new: Object) -> Iterator[Cause]:
    if resource == DEPLOYMENTS and old["spec"]["selector"] != new["spec"].get("selector"):
        shown = json.dumps(new["spec"].get("selector"), separators=(",", ":"), sort_keys=True)
        yield Cause("spec.selector", f"Invalid value: {shown}: field is immutable")
    if resource != PODS:
        return
    for field in ("containers", "initContainers"):
        if len(old["spec"].get(field) or []) != len(new["spec"].get(field) or []):
            yield Cause(
                f"spec.{field}", "Forbidden: pod updates may not add or remove containers", "FieldValueForbidden"
            )
            return
    if _without_images(old["spec"]) != _without_images(new["spec"]):
        yield Cause("spec", f"Forbidden: {_POD_UPDATES}", "FieldValueForbidden")


def _without_images(spec: Object) -> Object:
    free = {"tolerations", "activeDeadlineSeconds", "nodeName"}
    bare = {key: value for key, value in spec.items() if key not in free}
    for field in ("containers", "initContainers"):
        bare[field] = [container | {"image": ""} for container in spec.get(field) or []]
    return bare
