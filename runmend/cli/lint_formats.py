"""How `runmend lint` prints: for people, for programs, and for the code hosts that show it beside a line."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from runmend.runbook import Diagnostic, Severity
from runmend.runbook.diagnostics import Kind
from runmend.runbook.lint import Linted

_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}
_COMMANDS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}
_ERROR_RULE: Final = "error"
"""The rule of what does not compile, which has no kind."""


class LintFormat(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def _text(linted: Linted) -> str:
    return "".join(f"{diagnostic}\n" for diagnostic in linted.diagnostics)


def _json(linted: Linted) -> str:
    return linted.as_json() + "\n"


def _github(linted: Linted) -> str:
    """Workflow commands, each of which GitHub shows beside its line."""
    return "".join(f"{_command(diagnostic)}\n" for diagnostic in linted.diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    column = f",col={diagnostic.column}" if diagnostic.column else ""
    title = f",title={_property(diagnostic.kind)}" if diagnostic.kind else ""
    place = f"file={_property(diagnostic.file)},line={diagnostic.line}{column}{title}"
    said = f"{diagnostic.problem}; {diagnostic.remedy}".replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{_COMMANDS[diagnostic.severity]} {place}::{said}"


def _property(text: str) -> str:
    for letter, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(letter, code)
    return text


def _sarif(linted: Linted) -> str:
    """SARIF 2.1.0: one run, a rule for each kind of diagnostic."""
    rules = [{"id": _ERROR_RULE, "shortDescription": {"text": "what keeps a runbook from being loaded"}}]
    rules += [{"id": str(kind), "shortDescription": {"text": kind.means}} for kind in Kind]
    driver = {"name": "runmend", "version": version("runmend"), "rules": rules}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(diagnostic) for diagnostic in linted.diagnostics],
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    region = {"startLine": max(diagnostic.line, 1)} | ({"startColumn": diagnostic.column} if diagnostic.column else {})
    where = {"artifactLocation": {"uri": quote(Path(diagnostic.file).as_posix())}, "region": region}
    return {
        "ruleId": str(diagnostic.kind or _ERROR_RULE),
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": f"{diagnostic.problem}; {diagnostic.remedy}"},
        "locations": [{"physicalLocation": where}],
    }


FORMATS: Final[Mapping[LintFormat, Callable[[Linted], str]]] = {
    LintFormat.TEXT: _text,
    LintFormat.JSON: _json,
    LintFormat.GITHUB: _github,
    LintFormat.SARIF: _sarif,
}
