"""The shipped runbook with pieces of its text replaced, and what the compiler says of it."""

from pathlib import Path

import pytest

from runmend.runbook import Compiled, RunbookError, compile_runbook

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
SEED = (RUNBOOKS / "RB_IMAGEPULL.md").read_text()
CRITERIA = (
    '"Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running", "Container starts successfully", '
    '"No new `ImagePullBackOff` events for 5 minutes" or "No container restarts for 5 minutes"'
)


def changed(*replacements: tuple[str, str]) -> str:
    text = SEED
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def compiled(*replacements: tuple[str, str]) -> Compiled:
    return compile_runbook(changed(*replacements).encode(), "rb.md")


def said(source: str | bytes) -> list[str]:
    with pytest.raises(RunbookError) as caught:
        compile_runbook(source if isinstance(source, bytes) else source.encode(), "rb.md")
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]
