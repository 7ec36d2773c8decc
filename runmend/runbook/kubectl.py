"""From a line of kubectl to a compiled command, or the reasons why not. What each verb reads is the verb's own:
`runmend.language.verbs`.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from runmend.core.kinds import BY_WORD
from runmend.language.verbs import BY_WORDS, VERBS
from runmend.language.verbs.command import Validator
from runmend.language.verbs.refused import REFUSED
from runmend.language.verbs.verb import Verb
from runmend.plan.operations import Operation
from runmend.runbook.diagnostics import quoted
from runmend.runbook.flags import behind_flags, sort_words
from runmend.runbook.shell_words import ShellSyntax, split_words
from runmend.runbook.values import Values

LISTED: Final = "`runmend verbs` lists what a command may be"
_ALIKE: Final = 0.75
"""How alike a verb must be to the one that is meant: "taint" is no "drain"."""


class _Command:
    """A command's words and flags, for its verb; what the verb says of them goes to the report."""

    def __init__(self, words: tuple[str, ...], flags: Mapping[str, tuple[str, ...]], values: Values) -> None:
        self.words = words
        self.flags = flags
        self.failed = False
        self._values = values

    def error(self, problem: str, remedy: str) -> None:
        """Say what is wrong, and what to do."""
        self.failed = True
        self._values.report.error(self._values.line, problem, remedy)

    def check(self, text: str, what: str, validator: Validator, built_in: tuple[str, ...] = ()) -> bool:
        """Whether a value may stand there; else that is said."""
        good = self._values.check(text, what, validator, built_in)
        self.failed = self.failed or not good
        return good

    def filled(self, text: str) -> str:
        """A checked text with the action's own items filled in."""
        return self._values.filled(text)

    def refuse_placeholders(self, text: str, where: str) -> bool:
        """Whether a text holds no placeholder; else that is said."""
        good = self._values.refuse_placeholders(text, where)
        self.failed = self.failed or not good
        return good


def parse_command(text: str, values: Values) -> Operation | None:
    """Parse one command; None where the report of `values` says why not."""
    try:
        words = split_words(text)
    except ShellSyntax as error:
        values.report.error(values.line, error.problem, error.remedy)
        return None
    if not words:
        values.report.error(values.line, "the command is empty", f"write a command; {LISTED}")
        return None
    program, *rest = words
    if program != "kubectl":
        if values.refuse_placeholders(program, "the program's name"):
            values.report.error(
                values.line, f"the program {quoted(program)} is not kubectl", "write a command that begins with kubectl"
            )
        return None
    verb = _verb(rest, values)
    if verb is None:
        return None
    sorted_words = sort_words(rest, verb.flags, verb.words, values)
    if not sorted_words.understood:
        return None
    behind = sorted_words.positional[len(verb.words.split()) :]
    command = _Command(tuple(behind), {name: tuple(given) for name, given in sorted_words.flags.items()}, values)
    operation = verb.command(command)
    return None if command.failed else operation


def _verb(words: list[str], values: Values) -> Verb[Any] | None:
    first, second = (*behind_flags(words), "", "")[:2]
    if not values.refuse_placeholders(first, "the verb"):
        return None
    kind = BY_WORD.get(second)
    for name in (f"{first} {second}", f"{first} {kind.plural}" if kind else first, first):
        if name in BY_WORDS:
            return BY_WORDS[name]
    if first in REFUSED:
        values.report.error(
            values.line,
            f"kubectl {first} is refused: {REFUSED[first]}",
            f"write what should change; {LISTED}",
        )
    elif not first:
        values.report.error(values.line, "the command has no verb", LISTED)
    elif values.refuse_placeholders(second, "the verb"):
        longer = any(verb.words.startswith(f"{first} ") for verb in VERBS)
        named = f"{first} {second}".strip() if longer else first
        close = get_close_matches(named, BY_WORDS, 1, _ALIKE)
        remedy = f"did you mean kubectl {close[0]}? {LISTED}" if close else LISTED
        values.report.error(values.line, f"the verb {quoted(named)} is not supported yet", remedy)
    return None
