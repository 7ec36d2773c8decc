"""Label and field selectors of list requests."""

import re
from collections.abc import Callable

from runmend.local.sandbox.resources import EVENTS, NAMESPACES, NODES, PODS, SECRETS, Object, Resource
from runmend.local.sandbox.status import bad_request

Test = Callable[[Object], bool]

_EVERYWHERE = ("metadata.name", "metadata.namespace")
_FIELDS: dict[Resource, tuple[str, ...]] = {
    PODS: (
        "spec.hostNetwork",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.nominatedNodeName",
        "status.phase",
        "status.podIP",
        "status.podIPs",
    ),
    EVENTS: (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    SECRETS: ("type",),
    NODES: ("spec.unschedulable",),
    NAMESPACES: ("status.phase",),
}
_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|,|\(|\)|>|<)|([^\s=!,()<>]+))")
# One of the terms of a field selector: a comma after a backslash belongs to a value.
_TERM = re.compile(r"(?:\\.|[^,])+")
_END = ""


def by_fields(resource: Resource, selector: str) -> Test:
    """A test for `a=b,c!=d` over the fields that this resource can be selected by."""
    terms = []
    for term in _TERM.findall(selector):
        match = re.fullmatch(r"([^=!]*)(==|!=|=)(.*)", term)
        if match is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{term}'")
        field, operator, value = match[1], match[2], _unescaped(match[3])
        if field not in _EVERYWHERE + _FIELDS.get(resource, ()):
            raise _unknown_field(resource, field)
        terms.append((field.split("."), value, operator != "!="))

    def test(obj: Object) -> bool:
        return all((_field(obj, path) == value) is wanted for path, value, wanted in terms)

    return test


def _unescaped(value: str) -> str:
    """A field selector's value; a comma, an equals sign and a backslash stand in it after a backslash."""
    plain, rest = "", iter(value)
    for character in rest:
        escaped = next(rest, "") if character == "\\" else None
        if escaped is not None and escaped not in ("\\", ",", "="):
            raise bad_request(f"invalid field selector: invalid escape sequence: \\{escaped}")
        if character == "=":
            raise bad_request(f"invalid field selector: unescaped character in value: {ord(character)}")
        plain += character if escaped is None else escaped
    return plain


def _unknown_field(resource: Resource, field: str) -> Exception:
    if resource in _FIELDS:
        return bad_request(f"field label not supported: {field}")
    return bad_request(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def _field(obj: Object, path: list[str]) -> str:
    value: object = obj
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if path == ["source"] and isinstance(value, dict):
        value = value.get("component")
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def by_labels(selector: str) -> Test:
    """A test for equality and set based requirements, all of which must hold."""
    return _Labels(selector).parsed()


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a workload's selector takes an object of these labels."""
    wanted: dict[str, str] = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expressed(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _expressed(expression: Object, labels: dict[str, str]) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


class _Labels:
    """The grammar of `a=b,c!=d,e in (f,g),h notin (i),j,!k`."""

    def __init__(self, selector: str) -> None:
        self._tokens = [operator or word for operator, word in _TOKEN.findall(selector)]
        self._tests: list[Callable[[dict[str, str]], bool]] = []

    def parsed(self) -> Test:
        while self._tokens:
            self._tests.append(self._requirement())
            end = self._next()
            if end not in (",", _END):
                raise bad_request(f"found '{end}', expected: ',' or 'end of string'")
            if end == "," and not self._tokens:
                raise bad_request("found '', expected: identifier after ','")
        tests = self._tests
        return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)

    def _requirement(self) -> Callable[[dict[str, str]], bool]:
        key = self._next()
        if key == "!":
            absent = self._next()
            if absent == _END:
                raise bad_request("unable to parse requirement: found '', expected: identifier")
            return lambda labels: absent not in labels
        operator = self._tokens[0] if self._tokens else _END
        if operator in (",", _END):
            return lambda labels: key in labels
        self._next()
        match operator:
            case "=" | "==":
                value = self._value()
                return lambda labels: labels.get(key) == value
            case "!=":
                value = self._value()
                return lambda labels: labels.get(key) != value
            case "in":
                among = self._values()
                return lambda labels: labels.get(key) in among
            case "notin":
                among = self._values()
                return lambda labels: labels.get(key) not in among
        raise bad_request(f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _value(self) -> str:
        return self._next() if self._tokens and self._tokens[0] != "," else ""

    def _values(self) -> frozenset[str]:
        opening = self._next()
        if opening != "(":
            raise bad_request(f"unable to parse requirement: found '{opening}' expected: '('")
        values = set()
        while True:
            # Nothing between two of these is an empty value.
            values.add("" if self._tokens and self._tokens[0] in (",", ")") else self._next())
            end = self._next()
            if end == ")":
                return frozenset(values)
            if end != ",":
                raise bad_request(f"unable to parse requirement: found '{end}', expected: ',' or ')'")

    def _next(self) -> str:
        return self._tokens.pop(0) if self._tokens else _END
