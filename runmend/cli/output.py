"""Where all that a command prints goes out: no text from outside moves a cursor, hides, turns around, or colours.

Called by `main`. Rich, which writes escapes of its own, goes past it: `runmend.runs.terminal.console` does the same
with each text before it gets its style.
"""

from collections.abc import Iterable
from typing import Any, TextIO, cast

from runmend.core.printable import printable


class _Printable:
    """A text stream that shows what cannot be printed as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.rich_proxied_file = stream
        """Rich writes to this instead."""

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the stream has
        return getattr(self._stream, name)


def printable_stream(stream: TextIO) -> TextIO:
    """A stream that writes to another, all of it printable."""
    return stream if isinstance(stream, _Printable) else cast("TextIO", _Printable(stream))
