"""From a line of kubectl to a compiled command, or the reasons why not. What each verb reads is the verb's own:
`runmend.language.verbs`.
"""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from runmend.core.kinds import kind_named
from runmend.language.verbs import BY_WORDS, VERBS
from runmend.language.verbs.command import Validator
from runmend.language.verbs.refused import INSTEAD, REFUSED
from runmend.language.verbs.verb import Verb
from runmend.plan.operations import Operation
from runmend.runbook.diagnostics import quoted
from runmend.runbook.flags import behind_flags, sort_words
from runmend.runbook.shell_words import ShellSyntax, split_words, without_documents
from runmend.runbook.values import Values

NO_SHELL: Final = "Runmend runs no shell"
FROM_WORKER: Final = ": the worker decides which cluster it talks to, and as whom"
LISTED: Final = "`runmend verbs` lists what a command may be"
_OF_ADM: Final = frozenset({"cordon", "uncordon", "drain", "taint"})
_ALIKE_WORDS: Final = {
    ("events",): ("get", "events"),
    ("set", "sa"): ("set", "serviceaccount"),
}
"""How else kubectl lets a verb be written."""
_ALIKE: Final = 0.75
"""How alike a verb must be to the one that is meant: "taint" is no "drain"."""


class _Command:
    """A command's words and flags, for its verb; what the verb says of them goes to the report."""

    def __init__(self, words: tuple[str, ...], flags: Mapping[str, tuple[str, ...]], values: Values) -> None:
        self.words = words
        self.flags = flags
        self.failed = False
        self.document = values.document
        self._values = values

    def error(self, problem: str, remedy: str) -> None:
        """Say what is wrong, and what to do."""
        self.failed = True
        self._values.error(problem, remedy)

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
    if not values.document:
        text, documents = without_documents(text)
        values = replace(values, document=documents.get(0, ""))
    try:
        words = split_words(text.strip())
    except ShellSyntax as error:
        values.error(error.problem, error.remedy, error.where)
        return None
    if not words:
        values.error("the command is empty", f"write a command; {LISTED}")
        return None
    program, *rest = _as_kubectl(words)
    if program != "kubectl":
        if values.refuse_placeholders(program, "the program's name"):
            values.error(*_not_kubectl(program), program)
        return None
    verb = _verb(rest, values)
    if verb is None:
        return None
    sorted_words = sort_words(rest, verb.flags, verb.words, values)
    if not sorted_words.understood:
        return None
    behind = sorted_words.positional[len(verb.words.split()) :]
    command = _Command(tuple(behind), {name: tuple(given) for name, given in sorted_words.flags.items()}, values)
    if values.document and "--filename" not in command.flags:
        command.error(
            "a document stands behind the command, which takes none", "remove it, or write kubectl apply -f -"
        )
    operation = verb.command(command)
    return None if command.failed else operation


def _as_kubectl(words: list[str]) -> list[str]:
    """A command of OpenShift's client that is kubectl's by another name."""
    program, *rest = words
    if program != "oc":
        return [*words[:1], *_plainly(rest)] if program == "kubectl" else words
    return ["kubectl", *_plainly(rest[1:] if rest[:1] == ["adm"] and rest[1:2] and rest[1] in _OF_ADM else rest)]


def _plainly(words: list[str]) -> list[str]:
    """Words of a verb under the one name that the table has."""
    begins = next((length for length in (2, 1) if tuple(words[:length]) in _ALIKE_WORDS), 0)
    return [*_ALIKE_WORDS[tuple(words[:begins])], *words[begins:]] if begins else words


def _verb(words: list[str], values: Values) -> Verb[Any] | None:
    first, second = (*behind_flags(words), "", "")[:2]
    if not values.refuse_placeholders(first, "the verb"):
        return None
    kind = kind_named(second)
    for name in (f"{first} {second}", f"{first} {kind.plural}" if kind else first, first):
        if name in BY_WORDS:
            return BY_WORDS[name]
    if first in REFUSED:
        values.error(
            f"kubectl {first} is refused: {REFUSED[first]}",
            f"write what should change; {LISTED}",
            first,
        )
    elif not first:
        values.error("the command has no verb", LISTED)
    elif not any(verb.words.startswith(f"{first} ") for verb in VERBS):
        values.error(f"the verb {quoted(first)} is not supported yet", _instead_of(first), first)
    elif values.refuse_placeholders(second, "the verb"):
        named = f"{first} {second}".strip()
        values.error(f"the verb {quoted(named)} is not supported yet", _instead_of(named), second)
    return None


def _instead_of(verb: str) -> str:
    """What to write where a verb is not supported."""
    if verb in INSTEAD:
        return INSTEAD[verb]
    close = get_close_matches(verb, BY_WORDS, 1, _ALIKE)
    return f"did you mean kubectl {close[0]}? {LISTED}" if close else LISTED


def _not_kubectl(program: str) -> tuple[str, str]:
    """What is wrong with a command that another program begins, and what to do."""
    problem = f"the program {quoted(program)} is not kubectl"
    name = program.replace("\\", "/").rpartition("/")[2].removesuffix(".exe").lower()
    if "=" in program:
        variable = program.partition("=")[0]
        return f"the command sets the variable {variable}, and {NO_SHELL}", f"remove {variable}={FROM_WORKER}"
    if name in ("kubectl", "k"):
        return problem, "write kubectl in its place"
    if name in ("sudo", "env", "time", "watch", "command", "exec", "microk8s", "minikube"):
        return problem, f"leave {name} out, and begin with kubectl{FROM_WORKER}"
    return problem, "write a command that begins with kubectl"
