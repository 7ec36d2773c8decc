"""kubectl's flags: a verb's own, those that mean nothing here, and those that are refused and why."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from runmend.language.verbs import VERBS
from runmend.language.verbs import command as verbs
from runmend.runbook.diagnostics import Kind, listed, quoted
from runmend.runbook.values import Values


class Fate(StrEnum):
    """What becomes of a flag."""

    READ = "read"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag under its long name.

    `takes` says whether a value follows it, `repeats` whether it may stand there more than once, `why` and `remedy` why
    it is refused and what to do.
    """

    name: str
    fate: Fate
    takes: bool = True
    why: str = ""
    remedy: str = "remove it"
    repeats: bool = False


def _refused(why: str, remedy: str, *names: str, takes: bool = True) -> tuple[Flag, ...]:
    return tuple(Flag(name, Fate.REFUSED, takes, why, remedy) for name in names)


_FLAGS = {
    flag.name: flag
    for flag in (
        Flag("--namespace", Fate.READ),
        *(Flag(name, Fate.IGNORED) for name in ("--output", "--sort-by", "--v")),
        *(
            Flag(name, Fate.IGNORED, takes=False)
            for name in (
                "--no-headers",
                "--show-kind",
                "--show-labels",
                "--ignore-not-found",
                "--timestamps",
                "--prefix",
                "--show-managed-fields",
            )
        ),
        *_refused(
            "the worker decides which cluster it talks to, and as whom",
            "remove it; set up the worker",
            *("--context", "--kubeconfig"),
        ),
        *_refused(
            "the worker decides which cluster it talks to, and as whom",
            "remove it; set up the worker",
            *("--server", "--cluster"),
        ),
        *_refused(
            "the worker decides which cluster it talks to, and as whom",
            "remove it; set up the worker",
            *("--token", "--user"),
        ),
        *_refused(
            "the worker acts under its own account",
            "remove it; grant the worker's account what it needs",
            "--as",
            "--as-group",
            "--as-uid",
        ),
        *_refused(
            "a plan holds all that it does, and no file is read later",
            "write it into the command; a patch with -p",
            "--filename",
            "--kustomize",
            "--patch-file",
        ),
        *_refused("nothing is forced: a change that is refused fails the run", "remove it", "--force", takes=False),
        *_refused(
            "whether anything is changed is not the command's to say",
            "write mode: recommend in the front matter",
            "--dry-run",
            takes=False,
        ),
        *_refused(
            "a step does not leave the alert's namespace", "write -n {namespace}", "--all-namespaces", takes=False
        ),
        *_refused(
            "a step ends; it does not watch",
            "remove it",
            "--watch",
            "--watch-only",
            "--output-watch-events",
            takes=False,
        ),
        *_refused("its time is the step's", "write timeout: … beside the action in the workflow", "--request-timeout"),
        *_refused("it means a second", "write --grace-period=1", "--now", takes=False),
        *_refused("a step does not wait for what comes of it; the criteria do", "remove it", "--wait", takes=False),
        *_refused("what it would select is not known before the run", "name the object", "--selector"),
        *_refused("Runmend writes under its own name, so that its changes can be told", "remove it", "--field-manager"),
        *_refused("only the object itself is changed", "remove it", "--subresource"),
    )
}
_SHORT = {
    "n": "--namespace", "o": "--output", "f": "--filename", "k": "--kustomize", "s": "--server",
    "v": "--v", "l": "--selector", "A": "--all-namespaces", "w": "--watch",
}  # fmt: skip


@dataclass(slots=True)
class Words:
    """A command's words apart: those that are no flags, and the flags that are read, with their values."""

    positional: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)
    understood: bool = True


class _Known:
    """The flags that a command may have: its verb's own come before those of every command."""

    def __init__(self, own: Sequence[verbs.Flag]) -> None:
        self._flags = _FLAGS | {flag.name: Flag(flag.name, Fate.READ, flag.takes, repeats=flag.repeats) for flag in own}
        self._short = _SHORT | {flag.short: flag.name for flag in own if flag.short}

    def flag(self, word: str) -> tuple[str, Flag | None, str | None]:
        """The flag as it is written, what is known of it, and its value where it is written in the same word."""
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            return name, self._flags.get(name), value if equals else None
        flag = self._flags.get(self._short.get(word[1:2], ""))
        attached = word[2:]
        if flag is None or (attached and not flag.takes and not attached.startswith("=")):
            return word.partition("=")[0], None, None
        return word[:2], flag, attached.removeprefix("=") if attached else None


_EVERY = _Known([flag for verb in VERBS for flag in verb.flags])


def behind_flags(words: Sequence[str]) -> Iterator[str]:
    """The words that are no flags and no values of flags, for who does not know the verb yet."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            yield word
            continue
        _, flag, value = _EVERY.flag(word)
        if flag and flag.takes and value is None:
            next(rest, None)


def sort_words(words: Sequence[str], own: Sequence[verbs.Flag], verb: str, values: Values) -> Words:
    """Tell flags from the rest, wherever they stand, as kubectl does.

    Args:
        words: the command behind `kubectl`.
        own: the flags of its verb.
        verb: which that is.
        values: where errors go; `understood` is False where there are some.
    """
    known, sorted_words = _Known(own), Words()
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            sorted_words.positional.append(word)
            continue
        shown, flag, value = known.flag(word)
        if not values.refuse_placeholders(shown, "a flag's name"):
            sorted_words.understood = False
            break
        if flag is None:
            # Whether the next word is its value cannot be known, so nothing after it could be read for sure.
            names = listed(["-n", *(flag.name for flag in own)], "and")
            another = _EVERY.flag(word)[1]
            problem = f"{another.name} is not a flag of kubectl {verb}" if another else f"unknown flag {quoted(shown)}"
            near = difflib.get_close_matches(shown, [flag.name for flag in own], 1)
            hint = f"did you mean {near[0]}? " if near and not another else ""
            values.error(problem, f"{hint}remove it; known are {names}", shown)
            sorted_words.understood = False
            break
        if flag.takes and value is None:
            value = next(rest, None)
            if value is None:
                values.error(f"the flag {shown} has no value", "write one", shown)
                sorted_words.understood = False
                break
        _take(flag, value or "", sorted_words, values)
    return sorted_words


def _take(flag: Flag, value: str, words: Words, values: Values) -> None:
    if flag.fate is Fate.REFUSED:
        values.error(f"the flag {flag.name} is refused: {flag.why}", flag.remedy, flag.name)
        words.understood = False
    elif flag.name in words.flags and not flag.repeats:
        values.error(f"the flag {flag.name} stands there twice", "write it once")
        words.understood = False
    elif flag.fate is Fate.IGNORED:
        values.report.warning(
            Kind.UNREAD_FLAG,
            values.line,
            f"the flag {flag.name} is not read: it only says how kubectl prints",
            "remove it",
        )
    else:
        words.flags.setdefault(flag.name, []).append(value)
