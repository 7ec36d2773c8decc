"""What a name may look like: Kubernetes object names, and the ids of runbooks and actions.

Pure; used by every layer above.
"""

import re
from typing import Final

LABEL_MAX: Final = 63
SUBDOMAIN_MAX: Final = 253
IDENTIFIER_MAX: Final = 63

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_QUOTED_MAX: Final = 60


def dns_label(value: str) -> str:
    """Return `value` if it is a DNS-1123 label, as namespaces and containers are named: at most 63 characters.

    Raises:
        ValueError: it is not; the message quotes the beginning of the value and says what is expected.
    """
    return _checked(
        value, _LABEL, LABEL_MAX, "a DNS-1123 label: lower-case letters, digits and '-', a letter or digit at both ends"
    )


def dns_subdomain(value: str) -> str:
    """Return `value` if it is a DNS-1123 subdomain, as pods, Deployments and nodes are named: at most 253 characters.

    As in Kubernetes, the length counts for the whole name and not for each part between the dots.

    Raises:
        ValueError: it is not; the message quotes the beginning of the value and says what is expected.
    """
    expected = (
        "a DNS-1123 subdomain: lower-case letters, digits, '-' and '.', a letter or digit at both ends of each part"
    )
    return _checked(value, _SUBDOMAIN, SUBDOMAIN_MAX, expected)


def identifier(value: str) -> str:
    """Return `value` if it may be an action_id or a runbook_id: at most 63 characters.

    Raises:
        ValueError: it may not; the message quotes the beginning of the value and says what is expected.
    """
    return _checked(value, _IDENTIFIER, IDENTIFIER_MAX, "an id: a letter, then letters, digits, '_' or '-'")


def _checked(value: str, pattern: re.Pattern[str], longest: int, expected: str) -> str:
    if len(value) > longest:
        raise ValueError(f"{quoted(value)} has {len(value)} characters; expected at most {longest}")
    # fullmatch and not match with `$`, which would let a newline at the end through.
    if pattern.fullmatch(value) is None:
        raise ValueError(f"{quoted(value)} is not {expected}")
    return value


def quoted(value: str) -> str:
    """The beginning of somebody else's text for a message, in quotation marks: at most 60 characters, on one line.

    `ascii` and not `repr`: a Cyrillic letter that looks like a Latin one has to be seen.
    """
    text = ascii(value[:_QUOTED_MAX])
    return text if len(value) <= _QUOTED_MAX and len(text) <= _QUOTED_MAX + 2 else f"{text[:_QUOTED_MAX]}…"
