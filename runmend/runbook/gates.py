"""The gates of a workflow's entry: expressions or sentences that must hold for its step to run, made one expression."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from runmend.core.yaml_tree import Node, Scalar, Sequence
from runmend.runbook.diagnostics import Report
from runmend.runbook.expressions import OF_CONDITIONS, check_expression
from runmend.runbook.sentences import nearest, read_sentence

KEYS = ("when", "when_all", "when_any", "unless")
OF_GATES = replace(OF_CONDITIONS, what="the gate")


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
        if expression := compile_gate(gate, report):
            parts[gate.key].append(f"({expression})")
    whole = [*parts["when"], *parts["when_all"], *(f"!{each}" for each in parts["unless"])]
    if parts["when_any"]:
        whole.append(f"({' || '.join(parts['when_any'])})" if len(parts["when_any"]) > 1 else parts["when_any"][0])
    return " && ".join(whole)


def compile_gate(gate: Gate, report: Report) -> str:
    """The expression that a gate is, or that its sentence stands for; empty where it is wrong: the report says so."""
    read = read_sentence(gate.text, "condition")
    source = read.expression if read and read.expression else gate.text.strip("`")
    hint = f"; of sentences, {nearest(gate.text, 'condition')}"
    return source if check_expression(source, gate.line, OF_GATES, report, hint) else ""
