"""The gates of a workflow's entry: expressions or sentences that must hold for its step to run, made one expression."""

from collections.abc import Iterator
from dataclasses import dataclass

from runmend.core.yaml_tree import Node, Scalar, Sequence
from runmend.facts.expressions import ExpressionError, compiled
from runmend.runbook.diagnostics import Report, listed, quoted
from runmend.runbook.sentences import nearest, read_sentence

KEYS = ("when", "when_all", "when_any", "unless")
GROUPS = frozenset({"pods", "pod", "container", "workload", "node", "alert"})
"""The groups of facts that a gate may read: what is new is told against what there was when the target had settled."""


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


def compile_gates(gates: tuple[Gate, ...], report: Report) -> str:
    """The one expression that must hold; empty where there is no gate."""
    parts: dict[str, list[str]] = {key: [] for key in KEYS}
    for gate in gates:
        if expression := _compile(gate, report):
            parts[gate.key].append(f"({expression})")
    whole = [*parts["when"], *parts["when_all"], *(f"!{each}" for each in parts["unless"])]
    if parts["when_any"]:
        whole.append(f"({' || '.join(parts['when_any'])})" if len(parts["when_any"]) > 1 else parts["when_any"][0])
    return " && ".join(whole)


def _compile(gate: Gate, report: Report) -> str:
    read = read_sentence(gate.text)
    source = read.expression if read and read.seconds is None and read.within is None else gate.text.strip("`")
    try:
        expression = compiled(source)
    except ExpressionError as error:
        report.error(
            gate.line,
            f"the gate {quoted(gate.text)}: {error}",
            error.remedy or f"`runmend facts` lists what an expression may name; of sentences, {nearest(gate.text)}",
        )
        return ""
    if elsewhere := sorted(expression.groups - GROUPS):
        report.error(
            gate.line,
            f"the gate {quoted(gate.text)} reads {listed(elsewhere, 'and')}: what is new is not known before the "
            "target has settled",
            f"read {listed(sorted(GROUPS))}",
        )
        return ""
    return source
