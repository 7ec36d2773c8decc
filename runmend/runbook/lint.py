"""What `runmend lint` says of files and directories: every diagnostic, as text or as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from runmend.runbook.diagnostics import Diagnostic, RunbookError, Severity
from runmend.runbook.files import runbook_files
from runmend.runbook.loader import compile_file, load_directory


@dataclass(frozen=True, slots=True)
class Linted:
    """How many runbooks were looked at, and all that there is to say about them."""

    files: int
    diagnostics: tuple[Diagnostic, ...]

    @property
    def failed(self) -> bool:
        """Whether any of them does not compile."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self.diagnostics)

    def strictly(self) -> "Linted":
        """The same, with warnings as errors; a note stays one."""
        strictly = (
            each if each.severity is Severity.NOTE else replace(each, severity=Severity.ERROR)
            for each in self.diagnostics
        )
        return Linted(self.files, tuple(strictly))

    def as_json(self) -> str:
        """For scripts: a list of objects with file, line, severity, problem, remedy and a warning's kind."""
        return json.dumps([asdict(diagnostic) for diagnostic in self.diagnostics], indent=2, ensure_ascii=False)


def lint(paths: Iterable[Path]) -> Linted:
    """Look at runbooks and directories of runbooks.

    Raises:
        UnreadableDirectory: a directory may not be read.
    """
    files = 0
    diagnostics: list[Diagnostic] = []
    for path in paths:
        if path.is_dir():
            files += len(runbook_files(path))
            loaded = load_directory(path)
            diagnostics += [
                *loaded.warnings,
                *(diagnostic for error in loaded.problems.values() for diagnostic in error.diagnostics),
            ]
        else:
            files += 1
            try:
                diagnostics += compile_file(path).warnings
            except RunbookError as error:
                diagnostics += error.diagnostics
    return Linted(files, tuple(sorted(diagnostics, key=lambda diagnostic: (diagnostic.file, diagnostic.line))))
