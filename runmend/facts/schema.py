"""What the language of facts knows of each kind of object, generated from the models beside it.

Called by `facts.expressions`. A model's fields are its facts, and its properties that are a truth, a number, a text, a
duration or a map.
"""

import inspect
import textwrap
from ast import AnnAssign, ClassDef, Constant, Expr, FunctionDef, Name, parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    json_format,
    message_factory,
    struct_pb2,
    wrappers_pb2,
)
from google.protobuf.message import Message

from runmend.core.frozen import Frozen
from runmend.facts.autoscaler import AutoscalerFacts
from runmend.facts.claim import ClaimFacts
from runmend.facts.event import EventFacts
from runmend.facts.moved import MovedFacts
from runmend.facts.node import NodeFacts, Taint
from runmend.facts.object import Condition, Owner
from runmend.facts.outside import AnswerFacts, SampleFacts
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.facts.step import StepFacts
from runmend.facts.target import TargetFacts
from runmend.facts.units import Unit
from runmend.facts.workload import WorkloadFacts

_Field = descriptor_pb2.FieldDescriptorProto
PACKAGE: Final = "fact"
MODELS: Final[Mapping[str, type[Frozen]]] = MappingProxyType(
    {
        "Owner": Owner,
        "Condition": Condition,
        "Resources": Resources,
        "Container": ContainerFacts,
        "Pod": PodFacts,
        "Workload": WorkloadFacts,
        "Taint": Taint,
        "Node": NodeFacts,
        "Autoscaler": AutoscalerFacts,
        "Claim": ClaimFacts,
        "Event": EventFacts,
        "Moved": MovedFacts,
        "Step": StepFacts,
        "Target": TargetFacts,
        "Sample": SampleFacts,
        "Answer": AnswerFacts,
    }
)
"""The kinds of objects by their name in the language, what others are made of first."""
NO_FACTS: Final = frozenset({"in_words", "told_at"})
"""What a model says besides its facts."""
ALWAYS: Final = frozenset({"name", "uid"})
"""What an expression is given of an object whatever it reads: by these its evidence names it, and it is compared."""
_SCALARS: Final = {
    str: _Field.TYPE_STRING,
    bool: _Field.TYPE_BOOL,
    int: _Field.TYPE_INT64,
    float: _Field.TYPE_DOUBLE,
}
_NAMES: Final = {str: "string", bool: "bool", int: "int", float: "double", timedelta: "duration", object: "dyn"}
_NAME_OF: Final = {model: name for name, model in MODELS.items()}


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a kind of object. `of` is its type in Python: a scalar, or a model; `unit` is what it counts."""

    name: str
    of: type
    shape: Literal["one", "maybe", "list", "map"] = "one"
    unit: Unit | None = None

    @property
    def type(self) -> str:
        """Its type in the language: `bool`, `list(Container)`, `map(string, string)`; `int?` may be null."""
        name = _NAME_OF.get(self.of) or _NAMES[self.of]
        match self.shape:
            case "one":
                return name
            case "maybe":
                return f"{name}?"
            case "list":
                return f"list({name})"
            case _:
                return f"map(string, {name})"


@cache
def facts_of(model: type[Frozen]) -> tuple[Fact, ...]:
    """The facts of a kind of object, in the order in which its model names them."""
    hints = get_type_hints(model, include_extras=True)
    named = set(model.model_fields) - NO_FACTS
    fields = [_fact(name, annotation) for name, annotation in hints.items() if name in named]
    properties = [_fact(name, get_type_hints(value.fget)["return"]) for name, value in _properties(model)]
    return (*fields, *properties)


def _properties(model: type[Frozen]) -> Iterator[tuple[str, property]]:
    """The properties that are facts, those that every object has first."""
    for of in reversed(_lineage(model)):
        for name, value in vars(of).items():
            if isinstance(value, property) and name not in NO_FACTS:
                returned = get_type_hints(value.fget)["return"]
                if returned in _NAMES or get_origin(returned) is dict:
                    yield name, value


def _lineage(model: type[Frozen]) -> tuple[type[Frozen], ...]:
    """The models that a model is made of, itself first."""
    return tuple(each for each in model.__mro__ if issubclass(each, Frozen) and each is not Frozen)


def _fact(name: str, annotation: Any) -> Fact:  # noqa: ANN401  annotations are of any kind
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Fact(name, arguments[0], unit=arguments[1])
    if annotation is Any or origin is Literal:
        return Fact(name, str if origin else object)
    if origin in (Union, UnionType):
        (bare,) = (each for each in arguments if each is not NoneType)
        inner = _fact(name, bare)
        return Fact(name, inner.of, "maybe", inner.unit)
    if origin in (tuple, frozenset):
        return Fact(name, arguments[0], "list")
    if origin is dict:
        return Fact(name, arguments[1], "map")
    return Fact(name, annotation)


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """The declarations, as the expression's compiler reads them."""
    made = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="facts.proto", package=PACKAGE, syntax="proto3")
    for known in (wrappers_pb2, duration_pb2, struct_pb2):
        copied = descriptor_pb2.FileDescriptorProto()
        known.DESCRIPTOR.CopyToProto(copied)
        made.Add(copied)
        file.dependency.append(copied.name)
    for name, model in MODELS.items():
        described = file.message_type.add(name=name)
        for number, fact in enumerate(facts_of(model), 1):
            _declare(described, fact, number)
    made.Add(file)
    return made


def _declare(described: descriptor_pb2.DescriptorProto, fact: Fact, number: int) -> None:
    kind, message = _SCALARS.get(fact.of, _Field.TYPE_MESSAGE), _NAME_OF.get(fact.of)
    type_name = f".{PACKAGE}.{message}" if message else None
    if fact.shape == "maybe" and fact.of is int:  # null where there is none
        kind, type_name = _Field.TYPE_MESSAGE, ".google.protobuf.Int64Value"
    if fact.of is timedelta:
        type_name = ".google.protobuf.Duration"
    if fact.of is object:  # of JSON
        type_name = ".google.protobuf.Value"
    if fact.shape == "map":
        entry = described.nested_type.add(name="".join(part.title() for part in fact.name.split("_")) + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
        entry.field.add(name="value", number=2, type=kind, type_name=type_name, label=_Field.LABEL_OPTIONAL)
        kind, type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{described.name}.{entry.name}"
    repeated = fact.shape in ("list", "map")
    described.field.add(
        name=fact.name,
        number=number,
        type=kind,
        type_name=type_name,
        label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
    )


@cache
def _class(name: str) -> Any:  # noqa: ANN401  a class that is made here
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def message(value: Frozen, wanted: frozenset[str] | None = None) -> Message:
    """An object's facts as an expression reads them; the object itself is not changed.

    Args:
        value: the object.
        wanted: the names of the facts that are read of it, and of what it is made of; None for all.
    """
    made = _class(_NAME_OF[type(value)])()
    for fact in facts_of(type(value)):
        if wanted is not None and fact.name not in wanted and fact.name not in ALWAYS:
            continue
        found = getattr(value, fact.name)
        if found is None:
            continue
        if fact.shape == "map":
            getattr(made, fact.name).update(found)
        elif fact.shape == "list":
            getattr(made, fact.name).extend((message(each, wanted) for each in found) if fact.of in _NAME_OF else found)
        elif fact.of in _NAME_OF:
            getattr(made, fact.name).CopyFrom(message(found, wanted))
        elif fact.of is object:
            json_format.ParseDict(found, getattr(made, fact.name))
        elif fact.of is timedelta:
            getattr(made, fact.name).FromTimedelta(found)
        elif fact.shape == "maybe" and fact.of is int:
            getattr(made, fact.name).value = found
        else:
            setattr(made, fact.name, found)
    return made  # type: ignore[no-any-return]


def described(model: type[Frozen]) -> Iterator[tuple[Fact, str]]:
    """Each fact of a kind of object, and the sentence in its model that says what is behind it."""
    texts: dict[str, str] = {}
    for of in reversed(_lineage(model)):
        texts |= _texts(of)
    for fact in facts_of(model):
        yield fact, " ".join(texts.get(fact.name, "").split())


@cache
def units() -> Mapping[str, Unit]:
    """Fact → what it counts, of all kinds of objects: a name counts the same wherever it stands."""
    return {fact.name: fact.unit for model in MODELS.values() for fact in facts_of(model) if fact.unit}


@cache
def nullable_durations() -> frozenset[str]:
    """The facts that are durations which may not be there. Unlike numbers, the language knows no null of them."""
    every = (fact for model in MODELS.values() for fact in facts_of(model))
    return frozenset(fact.name for fact in every if fact.of is timedelta and fact.shape == "maybe")


def _texts(model: type[Frozen]) -> dict[str, str]:
    (tree,) = parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(tree, ClassDef)  # noqa: S101  the source of a class
    texts: dict[str, str] = {}
    name = ""
    for statement in tree.body:
        match statement:
            case AnnAssign(target=Name(id=field)):
                name = field
            case Expr(value=Constant(value=str(text))) if name:
                texts[name], name = inspect.cleandoc(text), ""
            case FunctionDef(name=field) if isinstance(said := vars(model).get(field), property):
                texts[field] = inspect.getdoc(said) or ""
    return texts
