"""`runmend lint` and `runmend compile`: what is wrong with a runbook, and what it compiles to.

No cluster, no Temporal.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from runmend.cli.context import NotFoundHere, NotWritten, counted, load_settings
from runmend.cli.lint_formats import FORMATS, LintFormat
from runmend.core.names import identifier
from runmend.core.wording import quoted
from runmend.plan.plan import Plan, Step
from runmend.reports.report import duration
from runmend.runbook import SIZE_MAX, RunbookError, Severity, compile_runbook, dump_plan, lint, read_file
from runmend.runbook.compiler import Compiled
from runmend.runbook.explain import explain, page
from runmend.runbook.schema import front_matter_schema
from runmend.runbook.template import new_runbook
from runmend.runs.terminal import console

_ALERT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]{0,199}")


def lint_runbooks(paths: Sequence[Path], *, form: LintFormat = LintFormat.TEXT, strict: bool = False) -> int:
    """Say what is wrong with runbooks; 1 where one does not compile, and where `strict` also for a warning."""
    chosen = tuple(paths) or (load_settings().runbooks,)
    for path in chosen:
        if not path.exists():
            raise NotFoundHere(
                f"{path} does not exist; name a runbook or a directory of runbooks, or set RUNMEND_RUNBOOKS"
            )
    linted = lint(chosen)
    if strict:
        linted = linted.strictly()
    sys.stdout.write(FORMATS[form](linted))
    if form in (LintFormat.JSON, LintFormat.SARIF):
        return int(linted.failed)
    counts = Counter(diagnostic.severity for diagnostic in linted.diagnostics)
    errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
    said = f"{counted(linted.files, 'runbook')}, {counted(errors, 'error')}, {counted(warnings, 'warning')}"
    if notes := counts[Severity.NOTE]:
        said += f", {counted(notes, 'note')}"
    sys.stderr.write(f"{said}\n")
    return int(linted.failed)


def explain_one(file: Path) -> int:
    """Print what a runbook does as a page of Markdown; or say all that is wrong with it."""
    compiled = _compiled(file)
    if compiled:
        sys.stdout.writelines(f"{line}\n" for line in page(compiled.plan))
    return int(compiled is None)


def write_new(name: str, alert: str, folder: Path) -> int:
    """Write a runbook to begin with, where there is none of that name.

    Raises:
        NotWritten: there is one, or one of the names is none.
    """
    try:
        identifier(name)
    except ValueError as error:
        raise NotWritten(
            f"{error}; write letters, digits, _ and -, at most 63, a letter first, such as RB_MY_ALERT"
        ) from error
    if not _ALERT.fullmatch(alert):
        raise NotWritten(f"{quoted(alert)} is no name of an alert; write its alertname, such as KubePodCrashLooping")
    path = folder / f"{name}.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(new_runbook(name, alert, str(path)))
    except FileExistsError as error:
        raise NotWritten(f"{path} is there already; choose another name, or remove it") from error
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror}") from error
    sys.stdout.write(f"{path}\n")
    return 0


def print_schema() -> int:
    """Print the JSON Schema of the front matter."""
    sys.stdout.write(json.dumps(front_matter_schema(), indent=2, ensure_ascii=False) + "\n")
    return 0


def compile_one(file: Path, *, as_json: bool, explained: bool = False) -> int:
    """Print the plan of a runbook, or explain it; or say all that is wrong with it."""
    compiled = _compiled(file)
    if compiled is None:
        return 1
    if as_json:
        sys.stdout.write(dump_plan(compiled.plan).decode())
    else:
        out = console()
        for line in explain(compiled.plan) if explained else _in_words(compiled.plan):
            out.print(line, markup=False)
    return 0


def _compiled(file: Path) -> Compiled | None:
    """A runbook, with its warnings said; None where it does not compile, which is said."""
    try:
        source = read_file(file, SIZE_MAX + 1)
    except OSError as error:
        raise NotFoundHere(f"{file} cannot be read: {error.strerror}; name a runbook, a Markdown file") from error
    try:
        compiled = compile_runbook(source, str(file))
    except RunbookError as error:
        sys.stderr.writelines(f"{diagnostic}\n" for diagnostic in error.diagnostics)
        return None
    sys.stderr.writelines(f"{diagnostic}\n" for diagnostic in compiled.warnings)
    return compiled


def _in_words(plan: Plan) -> Iterator[str]:
    yield f"{plan.runbook_id}: {plan.title}"
    yield from _about(plan)
    yield f"  mode       {plan.mode or 'as the installation says'}"
    yield f"  serving    {_serving(plan)}"
    yield f"  sha256     {plan.sha256}"
    for heading, prose in (("problem", plan.problem.splitlines()), ("notes", plan.notes)):
        for number, line in enumerate(prose):
            yield f"  {'' if number else heading:<9}  {line}"
    yield "diagnosis"
    for diagnostic in plan.diagnosis:
        yield f"  {diagnostic.line:>3}  {diagnostic.name}"
        for point in diagnostic.points:
            yield f"  {point.line:>3}    {point.text}: {point.probe or 'cannot be read by a machine'}"
    yield "steps"
    for number, step in enumerate(plan.steps, 1):
        yield from _step(number, step)
    yield "criteria"
    for criterion in plan.criteria:
        unread = "" if criterion.understood else " (cannot be read by a machine: unverified)"
        yield f"  {criterion.line:>3}  {criterion.text}{unread}"
        if criterion.understood:
            yield f"         {criterion.must}s true: {criterion.expression}"
    yield f"  settles within {duration(plan.settle_seconds)}, then holds for {duration(plan.window_seconds)}"


def _about(plan: Plan) -> Iterator[str]:
    """Which alerts and targets it is for, and what the problem is."""
    yield f"  alert      {', '.join(plan.alertnames)}"
    if plan.match:
        yield f"  match      {', '.join(map(str, plan.match))}"
    if plan.target:
        yield f"  target     {plan.target}"
    yield f"  labels     {', '.join(plan.required_labels) or 'none required'}"
    yield f"  state      {plan.state or 'none named'}"
    if plan.problem_expression:
        yield f"  problem is {plan.problem_expression}"


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"  {step.line:>3}  {number:02d}-{step.action_id}: {_operation(step)}"
    for calculation in step.calculations:
        yield f"         {calculation.in_words}"
    if step.gate:
        yield f"         only when {step.gate}"
    if step.owner:
        yield f"         only where the pod is owned by a {step.owner}"
    if how := _how(step):
        yield f"         {how}"
    for condition in step.conditions:
        yield f"  {condition.line:>3}    allowed if: {condition.text}"
        yield f"           {condition.expression}"
    for restriction in step.restrictions:
        yield f"         recommends only, for {restriction}"


def _how(step: Step) -> str:
    """What the workflow says of a step besides its gate."""
    said = [f"its result is {step.output}"] if step.output else []
    said += [f"tried again {counted(step.retries, 'time')} at most"] if step.retries is not None else []
    said += ["where it fails the run goes on"] if step.on_error == "continue" else []
    return "; ".join(said)


def _serving(plan: Plan) -> str:
    words = {True: "a Deployment that serves is left to a person", False: "changed even while it serves"}
    return words[plan.protect_serving] if plan.protect_serving is not None else "as the installation says"


def _operation(step: Step) -> str:
    gate = f"if the pod is in {step.state}, " if step.state else ""
    operation = step.operation
    if not step.changes:
        return f"{operation.verb} {step.says}".rstrip()
    where = f"{operation.namespace}/{operation.name}" if operation.namespace else operation.name
    images = ", ".join(f"container {name} → {image}" for name, image in step.images)
    return f"{gate}{operation.verb} {operation.kind} {where}: {images or step.says}"


def diagnostics_of(error: RunbookError) -> str:
    """The first error of a runbook, in one line."""
    first = error.errors[0] if error.errors else error.diagnostics[0]
    more = len(error.errors) - 1
    return f"{first}" + (f" (and {counted(more, 'more error')})" if more > 0 else "")
