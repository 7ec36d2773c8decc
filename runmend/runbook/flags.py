"""kubectl's flags: which are read, which mean nothing here, and which are refused and why."""

from dataclasses import dataclass, field
from enum import StrEnum

from runmend.runbook.diagnostics import Kind, quoted
from runmend.runbook.values import Values


class Fate(StrEnum):
    """What becomes of a flag."""

    READ = "read"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag under its long name.

    `takes` says whether a value follows it, `why` and `remedy` why it is refused and what to do.
    """

    name: str
    fate: Fate
    takes: bool = True
    why: str = ""
    remedy: str = "remove it"


def _refused(why: str, remedy: str, *names: str, takes: bool = True) -> tuple[Flag, ...]:
    return tuple(Flag(name, Fate.REFUSED, takes, why, remedy) for name in names)


_FLAGS = {
    flag.name: flag
    for flag in (
        *(Flag(name, Fate.READ) for name in ("--namespace", "--field-selector", "--patch", "--type")),
        *(Flag(name, Fate.IGNORED) for name in ("--output", "--sort-by")),
        *(
            Flag(name, Fate.IGNORED, takes=False)
            for name in ("--no-headers", "--show-kind", "--show-labels", "--ignore-not-found")
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
            "write the patch with -p",
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
        *_refused("events have no labels to select by", "use --field-selector involvedObject.name={pod}", "--selector"),
        *_refused("Runmend writes under its own name, so that its changes can be told", "remove it", "--field-manager"),
        *_refused("only the Deployment itself is patched", "remove it", "--subresource"),
    )
}
_SHORT = {
    "n": "--namespace", "p": "--patch", "o": "--output", "f": "--filename",
    "k": "--kustomize", "s": "--server", "l": "--selector",
    "A": "--all-namespaces", "w": "--watch",
}  # fmt: skip


@dataclass(slots=True)
class Words:
    """A command's words apart: those that are no flags, and the flags that are read."""

    positional: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    understood: bool = True


def sort_words(words: list[str], values: Values) -> Words:
    """Tell flags from the rest, wherever they stand, as kubectl does.

    `understood` is False where the report has errors.
    """
    sorted_words = Words()
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            sorted_words.positional.append(word)
            continue
        shown, flag, value = _flag(word)
        if not values.refuse_placeholders(shown, "a flag's name"):
            sorted_words.understood = False
            break
        if flag is None:
            # Whether the next word is its value cannot be known, so nothing after it could be read for sure.
            known = "known are -n, --field-selector, -p and --type"
            values.report.error(values.line, f"unknown flag {quoted(shown)}", f"remove it; {known}")
            sorted_words.understood = False
            break
        if flag.takes and value is None:
            value = next(rest, None)
            if value is None:
                values.report.error(values.line, f"the flag {shown} has no value", "write one")
                sorted_words.understood = False
                break
        _take(flag, value or "", sorted_words, values)
    return sorted_words


def _flag(word: str) -> tuple[str, Flag | None, str | None]:
    """The flag as it is written, what is known of it, and its value where it is written in the same word."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, _FLAGS.get(name), value if equals else None
    flag = _FLAGS.get(_SHORT.get(word[1:2], ""))
    attached = word[2:]
    if flag is None or (attached and not flag.takes and not attached.startswith("=")):
        return word.partition("=")[0], None, None
    return word[:2], flag, attached.removeprefix("=") if attached else None


def _take(flag: Flag, value: str, words: Words, values: Values) -> None:
    if flag.fate is Fate.REFUSED:
        values.report.error(values.line, f"the flag {flag.name} is refused: {flag.why}", flag.remedy)
        words.understood = False
    elif flag.name in words.flags:
        values.report.error(values.line, f"the flag {flag.name} stands there twice", "write it once")
        words.understood = False
    elif flag.fate is Fate.IGNORED:
        values.report.warning(
            Kind.UNREAD_FLAG,
            values.line,
            f"the flag {flag.name} is not read: it only says how kubectl prints",
            "remove it",
        )
    else:
        words.flags[flag.name] = value
