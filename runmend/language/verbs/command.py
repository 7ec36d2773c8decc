"""A command as it is written, for the verb that reads it.

`runmend.runbook.kubectl` gives it, and its errors go to the runbook's report.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from runmend.core.kinds import CUSTOM, Kind, kind_named, kind_of_name
from runmend.core.wording import listed, quoted

NAMESPACE = "{namespace}"
NODE = "{node}"
Validator = Callable[[str], object]
"""Raises ValueError, with a message that quotes the value, where it is not what it should be."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of a verb under its long name, `--namespace`; `short` is its letter.

    `takes` says whether a value follows it, `repeats` whether it may stand there more than once; `means` is what it
    says, and `example` a command that has it where the verb's own example does not: the value that it takes there, or
    the whole command.
    """

    name: str
    short: str = ""
    takes: bool = True
    repeats: bool = False
    means: str = ""
    example: str = ""


class Command(Protocol):
    """A command's words and flags."""

    @property
    def words(self) -> tuple[str, ...]:
        """What is no flag, behind the verb."""

    @property
    def flags(self) -> Mapping[str, tuple[str, ...]]:
        """Flag → its values, in their order; `("",)` for one that takes none."""

    @property
    def document(self) -> str:
        """What stands between `<<EOF` and `EOF` behind it; empty where nothing does."""

    def error(self, problem: str, remedy: str) -> None:
        """Say what is wrong, and what to do."""

    def check(self, text: str, what: str, validator: Validator, built_in: tuple[str, ...] = ()) -> bool:
        """Whether a value may stand there: one of the run's placeholders named in `built_in`, or what `validator` takes
        once the action's own items are filled in; else that is said.
        """

    def filled(self, text: str) -> str:
        """A checked text with the action's own items filled in."""

    def refuse_placeholders(self, text: str, where: str) -> bool:
        """Whether a text holds no placeholder; else that is said."""


def flag(command: Command, name: str, default: str = "") -> str:
    """The value of a flag that stands there once at most."""
    return command.flags.get(name, (default,))[0]


def kind_of(word: str, command: Command, kinds: tuple[str, ...], does: str) -> Kind | None:
    """The kind that a word names, one of `kinds`; None where it is another one, which is said."""
    if not command.refuse_placeholders(word, "the resource"):
        return None
    found = kind_named(word)
    if found and (CUSTOM if found.custom else found.name) in kinds:
        return found
    what = f"the kind {found.name}" if found else quoted(word)
    several = "write a command for each kind; " if "," in word or word == "all" else ""
    command.error(
        f"{does} is not done to {what}",
        f"{several}it is done to {listed(in_words(kinds))}",
    )
    return None


def in_words(kinds: tuple[str, ...]) -> list[str]:
    """Kinds as a command writes them."""
    return [f"any {kind}" if kind == CUSTOM else kind_of_name(kind).singular for kind in kinds]


def target_of(command: Command, kinds: tuple[str, ...], does: str) -> tuple[Kind, str, tuple[str, ...]] | None:
    """The object that a command changes, `TYPE NAME` or `TYPE/NAME`, and the words behind it.

    It is the run's own target, by its placeholder, because nobody else changes that meanwhile.
    """
    first_kind = kind_of_name(kinds[0]).singular
    example = f"kubectl {does} {first_kind} {{{first_kind}}}"
    if not command.words:
        command.error(f"kubectl {does} names no resource", f"write {example}")
        return None
    first, *rest = command.words
    word, slash, name = first.partition("/")
    kind = kind_of(word, command, kinds, f"kubectl {does}")
    if kind is None:
        return None
    if not slash:
        name, rest = (rest[0], rest[1:]) if rest else ("", [])
    expected = f"{{{kind.singular}}}"
    if name.startswith("{") and name[1:-1] in kind.short:
        name = expected
    if name != expected:
        remedy = f"write {expected}: a run changes its own target only, which nobody else changes meanwhile"
        command.error(
            f"the {kind.name} is {quoted(name)}" if name else f"the command names no {kind.name}",
            remedy if name else f"write kubectl {does} {kind.singular} {expected}",
        )
    return kind, name, tuple(rest)


def node_of(command: Command, does: str) -> tuple[str, tuple[str, ...]] | None:
    """The node that a command changes, `NAME` or `node/NAME`, and the words behind it: the run's own target."""
    write = f"write kubectl {does} {NODE}: a run changes its own target only, which nobody else changes meanwhile"
    if not command.words:
        command.error(f"kubectl {does} names no node", write)
        return None
    first, *rest = command.words
    word, slash, name = first.partition("/")
    if slash and kind_of(word, command, ("Node",), f"kubectl {does}") is None:
        return None
    if (name if slash else word) != NODE:
        command.error(f"the node is {quoted(first)}", write)
        return None
    if "--namespace" in command.flags:
        command.error("a node is in no namespace", "leave -n out")
        return None
    return NODE, tuple(rest)


def in_namespace(command: Command, kind: Kind) -> bool:
    """Whether a command stays in its alert's namespace; else that is said."""
    namespace = command.flags.get("--namespace", ("",))[0]
    if namespace == NAMESPACE or (not namespace and not kind.namespaced):
        return True
    if not namespace:
        command.error("the command says no namespace", f"say it: -n {NAMESPACE}")
    else:
        command.error(
            f"the namespace is {quoted(namespace)}", f"write -n {NAMESPACE}: a run stays in its alert's namespace"
        )
    return False


def no_more(words: tuple[str, ...], command: Command, remedy: str) -> bool:
    """Whether there are no more words; else that is said."""
    if words:
        shown = listed([quoted(word) for word in words[:5]], "and")
        command.error(f"{shown} is one word too many", remedy)
    return not words
