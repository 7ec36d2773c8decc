"""Texts from outside as Markdown: they are shown, and cannot become its structure.

Used by the report and by a run's details.
"""

import re
import string
from typing import Final
from urllib.parse import quote

_STRUCTURE: Final = re.compile(r"[\\`*\[\]<>&~|]|(?<![^\W_])_")
_BLOCK: Final = re.compile(r"^([0-9]*)([#+=-]|(?<=[0-9])[.)])")
"""What would make a line a heading, a list item or a rule."""
_ADDRESS: Final = re.compile(r"://|www\.|@|(mailto|xmpp):", re.IGNORECASE)
_URL_SAFE: Final = ":/?#@!$&'*+,;=%-._~"


def plain(text: str) -> str:
    """A text in one line, in which nothing is emphasis, a link, a picture or HTML.

    What many readers make a link of by themselves, an address of the web or of a mailbox, is shown as code.
    """
    return " ".join(code(word) if _ADDRESS.search(word) else escaped(word) for word in one_line(text).split(" "))


def prose(text: str) -> str:
    """A text of several lines, in which nothing but its paragraphs and list items has a meaning."""
    return "\n".join(map(_line_of_prose, text.splitlines()))


def _line_of_prose(line: str) -> str:
    mark = "- " if line.startswith("- ") else ""
    return mark + _BLOCK.sub(r"\1\\\2", plain(line.removeprefix(mark)))


def escaped(text: str) -> str:
    """A text with a backslash before each character that Markdown would give a meaning to."""
    return _STRUCTURE.sub(lambda found: f"\\{found[0]}", text)


def unescaped(markdown: str) -> str:
    """Markdown for a reader of its source: without those backslashes."""
    return re.sub(rf"\\([{re.escape(string.punctuation)}])", r"\1", markdown)


def code(text: str) -> str:
    """A text in one line, as code, which it cannot end; `none` where it is empty."""
    shown = one_line(text)
    if not shown:
        return "none"
    if "`" not in shown:
        return f"`{shown}`"
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def link(text: str, address: str) -> str:
    """A text that leads to an http(s) address; the text alone where it is none."""
    if not address.startswith(("http://", "https://")):
        return escaped(one_line(text))
    # Parentheses, brackets and spaces would end the address.
    return f"[{escaped(one_line(text))}]({quote(one_line(address), safe=_URL_SAFE)})"


def one_line(text: str) -> str:
    """A text without line breaks; what cannot be printed, such as a control character or a change of direction, is
    shown as `�`.
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(char if char.isprintable() else "�" for char in line)
