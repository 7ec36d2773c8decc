"""What is wrong with a runbook, where, and what to do about it.

Every other module of the compiler speaks to its writer through this.
"""

from dataclasses import dataclass
from enum import StrEnum

QUOTED_MAX = 80


class Severity(StrEnum):
    """An error keeps a runbook from being loaded, a warning says what will not be done."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong. `problem` says what, `remedy` what to do; neither ends in a full stop."""

    file: str
    line: int
    severity: Severity
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.problem}; {self.remedy}"


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
    """Gathers the diagnostics of one file, so that all of them are said in one go."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._diagnostics: dict[Diagnostic, None] = {}

    def error(self, line: int, problem: str, remedy: str) -> None:
        """Note what keeps the runbook from being loaded."""
        self._add(Diagnostic(self.file, line, Severity.ERROR, problem, remedy))

    def warning(self, line: int, problem: str, remedy: str) -> None:
        """Note what will not be done, or not be read."""
        self._add(Diagnostic(self.file, line, Severity.WARNING, problem, remedy))

    def _add(self, diagnostic: Diagnostic) -> None:
        self._diagnostics[diagnostic] = None

    @property
    def failed(self) -> bool:
        """Whether there is any error."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self._diagnostics)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """In the order of their lines, and of their being noted within one."""
        return tuple(sorted(self._diagnostics, key=lambda diagnostic: diagnostic.line))


def quoted(text: str) -> str:
    """A piece of the runbook for a message: one line, cut, and with what cannot be printed shown as an escape."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: QUOTED_MAX + 1])
    return f'"{shown[:QUOTED_MAX]}…"' if len(shown) > QUOTED_MAX else f'"{shown}"'


def listed(names: list[str] | tuple[str, ...], last: str = "or") -> str:
    """`a, b or c`."""
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)
