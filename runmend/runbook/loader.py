"""A directory of runbooks, its subdirectories included: loaded and reloaded whole, and never stopped by one file that
is broken.

Called by bridge and commands.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runmend.alerts.matchers import exclude_each_other
from runmend.core.names import quoted
from runmend.core.printable import in_one_line
from runmend.plan.plan import Plan
from runmend.runbook.compiler import Compiled, compile_runbook
from runmend.runbook.diagnostics import Diagnostic, Report, RunbookError
from runmend.runbook.document import SIZE_MAX
from runmend.runbook.files import read_file, runbook_files
from runmend.runbook.isolated import IsolatedCompiler

_SHOWN = 5
"""The most runbooks that a reason names."""

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

    Two files with one runbook_id, or with one alertname and as many matchers: the later one is a problem.

    Raises:
        UnreadableDirectory: there is no such directory, or it may not be read.
    """
    loaded = Loaded()
    warnings: list[Diagnostic] = []
    for file in runbook_files(path):
        place = in_one_line(file.relative_to(path).as_posix())
        try:
            compiled = compile_file(file, compiler)
            _refuse_duplicates(compiled, file, loaded.plans, loaded.places)
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


def _refuse_duplicates(compiled: Compiled, file: Path, loaded: dict[str, Plan], places: dict[str, str]) -> None:
    plan = compiled.plan
    report = Report(in_one_line(str(file)))
    if plan.runbook_id in loaded:
        report.error(
            compiled.lines.get("runbook_id", 1),
            f"{places[plan.runbook_id]} has the runbook_id {plan.runbook_id} already",
            "change or remove one of the two",
        )
    for other, alertname in ties(plan, loaded.values()):
        report.error(
            compiled.lines.get("match" if plan.match else "alertname", 1),
            f"{places[other.runbook_id]} has the alertname {alertname} already"
            + (f", and as many matchers ({len(plan.match)})" if plan.match else ""),
            "change or remove one of the two, or say with match: which labels its alerts have; the one with more "
            "matchers wins",
        )
    if report.failed:
        raise RunbookError((*report.diagnostics, *compiled.warnings))


def ties(plan: Plan, others: Iterable[Plan]) -> Iterator[tuple[Plan, str]]:
    """The plans that would answer an alert as well as this one does, each with the alert's name."""
    for other in others:
        if len(plan.match) == len(other.match) and not exclude_each_other(plan.match, other.match):
            shared = next((name for name in plan.alertnames if name in other.alertnames), None)
            if shared is not None:
                yield other, shared


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
    def places(self) -> Mapping[str, str]:
        """The file of each plan, by runbook_id: its path within the directory."""
        return self._loaded.places

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
        ids = set(loaded.plans)
        for plan in self._loaded.plans.values():
            place = self._loaded.places[plan.runbook_id]
            # A file that compiles now is right about its ids; a last good plan gives way to it.
            taken = plan.runbook_id in ids or any(ties(plan, (loaded.plans[name] for name in ids)))
            if place in loaded.problems and not taken:
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
        """The plan that answers an alert: by its `runbook_id`, label before annotation, else by its alertname, and of
        several the one with the most matchers that all match its labels.

        An alert that names an unknown runbook_id is answered by none.
        """
        if named := _asked_for(labels, annotations):
            return self._loaded.plans.get(named)
        plans = self._by_alertname.get(labels.get("alertname", ""), ())
        return next((plan for plan in plans if all(matcher.matches(labels) for matcher in plan.match)), None)

    def why_none(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
        """Why no plan answers an alert."""
        if named := _asked_for(labels, annotations):
            return f"no runbook is loaded for runbook_id {quoted(named)}"
        name = labels.get("alertname", "")
        plans = self._by_alertname.get(name, ())
        wanted = [f"{plan.runbook_id} {', '.join(map(str, plan.match))}" for plan in plans]
        if wanted:
            listed = "; ".join(wanted[:_SHOWN])
            return f"no runbook for alertname {quoted(name)} takes its labels; they are to match: {listed}"
        return f"no runbook is loaded for alertname {quoted(name)}"


def _asked_for(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str | None:
    return labels.get("runbook_id") or annotations.get("runbook_id")


def _by_alertname(loaded: Loaded) -> dict[str, tuple[Plan, ...]]:
    """The plans of each alert, the most specific first."""
    found: dict[str, tuple[Plan, ...]] = {}
    for plan in sorted(loaded.plans.values(), key=lambda plan: len(plan.match), reverse=True):
        for name in plan.alertnames:
            found[name] = (*found.get(name, ()), plan)
    return found
