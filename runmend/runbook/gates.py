"""The gates of a workflow's entry: expressions or sentences that must hold for its step to run, made one expression.

`NAME.FACT` asks for what an earlier step came to, or is one of the other names under which runbooks know a state.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from runmend.core.yaml_tree import Node, Scalar, Sequence
from runmend.facts.expressions import STEP_FACTS, compiled
from runmend.runbook.diagnostics import Kind, Report, listed, quoted
from runmend.runbook.expressions import OF_CONDITIONS, check_expression
from runmend.runbook.sentences import Read, nearest, read_sentence

KEYS = ("when", "when_all", "when_any", "unless")
OF_GATES = replace(OF_CONDITIONS, what="the gate", groups=OF_CONDITIONS.groups | {"steps"})
ALIASES: Final = {
    "imagepull_detected": 'waiting("ImagePullBackOff")',
    "oom_detected": 'terminated("OOMKilled")',
    "crashloop_detected": 'waiting("CrashLoopBackOff")',
    "container_creating_detected": 'waiting("ContainerCreating")',
    "not_ready": "pods.exists(p, !p.running)",
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
_NAMED: Final = re.compile(
    r"\"[^\"]*\"|'[^']*'|(?<![\w.])(?:(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\.)?(?P<fact>[A-Za-z_]\w*)\b(?!\s*[\w(.\[])"
)
"""A text in quotes, or a name and a fact of it, nothing behind."""
_PAIR: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\.(?P<fact>[A-Za-z_]\w*)")


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


class GateCompiler:
    """Compiles the gates of one workflow.

    Args:
        report: takes what is wrong.
        of_node: whether the runbook is for nodes, so that "not ready" is said of one.
    """

    def __init__(self, report: Report, *, of_node: bool) -> None:
        self._report = report
        self._aliases = ALIASES | (_OF_A_NODE if of_node else {})

    def all_of(self, gates: tuple[Gate, ...], names: tuple[str, ...], later: tuple[str, ...]) -> Compiled:
        """The one expression that must hold.

        Args:
            gates: of one entry.
            names: of the earlier steps' results.
            later: of this step's and the later ones'.
        """
        parts: dict[str, list[str]] = {key: [] for key in KEYS}
        asks: list[str] = []
        for gate in gates:
            found = self.one(gate, names, later)
            if found.expression:
                parts[gate.key].append(f"({found.expression})")
                asks += found.asks
        whole = [*parts["when"], *parts["when_all"], *(f"!{each}" for each in parts["unless"])]
        if parts["when_any"]:
            whole.append(f"({' || '.join(parts['when_any'])})" if len(parts["when_any"]) > 1 else parts["when_any"][0])
        return Compiled(" && ".join(whole), tuple(dict.fromkeys(asks)))

    def one(self, gate: Gate, names: tuple[str, ...] = (), later: tuple[str, ...] = ()) -> Compiled:
        """The expression that a gate is, or that its sentence stands for; empty where it is wrong: the report says
        so.
        """
        read = self.sentence(gate)
        if read:
            return self._checked(gate, read.expression)
        text = gate.text.strip("`").strip()
        pair = _PAIR.fullmatch(text)
        if pair and pair["name"] in names and pair["fact"] not in (*STEP_FACTS, *self._aliases):
            close = get_close_matches(pair["fact"], (*STEP_FACTS, *self._aliases), 1)
            self._report.error(
                gate.line,
                f"the gate {quoted(gate.text)}: nothing tells {quoted(pair['fact'])} of an earlier step",
                f"did you mean {close[0]}?" if close else f"facts are {listed([*STEP_FACTS, *self._aliases], 'and')}",
            )
            return Compiled()
        if pair and pair["fact"] in STEP_FACTS and pair["name"] not in names:
            known = f"earlier names are {listed(names, 'and')}" if names else "there is no earlier step"
            why = "runs later" if pair["name"] in later else "is no earlier step"
            self._report.error(gate.line, f"the gate {quoted(gate.text)}: {pair['name']} {why}", known)
            return Compiled()
        return self._checked(gate, self._with_names(gate, text, names))

    def sentence(self, gate: Gate) -> Read | None:
        """What a gate says, where it is a sentence that stands for an expression."""
        read = read_sentence(gate.text, "condition")
        return read if read and read.expression else None

    def _checked(self, gate: Gate, source: str) -> Compiled:
        hint = f"; of sentences, {nearest(gate.text, 'condition')}"
        if not check_expression(source, gate.line, OF_GATES, self._report, hint):
            return Compiled()
        expression = compiled(source)
        asks = sorted({name for fact in STEP_FACTS for name in expression.named(fact)})
        return Compiled(source, tuple(asks))

    def _with_names(self, gate: Gate, text: str, names: tuple[str, ...]) -> str:
        def stands_for(found: re.Match[str]) -> str:
            name, fact = found["name"], found["fact"]
            if name in names and fact in STEP_FACTS:
                return f'{fact}("{name}")'
            variable = name and re.search(rf"\(\s*{name}\s*,", text)  # of pods.exists(p, p.not_ready)
            if not fact or fact not in self._aliases or name in OF_GATES.groups or variable:
                return found.group()
            self._report.note(
                Kind.READ_AS,
                gate.line,
                f"{quoted(found.group())} is read as {self._aliases[fact]}, of what is there when the step is to run",
                "write that, where it is not what is meant",
            )
            return f"({self._aliases[fact]})" if found.group() != text else self._aliases[fact]

        return _NAMED.sub(stands_for, text)
