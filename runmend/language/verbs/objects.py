"""Objects for verbs that read: which one a command names, and what is known of it."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from runmend.core.errors import StepFailed
from runmend.core.frozen import Frozen
from runmend.core.kinds import CUSTOM, KINDS, Kind, kind_of_name
from runmend.core.names import dns_subdomain
from runmend.core.wording import quoted
from runmend.facts.autoscaler import AutoscalerFacts
from runmend.facts.claim import ClaimFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.pod import PodFacts
from runmend.facts.schema import facts_of
from runmend.facts.step import StepFacts
from runmend.facts.workload import WorkloadFacts
from runmend.language.needs import Right
from runmend.language.verbs.command import NAMESPACE, Command, in_namespace, kind_of, no_more
from runmend.language.verbs.values import checked
from runmend.plan.operations import Operation

ANY_KIND: Final = (*(kind.name for kind in KINDS if kind.name not in ("Event", "Secret")), CUSTOM)
"""All kinds but Secrets, whose values nobody may read by a command."""
_MODELS: Final[Mapping[str, type[ObjectFacts]]] = {
    "Pod": PodFacts,
    "Node": NodeFacts,
    "HorizontalPodAutoscaler": AutoscalerFacts,
    "PersistentVolumeClaim": ClaimFacts,
}
_WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
_SCALARS: Final = (str, int, bool)
_TERM: Final = re.compile(r"(?P<not>!?)(?P<key>[^=!]*)(?:(?P<operator>==|!=|=)(?P<value>[^=!]*))?")
_KEY: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_LIKE: Final = "write key=value, key!=value, key or !key, separated by commas, such as app=web"


class LabelTerm(Frozen):
    """One term of a label selector: `app=web`."""

    key: str
    operator: Literal["=", "!=", "exists", "!"] = "exists"
    value: str = ""

    @property
    def in_words(self) -> str:
        """As kubectl has it."""
        match self.operator:
            case "exists" | "!":
                return f"{'!' if self.operator == '!' else ''}{self.key}"
            case _:
                return f"{self.key}{self.operator}{self.value}"


def object_of(
    command: Command, kinds: tuple[str, ...], does: str, *, bare: bool = False, may_be_all: bool = False
) -> tuple[Kind, str] | None:
    """The object that a command reads: `TYPE NAME` or `TYPE/NAME`, by a name or by its placeholder.

    With `bare` the kind may be left out, and is a pod's; with `may_be_all` the name.
    """
    if not command.words:
        command.error(f"kubectl {does} names no resource", f"write kubectl {does} {kind_of_name(kinds[0]).singular}")
        return None
    first, *rest = command.words
    word, slash, name = first.partition("/")
    if bare and not slash:
        kind, name = kind_of_name("Pod"), first
    else:
        found = kind_of(word, command, kinds, f"kubectl {does}")
        if found is None:
            return None
        kind = found
        if not slash:
            name, rest = (rest[0], rest[1:]) if rest else ("", [])
    if not name and not may_be_all:
        command.error(f"the command names no {kind.name}", f"write kubectl {does} {kind.singular}/{{{kind.singular}}}")
        return None
    good = no_more(tuple(rest), command, f"read one {kind.name}")
    good = in_namespace(command, kind) and good
    good = (not name or command.check(name, f"the name of a {kind.name}", dns_subdomain, (kind.singular,))) and good
    return (kind, command.filled(name)) if good else None


def reads(verb: str, kind: Kind, name: str, arguments: Frozen) -> Operation:
    """The operation of a command that reads objects."""
    namespace = NAMESPACE if kind.namespaced else ""
    return Operation(
        verb=verb, kind=kind.name, name=name, namespace=namespace, arguments=arguments.model_dump(mode="json")
    )


def place_of(operation: Operation, values: Mapping[str, str]) -> tuple[str, str]:
    """Namespace and name of what an operation reads, filled; empty where it has none."""
    namespace = checked(operation.namespace, values, "namespace") if operation.namespace else ""
    return namespace, checked(operation.name, values, "name") if operation.name else ""


def named(operation: Operation, namespace: str, name: str) -> str:
    """`Deployment shop/web`."""
    return f"{operation.kind} {namespace}/{name}" if namespace else f"{operation.kind} {name}"


def labels_of(text: str, command: Command) -> tuple[LabelTerm, ...] | None:
    """A label selector as it is written; None where it is none, which is said."""
    found = [_label(term.strip(), command) for term in text.split(",")] if text else []
    terms = tuple(term for term in found if term)
    return terms if len(terms) == len(found) else None


def _label(text: str, command: Command) -> LabelTerm | None:
    read = _TERM.fullmatch(text)
    if read is None or not _KEY.fullmatch(read["key"].strip()) or (read["not"] and read["operator"]):
        command.error(f"{quoted(text)} is not a term of a label selector that is read", _LIKE)
        return None
    key = read["key"].strip()
    if not read["operator"]:
        return LabelTerm(key=key, operator="!" if read["not"] else "exists")
    value = read["value"].strip()
    built_in = ("pod", "deployment", "statefulset", "daemonset", "node", "namespace", "container")
    if not command.check(value, f"the value of the label {key}", _label_value, built_in):
        return None
    return LabelTerm(key=key, operator="!=" if read["operator"] == "!=" else "=", value=command.filled(value))


def _label_value(value: str) -> None:
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{quoted(value)} is not a label's value")


def selector_of(terms: tuple[LabelTerm, ...], values: Mapping[str, str]) -> str:
    """A label selector as a list's query has it."""
    found = []
    for term in terms:
        value = checked(term.value, values, "name") if term.value.startswith("{") else term.value
        if not _VALUE.fullmatch(value):
            raise StepFailed(f"{quoted(value)} is not a label's value", reason="placeholder with a wrong value")
        found.append(term.model_copy(update={"value": value}).in_words)
    return ",".join(found)


def in_words(found: ObjectFacts) -> str:
    """An object in one line, its name first."""
    return str(getattr(found, "in_words", found.name))


def scalars(found: ObjectFacts) -> dict[str, str | int | bool]:
    """Its facts that are a text, a number or a truth, by their names."""
    plain = (fact.name for fact in facts_of(type(found)) if fact.shape in ("one", "maybe") and fact.of in _SCALARS)
    values = {name: getattr(found, name) for name in plain}
    return {name: value for name, value in values.items() if isinstance(value, _SCALARS) and value != ""}


def told(operation: Operation) -> frozenset[str]:
    """The facts of its object that a step tells later ones: those of its kind that have a type of their own there."""
    model = _MODELS.get(operation.kind, WorkloadFacts if operation.kind in _WORKLOADS else ObjectFacts)
    plain = (fact.name for fact in facts_of(model) if fact.shape in ("one", "maybe") and fact.of in (str, int))
    return frozenset(plain) & StepFacts.model_fields.keys() - ObjectFacts.model_fields.keys()


def right_to_read(operation: Operation) -> Right:
    """To get an object by its name, or to list its kind."""
    kind = kind_of_name(operation.kind)
    return Right(kind.group, (kind.plural,), ("get",) if operation.name else ("list",))
