"""The gates of a workflow's entry: expressions or sentences that must hold for its step to run, made one expression.

`NAME.FACT` asks for what an earlier step came to, or is one of the other names under which runbooks know a state.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from runmend.core.kinds import is_in_no_namespace
from runmend.core.yaml_tree import Node, Scalar, Sequence
from runmend.facts.expressions import compiled
from runmend.facts.groups import GROUPS, Group
from runmend.facts.literals import Rewritten
from runmend.facts.schema import MODELS, facts_of
from runmend.facts.step import StepFacts
from runmend.runbook.diagnostics import Kind, Report, listed, quoted
from runmend.runbook.expressions import OF_CONDITIONS, check_expression
from runmend.runbook.forms.words import NOT_READY
from runmend.runbook.sentences import Read, nearest, read_sentence

KEYS = ("when", "when_all", "when_any", "unless")
OF_GATES = replace(
    OF_CONDITIONS,
    what="the gate",
    groups=OF_CONDITIONS.groups | {"steps"},
    because="and what is new is not known before the target has settled",
)
ALIASES: Final = {
    "imagepull_detected": 'waiting("ImagePullBackOff")',
    "oom_detected": 'terminated("OOMKilled")',
    "crashloop_detected": 'waiting("CrashLoopBackOff")',
    "container_creating_detected": 'waiting("ContainerCreating")',
    "not_ready": NOT_READY,
    "unschedulable": 'waiting("Unschedulable")',
    "schedulable": "pods.size() > 0 && pods.all(p, p.scheduled)",
    "healthy": "pods.size() > 0 && pods.all(p, p.running)",
}
"""The other names of facts. What stands before the point is whatever the runbook calls the step that looked."""
_OF_A_NODE: Final = {
    "not_ready": "!node.ready",
    "unschedulable": "!node.schedulable",
    "schedulable": "node.schedulable",
    "healthy": "node.ready && !node.under_pressure",
}
_GOOD: Final = frozenset({"healthy", "schedulable"})
"""Those that are said of what is well."""
_FACTS: Final = StepFacts.model_fields.keys() - {"name"}
"""What may be asked of some earlier step."""
_NAME: Final = "[A-Za-z_][A-Za-z0-9_-]*"
_NAMED: Final = (
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|"
    r"(?<![\w.])(?:(?P<name>%s)\.)?(?P<fact>[A-Za-z_]\w*)\b(?=(?P<more>\s*[\w(.\[])?)"
)
"""A text in quotes, or a name and a fact of it; `more` where something is asked of the fact in turn."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate as it is written, and its line."""

    key: str
    text: str
    line: int


def read_gates(key: str, line: int, node: Node, first: int, report: Report) -> Iterator[Gate]:
    """The gates under a key of a workflow's entry; `first` is what the lines of the front matter count from."""
    several = key in ("when_all", "when_any")
    items = node.items if isinstance(node, Sequence) else (node,)
    if several is not isinstance(node, Sequence) or not items:
        report.error(
            line,
            f"{key} is {'a list' if isinstance(node, Sequence) else node.kind}, and takes "
            f"{'a list of gates' if several else 'one gate'}",
            f"write {key}: " + ("and the gates as list items" if several else "and an expression or a sentence"),
        )
        return
    for item in items:
        if isinstance(item, Scalar) and item.kind == "text":
            yield Gate(key, item.value.strip(), first + item.line)
        else:
            report.error(
                first + item.line,
                f"a gate under {key} is {item.kind}, and no text",
                'write an expression or a sentence in quotes: "pods.size() > 1"',
            )


@dataclass(frozen=True, slots=True)
class Compiled:
    """A gate, or several as one: its expression, empty where there is none, and the earlier steps that it asks for."""

    expression: str = ""
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier step: the facts that it can tell, and what its command is about where that is not the target."""

    told: Collection[str]
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class _Word:
    """A name and a fact of a gate, and where they stand in it."""

    start: int
    end: int


class _Wrong(ValueError):
    """What is wrong with a name of a gate, where it stands, and what to do."""

    def __init__(self, what: str, start: int, remedy: str) -> None:
        super().__init__(what)
        self.start = start
        self.remedy = remedy


class GateCompiler:
    """Compiles the gates of one workflow, and the problem.

    Args:
        report: takes what is wrong.
        target: the kind that the runbook fixes: of a node "not ready" is said of it, and it has no pods.
    """

    def __init__(self, report: Report, target: str) -> None:
        self._report = report
        self._readers = OF_GATES.of(target)
        self._aliases = ALIASES | (_OF_A_NODE if is_in_no_namespace(target) else {})

    def all_of(self, gates: tuple[Gate, ...], earlier: Mapping[str, Earlier], later: Collection[str]) -> Compiled:
        """The one expression that must hold.

        Args:
            gates: of one entry.
            earlier: the earlier steps, by the names of their results.
            later: the names of this step's and the later ones'.
        """
        parts: dict[str, list[str]] = {key: [] for key in KEYS}
        asks: list[str] = []
        for gate in gates:
            found = self.one(gate, earlier, later)
            if found.expression:
                parts[gate.key].append(f"({found.expression})")
                asks += found.asks
        whole = [*parts["when"], *parts["when_all"], *(f"!{each}" for each in parts["unless"])]
        if parts["when_any"]:
            whole.append(f"({' || '.join(parts['when_any'])})" if len(parts["when_any"]) > 1 else parts["when_any"][0])
        return Compiled(" && ".join(whole), tuple(dict.fromkeys(asks)))

    def one(
        self, gate: Gate, earlier: Mapping[str, Earlier] = MappingProxyType({}), later: Collection[str] = ()
    ) -> Compiled:
        """The expression that a gate is, or that its sentence stands for; empty where it is wrong: the report says
        so.
        """
        read = self.sentence(gate)
        if read:
            return self._checked(gate, Rewritten(gate.text, read.expression), earlier)
        text = gate.text.strip("`").strip()
        try:
            words = dict(self._words(gate, text, earlier, later))
        except _Wrong as wrong:
            column = self._report.column_of(gate.line, text)
            self._report.error(
                gate.line,
                f"the gate {quoted(gate.text)}: {wrong}",
                wrong.remedy,
                column=column + wrong.start if column else 0,
            )
            return Compiled()
        return self._checked(gate, Rewritten.of(text, words), earlier)

    def sentence(self, gate: Gate) -> Read | None:
        """What a gate says, where it is a sentence that stands for an expression."""
        read = read_sentence(gate.text, "condition")
        return read if read and read.expression else None

    def _checked(self, gate: Gate, read: Rewritten, earlier: Collection[str]) -> Compiled:
        def hint() -> str:
            return f"; of sentences, {nearest(gate.text, 'condition')}"

        if not check_expression(read.text, gate.line, self._readers, self._report, hint, written=read):
            return Compiled()
        asks = compiled(read.text).asks
        if asks is None or not set(asks) <= set(earlier):
            self._report.error(
                gate.line,
                f"the gate {quoted(gate.text)} does not name each step that it asks, or names one that is not earlier",
                f"write NAME.FACT; {_known(earlier)}",
            )
            return Compiled()
        return Compiled(read.text, asks)

    def _words(
        self, gate: Gate, text: str, earlier: Mapping[str, Earlier], later: Collection[str]
    ) -> Iterator[tuple[_Word, str]]:
        """Where a gate names a fact of an earlier step, or another name of a fact, and what the language has for it.

        Raises:
            _Wrong: it names a step that has not run by then, or a fact that it does not tell.
        """
        # An earlier step's name may hold a minus, which is one between any others.
        names = "|".join((*map(re.escape, sorted(earlier, key=len, reverse=True)), _NAME))
        for found in re.finditer(_NAMED % names, text):
            name, fact, more = found["name"], found["fact"], (found["more"] or "").strip()
            if not fact or (name and re.search(rf"\(\s*{name}\s*,", text)):  # of pods.exists(p, p.not_ready)
                continue
            word = _Word(found.start(), found.end("fact"))
            group = GROUPS.get(name or "")
            if name in earlier and not (group and more == "("):
                told = earlier[name].told
                if fact in told:
                    if group and _has(group, fact):
                        what = f"{name} is an earlier step and a group of facts, and {fact} may be said of both"
                        raise _Wrong(what, word.start, "give the step another output")
                    yield word, f'steps["{name}"].{fact}'
                    continue
                if fact not in self._aliases and not (group and _has(group, fact)):
                    raise _Wrong(
                        f"nothing tells {quoted(fact)} of {name}",
                        found.start("fact"),
                        _nearest_of(fact, (*told, *self._aliases)) or f"it tells {listed(sorted(told), 'and')}",
                    )
                if fact in self._aliases and earlier[name].elsewhere and not group:
                    well = "== 0" if fact in _GOOD else "> 0"
                    own = f"{name}.not_well {well}" if "not_well" in told else f"what it tells ({listed(sorted(told))})"
                    raise _Wrong(
                        f"{quoted(fact)} asks the target, and {name} looks at {earlier[name].elsewhere}",
                        word.start,
                        f"ask {own}, or write {self._aliases[fact]} where the target is meant",
                    )
            elif name and not group and (name in later or fact in _FACTS):
                why, near = (
                    ("runs later", "")
                    if name in later
                    else ("is no earlier step", _nearest_of(name, (*earlier, *GROUPS), 0.8))
                )
                raise _Wrong(f"{name} {why}", word.start, near or _known(earlier))
            if fact in self._aliases and not group and not more:
                self._report.note(
                    Kind.READ_AS,
                    gate.line,
                    f"{quoted(text[word.start : word.end])} is read as {self._aliases[fact]}, of what is there when "
                    "the step is to run",
                    "write that, where it is not what is meant",
                )
                whole = (word.start, word.end) == (0, len(text))
                yield word, self._aliases[fact] if whole else f"({self._aliases[fact]})"


def _has(group: Group, fact: str) -> bool:
    """Whether a group may have a fact of that name; an alert has labels of any."""
    if group.shape != "one":
        return False
    model = MODELS.get(group.of)
    return any(each.name == fact for each in facts_of(model)) if model else group.of != "bool"


def _nearest_of(word: str, words: Collection[str], alike: float = 0.6) -> str:
    close = get_close_matches(word, words, 1, alike)
    return f"did you mean {close[0]}?" if close else ""


def _known(earlier: Collection[str]) -> str:
    return f"earlier names are {listed(list(earlier), 'and')}" if earlier else "there is no earlier step"
