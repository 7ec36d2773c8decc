"""The demo's terminal as a picture: an SVG that asks for nothing from elsewhere."""

import io
import re
from pathlib import Path
from typing import Final

from rich.console import Console

from runmend.local.demo.sending import DemoFailed
from runmend.runs.terminal import CALM

_COLUMNS: Final = 120
_REMOTE: Final = re.compile(r"@font-face \{.*?\}|<!--.*?-->", re.DOTALL)
"""What Rich writes of a web font, which a viewer would fetch, and of its own site."""


def check_writable(file: Path) -> None:
    """Leave the file as it is, or absent.

    Raises:
        DemoFailed: it cannot be written.
    """
    there = file.exists()
    try:
        file.open("a").close()
        if not there:
            file.unlink()
    except OSError as error:
        raise DemoFailed(f"{file} cannot be written ({error.strerror}); name another file for the picture") from error


def drawn_on() -> Console:
    """A console that is seen in the picture alone: a terminal of a fixed width."""
    return Console(
        record=True, file=io.StringIO(), width=_COLUMNS, force_terminal=True, highlight=False, theme=CALM, _environ={}
    )


def drawn(console: Console) -> str:
    """The picture of what was printed there."""
    return _REMOTE.sub("", console.export_svg(title="runmend demo"))
