"""Why an image could not be pulled, told from the kubelet's words.

Called by the runbook's compiler, the diagnosis, verification and the report.
"""

import re
from contextlib import suppress
from enum import StrEnum

from runmend.images.references import InvalidImageReference, parse_image

MESSAGES = ("Failed to pull image", "Failed to apply default image tag", "Failed to inspect image")
"""How the kubelet's messages begin that say why. `Error: ErrImagePull` and `Back-off pulling image` do not."""


class Cause(StrEnum):
    """What a pull failure's event says of its cause."""

    AUTHENTICATION = "authentication failure"
    NOT_FOUND = "image not found"
    PLATFORM = "no image for the platform"
    INVALID_NAME = "invalid image name"
    RATE_LIMIT = "rate limit"
    PULL_QPS = "pull QPS exceeded"
    DISK_FULL = "disk full"
    DIGEST = "digest mismatch"
    SIGNATURE = "signature not accepted"
    NETWORK = "network error"
    DNS = "DNS failure"
    PROXY = "proxy failure"
    CERTIFICATE = "certificate not trusted"
    PLAIN_HTTP = "plain HTTP from the registry"
    REGISTRY_DOWN = "registry unavailable"
    OTHER = "other"

    @property
    def kind(self) -> "Cause":
        """The cause of which this is one kind: a runbook that looks for network errors looks for DNS failures too."""
        return _KINDS.get(self, self)

    @property
    def in_words(self) -> str:
        """`image not found`; `network error: DNS failure` where it is one kind of another."""
        return str(self) if self.kind is self else f"{self.kind}: {self}"


_KINDS = {
    Cause.PLATFORM: Cause.NOT_FOUND,
    Cause.DNS: Cause.NETWORK,
    Cause.PROXY: Cause.NETWORK,
    Cause.CERTIFICATE: Cause.NETWORK,
    Cause.PLAIN_HTTP: Cause.NETWORK,
    Cause.REGISTRY_DOWN: Cause.NETWORK,
}


def _status(codes: str) -> str:
    """A pattern of an HTTP status as the runtimes write it: a bare number is a port or a size, and one that goes on is
    part of a name, such as `404/app` or `401.registry.example`.
    """
    return rf"(?:\bstatus(?: code)?|\bHTTP|\bregistry|:) (?:{codes})(?![\w/@-]|[.:]\w)"


_PRECEDENCE: tuple[tuple[Cause, str], ...] = (
    # The node's own troubles, whatever it was talking about when it met them.
    (Cause.OTHER, r"\bdial unix |\b(?:docker|containerd|crio)\.sock\b"),
    (Cause.DISK_FULL, r"no space left on device|disk quota exceeded"),
    (Cause.PULL_QPS, r"pull QPS exceeded"),
    (Cause.INVALID_NAME, r"invalid reference format|couldn't parse image|short[- ]name"),
    # A limit is told with "unauthenticated", or while a token is fetched.
    (Cause.RATE_LIMIT, rf"too ?many ?requests|\bpull rate limit|\brate exceeded|{_status('429')}"),
    # What was wrong with the image itself; containerd says ": not found" of a platform too.
    (
        Cause.SIGNATURE,
        (
            r"SignatureValidationFailed|source image rejected|signature was required|rejected by policy|"
            r"signature verification failed|remote trust data does not exist"
        ),
    ),
    (
        Cause.PLATFORM,
        (
            r"no match for (?:current )?platform|no matching manifest for|"
            r"no image found in (?:manifest list|image index)|cannot be used on this platform|"
            r"image is incompatible with|image (?:architecture|operating system) mismatch|"
            r"does not (?:match|provide) the specified platform"
        ),
    ),
    (
        Cause.DIGEST,
        (
            r"unexpected commit (?:digest|size)|failed size validation|layer verification failed|"
            r"manifest verification failed|does not match (?:provided|expected)[\w ]* digest|digest did not match"
        ),
    ),
    # The way to the registry, from its near end; "Proxy Authentication Required" is no word of the registry.
    (Cause.PROXY, rf"proxyconnect|socks connect|proxy authentication required|{_status('407')}"),
    (Cause.CERTIFICATE, r"\bx509\b|failed to verify certificate|\btls: [\w ]*certificate"),
    (Cause.PLAIN_HTTP, r"HTTP response to HTTPS client|first record does not look like a TLS handshake"),
    (
        Cause.DNS,
        r"\bdial (?:tcp|udp)\d?: lookup |no such host|server misbehaving|name resolution|name or service not known",
    ),
    # What the registry said. It hides behind "may not exist" what the asker may not see.
    (
        Cause.AUTHENTICATION,
        (
            rf"unauthori[sz]ed|forbidden|(?<!permission )\bdenied\b|authentication required|insufficient_scope|"
            rf"no basic auth|(?:invalid|incorrect) username|\btoken\b[\w ]{{0,60}}\bexpired\b|ExpiredToken|"
            rf"{_status('40[13]')}"
        ),
    ),
    (
        Cause.NOT_FOUND,
        (
            rf"manifest (?:for \S+ )?(?:unknown|not found)|name unknown|repository does not exist|code = NotFound|"
            rf": not found\b|blob unknown|{_status('404')}"
        ),
    ),
    (
        Cause.REGISTRY_DOWN,
        (
            rf"connection refused|registry ?(?:is )?unavailable|bad gateway|service unavailable|gateway time-?out|"
            rf"internal server error|{_status('5[0-9][0-9]')}"
        ),
    ),
    (
        Cause.NETWORK,
        (
            r"timed? ?out|deadline ?exceeded|connection reset|broken pipe|network is unreachable|no route to host|"
            r"tls handshake|\btls: |connection lost|closed network connection|stream error|\bEOF\b"
        ),
    ),
    # That a token was not given says credentials only where nothing says why.
    (Cause.AUTHENTICATION, r"failed to authorize|unable to retrieve auth token|authori[sz]ation failed"),
)
"""The first row whose pattern is found names the cause."""
_PATTERNS = tuple((cause, re.compile(pattern, re.IGNORECASE)) for cause, pattern in _PRECEDENCE)
_NAME = "_"
"""What stands for a name or an address in a message that is read."""
_IMAGE = re.compile(r'Failed to (?:pull|inspect) image ([^\s"]\S*?):(?=\s|$)|[^"]*"([^"]+)"')
_MIRRORS = re.compile(r"\(Mirrors also failed: .*\]\)")
_NAMES = re.compile(r'"[^"\s]*"|https?://[^\s"]*[^\s":]|\b\d+(?:\.\d+){3}(?::\d+)?')


def cause_of(message: str) -> Cause:
    """The cause that an event's message names; `OTHER` where it names none that is known.

    Names and addresses may hold anything (`app:404`), so they are not read; nor is what mirrors said, where the
    registry itself had its say.
    """
    image = _IMAGE.match(message)
    said = _MIRRORS.sub("", message)
    if image:
        said = _without(said, image[1] or image[2])
    said = _NAMES.sub(_NAME, said)
    return next((cause for cause, pattern in _PATTERNS if pattern.search(said)), Cause.OTHER)


def says_why(message: str) -> bool:
    """Whether an event's message is one that says why an image could not be pulled."""
    return message.startswith(MESSAGES)


def _without(said: str, image: str) -> str:
    """A message without the image's name, wherever it stands without quotes, and without its tag."""
    for name in sorted(_names_of(image), key=len, reverse=True):
        # A bare word, such as `unauthorized`, may be the registry's own.
        if "/" in name or ":" in name:
            said = re.sub(rf"(?<![\w.-])(?<![^/]/){re.escape(name)}(?![\w/-])", _NAME, said)
    tag = re.escape(image.partition("@")[0].rpartition("/")[2].partition(":")[2])
    # containerd: `unexpected status code [manifests 1.0]`; CRI-O: `reading manifest 1.0 in`.
    return re.sub(rf"\[manifests {tag}\]|(?<=\bmanifest ){tag}(?= in )", _NAME, said)


def _names_of(image: str) -> set[str]:
    """An image's name as messages have it: with and without tag and digest, as it is written and as runtimes complete
    it.
    """
    name = image.partition("@")[0]
    first, slash, last = name.rpartition("/")
    names = {image, name, f"{first}{slash}{last.partition(':')[0]}"}
    with suppress(InvalidImageReference):
        reference = parse_image(image)
        names |= {str(reference), reference.name}
    return names
