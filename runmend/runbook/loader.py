"""A directory of runbooks: loaded and reloaded whole, and never stopped by one file that is broken.

Called by bridge and commands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runmend.core.errors import PermanentError
from runmend.plan.plan import Plan
from runmend.runbook.compiler import Compiled, compile_runbook
from runmend.runbook.diagnostics import Diagnostic, Report, RunbookError
from runmend.runbook.document import SIZE_MAX


class UnreadableDirectory(PermanentError):
    """The directory of runbooks cannot be read."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a directory holds: plans by runbook_id, and by file name what keeps a file from being one."""

    plans: dict[str, Plan] = field(default_factory=dict)
    problems: dict[str, RunbookError] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()


def load_directory(path: Path) -> Loaded:
    """Compile every `*.md` of a directory, in the order of their names; hidden files and a README.md without front
    matter are left out.

    Two files with one runbook_id or one alertname: the later one is a problem.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read.
    """
    loaded = Loaded()
    warnings: list[Diagnostic] = []
    first: dict[tuple[str, str], str] = {}
    for file in runbook_files(path):
        try:
            compiled = compile_file(file)
            _refuse_duplicates(compiled, file, first)
        except RunbookError as error:
            loaded.problems[file.name] = error
            continue
        loaded.plans[compiled.plan.runbook_id] = compiled.plan
        warnings += compiled.warnings
    return Loaded(loaded.plans, loaded.problems, tuple(warnings))


def runbook_files(path: Path) -> list[Path]:
    """The files of a directory that should be runbooks, sorted by name.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read.
    """
    try:
        files = [
            file
            for file in path.iterdir()
            if file.suffix.lower() == ".md" and not file.name.startswith(".") and not file.is_dir()
        ]
    except OSError as error:
        raise UnreadableDirectory(f"{path}: {error.strerror or error}") from error
    return sorted(file for file in files if not _is_plain_readme(file))


def compile_file(file: Path) -> Compiled:
    """Compile one file.

    Raises:
        RunbookError: it cannot be read, or does not compile.
    """
    try:
        with file.open("rb") as opened:
            source = opened.read(SIZE_MAX + 1)
    except OSError as error:
        report = Report(str(file))
        report.error(1, f"the file cannot be read: {error.strerror or error}", "let the process read it, or remove it")
        raise RunbookError(report.diagnostics) from error
    return compile_runbook(source, str(file))


def _is_plain_readme(file: Path) -> bool:
    if file.name.lower() != "readme.md":
        return False
    try:
        with file.open("rb") as opened:
            return not opened.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"---")
    except OSError:
        return True


def _refuse_duplicates(compiled: Compiled, file: Path, first: dict[tuple[str, str], str]) -> None:
    report = Report(str(file))
    values = {"runbook_id": compiled.plan.runbook_id, "alertname": compiled.plan.alertname}
    for key, value in values.items():
        if (key, value) in first:
            report.error(
                compiled.lines.get(key, 1),
                f"{first[key, value]} has the {key} {value} already",
                "change or remove one of the two",
            )
    if report.failed:
        raise RunbookError((*report.diagnostics, *compiled.warnings))
    first |= dict.fromkeys(values.items(), file.name)


class Catalog:
    """The runbooks of a directory, as they were when last (re)loaded. A file that broke since keeps its last good plan.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read; on a reload everything stays as it was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded = load_directory(path)
        self._by_alertname = _by_alertname(self._loaded)

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The plans by runbook_id."""
        return self._loaded.plans

    @property
    def problems(self) -> Mapping[str, RunbookError]:
        """What is wrong, by file name; such a file may still have its last good plan among the plans."""
        return self._loaded.problems

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What the writers of the runbooks that compile should know."""
        return self._loaded.warnings

    def reload(self) -> None:
        """Read the directory again. All of it changes at once."""
        loaded = load_directory(self._path)
        ids, alerts = set(loaded.plans), {plan.alertname for plan in loaded.plans.values()}
        for plan in self._loaded.plans.values():
            # A file that compiles now is right about its ids; a last good plan gives way to it.
            if plan.file in loaded.problems and plan.runbook_id not in ids and plan.alertname not in alerts:
                loaded.plans[plan.runbook_id] = plan
        self._by_alertname = _by_alertname(loaded)
        self._loaded = loaded

    def for_alert(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Plan | None:
        """The plan that answers an alert: by its `runbook_id`, label before annotation, else by its alertname.

        An alert that names an unknown runbook_id is answered by none.
        """
        named = labels.get("runbook_id") or annotations.get("runbook_id")
        return self._loaded.plans.get(named) if named else self._by_alertname.get(labels.get("alertname", ""))


def _by_alertname(loaded: Loaded) -> dict[str, Plan]:
    return {plan.alertname: plan for plan in loaded.plans.values()}
