"""The commands of an action in their order: one in backticks, several in a list, in code blocks, or joined by `&&`."""

import re
from dataclasses import dataclass
from typing import Final

from runmend.runbook.actions import Named
from runmend.runbook.diagnostics import Report
from runmend.runbook.document import Inline, Item
from runmend.runbook.shell_words import ShellSyntax, split_commands, without_documents

MOST_COMMANDS: Final = 20
_JOINS: Final = re.compile(r"(?:[\s,;.]|and|then|&&|followed by)*", re.IGNORECASE)
"""What may stand between two commands, and means that they are done in order."""

_OF_YAML: Final = re.compile(r"\s*[|>][+-]?(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Written:
    """A command as it is written; comments are left out of it."""

    text: str
    line: int
    document: str = ""
    """What stands between `<<EOF` and `EOF` behind it."""


@dataclass(frozen=True, slots=True)
class Commands:
    """An action's commands, and the comments beside them with their lines."""

    commands: tuple[Written, ...] = ()
    comments: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """All of them, for who looks for placeholders."""
        return "\n".join(f"{command.text}\n{command.document}" for command in self.commands)


def read_commands(named: Named, report: Report) -> Commands | None:
    """The commands that stand under `command`; None where they cannot be told from other text, which is said."""
    texts = _texts(named)
    if texts is None:
        report.error(
            named.line,
            "the command is mixed with other text",
            "put each command, and nothing else, in one pair of backticks, in an item of a list, or in a code block",
        )
        return None
    commands: list[Written] = []
    comments: list[tuple[str, int]] = []
    for whole, line in texts:
        text, documents = without_documents(whole)
        if _OF_YAML.match(text):
            report.error(
                line,
                "the command begins with | or >, which begins a block in YAML, and none in Markdown",
                "write the command behind the colon, or in a code block below it",
            )
            return None
        try:
            found = split_commands(text)
        except ShellSyntax as error:
            report.error(line, error.problem, error.remedy)
            return None
        commands += (Written(command, line + below, documents.get(below, "")) for command, below in found.commands)
        comments += ((comment, line + below) for comment, below in found.comments)
    if len(commands) > MOST_COMMANDS:
        report.error(named.line, f"the action has more than {MOST_COMMANDS} commands", "write several actions")
        return None
    return Commands(tuple(commands), tuple(comments))


def _texts(named: Named) -> list[tuple[str, int]] | None:
    """The texts that hold commands, with their lines; None where other text stands among them."""
    if named.blocks:
        return [(block.text, block.line) for block in named.blocks]
    if not named.value and named.items:
        found = [_of_item(item) for item in named.items]
        return None if None in found else [text for texts in found if texts for text in texts]
    if named.pure:
        return [(named.value, named.line)]
    return _joined(named.inline)


def _of_item(item: Item) -> list[tuple[str, int]] | None:
    if item.items or item.more or item.others:
        return None
    if not item.inline.plain:
        return [(block.text, block.line) for block in item.codes]
    if item.codes:
        return None
    if not any(span.code for span in item.inline.spans):
        return [(item.inline.plain, item.line)]
    return _joined(item.inline)


def _joined(inline: Inline | None) -> list[tuple[str, int]] | None:
    """Code spans with nothing between them but what means "in this order"."""
    if inline is None or not all(span.code or _JOINS.fullmatch(span.text) for span in inline.spans):
        return None
    return [(span.text.strip(), span.line) for span in inline.spans if span.code]
