"""Texts from outside for a terminal, a log or a message: nothing in them is obeyed, hidden or turned around.

Used where file names and the like enter a message, and by `runmend.cli.output` for all that a command prints.
"""

import json
import unicodedata


def printable(text: str) -> str:
    """A text whose control characters, changes of direction, invisible and undecodable characters are shown as escapes
    of four hexadecimal digits; line ends and tabs stay.

    The escapes are JSON's own, so JSON stays JSON and means the same.
    """
    # Nearly always, and each line of a log comes through here.
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(char if _is_shown(char) or char in "\n\t" else _escape(char) for char in text)


def in_one_line(text: str) -> str:
    """The same, line ends and tabs too: a name cannot begin a line of its own."""
    return text if text.isprintable() else "".join(char if _is_shown(char) else _escape(char) for char in text)


def _is_shown(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    return json.dumps(char)[1:-1]
