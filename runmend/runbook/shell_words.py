"""A command's words, quoted as in a shell and without one: what only a shell could do is refused, each with its reason.

shlex would give the words without saying which letters were quoted, and a `;` in single quotes is data.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from runmend.runbook.placeholders import foreign_at, remedy_for

_WHY = "Runmend runs no shell"
_ONE_BY_ONE = "write each on a line of its own in a code block, or && between them: the first that fails ends them"
_SYNTAX = {
    "|": ("pipes into another command", "remove it: a step keeps the newest of what it reads, and later steps can ask"),
    ";": ("runs several commands", _ONE_BY_ONE),
    "&": ("runs a command in the background", _ONE_BY_ONE),
    "&&": ("runs several commands", _ONE_BY_ONE),
    "||": ("runs a command only where another fails", "write on_error: continue in the workflow, and a gate that asks"),
    "<": ("redirects input", "remove it; a placeholder is written in braces: {pod}"),
    ">": ("redirects output", "remove it; what the command reads is kept in the run's result"),
    "`": ("runs a command within the command", "write a placeholder, such as {pod}, or a named item of the action"),
    "$": ("expands a variable or another command", "write a placeholder, such as {pod}, or a named item of the action"),
    "*": ("is expanded to file names", "name what is meant, or put it in single quotes"),
    "?": ("is expanded to file names", "name what is meant, or put it in single quotes"),
    "[": ("is expanded to file names", "put the value in single quotes"),
    "(": ("starts a subshell", "remove it, or put the value in single quotes"),
    ")": ("ends a subshell", "remove it, or put the value in single quotes"),
    "\n": ("runs several commands", _ONE_BY_ONE),
    "#": ("starts a comment", "remove it, or put the value in single quotes"),
    "~": ("is expanded to a directory", "remove it, or put the value in single quotes"),
}
_HEREDOC: Final = re.compile(
    r"^[ \t]*(?:cat[ \t]+|(?P<before>(?:\$ )?kubectl\b[^\n<]*?)[ \t]+)<<-?[ \t]*(?P<quote>['\"]?)(?P<word>\w+)"
    r"(?P=quote)[ \t]*(?:\|[ \t]*(?P<behind>kubectl\b[^\n]*))?\n(?P<body>.*?)\n[ \t]*(?P=word)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_NAMES = {"\n": "a line break", "`": "a backtick"}
_TWO = ("&&", "||", "$(", ">>", "<<")
_WITHIN_DOUBLE = frozenset('"\\$`')


class ShellSyntax(ValueError):
    """The command needs a shell, or its quotes do not close."""

    def __init__(self, problem: str, remedy: str, where: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.where = where
        """What it is about, as it stands in the text."""


@dataclass(slots=True)
class _Words:
    """The words so far, and the pieces of the one that has begun; None between two of them."""

    text: str
    at: int = 0
    pieces: list[str] | None = None
    words: list[str] = field(default_factory=list)

    def add(self, letters: str) -> None:
        if self.pieces is None:
            self.pieces = []
        self.pieces.append(letters)

    def end(self) -> None:
        if self.pieces is not None:
            self.words.append("".join(self.pieces))
        self.pieces = None


@dataclass(frozen=True, slots=True)
class Script:
    """The commands of a text and its comments, each with how many lines stand before it."""

    commands: tuple[tuple[str, int], ...]
    comments: tuple[tuple[str, int], ...]


def without_documents(text: str) -> tuple[str, dict[int, str]]:
    """A text with what stands between `<<EOF` and `EOF` left out, its lines kept; and these documents, by the line of
    their command. `cat <<EOF | kubectl apply -f -` is the same as `kubectl apply -f - <<EOF`.
    """
    documents: dict[int, str] = {}

    def without(found: re.Match[str]) -> str:
        documents[text.count("\n", 0, found.start())] = textwrap.dedent(found["body"]) + "\n"
        return (found["before"] or found["behind"]).strip() + "\n" * found[0].count("\n")

    return _HEREDOC.sub(without, text), documents


def split_commands(text: str) -> Script:
    r"""Split a text into the commands that a shell would run in order and stop at the first that fails: each on lines
    of its own, or joined by `&&`; within quotes, and behind a `\\`, a line goes on. A prompt `$ ` is left out.

    Raises:
        ShellSyntax: there is no command before or behind an `&&`.
    """
    commands: list[tuple[str, int]] = []
    comments: list[tuple[str, int]] = []
    below, counted, waits = 0, 0, False
    for start, end, ends_with in _pieces(text):
        piece = text[start:end].strip()
        begins = end - len(text[start:end].lstrip())
        below, counted = below + text.count("\n", counted, begins), begins
        if piece.startswith("#"):
            comments.append((piece.lstrip("# "), below))
        elif piece:
            # What begins a line may begin with the prompt of a terminal.
            commands.append((piece if waits else piece.removeprefix("$ ").lstrip(), below))
            waits = ends_with == "&&"
        elif ends_with == "&&":
            waits = True
            break
    if waits:
        raise ShellSyntax(f"{_WHY}: && stands there without a command on each side", "write both, or remove it")
    return Script(tuple(commands), tuple(comments))


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Where the parts of a text that stand between line ends and `&&` begin and end, comments apart, and with what."""
    start = at = 0
    while at < len(text):
        if text.startswith("&&", at):
            yield start, at, "&&"
            start = at = at + 2
        elif text[at] == "\n":
            yield start, at, "\n"
            start = at = at + 1
        elif text[at] == "#" and (at == start or text[at - 1] in " \t"):
            yield start, at, "#"
            start, at = at, text.find("\n", at)
            at = len(text) if at < 0 else at
        else:
            at = _behind(text, at)
    yield start, len(text), ""


def _behind(text: str, at: int) -> int:
    """Where it goes on behind a letter, what is quoted, or what is escaped."""
    if text[at] == "\\":
        return at + 2
    if text[at] == "'":
        end = text.find("'", at + 1)
        return len(text) if end < 0 else end + 1
    if text[at] == '"':
        at += 1
        while at < len(text) and text[at] != '"':
            at += 2 if text[at] == "\\" else 1
    return at + 1


def split_words(text: str) -> list[str]:
    r"""Split a command into words: blanks, '…', "…", backslashes as POSIX has them; a `\` at its end joins lines.

    Raises:
        ShellSyntax: it holds what only a shell could do, outside quotes that would make it data.
    """
    state = _Words(text.strip())
    while state.at < len(state.text):
        letter = state.text[state.at]
        state.at += 1
        if letter in " \t":
            state.end()
        elif letter == "'":
            state.add(_until_quote(state))
        elif letter == '"':
            state.add("")
            _double(state)
        elif letter == "\\":
            _escaped(state)
        elif _is_of_a_shell(state, letter):
            raise _refused(state.text, state.at - 1)
        elif not letter.isprintable():
            raise ShellSyntax(f"the command holds the character {letter!a}", "remove it")
        else:
            state.add(letter)
    state.end()
    return state.words


def _is_of_a_shell(state: _Words, letter: str) -> bool:
    """Whether a letter outside quotes means something to a shell, or begins a placeholder of another form."""
    if letter == "{":
        return bool(foreign_at(state.text, state.at - 1))
    return letter in _SYNTAX and not (letter in "#~" and state.pieces is not None)


def _until_quote(state: _Words) -> str:
    end = state.text.find("'", state.at)
    if end < 0:
        raise ShellSyntax("a single quote is not closed", "close it; within '…' every letter stands for itself")
    start, state.at = state.at, end + 1
    return state.text[start:end]


def _double(state: _Words) -> None:
    while state.at < len(state.text):
        letter = state.text[state.at]
        state.at += 1
        if letter == '"':
            return
        if letter in "$`" or (letter == "{" and foreign_at(state.text, state.at - 1)):
            raise _refused(state.text, state.at - 1)
        if letter == "\\" and state.text[state.at : state.at + 1] in _WITHIN_DOUBLE:
            letter = state.text[state.at]
            state.at += 1
        elif letter == "\\" and state.text[state.at : state.at + 1] == "\n":
            letter = ""
            state.at += 1
        state.add(letter)
    raise ShellSyntax("a double quote is not closed", 'close it, or write \\" for a quote that is meant as one')


def _escaped(state: _Words) -> None:
    letter = state.text[state.at : state.at + 1]
    state.at += 1
    if not letter:
        raise ShellSyntax("the command ends in a backslash", "remove it")
    # In code between backticks Markdown makes a blank of a line's end.
    if letter != "\n" and not (letter == " " and state.pieces is None):
        state.add(letter)


def _refused(text: str, at: int) -> ShellSyntax:
    if written := foreign_at(text, at):
        return ShellSyntax(f"{written} is no placeholder here, and {_WHY}", remedy_for(written), written)
    two = text[at : at + 2]
    letter = text[at]
    what, remedy = _SYNTAX.get(two) or _SYNTAX[letter]
    if two == "$(":
        what = "runs a command within the command"
    name = two if two in _TWO else _NAMES.get(letter, letter)
    return ShellSyntax(f"{_WHY}: {name} {what}", remedy, text[at : at + 30].partition("\n")[0])
