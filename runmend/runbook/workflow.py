"""The workflow list of the front matter: which actions run, in which order, behind which gates, and for how long."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from runmend.core.durations import parse_duration
from runmend.core.names import identifier
from runmend.core.yaml_tree import Mapping, Node, Scalar, Sequence
from runmend.runbook.diagnostics import Report, listed, quoted
from runmend.runbook.gates import KEYS as GATES
from runmend.runbook.gates import Gate, read_gates
from runmend.runbook.keys import OF_STEPS, names
from runmend.runbook.phrases import DAY

_T = TypeVar("_T")
OnError = Literal["abort", "continue"]
KEYS: Final = names(OF_STEPS)
EXAMPLE: Final = "a workflow list, one '- action_id: …' for each action, in their order"
MOST_RETRIES: Final = 100


@dataclass(frozen=True, slots=True)
class Use:
    """An entry of the workflow list. `retries` and `timeout` (seconds) are None where it says nothing."""

    action_id: str
    line: int
    gates: tuple[Gate, ...] = ()
    output: str = ""
    retries: int | None = None
    timeout: int | None = None
    timeout_line: int = 0
    on_error: OnError = "abort"

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which later gates know its result."""
        return tuple(dict.fromkeys(filter(None, (self.output, self.action_id))))


def read_workflow(node: Node, line: int, first: int, report: Report) -> tuple[Use, ...] | None:
    """Read the list; None where it is none.

    Args:
        node: what stands under the key.
        line: the key's.
        first: what the lines of the front matter count from.
        report: takes what is wrong.
    """
    if not isinstance(node, Sequence):
        report.error(line, f"workflow is {node.kind}, not a list", f"write {EXAMPLE}")
        return None
    if not node.items:
        report.error(
            line, "workflow is empty", f"write {EXAMPLE}, or leave it out: all actions then run in their order"
        )
        return None
    uses: dict[str, Use] = {}
    outputs: dict[str, Use] = {}
    for item in node.items:
        use = _Entry(item, first, report).read()
        if use and use.action_id in uses:
            report.error(
                use.line,
                f"the workflow runs {use.action_id} twice (first in line {uses[use.action_id].line})",
                "remove one; to repeat an action is not supported yet",
            )
            continue
        for name in use.names if use else ():
            other = outputs.get(name)
            if other:
                report.error(
                    use.line if use else line,
                    f"the name {quoted(name)} is taken by {other.action_id} in line {other.line}",
                    "give the output another name",
                )
        if use:
            uses[use.action_id] = use
            outputs |= dict.fromkeys(use.names, use)
    return tuple(uses.values())


class _Entry:
    """Reads one entry; an error in one key keeps no other from being read."""

    def __init__(self, node: Node, first: int, report: Report) -> None:
        self._node = node
        self._first = first
        self._report = report
        entries = node.entries if isinstance(node, Mapping) else ()
        self._entries = {key.value: (first + key.line, value) for key, value in entries}

    def read(self) -> Use | None:
        name = self._node if not isinstance(self._node, Mapping) else self._entries.get("action_id", (0, None))[1]
        gates = self._gates()
        line = self._first + self._node.line
        if not isinstance(name, Scalar) or name.kind != "text":
            self._report.error(
                line,
                "an entry of the workflow names no action",
                "write - action_id: …, the id of an action in this file",
            )
            return None
        action_id = self._identifier(name, "action_id")
        output = self._identifier(self._entries["output"][1], "output") if "output" in self._entries else ""
        on_error: OnError = "continue" if self._on_error() == "continue" else "abort"
        use = Use(
            action_id,
            line,
            gates,
            output,
            self._value("retries", _retries, "write a whole number, 0 to 100"),
            self._value("timeout", _seconds, "write 90s, 10m or 1h, at most 24h"),
            self._entries.get("timeout", (0, None))[0],
            on_error,
        )
        return use if action_id else None

    def _gates(self) -> tuple[Gate, ...]:
        gates: list[Gate] = []
        for said, (line, value) in self._entries.items():
            if said in GATES:
                gates += read_gates(said, line, value, self._first, self._report)
            elif said not in KEYS:
                near = difflib.get_close_matches(said.lower(), KEYS, 1)
                self._report.error(
                    line,
                    f"unknown key {quoted(said)} in the workflow",
                    f"did you mean {near[0]}?" if near else f"remove it; known are {listed(KEYS, 'and')}",
                )
        return tuple(gates)

    def _identifier(self, node: Node, key: str) -> str:
        text = node.value if isinstance(node, Scalar) else ""
        try:
            return identifier(text)
        except ValueError as error:
            self._report.error(
                self._first + node.line, f"{key}: {error}", "write letters, digits, _ and -, at most 63, a letter first"
            )
            return ""

    def _on_error(self) -> str | None:
        return self._value("on_error", _on_error, "write on_error: abort or on_error: continue")

    def _value(self, key: str, read: Callable[[str], _T], remedy: str) -> _T | None:
        """What stands under a key, None where it does not stand there, or is wrong."""
        line, node = self._entries.get(key, (0, None))
        if node is None:
            return None
        text = node.value.strip() if isinstance(node, Scalar) else ""
        try:
            return read(text)
        except ValueError:
            said = quoted(text) if isinstance(node, Scalar) else node.kind
            self._report.error(line, f"{key} is {said}", remedy)
            return None


def _retries(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= MOST_RETRIES:
        raise ValueError(text)
    return number


def _seconds(text: str) -> int:
    seconds = int(parse_duration(text).total_seconds())
    if seconds > DAY:
        raise ValueError(text)
    return seconds


def _on_error(text: str) -> str:
    if text not in ("abort", "continue"):
        raise ValueError(text)
    return text
