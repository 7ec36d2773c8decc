"""Why an image could not be pulled, told from the kubelet's words.

Called by the runbook's compiler and by the diagnosis.
"""

import re
from enum import StrEnum


class Cause(StrEnum):
    """What a pull failure's event says of its cause."""

    AUTHENTICATION = "authentication failure"
    NOT_FOUND = "image not found"
    NETWORK = "network error"
    OTHER = "other"


# In the order of asking: "401 … while fetching the token over a connection that timed out" is the network's fault only
# when nothing speaks of credentials, and Docker Hub answers a missing repository with "may require authorization".
_PATTERNS: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (
        Cause.NOT_FOUND,
        re.compile(
            r"manifest (for \S+ )?(unknown|not found)|name unknown|repository does not exist|code = NotFound|: "
            r"not found\b|\b404\b",
            re.IGNORECASE,
        ),
    ),
    (
        Cause.AUTHENTICATION,
        re.compile(
            r"\b40[13]\b|unauthori[sz]ed|forbidden|failed to authorize|access denied|authentication required|"
            r"authori[sz]ation failed|no basic auth",
            re.IGNORECASE,
        ),
    ),
    (
        Cause.NETWORK,
        re.compile(
            r"i/o timeout|timed? ?out|deadline exceeded|no such host|connection (refused|reset)|network is "
            r"unreachable|no route to host|"
            r"tls handshake|temporary failure in name resolution|server misbehaving|registry is "
            r"unavailable|x509|\bEOF\b|\b50[0234]\b",
            re.IGNORECASE,
        ),
    ),
)
_QUOTED = re.compile(r'"[^"]*"')


def cause_of(message: str) -> Cause:
    """The cause that an event's message names; `OTHER` where it names none that is known.

    What it quotes is a name or an address, which may hold anything: `app:404`.
    """
    said = _QUOTED.sub('""', message)
    return next((cause for cause, pattern in _PATTERNS if pattern.search(said)), Cause.OTHER)
