"""A directory of runbooks, its subdirectories included: loaded and reloaded whole, and never stopped by one file that
is broken.

Called by bridge and commands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runmend.core.printable import in_one_line
from runmend.plan.plan import Plan
from runmend.runbook.compiler import Compiled, compile_runbook
from runmend.runbook.diagnostics import Diagnostic, Report, RunbookError
from runmend.runbook.document import SIZE_MAX
from runmend.runbook.files import read_file, runbook_files
from runmend.runbook.isolated import IsolatedCompiler

Compiler = Callable[[bytes, str], Compiled]
"""As `compile_runbook`."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a directory holds."""

    plans: dict[str, Plan] = field(default_factory=dict)
    """By runbook_id."""
    places: dict[str, str] = field(default_factory=dict)
    """The file of each plan, by runbook_id: its path within the directory."""
    problems: dict[str, RunbookError] = field(default_factory=dict)
    """What keeps a file from being a plan, by its path within the directory."""
    warnings: tuple[Diagnostic, ...] = ()


def load_directory(path: Path, compiler: Compiler = compile_runbook) -> Loaded:
    """Compile every `*.md` of a directory and its subdirectories, in the order of their paths; what is hidden, and a
    README.md without front matter, is left out.

    Two files with one runbook_id or one alertname: the later one is a problem.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read.
    """
    loaded = Loaded()
    warnings: list[Diagnostic] = []
    first: dict[tuple[str, str], str] = {}
    for file in runbook_files(path):
        place = in_one_line(file.relative_to(path).as_posix())
        try:
            compiled = compile_file(file, compiler)
            _refuse_duplicates(compiled, file, place, first)
        except RunbookError as error:
            loaded.problems[place] = error
            continue
        loaded.plans[compiled.plan.runbook_id] = compiled.plan
        loaded.places[compiled.plan.runbook_id] = place
        warnings += compiled.warnings
    return Loaded(loaded.plans, loaded.places, loaded.problems, tuple(warnings))


def compile_file(file: Path, compiler: Compiler = compile_runbook) -> Compiled:
    """Compile one file.

    Raises:
        RunbookError: it cannot be read, or does not compile.
    """
    report = Report(in_one_line(str(file)))
    if in_one_line(file.name) != file.name:
        report.error(1, "the file's name holds a character that is not printable, or no UTF-8", "rename it")
        raise RunbookError(report.diagnostics)
    try:
        source = read_file(file, SIZE_MAX + 1)
    except OSError as error:
        what = "file" if file.suffix.lower() == ".md" else "directory"
        report.error(
            1, f"the {what} cannot be read: {error.strerror or error}", "let the process read it, or remove it"
        )
        raise RunbookError(report.diagnostics) from error
    return compiler(source, report.file)


def _refuse_duplicates(compiled: Compiled, file: Path, place: str, first: dict[tuple[str, str], str]) -> None:
    report = Report(in_one_line(str(file)))
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
    first |= dict.fromkeys(values.items(), place)


class Catalog:
    """The runbooks of a directory, as they were when last (re)loaded. A file that broke since keeps its last good plan.

    Args:
        path: the directory.
        isolated: whether they are compiled in a child process with a time limit, for a process that does other things.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read; on a reload everything stays as it was.
    """

    def __init__(self, path: Path, *, isolated: bool = False) -> None:
        self._path = path
        self._isolated = isolated
        self._compiler: IsolatedCompiler | None = None
        self._stopped = False
        self._loaded = self._load()
        self._by_alertname = _by_alertname(self._loaded)

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The plans by runbook_id."""
        return self._loaded.plans

    @property
    def problems(self) -> Mapping[str, RunbookError]:
        """What is wrong, by the file's path within the directory; its last good plan may still be among the plans."""
        return self._loaded.problems

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What the writers of the runbooks that compile should know."""
        return self._loaded.warnings

    def reload(self) -> None:
        """Read the directory again. All of it changes at once."""
        loaded = self._load()
        ids, alerts = set(loaded.plans), {plan.alertname for plan in loaded.plans.values()}
        for plan in self._loaded.plans.values():
            place = self._loaded.places[plan.runbook_id]
            # A file that compiles now is right about its ids; a last good plan gives way to it.
            if place in loaded.problems and plan.runbook_id not in ids and plan.alertname not in alerts:
                loaded.plans[plan.runbook_id], loaded.places[plan.runbook_id] = plan, place
        self._by_alertname = _by_alertname(loaded)
        self._loaded = loaded

    def stop(self) -> None:
        """End what is being compiled, from another thread: its reload raises `Stopped`, and so does every later one."""
        self._stopped = True
        if compiler := self._compiler:
            compiler.stop()

    def _load(self) -> Loaded:
        if not self._isolated:
            return load_directory(self._path)
        with IsolatedCompiler() as compiler:
            self._compiler = compiler
            if self._stopped:
                compiler.stop()
            try:
                return load_directory(self._path, compiler.compile)
            finally:
                self._compiler = None

    def for_alert(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Plan | None:
        """The plan that answers an alert: by its `runbook_id`, label before annotation, else by its alertname.

        An alert that names an unknown runbook_id is answered by none.
        """
        named = labels.get("runbook_id") or annotations.get("runbook_id")
        return self._loaded.plans.get(named) if named else self._by_alertname.get(labels.get("alertname", ""))


def _by_alertname(loaded: Loaded) -> dict[str, Plan]:
    return {plan.alertname: plan for plan in loaded.plans.values()}
