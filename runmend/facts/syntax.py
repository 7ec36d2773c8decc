"""A checked expression as a tree: which facts it reads, its text again, and each of its parts as an expression.

Called by `facts.expressions`. The compiler hands over its tree as Protocol Buffers, `cel.expr.CheckedExpr` of CEL's
published specification; the fields that are read of it are described here, all others are carried along.
"""

import re
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import count
from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_Field = descriptor_pb2.FieldDescriptorProto
_KINDS: Final = {
    "string": _Field.TYPE_STRING,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
    "uint64": _Field.TYPE_UINT64,
    "int32": _Field.TYPE_INT32,
    "double": _Field.TYPE_DOUBLE,
    "bytes": _Field.TYPE_BYTES,
}
# Message → its fields: name, kind, number. A `*` before a kind: repeated.
_MESSAGES: Final[dict[str, tuple[tuple[str, str, int], ...]]] = {
    "CheckedExpr": (("types", "*TypeEntry", 3), ("expr", "Expr", 4)),
    "TypeEntry": (("key", "int64", 1), ("value", "Type", 2)),
    "Type": (("well_known", "int32", 5),),
    "Expr": (
        ("id", "int64", 2),
        ("const", "Constant", 3),
        ("ident", "Ident", 4),
        ("select", "Select", 5),
        ("call", "Call", 6),
        ("list", "List", 7),
        ("struct", "Struct", 8),
        ("comprehension", "Comprehension", 9),
    ),
    "Constant": (
        ("null", "int32", 1),
        ("bool", "bool", 2),
        ("int", "int64", 3),
        ("uint", "uint64", 4),
        ("double", "double", 5),
        ("string", "string", 6),
        ("bytes", "bytes", 7),
    ),
    "Ident": (("name", "string", 1),),
    "Select": (("operand", "Expr", 1), ("field", "string", 2), ("test_only", "bool", 3)),
    "Call": (("target", "Expr", 1), ("function", "string", 2), ("args", "*Expr", 3)),
    "List": (("elements", "*Expr", 1),),
    "Struct": (("name", "string", 1), ("entries", "*Entry", 2)),
    "Entry": (("key", "Expr", 3), ("value", "Expr", 4)),
    "Comprehension": (
        ("iter_var", "string", 1),
        ("iter_range", "Expr", 2),
        ("accu_var", "string", 3),
        ("accu_init", "Expr", 4),
        ("loop_condition", "Expr", 5),
        ("loop_step", "Expr", 6),
        ("result", "Expr", 7),
    ),
}
NOT_DONE: Final = " was not done"
"""Behind an earlier step's name, where something is asked of it that only its work could tell."""
_UNITS: Final = ((604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"))
_DURATION: Final = 3
"""Among the types that the specification calls well known."""
_FIRST_OWN: Final = 1 << 40
"""From here on parts are numbered that the compiler has not made."""
_OPERATORS: Final = {
    "_&&_": "&&",
    "_||_": "||",
    "_==_": "==",
    "_!=_": "!=",
    "_<_": "<",
    "_<=_": "<=",
    "_>_": ">",
    "_>=_": ">=",
    "_+_": "+",
    "_-_": "-",
    "_*_": "*",
    "_/_": "/",
    "_%_": "%",
    "@in": "in",
}
COMPARISONS: Final = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
CALCULATIONS: Final = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_"})
OPERATIONS: Final = frozenset(_OPERATORS) - {"@in"}
"""Calls whose operands are looked at one by one, and not the call as a whole."""


@cache
def _class(name: str) -> Any:  # noqa: ANN401  a class that is made here
    pool = descriptor_pool.DescriptorPool()
    # Of the older syntax, by which a constant of 0 or "" can be told from none.
    file = descriptor_pb2.FileDescriptorProto(name="expression.proto", package="cel", syntax="proto2")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for field, kind, number in fields:
            bare = kind.removeprefix("*")
            described.field.add(
                name=field,
                number=number,
                type=_KINDS.get(bare, _Field.TYPE_MESSAGE),
                type_name=None if bare in _KINDS else f".cel.{bare}",
                label=_Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL,
            )
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"cel.{name}"))


class Node:
    """One part of an expression. What it is told of is kept: expressions are judged again and again."""

    def __init__(self, checked: Any, expr: Any) -> None:  # noqa: ANN401  messages of a class that is made here
        self._checked = checked
        self.expr = expr

    @classmethod
    def parse(cls, serialized: bytes) -> "Node":
        """The whole of a compiled expression."""
        packed = any_pb2.Any.FromString(serialized)
        checked = _class("CheckedExpr").FromString(packed.value)
        return cls(checked, checked.expr)

    def serialized(self, nullable: frozenset[str] = frozenset(), told: frozenset[str] = frozenset()) -> bytes:
        """This part as a compiled expression of its own; what it names must be given when it is evaluated.

        Args:
            nullable: the facts that are durations and may not be there. The language takes 0 for one that is not; here
                it is null, with which nothing can be compared.
            told: the facts that an earlier step tells only where it is done: of one that is not, nothing can be told,
                but that a number is null.
        """
        checked = type(self._checked)()
        checked.CopyFrom(self._checked)
        checked.expr.CopyFrom(self.expr)
        if nullable:
            durations = {entry.key for entry in checked.types if entry.value.well_known == _DURATION}
            _make_null(Node(checked, checked.expr), nullable, durations)
        if told:
            _make_unknown(Node(checked, checked.expr), told)
        return any_pb2.Any(
            type_url="type.googleapis.com/cel.expr.CheckedExpr", value=checked.SerializeToString()
        ).SerializeToString()

    @cached_property
    def kind(self) -> str:
        """`const`, `ident`, `select`, `call`, `list`, `struct`, `comprehension`."""
        return next((field.name for field, _ in self.expr.ListFields() if field.name != "id"), "")

    def _part(self, expr: Any) -> "Node":  # noqa: ANN401  a message of a class that is made here
        return Node(self._checked, expr)

    @cached_property
    def function(self) -> str:
        """The name of what it calls, an operator's as CEL writes it inside (`_&&_`); empty where it calls nothing."""
        return str(self.expr.call.function) if self.kind == "call" else ""

    @cached_property
    def operands(self) -> tuple["Node", ...]:
        """What it is made of, in the order of its text."""
        expr = self.expr
        match self.kind:
            case "select":
                return (self._part(expr.select.operand),)
            case "call":
                target = (self._part(expr.call.target),) if expr.call.HasField("target") else ()
                return (*target, *map(self._part, expr.call.args))
            case "list":
                return tuple(map(self._part, expr.list.elements))
            case "struct":
                return tuple(self._part(each) for entry in expr.struct.entries for each in (entry.key, entry.value))
            case "comprehension":
                looped = expr.comprehension
                return tuple(map(self._part, (looped.iter_range, looped.loop_step)))
            case _:
                return ()

    def __iter__(self) -> Iterator["Node"]:
        """Itself, and all its parts."""
        yield self
        for part in self.operands:
            yield from part

    @property
    def macro(self) -> tuple[str, str, "Node", "Node"]:
        """How a comprehension was written: its name, its variable, what it goes through, and what it does with each."""
        looped = self.expr.comprehension
        step, result = looped.loop_step.call, looped.result
        variable, among = str(looped.iter_var), self._part(looped.iter_range)
        match step.function:
            case "_&&_":
                return "all", variable, among, self._part(step.args[1])
            case "_||_":
                return "exists", variable, among, self._part(step.args[1])
            case "_?_:_":
                name = "exists_one" if result.HasField("call") else "filter"
                return name, variable, among, self._part(step.args[0])
            case _:
                return "map", variable, among, self._part(step.args[1].list.elements[0])

    @cached_property
    def quantified(self) -> tuple[str, str, "Node", "Node"] | None:
        """The macro where it is `all` or `exists`, which are decided by single elements; None where it is neither."""
        if self.kind != "comprehension":
            return None
        macro = self.macro
        return macro if macro[0] in ("all", "exists") else None

    @cached_property
    def step(self) -> str:
        """The name of the earlier step that it is, `steps["read"]`; empty where it is none."""
        if self.function != "_[_]":
            return ""
        among, key = self.operands
        return str(key.constant) if among.path == ("steps",) and isinstance(key.constant, str) else ""

    @cached_property
    def asks_for_null(self) -> bool:
        """Whether it compares something with null."""
        null = (each.kind == "const" and each.expr.const.HasField("null") for each in self.operands)
        return self.function in ("_==_", "_!=_") and any(null)

    @cached_property
    def path(self) -> tuple[str, ...]:
        """`pod.owner.kind` in parts, an earlier step's name with `steps` before it; empty where it is no such path."""
        if self.step:
            return (f"steps.{self.step}",)
        if self.kind == "ident":
            return (str(self.expr.ident.name),)
        if self.kind == "select" and not self.expr.select.test_only:
            before = self._part(self.expr.select.operand).path
            return (*before, str(self.expr.select.field)) if before else ()
        return ()

    @property
    def constant(self) -> Any:  # noqa: ANN401  whatever was written
        """The value that it is written as; None where it is none."""
        if self.kind != "const":
            return None
        written = self.expr.const
        return next((value for _, value in written.ListFields()), None)

    @cached_property
    def text(self) -> str:
        """It, written anew."""
        parts = self.operands
        match self.kind:
            case "const":
                text = _written(self.expr.const)
            case "ident":
                text = str(self.expr.ident.name)
            case "select":
                chain = f"{parts[0].text}.{self.expr.select.field}"
                text = f"has({chain})" if self.expr.select.test_only else chain
            case "call":
                text = self._call(parts)
            case "list":
                text = f"[{', '.join(part.text for part in parts)}]"
            case "comprehension":
                name, variable, among, asked = self.macro
                text = f"{among.text}.{name}({variable}, {asked.text})"
            case kind:
                text = kind
        return text

    def _call(self, parts: tuple["Node", ...]) -> str:
        name = self.function
        match name:
            case _ if name in _OPERATORS:
                text = f" {_OPERATORS[name]} ".join(part.bracketed for part in parts)
            case "!_" | "-_":
                text = f"{name[0]}{parts[0].bracketed}"
            case "_[_]" if self.step:
                text = self.step
            case "_[_]":
                text = f"{parts[0].text}[{parts[1].text}]"
            case "_?_:_":
                text = f"{parts[0].bracketed} ? {parts[1].bracketed} : {parts[2].bracketed}"
            case "duration" if parts[0].kind == "const":
                text = _duration(str(parts[0].constant))
            case _ if self.expr.call.HasField("target"):
                text = f"{parts[0].bracketed}.{name}({', '.join(part.text for part in parts[1:])})"
            case _:
                text = f"{name}({', '.join(part.text for part in parts)})"
        return text

    @property
    def bracketed(self) -> str:
        """Its text, in parentheses where it is an operation."""
        operation = self.function in _OPERATORS or self.function == "_?_:_"
        return f"({self.text})" if operation else self.text


def _make_null(whole: Node, nullable: frozenset[str], durations: set[int]) -> None:
    """Put `has(pod.age) ? pod.age : null` in the place of each `pod.age`."""
    selects = [
        node.expr
        for node in whole
        if node.kind == "select" and node.expr.select.field in nullable and node.expr.id in durations
    ]
    numbers = count(_FIRST_OWN)
    for select in selects:
        if select.select.test_only:
            continue
        asked, copied = type(select)(), type(select)()
        copied.CopyFrom(select)
        asked.CopyFrom(select)
        asked.id, asked.select.test_only = next(numbers), True
        select.Clear()
        select.id = next(numbers)
        select.call.function = "_?_:_"
        select.call.args.extend([asked, copied])
        select.call.args.add(id=next(numbers)).const.null = 0


def _make_unknown(whole: Node, told: frozenset[str]) -> None:
    """Put `steps["read"].done ? steps["read"].missing : steps["read was not done"].missing` in the place of each
    `steps["read"].missing`: there is no such step, so nothing comes of what asks for it.
    """
    compared = {operand.expr.id for node in whole if node.asks_for_null for operand in node.operands}
    selects = [
        node.expr
        for node in whole
        if node.kind == "select" and node.operands[0].step and node.expr.select.field in told
        if node.expr.id not in compared
    ]
    numbers = count(2 * _FIRST_OWN)
    for select in selects:
        done, known, unknown = type(select)(), type(select)(), type(select)()
        for each in (done, known, unknown):
            each.CopyFrom(select)
        done.id, unknown.id = next(numbers), next(numbers)
        done.select.field = "done"
        key = unknown.select.operand.call.args[1].const
        key.string = f"{key.string}{NOT_DONE}"
        select.Clear()
        select.id = next(numbers)
        select.call.function = "_?_:_"
        select.call.args.extend([done, known, unknown])


def _duration(seconds: str) -> str:
    """A duration as it is written in an expression: `5m`."""
    number = float(seconds.removesuffix("s")) if re.fullmatch(r"[0-9.]+s", seconds) else None
    if number is None:
        return f'duration("{seconds}")'
    size, unit = next(((size, unit) for size, unit in _UNITS if number and number % size == 0), (1, "s"))
    return f"{number / size:g}{unit}"


def _written(constant: Message) -> str:
    for field, value in constant.ListFields():
        match field.name:
            case "null":
                return "null"
            case "bool":
                return str(value).lower()
            case "string":
                escaped = str(value).translate({ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"})
                return f'"{escaped}"'
            case _:
                return str(value)
    return "null"
