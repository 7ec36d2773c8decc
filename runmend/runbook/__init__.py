"""From a runbook, a Markdown file, to a `Plan`. Pure but for `files`, `loader`, `lint` and `isolated`."""

from runmend.runbook.compiler import Compiled, compile_runbook, dump_plan
from runmend.runbook.diagnostics import Diagnostic, RunbookError, Severity
from runmend.runbook.document import SIZE_MAX
from runmend.runbook.files import UnreadableDirectory, read_file
from runmend.runbook.lint import Linted, lint
from runmend.runbook.loader import Catalog, Loaded, load_directory

__all__ = [
    "SIZE_MAX",
    "Catalog",
    "Compiled",
    "Diagnostic",
    "Linted",
    "Loaded",
    "RunbookError",
    "Severity",
    "UnreadableDirectory",
    "compile_runbook",
    "dump_plan",
    "lint",
    "load_directory",
    "read_file",
]
