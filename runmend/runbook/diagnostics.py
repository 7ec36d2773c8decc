"""What is wrong with a runbook, where, and what to do about it.

Every other module of the compiler speaks to its writer through this.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from runmend.core.printable import in_one_line
from runmend.core.wording import QUOTED_MAX as QUOTED_MAX  # noqa: PLC0414  the compiler speaks through this module
from runmend.core.wording import listed as listed  # noqa: PLC0414  the compiler speaks through this module
from runmend.core.wording import quoted as quoted  # noqa: PLC0414  the compiler speaks through this module

TOLD_MAX = 100
"""How many errors of a file are told, and how many warnings."""


class Severity(StrEnum):
    """An error keeps a runbook from being loaded, a warning says what will not be done, a note how a thing was read."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """What a warning or a note is about: by this name a runbook's front matter can silence it."""

    UNREAD_KEY = "unread-key"
    UNREAD_SECTION = "unread-section"
    UNREAD_TEXT = "unread-text"
    UNREAD_CONDITION = "unread-condition"
    MISSING_LABEL = "missing-label"
    UNREAD_FLAG = "unread-flag"
    UNUSED_ACTION = "unused-action"
    UNUSED_ITEM = "unused-item"
    UNUSED_SILENCE = "unused-silence"
    PROSE = "prose"
    RECOMMEND_ONLY = "recommend-only"
    READ_AS = "read-as"
    NO_PROBLEM = "no-problem"
    UNVERIFIED = "unverified-criterion"
    NOT_DIAGNOSED = "not-diagnosed"
    DEFAULT_VALUE = "default-value"
    UNTYPED = "untyped"
    OUTSIDE = "outside"

    @property
    def means(self) -> str:
        """When there is one of it."""
        return _MEANS[self]


_MEANS: Final[Mapping[Kind, str]] = {
    Kind.UNREAD_KEY: "a key of the front matter that only describes, which nothing reads",
    Kind.UNREAD_SECTION: "a section that is for people alone",
    Kind.UNREAD_TEXT: "a text among what is read, which nothing reads",
    Kind.UNREAD_CONDITION: "a condition of an action that only reads, and that is not understood: it gates nothing",
    Kind.MISSING_LABEL: "the conditions require labels, and not those without which an alert starts no run",
    Kind.UNREAD_FLAG: "a flag of kubectl that only says how it prints",
    Kind.UNUSED_ACTION: "an action that the workflow does not name, or that has no `action_id`",
    Kind.UNUSED_ITEM: "an item, or a calculation, that no command uses",
    Kind.UNUSED_SILENCE: "a kind under `silence` of which there is no warning",
    Kind.PROSE: "text beside what is read: it binds nothing",
    Kind.RECOMMEND_ONLY: "a condition that is not understood, prose that restricts, or an item that may bind: its "
    "step only recommends",
    Kind.READ_AS: "a note: another name of a fact, and the expression that it was read as",
    Kind.NO_PROBLEM: "a note: nothing says what the problem is, so the gates decide alone",
    Kind.UNVERIFIED: "a criterion that is not understood: it is reported as unverified",
    Kind.NOT_DIAGNOSED: "a diagnostic point that is not understood: it is reported as not done",
    Kind.DEFAULT_VALUE: "`{new_limit}` has no calculation, and is given the default",
    Kind.UNTYPED: "a note: an expression reads fields of an object, which have no types",
    Kind.OUTSIDE: "a note: an expression asks others than Kubernetes, whom the worker's settings have to name",
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong. `problem` says what, `remedy` what to do; neither ends in a full stop.

    A warning has a kind, and keeps it where it is taken for an error; any other error has none.
    """

    file: str
    line: int
    severity: Severity
    problem: str
    remedy: str
    kind: Kind | None = None
    column: int = 0
    """Counts from 1; 0 where it is about the whole line."""

    def __str__(self) -> str:
        kind = f" [{self.kind}]" if self.kind else ""
        place = f"{self.line}:{self.column}" if self.column else str(self.line)
        return in_one_line(f"{self.file}:{place}: {self.severity}: {self.problem}; {self.remedy}{kind}")


class RunbookError(Exception):
    """The runbook does not compile.

    `diagnostics` are all of the file's, warnings included, in the order of their lines.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))
        self.diagnostics = diagnostics

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Those that keep the runbook from being loaded."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.severity is Severity.ERROR)


class Report:
    """Gathers the diagnostics of one file, so that all of them are said in one go.

    Of each severity the first hundred are told, and that there are more.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._diagnostics: dict[Diagnostic, None] = {}
        self._silenced: dict[Kind, int] = {}
        self.lines: list[str] = []
        """The file's, once it is read."""
        self._noted: Counter[Severity] = Counter()
        self._kinds: set[Kind] = set()

    def column_of(self, line: int, fragment: str) -> int:
        """Where a fragment stands in a line, from 1; 0 where it does not stand there as it is."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return text.find(fragment) + 1

    def error(self, line: int, problem: str, remedy: str, *, column: int = 0) -> None:
        """Note what keeps the runbook from being loaded."""
        self._add(Diagnostic(self.file, line, Severity.ERROR, problem, remedy, column=column))

    def warning(self, kind: Kind, line: int, problem: str, remedy: str) -> None:
        """Note what will not be done, or not be read."""
        self._add(Diagnostic(self.file, line, Severity.WARNING, problem, remedy, kind))

    def note(self, kind: Kind, line: int, problem: str, remedy: str) -> None:
        """Note how a thing was read that could have been meant otherwise."""
        self._add(Diagnostic(self.file, line, Severity.NOTE, problem, remedy, kind))

    def silence(self, kind: Kind, line: int) -> None:
        """Leave out warnings of a kind, as the runbook asks in a line."""
        self._silenced[kind] = line

    def warn_of_idle_silences(self) -> None:
        """Note which silences leave nothing out, once all else is noted."""
        for kind, line in self._silenced.items():
            if kind not in self._kinds:
                self.warning(Kind.UNUSED_SILENCE, line, f"silence: there is no warning {kind}", "remove it")

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic.kind:
            self._kinds.add(diagnostic.kind)
        if diagnostic in self._diagnostics or diagnostic.kind in self._silenced:
            return
        severity = diagnostic.severity
        self._noted[severity] += 1
        if self._noted[severity] == TOLD_MAX + 1:
            rest = "correct these first"
            diagnostic = replace(
                diagnostic, problem=f"there are more {severity}s than these {TOLD_MAX}", remedy=rest, kind=None
            )
        if self._noted[severity] <= TOLD_MAX + 1:
            self._diagnostics[diagnostic] = None

    @property
    def failed(self) -> bool:
        """Whether there is any error."""
        return self._noted[Severity.ERROR] > 0

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """In the order of their lines, and of their being noted within one; without what is silenced."""
        told = (diagnostic for diagnostic in self._diagnostics if diagnostic.kind not in self._silenced)
        return tuple(sorted(told, key=lambda diagnostic: (diagnostic.line, diagnostic.column)))
