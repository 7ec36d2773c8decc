"""Expressions over facts, in CEL: compiled once, typed; their verdicts come with what was seen, in words.

Called by the runbooks' compiler, which wants errors early, and by the activities, which want verdicts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from functools import cache, cached_property, lru_cache
from typing import Any, Final

from cel_expr_python import cel

from runmend.core.frozen import Frozen
from runmend.facts.event import EventFacts
from runmend.facts.evidence import Reader, Stopped, explain
from runmend.facts.groups import FUNCTIONS, GROUPS, LABELS, OF_KINDS, UNTYPED, Group
from runmend.facts.literals import Rewritten, TooLong, literals_in, marked, words_for
from runmend.facts.moved import MovedFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.outside import ASKING, Asking, NoQuestion, Question, SampleFacts, placeholders_of
from runmend.facts.schema import MODELS, PACKAGE, facts_of, message, nullable_durations, pool, units
from runmend.facts.snapshot import Said, Snapshot
from runmend.facts.step import OF_ITS_WORK
from runmend.facts.syntax import NOT_DONE, Node

LONGEST: Final = 2000
"""How many characters an expression may have."""
_KEPT: Final = 2000
_MOST_READ: Final = 5000
"""How many parts are evaluated to say why an expression holds or does not."""
USAGE: Final = "usage"
"""The fact that another API tells than the one that tells of the object."""
_ERROR: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_EXPECTING: Final = re.compile(r" (?:expecting|at input) .*")
_WRAPPED: Final = re.compile(r"wrapper\((\w+)\)")
_NOT_DONE: Final = re.compile(rf"[\w-]+{NOT_DONE}")
_UNDEFINED: Final = re.compile(r"undefined field '(\w+)' not found in struct '\w+\.(\w+)'")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([\w.]+)' \(in container ''\)")


_ASKING: Final = {each.name: each for each in ASKING}


class ExpressionError(ValueError):
    """What is wrong with an expression. `line` and `column` count from 1, within the expression; `remedy` may be
    empty.
    """

    def __init__(self, what: str, line: int, column: int, remedy: str = "") -> None:
        super().__init__(what)
        self.line = line
        self.column = column
        self.remedy = remedy


class Judged(Frozen):
    """A verdict with its evidence; `holds` is None where it cannot be told, and the evidence says why."""

    holds: bool | None
    evidence: str


_asked: ContextVar[Snapshot] = ContextVar("_asked")


def _type(name: str) -> cel.Type:
    if name in (LABELS, UNTYPED):
        return cel.Type.Map(cel.Type.STRING, cel.Type.STRING if name == LABELS else cel.Type.DYN)
    scalar = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
    return scalar.get(name) or cel.Type(f"{PACKAGE}.{name}")


def _declared(group: Group | Asking) -> cel.Type:
    match group.shape:
        case "one":
            return _type(group.of)
        case "list":
            return cel.Type.List(_type(group.of))
        case _:
            return cel.Type.Map(cel.Type.STRING, _type(group.of))


@cache
def _environment() -> cel.Env:
    declared = []
    for function in FUNCTIONS:
        takes = [_declared(GROUPS[function.on])] if function.on else []

        def answer(*arguments: Any, ask: Callable[[Snapshot, str], Said] = function.ask) -> bool:  # noqa: ANN401
            return ask(_asked.get(), str(arguments[-1])).value

        overload = cel.Overload(
            f"{function.on}_{function.name}", cel.Type.BOOL, [*takes, cel.Type.STRING], bool(function.on), answer
        )
        declared.append(cel.FunctionDecl(function.name, [overload]))
    for asking in ASKING:

        def tell(text: str, asking: Asking = asking) -> Any:  # noqa: ANN401  as declared
            return _told(asking, text)

        overload = cel.Overload(f"{asking.name}_text", _declared(asking), [cel.Type.STRING], False, tell)
        declared.append(cel.FunctionDecl(asking.name, [overload]))
    variables = {name: _declared(group) for name, group in GROUPS.items()}
    return cel.NewEnv(descriptor_pool=pool(), variables=variables, functions=declared)


def _told(asking: Asking, text: str) -> Any:  # noqa: ANN401  as declared
    """What was told of a question. What the library makes of an error is that the expression cannot be told."""
    told = _asked.get().outside.get(Question(asking.name, text))
    if told is None or told.unknown:
        raise ValueError(told.unknown if told else "it was not asked")
    found = asking.found(told)
    if isinstance(found, tuple):
        return [message(each) for each in found]
    return message(found) if isinstance(found, Frozen) else found


class Expression:
    """A compiled expression that is true or false. Threads may share it."""

    def __init__(self, source: str, compiled: cel.Expression) -> None:
        self.source = source
        self._compiled = compiled
        self._tree = Node.parse(compiled.serialize())
        self._parts: dict[int, tuple[cel.Expression, set[str]]] = {}
        """Its parts that were evaluated before, each with the names that it reads."""
        self._named: dict[str, frozenset[str]] = {}
        self._reads_each: dict[str, bool] = {}

    @cached_property
    def groups(self) -> frozenset[str]:
        """The groups of facts that it reads: what none names need not be fetched."""
        names = {node.path[0] for node in self._tree if node.kind == "ident"} & set(GROUPS)
        called = {"pods" for node in self._tree if node.function in ("waiting", "terminated")}
        return frozenset(names | called | ({"pods"} if "restarted" in names else set()))

    @cached_property
    def asks(self) -> tuple[str, ...] | None:
        """The names of the earlier steps that it asks; None where it does not say each by its name."""
        names = tuple(dict.fromkeys(name for node in self._tree if (name := node.step)))
        indexed = sum(bool(node.step) for node in self._tree)
        return names if indexed == sum(node.path == ("steps",) for node in self._tree) else None

    @cached_property
    def asks_what_is_new(self) -> bool:
        """Whether it asks what is new since the target had settled."""
        calls = any(node.function == "new" for node in self._tree)
        return calls or "restarted" in self.groups or ("events" in self.groups and "new" in self.facts)

    def reads(self, *path: str) -> bool:
        """Whether it names a fact by this path, `node`, `pods`, or something of it."""
        return any(node.path == path for node in self._tree)

    @cached_property
    def usage(self) -> frozenset[str]:
        """Of which of `pods` and `node` it names what they use, which another API tells."""
        if USAGE not in self.facts:
            return frozenset()
        of_node = self.reads("node", USAGE)
        of_pods = any(node.path[-1:] == (USAGE,) and node.path[0] != "node" for node in self._tree)
        return frozenset(name for name, asked in (("node", of_node), ("pods", of_pods or not of_node)) if asked)

    def reads_each(self, group: str) -> bool:
        """Whether it looks at the objects of a list themselves, and not only by a function that is asked of them."""
        if group not in self._reads_each:
            self._reads_each[group] = self._looks_at_each(group)
        return self._reads_each[group]

    def _looks_at_each(self, group: str) -> bool:
        asked = {
            node.operands[0].expr.id
            for node in self._tree
            if any(node.function == function.name and function.on == group for function in FUNCTIONS)
        }
        return any(node.path == (group,) and node.expr.id not in asked for node in self._tree)

    def named(self, function: str) -> frozenset[str]:
        """The names that a function is asked for: `ImagePullBackOff` of `events.new("ImagePullBackOff")`."""
        if function not in self._named:
            self._named[function] = frozenset(
                str(node.operands[-1].constant)
                for node in self._tree
                if node.function == function and node.operands[-1].kind == "const"
            )
        return self._named[function]

    def check_questions(self) -> None:
        """Look at what it asks of others than Kubernetes.

        Raises:
            ExpressionError: a question is not written out, or cannot be asked so.
        """
        for node in self._tree:
            if node.function in _ASKING:
                text = node.operands[-1].constant
                if not isinstance(text, str):
                    raise ExpressionError(
                        f"what {node.function} asks for must be written out",
                        1,
                        1,
                        f"write {_ASKING[node.function].example}",
                    )
                try:
                    placeholders_of(Question(node.function, text))
                except NoQuestion as error:
                    raise ExpressionError(str(error), 1, 1, error.remedy) from error

    @cached_property
    def questions(self) -> frozenset[Question]:
        """What it asks of others than Kubernetes."""
        return frozenset(Question(name, text) for name in _ASKING for text in self.named(name))

    def untold(self, snapshot: Snapshot) -> bool:
        """Whether something that it asks of others than Kubernetes is not known."""
        told = [snapshot.outside.get(question) for question in self.questions]
        fires = "alert_fires" in self.groups and snapshot.alert_fires is None
        return fires or any(each is None or bool(each.unknown) for each in told)

    @cached_property
    def facts(self) -> frozenset[str]:
        """The facts that it names, whatever they are facts of: `running` of `pods.all(p, p.running)`."""
        return frozenset(str(node.expr.select.field) for node in self._tree if node.kind == "select")

    def judge(self, snapshot: Snapshot) -> Judged:
        """Whether it holds of a snapshot, and what was seen. Nothing of the snapshot is changed; nothing is raised."""
        with self._asking(snapshot) as reader:
            return Judged(holds=self._value(reader), evidence=explain(self._tree, reader))

    def holds(self, snapshot: Snapshot) -> bool | None:
        """The same without what was seen, which costs most; None where it cannot be told."""
        with self._asking(snapshot) as reader:
            return self._value(reader)

    def _value(self, reader: "_Reader") -> bool | None:
        value = reader.value(self._tree, {})
        return value if isinstance(value, bool) else None

    @contextmanager
    def _asking(self, snapshot: Snapshot) -> Iterator["_Reader"]:
        token = _asked.set(snapshot)
        try:
            yield _Reader(snapshot, self.groups, self.facts, self._parts)
        finally:
            _asked.reset(token)


class _Reader(Reader):
    """Values of an expression's parts, of one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        groups: frozenset[str],
        facts: frozenset[str],
        parts: dict[int, tuple[cel.Expression, set[str]]],
    ) -> None:
        self._snapshot = snapshot
        self._data = {name: value for name in groups if (value := _group(snapshot, name, facts)) is not None}
        self._parts = parts
        self._left = _MOST_READ
        alone = filter(None, (snapshot.pod, snapshot.workload, snapshot.own, snapshot.node))
        on_node = snapshot.node.pods if snapshot.node else ()
        every: Iterable[ObjectFacts | EventFacts | MovedFacts] = (
            *snapshot.moved,
            *(*on_node, *snapshot.all_pods, *snapshot.pods, *alone),
            *((snapshot.events or ()) if "events" in groups else ()),
        )
        self._objects = {each.uid: each for each in every}

    def value(self, node: Node, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401  whatever the part is
        key = node.expr.id
        if key not in self._parts:
            names = {each.path[0] for each in node if each.kind == "ident"}
            self._parts[key] = _environment().deserialize(node.serialized(nullable_durations(), OF_ITS_WORK)), names
        part, names = self._parts[key]
        self._left -= 1
        if self._left < 0:
            return Stopped("there is more to look at than is looked at")
        try:
            # Only what the part names: a long list is copied for each evaluation.
            answered = part.eval(data={name: value for name, value in {**self._data, **scope}.items() if name in names})
        except RuntimeError as error:  # what the library raises where it gives up
            return Stopped(str(error).rpartition(": ")[2].partition(" [")[0])
        if answered.type() == cel.Type.ERROR:
            return ValueError(self._why(str(answered.value()), node))
        return answered.value()

    def _why(self, error: str, node: Node) -> str:
        if undone := _NOT_DONE.search(error):
            return f"{undone[0]}, so this is not known"
        missing = re.search(r'No value with name "(\w+)"', error)
        if missing and missing[1] in GROUPS:
            return self._snapshot.unknown.get(missing[1]) or f"there is no {missing[1]}"
        if "No matching overloads" in error and "null" in error:
            if USAGE in self._snapshot.unknown and any(USAGE in part.path for part in node):
                return self._snapshot.unknown[USAGE]
            return "a fact that is not there (null) was compared"
        return error.partition(": ")[2] or error

    def said(self, function: str, name: str) -> str | None:
        if function == "restarted":
            return self._snapshot.restarted.words
        asked = next((each for each in FUNCTIONS if each.name == function), None)
        return asked.ask(self._snapshot, name).words if asked else None

    def words_of(self, element: Any, fact: str = "") -> str:  # noqa: ANN401  a message
        if element.DESCRIPTOR.name == "Sample":
            return "" if fact else SampleFacts(labels=dict(element.labels), value=element.value).in_words
        if element.DESCRIPTOR.name == "Step":
            return self._snapshot.steps[element.name].beside(fact)
        known = "uid" in element.DESCRIPTOR.fields_by_name and self._objects.get(element.uid)
        return known.beside(fact) if known else ""


def _group(snapshot: Snapshot, name: str, facts: frozenset[str]) -> Any:  # noqa: ANN401  as declared
    if name == "restarted":
        return snapshot.restarted.value
    found = getattr(snapshot, "own" if name in OF_KINDS else name)
    if name == "alert_fires":
        return found
    if name in ("alert", "object"):
        return None if found is None else dict(found)
    if name == "events" and found and "new" in facts:
        found = tuple(each.model_copy(update={"new": snapshot.is_new(each)}) for each in found)
    if name == "steps":
        return {name: message(each, facts | {"done"}) for name, each in found.items()}
    if isinstance(found, tuple):
        return [message(each, facts) for each in found]
    of_kind = MODELS[GROUPS[name].of] if name in OF_KINDS else Frozen
    return message(found, facts) if isinstance(found, of_kind) else None


@lru_cache(maxsize=_KEPT)
def compiled(source: str) -> Expression:
    """Compile an expression.

    Raises:
        ExpressionError: it cannot be read, names a fact that there is not, compares what cannot be compared, or is
            neither true nor false.
    """
    if len(source) > LONGEST:
        raise ExpressionError(f"the expression has {len(source)} characters, and at most {LONGEST} are read", 1, 1)
    if not source.isprintable() and not source.replace("\n", "").isprintable():
        raise ExpressionError("the expression holds a character that cannot be seen", 1, 1)
    found = _compiled(source)
    if found.return_type() != cel.Type.BOOL:
        raise ExpressionError(
            f"the expression is of type {found.return_type().name()}, and must be true or false", 1, 1, "compare it"
        )
    expression = Expression(source, found)
    expression.check_questions()
    return expression


def _compiled(source: str) -> cel.Expression:
    """Compile it, with what the language has for its quantities and durations."""
    literals = literals_in(source)
    try:
        read = Rewritten.of(source, marked(literals))
        if any(each.ambiguous for each in literals):
            counting = frozenset(name for name, unit in units().items() if unit.name == "millicores")
            tree = Node.parse(_checked(read).serialize())
            read = Rewritten.of(source, words_for(literals, tree, counting))
    except TooLong as error:
        before = source[: error.start].split("\n")
        raise ExpressionError(str(error), len(before), len(before[-1]) + 1) from error
    return _checked(read)


def _checked(read: Rewritten) -> cel.Expression:
    try:
        return _environment().compile(read.text)
    except (RuntimeError, ValueError, TypeError) as error:  # what the library raises for a text that it cannot read
        wrong = error_of(str(error), read.text, [*GROUPS, *(function.name for function in FUNCTIONS), *_ASKING])
        raise ExpressionError(str(wrong), wrong.line, read.column(wrong.line, wrong.column), wrong.remedy) from error


def error_of(text: str, source: str, known: Sequence[str]) -> ExpressionError:
    """The library's error as ours; where it names a name, its column is the name's.

    Args:
        text: the library's.
        source: the expression.
        known: the names that may stand there.
    """
    found = _ERROR.search(text)
    if not found:
        return ExpressionError(text.partition(": ")[2] or text, 1, 1)
    line, column = int(found[1]), int(found[2])
    what = _EXPECTING.sub("", found[3].replace(" [INVALID_ARGUMENT]", ""))
    what = _WRAPPED.sub(r"\1", what).replace("google.protobuf.Duration", "duration")
    name, remedy = "", ""
    if missing := _UNDEFINED.search(what):
        name, kind = missing[1], missing[2]
        names = [fact.name for fact in facts_of(MODELS[kind])]
        what, remedy = f"a {kind} has no fact {name!r}", _nearest(name, names, "its facts are")
    elif missing := _UNDECLARED.search(what):
        name = missing[1].partition(".")[0]
        what, remedy = f"there is no {name!r}", _nearest(name, known, "there are")
        if name in known:
            what, remedy = f"{name} does not take that many numbers", ""
    elif "double" in what and "int" in what and "overload" in what:
        remedy = "a value of Prometheus is compared with a number that has a point: 1.0"
    if name:
        text_of_line = source.split("\n")[line - 1]
        column = max(text_of_line.rfind(name, 0, column + len(name)), 0) + 1
    return ExpressionError(what, line, column, remedy)


def _nearest(name: str, names: Sequence[str], what: str) -> str:
    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"{what} {', '.join(sorted(names))}"


def reference() -> Iterator[tuple[str, str, str]]:
    """The groups and the functions: how each is written, its type, what it is."""
    for name, group in GROUPS.items():
        yield name, group.type, group.doc
    for function in FUNCTIONS:
        yield function.example, "bool", function.doc
    for asking in ASKING:
        yield asking.example, asking.type, asking.doc
