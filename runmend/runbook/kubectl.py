"""The grammar of commands: a line of kubectl to a typed operation, or the reasons why not.

Later verbs are added in `_VERBS`.
"""

import re
from collections.abc import Callable

from runmend.core.names import dns_subdomain
from runmend.plan.plan import FieldTerm, GetEvents, Operation, PatchDeployment
from runmend.runbook.diagnostics import listed, quoted
from runmend.runbook.flags import Words, sort_words
from runmend.runbook.patch import EXAMPLE, read_patch
from runmend.runbook.shell_words import ShellSyntax, split_words
from runmend.runbook.values import Validator, Values

SUPPORTED = "kubectl get events and kubectl patch deployment"
NAMESPACE = "{namespace}"
_REFUSED_VERBS = {
    "exec": "it runs a command inside a container, and nobody can tell what that changed",
    "edit": "it waits for a person at an editor",
    "debug": "it adds a container to the pod and waits for a person",
    "rsh": "it opens a shell inside a container",
    "cp": "it copies files into or out of a container",
    "attach": "it ties itself to a running process",
    "port-forward": "it opens a tunnel into the cluster and does not end",
    "proxy": "it opens the API server to this machine and does not end",
}
_EVENTS = frozenset({"events", "event", "ev"})
_DEPLOYMENTS = frozenset(
    {
        "deployment",
        "deployments",
        "deploy",
        "deployment.apps",
        "deployments.apps",
        "deployment.v1.apps",
        "deployments.v1.apps",
    }
)
_TERM = re.compile(r"(?P<field>[^=!]*)(?P<operator>==|!=|=)(?P<value>[^=!]*)")


def _matching(pattern: str, expected: str) -> Validator:
    compiled = re.compile(pattern)

    def validate(value: str) -> None:
        if not compiled.fullmatch(value):
            raise ValueError(f"{quoted(value)} is not {expected}")

    return validate


_WORD = _matching(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,252}", "a word of letters, digits, '.', '_', '/' and '-'")
_OBJECT = "involvedObject"
_FIELDS: dict[str, tuple[Validator, tuple[str, ...]]] = {
    f"{_OBJECT}.kind": (_matching(r"[A-Z][A-Za-z]{0,62}", "a kind, such as Pod"), ()),
    f"{_OBJECT}.namespace": (dns_subdomain, ("namespace",)),
    f"{_OBJECT}.name": (dns_subdomain, ("pod", "deployment")),
    f"{_OBJECT}.uid": (_matching(r"[A-Za-z0-9-]{1,128}", "a uid"), ()),
    f"{_OBJECT}.apiVersion": (_WORD, ()),
    f"{_OBJECT}.resourceVersion": (_matching(r"[0-9]{1,32}", "a resourceVersion"), ()),
    f"{_OBJECT}.fieldPath": (_WORD, ()),
    "reason": (_WORD, ()),
    "reportingComponent": (_WORD, ()),
    "source": (_WORD, ()),
    "type": (_matching(r"Normal|Warning", "Normal or Warning"), ()),
    "metadata.name": (dns_subdomain, ()),
    "metadata.namespace": (dns_subdomain, ("namespace",)),
}
"""The fields that the API server selects events by, what a literal is checked for, and which of the run's placeholders
may stand there."""


def parse_command(text: str, values: Values) -> Operation | None:
    """Parse one command; None where the report of `values` says why not."""
    try:
        words = split_words(text)
    except ShellSyntax as error:
        values.report.error(values.line, error.problem, error.remedy)
        return None
    if not words:
        values.report.error(values.line, "the command is empty", f"write a command; supported are {SUPPORTED}")
        return None
    program, *rest = words
    if program != "kubectl":
        if values.refuse_placeholders(program, "the program's name"):
            values.report.error(
                values.line, f"the program {quoted(program)} is not kubectl", "write a command that begins with kubectl"
            )
        return None
    sorted_words = sort_words(rest, values)
    verb = sorted_words.positional[0] if sorted_words.positional else ""
    reader = _VERBS.get(verb)
    if reader is None:
        _refuse_verb(verb, values)
        return None
    return reader(sorted_words, values) if sorted_words.understood else None


def _refuse_verb(verb: str, values: Values) -> None:
    if not values.refuse_placeholders(verb, "the verb"):
        return
    if verb in _REFUSED_VERBS:
        values.report.error(
            values.line,
            f"kubectl {verb} is refused: {_REFUSED_VERBS[verb]}",
            f"write what should change; supported are {SUPPORTED}",
        )
    elif verb:
        values.report.error(values.line, f"the verb {quoted(verb)} is not supported yet", f"supported are {SUPPORTED}")
    else:
        values.report.error(values.line, "the command has no verb", f"supported are {SUPPORTED}")


def _get(words: Words, values: Values) -> Operation | None:
    _, *names = words.positional
    if not names:
        values.report.error(values.line, "kubectl get names no resource", "write kubectl get events")
        return None
    if not _is_resource(names[0], _EVENTS, values, f"kubectl get reads {quoted(names[0])}"):
        return None
    good = _has_no_more(names[1:], values, "narrow the events with --field-selector involvedObject.name={pod}")
    good = _has_only(words, ("--namespace", "--field-selector"), "kubectl get events", values) and good
    good = _is_in_namespace(words, values) and good
    terms = _field_selector(words.flags["--field-selector"], values) if "--field-selector" in words.flags else ()
    return GetEvents(namespace=NAMESPACE, field_selector=terms) if good and terms is not None else None


def _patch(words: Words, values: Values) -> Operation | None:
    _, *names = words.positional
    if not names:
        values.report.error(
            values.line, "kubectl patch names no resource", "write kubectl patch deployment {deployment}"
        )
        return None
    kind, slash, name = names[0].partition("/")
    if not _is_resource(kind, _DEPLOYMENTS, values, f"kubectl patch changes {quoted(kind)}"):
        return None
    rest = names[1:]
    if not slash:
        name, rest = (rest[0], rest[1:]) if rest else ("", [])
    good = _has_no_more(rest, values, "patch one Deployment")
    good = _is_target(name, values) and good
    good = _has_only(words, ("--namespace", "--patch", "--type"), "kubectl patch deployment", values) and good
    good = _is_in_namespace(words, values) and good
    good = _is_strategic(words.flags.get("--type", "strategic"), values) and good
    if "--patch" not in words.flags:
        values.report.error(values.line, "the patch is missing", f"write -p {EXAMPLE}")
        return None
    images = read_patch(words.flags["--patch"], values)
    if images is None or not good:
        return None
    return PatchDeployment(name=name, namespace=NAMESPACE, containers=images[0], init_containers=images[1])


_VERBS: dict[str, Callable[[Words, Values], Operation | None]] = {"get": _get, "patch": _patch}


def _is_resource(name: str, expected: frozenset[str], values: Values, problem: str) -> bool:
    if name in expected:
        return True
    if values.refuse_placeholders(name, "the resource"):
        values.report.error(values.line, f"{problem}, which is not supported yet", f"supported are {SUPPORTED}")
    return False


def _has_no_more(names: list[str], values: Values, remedy: str) -> bool:
    if names:
        values.report.error(
            values.line, f"{listed([quoted(name) for name in names[:5]], 'and')} is one word too many", remedy
        )
    return not names


def _has_only(words: Words, flags: tuple[str, ...], command: str, values: Values) -> bool:
    others = [flag for flag in words.flags if flag not in flags]
    for flag in others:
        values.report.error(values.line, f"{flag} is not a flag of {command}", "remove it")
    return not others


def _is_in_namespace(words: Words, values: Values) -> bool:
    namespace = words.flags.get("--namespace")
    if namespace == NAMESPACE:
        return True
    if namespace is None:
        values.report.error(values.line, "the command says no namespace", f"say it: -n {NAMESPACE}")
    else:
        values.report.error(
            values.line,
            f"the namespace is {quoted(namespace)}",
            f"write -n {NAMESPACE}: a run stays in its alert's namespace",
        )
    return False


def _is_target(name: str, values: Values) -> bool:
    if name == "{deployment}":
        return True
    if name:
        remedy = "write {deployment}: a run changes its own target only, which nobody else changes meanwhile"
        values.report.error(values.line, f"the Deployment is {quoted(name)}", remedy)
    else:
        values.report.error(
            values.line, "the command names no Deployment", "write kubectl patch deployment {deployment}"
        )
    return False


def _is_strategic(kind: str, values: Values) -> bool:
    if kind == "strategic":
        return True
    if kind == "merge":
        problem = "--type merge replaces the whole list of containers"
    elif kind == "json":
        problem = "--type json changes containers by their place in the list, which may be another one's by then"
    else:
        problem = f"--type {quoted(kind)} is not a type of patch"
    values.report.error(values.line, problem, "leave --type out; strategic is kubectl's default")
    return False


def _field_selector(text: str, values: Values) -> tuple[FieldTerm, ...] | None:
    terms = [_term(term, values) for term in text.split(",")]
    return None if None in terms else tuple(term for term in terms if term is not None)


def _term(text: str, values: Values) -> FieldTerm | None:
    found = _TERM.fullmatch(text)
    if found is None:
        remedy = "write field=value or field!=value, separated by commas, such as involvedObject.name={pod}"
        values.report.error(values.line, f"{quoted(text)} is not a term of a field selector", remedy)
        return None
    field, value = found["field"].strip(), found["value"].strip()
    if not values.refuse_placeholders(field, "a field's name"):
        return None
    if field not in _FIELDS:
        values.report.error(
            values.line, f"events cannot be selected by {quoted(field)}", f"use one of {listed(list(_FIELDS))}"
        )
        return None
    validator, built_in = _FIELDS[field]
    if field.endswith("namespace") and value != NAMESPACE:
        values.report.error(
            values.line,
            f"the field {field} is {quoted(value)}",
            f"write {field}={NAMESPACE}: a run stays in its namespace",
        )
        return None
    if not values.check(value, f"the value of {field}", validator, built_in):
        return None
    return FieldTerm(field=field, operator="!=" if found["operator"] == "!=" else "=", value=values.filled(value))
