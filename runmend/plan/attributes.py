"""What the visibility store knows of a run: its search attributes, and what may stand in them."""

import json
import re
from collections.abc import Iterable

from runmend.alerts.alert import Alert

TARGET = "Target"
KUBE_NAMESPACE = "KubeNamespace"
ALERT_NAME = "AlertName"
FINGERPRINTS = "Fingerprints"
OUTCOME = "Outcome"
REASON = "Reason"
"""Why it ended so, in a few words without a name in them; of a resolved run what was wrong."""

KEYWORD_BYTES = 250
KEYWORD_LIST_BYTES = 1900
"""Temporal refuses a start whose search attribute has more than 2048 bytes as JSON."""
_UNVERIFIED = re.compile(r"(?:^|; )([0-9]+) criteri(?:on|a) unverified$")


def keyword(text: str, most: int = KEYWORD_BYTES) -> str:
    """A text as every visibility store takes it for a search attribute: printable, and at most 250 bytes."""
    shown = text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
    return shown.encode()[:most].decode(errors="ignore")


def unverified_in_words(number: int) -> str:
    """`1 criterion unverified`, `2 criteria unverified`; empty where none is."""
    return f"{number} {'criterion' if number == 1 else 'criteria'} unverified" if number else ""


def unverified_in(reason: str) -> int:
    """How many criteria a search attribute's reason says were unverified."""
    said = _UNVERIFIED.search(reason)
    return int(said[1]) if said else 0


def with_fingerprints(known: Iterable[str], alerts: Iterable[Alert]) -> list[str]:
    """The fingerprints that a run is found by, with these alerts': as many as fit into a search attribute."""
    kept: list[str] = []
    size = len("[]")
    for fingerprint in dict.fromkeys((*known, *(alert.fingerprint for alert in alerts))):
        size += len(json.dumps(fingerprint)) + len(", ")
        if size > KEYWORD_LIST_BYTES:
            break
        kept.append(fingerprint)
    return kept
