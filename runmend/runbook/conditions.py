"""What must hold before an action: the list under `conditions`, and a leading "If …," of its description."""

import re
from dataclasses import dataclass

from runmend.runbook.phrases import LONGEST, STATE, sentence, state_in

KINDS = {
    kind.lower(): kind
    for kind in ("CronJob", "DaemonSet", "Deployment", "Job", "Node", "ReplicaSet", "ReplicationController", "Rollout", "StatefulSet")
}
EXAMPLES = '"Requires: `namespace`, `pod` labels", "Pod must be owned by a Deployment" or "Pod is in ImagePullBackOff"'

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUIRES = re.compile(
    r"\s*(?:requires?|required|needs)\b(?:\s+the)?(?P<labels>\s+(?:alert\s+)?labels?\b)?\s*:?\s*(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_OPTIONAL_FIRST = re.compile(r"\s*optional(?:ly)?\b(?P<labels>\s+(?:alert\s+)?labels?\b)?\s*:?\s*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_OPTIONAL = re.compile(r"[\s,;]*\(?\s*(?:and\s+|plus\s+)?optional(?:ly)?\b:?\s*(?P<names>[^()]*)\)?\s*", re.IGNORECASE)
_LABELS_WORD = re.compile(r"\b(?:alert\s+)?labels?\b", re.IGNORECASE)
_OWNER = re.compile(
    r"(?:the |affected )*pod (?:must be|is|should be|has to be|must) (?:owned|managed|controlled|created) by (?:a |an |the )?(?P<kind>\w+)"
)
_STATE = re.compile(
    r"(?:(?:the|a|any|affected|pods?) )*(?:pod|container|its container|init container)s?(?: status| state)?"
    rf" (?:is|are|must be|remains|stays)(?: currently| still| stuck)*(?: in)?(?: an?| the)? (?P<state>{STATE})(?: state| status)?"
)
_LEADING = re.compile(
    r"\s*(?P<word>only if|if|when|whenever|once|unless|in case|provided that|as long as)\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_POSITIVE = frozenset({"if", "only if", "when"})
_GOES_ON = re.compile(r"\s*(?:and|or|but|unless|except|provided|only|while|if|when)\b", re.IGNORECASE)
_INNER = re.compile(r"\b(?:only (?:if|when|for|in)|unless|if|except)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels that the alert must carry, and those that it may."""

    required: tuple[str, ...]
    optional: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnedBy:
    """The kind that the pod must be owned by."""

    kind: str


@dataclass(frozen=True, slots=True)
class InState:
    """The state that the pod must be in."""

    state: str


Condition = Labels | OwnedBy | InState


def read_condition(text: str) -> Condition | None:
    """Read one condition, in Markdown without its bold marks; names may stand in backticks. None where it is not understood."""
    found = _LEADING.match(text)
    if found:
        return _owner(found["rest"]) or _in_state(found["rest"]) if found["word"].lower() in _POSITIVE else None
    return _labels(text) or _owner(text) or _in_state(text)


def read_leading_if(description: str) -> Condition | str | None:
    """The condition that a description begins with; its text where it is not understood; None where it begins with none.

    Only "If", "When" and "Only if" can be understood; what follows another word of that kind is a condition all the same.
    """
    found = _LEADING.match(description)
    if found is None:
        return None
    clause, comma, rest = found["rest"].partition(",")
    if _GOES_ON.match(rest):  # "If pod is in X, and only if Y, patch": half a condition is none
        return " ".join(f"{found['word']}{found['rest']}".split())
    clause = re.split(r"\bthen\b", clause, maxsplit=1, flags=re.IGNORECASE)[0]
    understood = _in_state(clause) or _owner(clause)
    if understood and found["word"].lower() in _POSITIVE:
        return understood
    return " ".join(f"{found['word']}{clause if comma else found['rest']}".split())


def names_inner_condition(description: str) -> bool:
    """Whether a description says "if" or "unless" elsewhere than at its beginning, where it does not bind."""
    found = _LEADING.match(description)
    return _INNER.search(found["rest"] if found else description) is not None


def _in_state(text: str) -> InState | None:
    found = _STATE.fullmatch(sentence(text))
    state = state_in(found["state"]) if found else None
    return InState(state) if state else None


def _owner(text: str) -> OwnedBy | None:
    found = _OWNER.fullmatch(sentence(text))
    kind = KINDS.get(found["kind"]) if found else None
    return OwnedBy(kind) if kind else None


def _labels(text: str) -> Labels | None:
    if len(text) > LONGEST:
        return None
    only_optional = _OPTIONAL_FIRST.fullmatch(text.rstrip(". "))
    found = only_optional or _REQUIRES.fullmatch(text.rstrip(". "))
    if found is None:
        return None
    rest = found["rest"]
    # "Requires: approval" names no label: either the word labels stands there, or the names are in backticks.
    spoken = bool(found["labels"]) or _LABELS_WORD.search(rest) is not None
    optional: list[str] | None = []
    if only_optional is None and (extra := _OPTIONAL.search(rest)):
        optional = _names(extra["names"], spoken=spoken)
        rest = rest[: extra.start()] + rest[extra.end() :]
    required = _names(rest, spoken=spoken)
    if not required or optional is None:
        return None
    return Labels((), tuple(required)) if only_optional else Labels(tuple(required), tuple(optional))


def _names(text: str, *, spoken: bool) -> list[str] | None:
    words = [word.strip() for word in re.split(r",|\band\b", _LABELS_WORD.sub(" ", text)) if word.strip()]
    quoted = [word[1:-1] for word in words if re.fullmatch(r"`[^`]+`", word)]
    # "`namespace`, `pod` labels and approval": where some names are in backticks, what is not is no name.
    names = quoted if len(quoted) == len(words) else words if spoken and not quoted else [""]
    return list(dict.fromkeys(names)) if all(_LABEL.fullmatch(name) for name in names) else None
