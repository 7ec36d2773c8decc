"""The labels that a condition asks an alert for, required and optional: a list of names in a sentence."""

import re
from dataclasses import dataclass

from runmend.runbook.phrases import LONGEST

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUIRES = re.compile(
    r"\s*(?:requires?|required|needs)\b(?:\s+the)?(?P<labels>\s+(?:alert\s+)?labels?\b)?\s*:?\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_OPTIONAL_FIRST = re.compile(
    r"\s*optional(?:ly)?\b(?P<labels>\s+(?:alert\s+)?labels?\b)?\s*:?\s*(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_OPTIONAL = re.compile(r"[\s,;]*\(?\s*(?:and\s+|plus\s+)?optional(?:ly)?\b:?\s*(?P<names>[^()]*)\)?\s*", re.IGNORECASE)
_OPTIONAL_AFTER = re.compile(r"(?P<name>.*?)\s*(?:\(\s*optional\s*\)|\boptional)\s*", re.IGNORECASE)
_NO_LABELS = re.compile(
    r"\s*(?:(?:requires?|required|needs)\b\s*:?\s*(?:none|nothing|no\s+(?:alert\s+)?labels?)|"
    r"no\s+(?:alert\s+)?labels?(?:\s+(?:is|are))?\s+(?:required|needed))\s*",
    re.IGNORECASE,
)
KNOWN_LABELS = frozenset(
    {
        "alertname",
        "cluster",
        "container",
        "daemonset",
        "deployment",
        "endpoint",
        "instance",
        "job",
        "job_name",
        "namespace",
        "node",
    }
    | {"phase", "pod", "reason", "replicaset", "service", "severity", "statefulset", "uid"}
)
"""Labels that need no backticks. Any other bare word may be no label at all: "no", "most", "approval"."""
_LABELS_WORD = re.compile(r"\b(?:alert\s+)?labels?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels that the alert must carry, and those that it may."""

    required: tuple[str, ...]
    optional: tuple[str, ...]


def labels_in(text: str) -> Labels | None:
    """The labels that a sentence asks for; None where it is not clear which, or where it asks for something else."""
    if len(text) > LONGEST:
        return None
    text = " ".join(text.split()).rstrip(". ")
    if _NO_LABELS.fullmatch(text):
        return Labels((), ())
    only_optional = _OPTIONAL_FIRST.fullmatch(text)
    found = only_optional or _REQUIRES.fullmatch(text)
    parts = None
    if found is not None:
        parts = ([], _parts(found["rest"])) if only_optional else _optional_parts(found["rest"])
    if found is None or parts is None:
        return None
    # "Requires: approval" names no label: either the word labels stands there, or the names are in backticks.
    spoken = bool(found["labels"]) or _LABELS_WORD.search(found["rest"]) is not None
    required, optional = (_names(names, spoken=spoken) for names in parts)
    if required is None or optional is None or not {*required, *optional} or {*required} & {*optional}:
        return None
    return Labels(tuple(required), tuple(optional))


def _optional_parts(rest: str) -> tuple[list[str], list[str]] | None:
    """The names that are required and those that are not: `a`, `b` (optional), and optional `c`.

    None where it is not clear which.
    """
    optional: list[str] = []
    extra = next((found for found in _OPTIONAL.finditer(rest) if found["names"].strip()), None)
    if extra:
        optional = _parts(extra["names"])
        rest = f"{rest[: extra.start()]}, {rest[extra.end() :]}"
    required: list[str] = []
    parts = _parts(rest)
    if extra and not parts:
        return None  # "Requires: optional `a`, `b`": is the second one optional as well?
    for part in parts:
        after = _OPTIONAL_AFTER.fullmatch(part)
        if after is None:
            required.append(part)
        elif len(parts) > 1 and _LABELS_WORD.search(after["name"]):
            return None  # "`a`, `b` labels (optional)": one of them, or both?
        else:
            optional.append(after["name"])
    return required, optional


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r",|\band\b", text) if part.strip()]


def _names(parts: list[str], *, spoken: bool) -> list[str] | None:
    words = [word for part in parts if (word := _LABELS_WORD.sub(" ", part).strip())]
    quoted = [word[1:-1] for word in words if re.fullmatch(r"`[^`]+`", word)]
    # "`namespace`, `pod` labels and approval": where some names are in backticks, what is not is no name.
    if len(quoted) != len(words) and (quoted or not spoken or any(word.lower() not in KNOWN_LABELS for word in words)):
        return None
    names = quoted or [word.lower() for word in words]
    return list(dict.fromkeys(names)) if all(_LABEL.fullmatch(name) for name in names) else None
