"""`kubectl get events`: the events of the alert's namespace, those that a field selector chooses."""

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final, Literal

from runmend.core.errors import StepFailed
from runmend.core.frozen import Frozen
from runmend.core.kinds import kind_of_name
from runmend.core.names import dns_subdomain
from runmend.core.wording import listed, quoted
from runmend.facts.event import EventFacts
from runmend.language.verbs.command import NAMESPACE, Command, Flag, Validator, flag, in_namespace, no_more
from runmend.language.verbs.values import checked
from runmend.language.verbs.verb import Asked, Read, Reading, Verb
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_TERM = re.compile(r"(?P<field>[^=!]*)(?P<operator>==|!=|=)(?P<value>[^=!]*)")
_PLAIN = re.compile(r"[A-Za-z0-9._:/-]{0,253}")


class FieldTerm(Frozen):
    """One term of a field selector: `involvedObject.name={pod}`."""

    field: str
    operator: Literal["=", "!="]
    value: str


class EventQuery(Frozen):
    """Which events."""

    field_selector: tuple[FieldTerm, ...] = ()


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


def _command(command: Command) -> Operation | None:
    kind = kind_of_name("Event")
    good = no_more(command.words, command, "narrow the events with --field-selector involvedObject.name={pod}")
    good = in_namespace(command, kind) and good
    selector = flag(command, "--field-selector")
    terms = [_term(term, command) for term in selector.split(",")] if selector else []
    found = tuple(term for term in terms if term)
    if not good or len(found) < len(terms):
        return None
    arguments = EventQuery(field_selector=found).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, namespace=NAMESPACE, arguments=arguments)


def _term(text: str, command: Command) -> FieldTerm | None:
    found = _TERM.fullmatch(text)
    if found is None:
        remedy = "write field=value or field!=value, separated by commas, such as involvedObject.name={pod}"
        command.error(f"{quoted(text)} is not a term of a field selector", remedy)
        return None
    name, value = found["field"].strip(), found["value"].strip()
    if not command.refuse_placeholders(name, "a field's name"):
        return None
    if name not in _FIELDS:
        command.error(f"events cannot be selected by {quoted(name)}", f"use one of {listed(list(_FIELDS))}")
        return None
    validator, built_in = _FIELDS[name]
    if name.endswith("namespace") and value != NAMESPACE:
        command.error(f"the field {name} is {quoted(value)}", f"write {name}={NAMESPACE}: a run stays in its namespace")
        return None
    if not command.check(value, f"the value of {name}", validator, built_in):
        return None
    return FieldTerm(field=name, operator="!=" if found["operator"] == "!=" else "=", value=command.filled(value))


def _selected(query: EventQuery, asked: Asked) -> list[tuple[str, str, str]]:
    """The terms of the selector, filled."""
    found: list[tuple[str, str, str]] = []
    for term in query.field_selector:
        value = checked(term.value, asked.values, "name") if term.value.startswith("{") else term.value
        if not _PLAIN.fullmatch(value):
            raise StepFailed(
                f"the field selector's value {quoted(value)} holds a character that selectors give a meaning to",
                reason="placeholder with a wrong value",
            )
        found.append((term.field, term.operator, value))
    return found


def _read(query: EventQuery, cluster: "Cluster", asked: Asked) -> Read:
    namespace = checked(asked.operation.namespace, asked.values, "namespace")
    terms = _selected(query, asked)
    events = cluster.events(namespace, ",".join(f"{name}{operator}{value}" for name, operator, value in terms))
    named = next((value for name, operator, value in terms if (name, operator) == (f"{_OBJECT}.name", "=")), "")
    pod = asked.values.get("pod", "")
    where = f"pod {named}" if named == pod else named
    found = f"{len(events)} events of {where or f'namespace {namespace}'}"
    facts = {"count": len(events)} | facts_of_events(events)
    # Others of the namespace have their own troubles.
    own = {pod, *(each.name for each in asked.now.pods)}
    targets = events if named else tuple(event for event in events if event.object_name in own)
    findings = told(events)
    if asked.state is None:
        return Read(found, facts, findings, targets)
    speaking = sum(map(asked.state.spoken_of_by, targets))
    whose = "" if named else " of the target"
    says = "confirmed" if speaking else "not confirmed by events, which expire and are rationed"
    summary = f"{found}, {speaking} of them of {asked.state.name}{whose}: {says}"
    return Read(summary, facts | {"matching": speaking}, findings, targets, confirmed=bool(speaking))


EVENT_FACTS: Final = frozenset({"events", "warnings", "reasons", "reason", "message", "missing"})
"""What a step that reads events tells of them."""


def facts_of_events(events: Collection[EventFacts]) -> dict[str, str | int | bool]:
    """How many there are, how often each reason was told (`reason Failed`), and what the newest one and all say."""
    found: dict[str, str | int | bool] = {
        "events": len(events),
        "warnings": sum(event.type == "Warning" for event in events),
        "missing": ", ".join(dict.fromkeys(event.missing for event in events if event.missing)),
    }
    if events:
        newest = max(events, key=lambda event: event.last_seen)
        found |= {"reason": newest.reason, "message": newest.message}
    counts: dict[str, int] = {}
    for event in events:
        counts[f"reason {event.reason}"] = counts.get(f"reason {event.reason}", 0) + event.count
    return found | counts


def told(events: Iterable[EventFacts]) -> tuple[str, ...]:
    """Events in lines, the newest last."""
    return tuple(
        f"{event.type} {event.reason} ({event.count}x) {event.object_kind} {event.object_name}: {event.message}"
        for event in sorted(events, key=lambda event: event.last_seen)
    )


def _says(query: EventQuery) -> str:
    terms = ", ".join(f"{term.field}{term.operator}{term.value}" for term in query.field_selector)
    return f"in {NAMESPACE}" + (f" where {terms}" if terms else "")


VERB = Verb(
    words="get events",
    summary="Reads the events of the alert's namespace, those that a field selector chooses.",
    kinds=("Event",),
    arguments=EventQuery,
    command=_command,
    says=_says,
    example="kubectl get events -n {namespace} --field-selector involvedObject.name={pod}",
    flags=(Flag("--field-selector", means="only those with these fields"),),
    reading=Reading(_read, tells=lambda _: EVENT_FACTS | {"matching"}),
)
