"""`runmend simulate` and `runmend test`: runbooks at work in an embedded cluster."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runmend.cli.context import NotFoundHere, counted, load_settings
from runmend.core.errors import PermanentError
from runmend.local.processes import unless_stopped
from runmend.local.simulating.junit import as_junit
from runmend.local.simulating.simulation import simulate
from runmend.local.simulating.testing import Result, find, run_all
from runmend.runbook import RunbookError

INTERRUPTED: Final = 130


class NotWritten(PermanentError):
    """The results cannot be written."""


async def simulate_one(file: Path, scenario: str | None, *, as_json: bool) -> int:
    """Simulate a runbook; 1 where it does not compile, or a run does not end as it has to."""
    try:
        return await simulate(file, scenario, as_json=as_json)
    except RunbookError as error:
        sys.stderr.writelines(f"{diagnostic}\n" for diagnostic in error.errors)
        return 1


async def run_expectations(paths: Sequence[Path], *, junit: Path | None, at_once: int) -> int:
    """Run what runbooks are expected to do; 1 where anything came otherwise, or a file cannot be used."""
    chosen = tuple(paths) or (load_settings().runbooks,)
    for path in chosen:
        if not path.exists():
            raise NotFoundHere(f"{path} does not exist; name a runbook or a directory of runbooks")
    found = find(chosen)
    _write(junit, "")  # before anything is run for nothing
    sys.stderr.writelines(f"{problem}\n" for problem in found.problems)
    results: list[Result] = []

    def tell(result: Result) -> None:
        results.append(result)
        _tell(result)

    async def test() -> int:
        if found.trials:
            await run_all(found.trials, at_once, tell)
        _write(junit, as_junit(results, found.problems))
        return int(bool(found.problems) or any(not result.passed for result in results))

    code = await unless_stopped(test(), INTERRUPTED)
    for name in found.untested:
        sys.stderr.write(f"{name} has no expectations beside it\n")
    failed = sum(not result.passed for result in results)
    said = [counted(len(results), "case"), f"{failed} failed"]
    if unusable := len({problem.file for problem in found.problems}):
        said.append(f"{counted(unusable, 'file')} cannot be used")
    if code == INTERRUPTED:
        said.append(f"{len(found.trials) - len(results)} not ended: interrupted")
    sys.stderr.write(f"{', '.join(said)}\n")
    return code


def _tell(result: Result) -> None:
    mark = "✓" if result.passed else "✗"
    sys.stdout.write(f"{mark} {result.file}: {result.name} ({result.seconds:.1f} s)\n")
    sys.stdout.writelines(f"    {line}\n" for line in (*result.failures, *filter(None, (result.error,))))
    sys.stdout.flush()


def _write(file: Path | None, text: str) -> None:
    if file is None:
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotWritten(f"{file} cannot be written: {error.strerror}; name another file with --junit") from error
