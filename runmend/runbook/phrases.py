"""What sentences are made of: states, lengths of time, enumerations. Used wherever the compiler reads prose."""

import re
from collections.abc import Mapping
from typing import Final

from runmend.facts.states import State
from runmend.language.states import OF_CONTAINERS, STATES

DAY = 24 * 3600
LONGEST = 400
"""What is longer is no sentence that Runmend reads; it keeps every pattern quick, whatever the text."""
_OF_CONTAINERS = {name: STATES[name] for name in OF_CONTAINERS}
_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
} | {"a": 1, "an": 1}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY}
_AMOUNT = re.compile(
    rf"(\d{{1,9}}|{'|'.join(_NUMBERS)})[\s-]*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])[\s,]*(?:and\s+)?"
)

DURATION = r"[a-z0-9][a-z0-9 ,-]*?"
"""Where a sentence names a length of time: any words, which `seconds_in` then reads."""
STATE = r"\w+(?:(?: or |\s?/\s?)\w+)*"
"""Where a sentence names a state: a word, or several that mean the same, which `state_in` then reads."""


_SYNONYMS: Final = tuple(
    (re.compile(rf"\b(?:{words})\b"), one)
    for words, one in (
        (r"crash[- ]loop(?:ing|s)?(?: back[- ]?off)?(?= (?:state|status|again)|$)", "crashloopbackoff"),
        (r"(?:image[- ])?pull (?:errors?|failures?)(?: events?)?", "imagepullbackoff events"),
        (r"out[- ]of[- ]memory", "oomkilled"),
        (r"oom events?", "oomkilled terminations"),
        (r"up and running", "running"),
        (r"zero", "no"),
        (r"(?:has (?:the )?)?condition ready (?:is|=) ?true", "is ready"),
        (r"(?:has (?:the )?)?condition available (?:is|=) ?true", "is available"),
    )
)
"""Other words for the same, and the one that patterns are written with."""


def sentence(text: str) -> str:
    """A sentence as patterns read it: lower case, single spaces, no quotes, no full stop, no check box.

    Empty where it is too long.
    """
    if len(text) > LONGEST:
        return ""
    words = " ".join(re.sub(r"[`\"'*\u2018\u2019\u201c\u201d]", "", re.sub(r"^\s*\[[ xX]?\]", "", text)).split())
    words = words.rstrip(".!; ").lower()
    for other, one in _SYNONYMS:
        words = other.sub(one, words)
    return words


def state_in(words: str, states: Mapping[str, State] = _OF_CONTAINERS) -> str | None:
    """The state that is named, of those that may be; of `ErrImagePull or ImagePullBackOff`, which mean the same, the
    first.

    None where one is unknown.
    """
    known = {word: state.name for state in states.values() for word in (state.name.lower(), *state.aliases)}
    names = [known.get(word) for word in re.split(r" or |\s?/\s?", words.lower().strip())]
    first = names[0]
    return first if first and all(name and same_state(first, name) for name in names) else None


def number_in(words: str) -> int | None:
    """`3` or `three` as a number; None where it is none."""
    return _NUMBERS.get(words) if words in _NUMBERS else int(words) if words.isascii() and words.isdigit() else None


def same_state(one: str, other: str) -> bool:
    """Whether two names of states mean the same."""
    return one == other or (bool(STATES[one].waiting) and STATES[one].waiting == STATES[other].waiting)


def seconds_in(words: str) -> int | None:
    """`5 minutes`, `ten minutes`, `1h30m`, `90 s` in seconds; None where it is no length of time."""
    total, at, last, words = 0, 0, 10**9, words.strip()
    while at < len(words):
        found = _AMOUNT.match(words, at)
        if not found or _UNITS[found[2][0]] >= last:  # "5 minutes, 10 minutes" are two lengths of time
            return None
        last = _UNITS[found[2][0]]
        number = _NUMBERS[found[1]] if found[1] in _NUMBERS else int(found[1])
        total += number * last
        at = found.end()
    return total if words else None


def in_list(words: str) -> list[str]:
    """`a, b and c` in parts."""
    return [part for part in (part.strip(" .") for part in re.split(r",|;|\band\b|\bor\b|&", words)) if part]
