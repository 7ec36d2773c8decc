"""Hiding what looks like a credential in texts from outside, such as a container's log, before they are kept or shown.

What is not written as one (a password in the middle of a sentence) cannot be told.
"""

import re
from typing import Final

MASK: Final = "***"
_NAME: Final = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|auth"
    r"|cookie|signature"
)
_NAMED: Final = re.compile(
    rf"""(?P<name>(?:{_NAME})[A-Za-z0-9_-]{{0,20}}["']?\s{{0,3}}(?:=>|[=:])\s{{0,3}})"""
    r"""(?P<value>"[^"]*"?|'[^']*'?|(?:(?:bearer|basic|digest)\s+)?[^\s"',;&)}]+)""",
    re.IGNORECASE,
)
"""`DB_PASSWORD=…`, `"api_key": "…"`, `Authorization: Bearer …`."""
_SCHEME: Final = re.compile(r"\b(?P<scheme>bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_IN_ADDRESS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/@\"']{1,500}@")
"""`postgres://user:password@host`."""
_KNOWN: Final = re.compile(
    r"\b(?:eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[oprsu]_[A-Za-z0-9]{20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abpr]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{10,})"
)
"""Tokens that begin as their issuer lets them: JWT, AWS, GitHub, GitLab, Slack, Stripe."""
_WORD: Final = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_KINDS: Final = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"))
LONGEST: Final = 20_000
"""What is longer is looked at, and kept, no further."""


def masked(text: str) -> str:
    """A line in which what looks like a credential is `***`: what stands behind a name such as `password` or `token`,
    before the `@` of an address, an issuer's own form, and a long word of letters of both cases and digits, as the
    lines of a private key are.
    """
    text = _IN_ADDRESS.sub(rf"\g<scheme>{MASK}@", text[:LONGEST])
    text = _NAMED.sub(rf"\g<name>{MASK}", text)
    text = _SCHEME.sub(rf"\g<scheme> {MASK}", text)
    text = _KNOWN.sub(MASK, text)
    return _WORD.sub(lambda found: MASK if all(kind.search(found[0]) for kind in _KINDS) else found[0], text)
