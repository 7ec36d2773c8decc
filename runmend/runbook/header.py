"""The front matter: which runbook it is, which alert it answers, which actions it runs.

Every key binds, so an unknown one is an error.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

from runmend.alerts.matchers import Matcher, read_matcher
from runmend.core.kinds import TARGETS, kind_named
from runmend.core.modes import Mode
from runmend.core.names import identifier
from runmend.core.yaml_tree import Mapping, Node, Scalar, Sequence, YamlError, read_yaml
from runmend.runbook.diagnostics import Kind, Report, listed, quoted
from runmend.runbook.document import Document
from runmend.runbook.gates import Gate
from runmend.runbook.keys import OF_RUNBOOKS, names
from runmend.runbook.workflow import Use, read_workflow

KEYS = names(OF_RUNBOOKS)
DESCRIPTIVE = frozenset(
    {
        "author",
        "authors",
        "category",
        "contact",
        "created",
        "date",
        "links",
        "owner",
        "owners",
        "references",
        "reviewed",
        "service",
    }
    | {"last_updated", "severity", "tags", "team", "updated", "version"}
)
"""Keys that say nothing of what should be done: a warning says that they are not read."""

_EXAMPLES = {
    "runbook_id": "runbook_id: RB_EXAMPLE",
    "alertname": "alertname: KubePodImagePullBackOff",
    "title": "title: What the runbook repairs, or begin with a heading",
}


@dataclass(frozen=True, slots=True)
class Header:
    """The front matter, as far as it could be read; what could not be is in the report."""

    runbook_id: str = ""
    alertnames: tuple[str, ...] = ()
    match: tuple[Matcher, ...] = ()
    title: str = ""
    description: str = ""
    target: str = ""
    problem: Gate | None = None
    mode: Mode | None = None
    protect_serving: bool | None = None
    workflow: tuple[Use, ...] | None = None
    """None where it says nothing: every action then runs, in the order of the file."""
    lines: dict[str, int] = field(default_factory=dict)

    def line(self, key: str) -> int:
        """Where a key stands; the first line where it does not."""
        return self.lines.get(key, 1)


def read_header(document: Document, report: Report) -> Header:
    """Read the front matter."""
    if document.unclosed:
        report.error(1, "the front matter is not closed", "end it with a line of ---")
        return Header()
    if document.header is None:
        report.error(
            1,
            "the file has no front matter",
            f"begin it with a line of ---, the keys {listed(KEYS[:5], 'and')}, and a line of ---",
        )
        return Header()
    first = document.header_line
    try:
        node = read_yaml(document.header)
    except YamlError as error:
        report.error(
            first + error.line,
            f"the front matter is not YAML: {error.problem}",
            "correct it; put text that holds : or # in quotes",
        )
        return Header()
    if not isinstance(node, Mapping):
        kind = "empty" if node is None else node.kind
        report.error(
            first, f"the front matter is {kind}, not a mapping", f"write keys and values: {_EXAMPLES['runbook_id']}"
        )
        return Header()
    return _Reader(node, first, report, _first_heading(document)).read()


def _first_heading(document: Document) -> str:
    """The document's own title, where its first heading is one."""
    first = next((part for part in document.parts if part.heading), None)
    return " ".join(first.heading.plain.split()) if first and first.heading and first.level == 1 else ""


class _Reader:
    """Reads one mapping; an error in one key keeps no other from being read."""

    def __init__(self, node: Mapping, first: int, report: Report, heading: str) -> None:
        self._entries = {key.value: value for key, value in node.entries}
        self._lines = {key.value: first + key.line for key, _ in node.entries}
        self._first = first
        self._report = report
        self._heading = heading

    def read(self) -> Header:
        self._silence()
        self._refuse_unknown_keys()
        return Header(
            runbook_id=self._runbook_id(),
            alertnames=self._alertnames(),
            match=self._match(),
            title=self._text("title", required=not self._heading) or self._heading,
            description=self._text("description", required=False),
            target=self._target(),
            problem=self._problem(),
            mode=self._mode(),
            protect_serving=self._protect_serving(),
            workflow=self._workflow(),
            lines=self._lines,
        )

    def _refuse_unknown_keys(self) -> None:
        for key, line in self._lines.items():
            if key in KEYS:
                continue
            if key.lower() in DESCRIPTIVE:
                self._report.warning(
                    Kind.UNREAD_KEY, line, f"the key {key} is not read", "leave it if it is for people"
                )
                continue
            close = difflib.get_close_matches(key.lower(), KEYS, 1)
            known = f"did you mean {close[0]}?" if close else f"known are {listed(KEYS, 'and')}"
            self._report.error(line, f"unknown key {quoted(key)}", f"remove it; {known}")

    def _silence(self) -> None:
        """The kinds of warnings that the writer knows of."""
        node = self._entries.get("silence")
        if node is None:
            return
        known = f"write a list, one '- KIND' for each; kinds are {listed([*Kind], 'and')}"
        if not isinstance(node, Sequence):
            self._report.error(self._lines["silence"], f"silence is {node.kind}, not a list", known)
            return
        for item in node.items:
            text = item.value if isinstance(item, Scalar) else ""
            line = self._first + item.line
            if text in [*Kind]:
                self._report.silence(Kind(text), line)
                continue
            close = difflib.get_close_matches(text.lower(), [*Kind], 1)
            remedy = f"did you mean {close[0]}?" if close else f"kinds are {listed([*Kind], 'and')}"
            self._report.error(line, f"silence: {quoted(text)} is no kind of warning", remedy)

    def _text(self, key: str, *, required: bool) -> str:
        node = self._entries.get(key)
        if node is None or (isinstance(node, Scalar) and not node.value.strip()):
            if required:
                line = self._lines.get(key, 1)
                self._report.error(line, f"{key} is {'empty' if node else 'missing'}", f"add {_EXAMPLES[key]}")
            return ""
        if not isinstance(node, Scalar) or node.kind != "text":
            remedy = (
                f'put it in quotes: {key}: "{node.value}"'
                if isinstance(node, Scalar)
                else f"write one line of text: {key}: …"
            )
            self._report.error(self._lines[key], f"{key} is {node.kind}, not text", remedy)
            return ""
        return " ".join(node.value.split())

    def _runbook_id(self) -> str:
        text = self._text("runbook_id", required=True)
        return self._identifier(text, "runbook_id", self._lines.get("runbook_id", 1)) if text else ""

    def _identifier(self, text: str, key: str, line: int) -> str:
        try:
            return identifier(text)
        except ValueError as error:
            self._report.error(line, f"{key}: {error}", "write letters, digits, _ and -, at most 63, a letter first")
            return ""

    def _mode(self) -> Mode | None:
        node = self._entries.get("mode")
        if node is None:
            return None
        text = node.value.lower() if isinstance(node, Scalar) else ""
        line = self._lines["mode"]
        if text in list(Mode):
            return Mode(text)
        if text == "approve":
            self._report.error(
                line,
                "mode: approve is not supported yet, there are no approvals",
                "write mode: recommend, which changes nothing",
            )
        else:
            self._report.error(
                line,
                "mode is neither recommend nor auto",
                "write mode: recommend (change nothing) or mode: auto, or leave it out",
            )
        return None

    def _protect_serving(self) -> bool | None:
        node = self._entries.get("protect_serving")
        if node is None:
            return None
        if isinstance(node, Scalar) and node.kind == "a boolean":
            return node.is_true
        self._report.error(
            self._lines["protect_serving"],
            f"protect_serving is {node.kind}, not a boolean",
            "write protect_serving: true or false, without quotes",
        )
        return None

    def _workflow(self) -> tuple[Use, ...] | None:
        node = self._entries.get("workflow")
        return read_workflow(node, self._lines["workflow"], self._first, self._report) if node else None

    def _alertnames(self) -> tuple[str, ...]:
        node = self._entries.get("alertname")
        if not isinstance(node, Sequence):
            name = self._text("alertname", required=True)
            return (name,) if name else ()
        names: list[str] = []
        for item in node.items:
            if isinstance(item, Scalar) and item.kind == "text" and item.value.strip():
                names.append(" ".join(item.value.split()))
            else:
                self._report.error(
                    self._first + item.line, f"an alertname is {item.kind}, not text", "write the name of an alert"
                )
        if not node.items:
            self._report.error(self._lines["alertname"], "alertname is an empty list", f"add {_EXAMPLES['alertname']}")
        return tuple(dict.fromkeys(names))

    def _match(self) -> tuple[Matcher, ...]:
        node = self._entries.get("match")
        matchers: list[Matcher] = []
        for text, line in self._matchers(node) if node else ():
            try:
                matchers.append(read_matcher(text))
            except ValueError as error:
                what, _, remedy = str(error).partition("; ")
                self._report.error(
                    line, f"match: {quoted(text)}: {what}", remedy or "correct the pattern, which is one of RE2's"
                )
        return tuple(dict.fromkeys(matchers))

    def _matchers(self, node: Node) -> Iterator[tuple[str, int]]:
        """The matchers as they are written; `label: value` is one that compares for being equal."""
        if isinstance(node, Mapping):
            for key, value in node.entries:
                if isinstance(value, Scalar):
                    yield f'{key.value}="{value.value}"', self._first + key.line
                else:
                    self._report.error(
                        self._first + key.line, f"match: {quoted(key.value)} is {value.kind}", "write label: value"
                    )
            return
        for item in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(item, Scalar) and item.kind == "text":
                yield item.value, self._first + item.line
            else:
                self._report.error(
                    self._first + item.line,
                    f"match: {item.kind} is no matcher",
                    'write a list of matchers, for example - team="payments"',
                )

    def _target(self) -> str:
        text = self._text("target", required=False)
        found = kind_named(text) if text else None
        if text and not (found and (found.custom or found.name in TARGETS)):
            self._report.error(
                self._lines["target"],
                f"target: {quoted(text)} is no kind that is fixed",
                f"write {listed(TARGETS)}; a custom resource as its CustomResourceDefinition is called, "
                "certificates.cert-manager.io",
            )
            return ""
        return found.name if found else ""

    def _problem(self) -> Gate | None:
        text = self._text("problem", required=False)
        return Gate("problem", text, self._lines["problem"]) if text else None
