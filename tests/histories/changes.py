"""The workflow with changes to its source, as a person would edit it."""

import re
import types
from pathlib import Path

import workflows.remediation

SOURCE = Path(workflows.remediation.__file__)


def changed(*changes: tuple[str, str]) -> type:
    """The workflow's class with parts of its source, by regular expressions, replaced by others; each must be there
    once.

    Its lines are named as the file's are.
    """
    text = SOURCE.read_text(encoding="utf-8")
    for old, new in changes:
        text, count = re.subn(old, new, text, flags=re.MULTILINE)
        assert count == 1, f"{count} times in {SOURCE}: {old}"
    module = types.ModuleType("workflows.remediation")
    exec(compile(text, str(SOURCE), "exec"), module.__dict__)
    workflow: type = module.__dict__["Remediation"]
    return workflow
