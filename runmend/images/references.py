"""Image references, read as the kubelet reads them: the grammar and normalisation of the distribution project. Pure.

A reference that does not parse here gives a container the waiting reason InvalidImageName in Kubernetes,
`Registry/Name:tag` for one; it is never pulled, so its registry need not be asked.
"""

import re
from dataclasses import dataclass
from typing import Final

from runmend.core.names import quoted

DOCKER_HUB: Final = "docker.io"
NAME_MAX: Final = 255
TAG_MAX: Final = 128

_DOMAIN_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[A-Fa-f0-9:]+\])(?::[0-9]+)?")
_PATH_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH: Final = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HEX: Final = re.compile(r"[0-9a-f]+")
_IMAGE_ID: Final = re.compile(r"[0-9a-f]{64}")
_HEX_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_SHORT_HEX: Final = 12


class InvalidImageReference(ValueError):
    """The text is not an image reference that Kubernetes would pull."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image, normalised: `nginx` is `docker.io/library/nginx:latest`.

    `registry` is `host` or `host:port`, `repository` the path in it. `tag` and `digest` (`sha256:…`) may both be there,
    and then the digest is what gets pulled; `parse_image` leaves neither out.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        """The whole reference; parsing it again gives an equal one."""
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def api_host(self) -> str:
        """`host` or `host:port` that serves the distribution API."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    @property
    def manifest(self) -> str:
        """What the distribution API is asked for: the digest, where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    @property
    def short(self) -> str:
        """For one line of a report: `hello-app:1.0`, or `hello-app@sha256:abcdef012345`, the digest cut to 12
        digits.
        """
        last = self.repository.rpartition("/")[2]
        if self.digest is None:
            return f"{last}:{self.manifest}"
        algorithm, _, digits = self.digest.partition(":")
        return f"{last}@{algorithm}:{digits[:_SHORT_HEX]}"


def parse_image(text: str) -> ImageReference:
    """Read `[domain[:port]/]path[:tag][@digest]`.

    Raises:
        InvalidImageReference: it is not one; the message quotes at most 60 characters of it and says what is wrong.
    """
    if not text:
        raise InvalidImageReference("the image reference is empty")
    if _IMAGE_ID.fullmatch(text):
        raise InvalidImageReference(f"{quoted(text)} is an image id (64 hexadecimal digits), not a name")
    rest, at, digest = text.partition("@")
    if at:
        _check_digest(digest, text)
    domain, path = _split_domain(rest)
    path, colon, tag = path.partition(":")
    if colon:
        _check_tag(tag, text)
    _check_name(domain, path, text)
    if domain == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if len(domain) + 1 + len(path) > NAME_MAX:
        raise InvalidImageReference(f"{quoted(text)}: registry and repository have more than {NAME_MAX} characters")
    return ImageReference(domain, path, tag if colon else None if at else "latest", digest if at else None)


def short_name(text: str) -> str:
    """An image reference's short form, for one line; any other text as it is."""
    try:
        return parse_image(text).short
    except InvalidImageReference:
        return text


def pins(live: str, written: str) -> bool:
    """Whether one image is another one, of the same repository and tag, with a digest added: what that tag stood for
    when something on the way, such as an admission webhook, looked it up.
    """
    try:
        found, asked = parse_image(live), parse_image(written)
    except InvalidImageReference:
        return False
    return asked.digest is None and found.digest is not None and (found.name, found.tag) == (asked.name, asked.tag)


def _split_domain(name: str) -> tuple[str, str]:
    """Say which registry the name means: the part before the first slash, if it looks like a host."""
    first, slash, rest = name.partition("/")
    looks_like_a_host = "." in first or ":" in first or first == "localhost" or first.lower() != first
    if not slash or not looks_like_a_host:
        return DOCKER_HUB, name
    return (DOCKER_HUB if first == "index.docker.io" else first), rest


def _check_name(domain: str, path: str, text: str) -> None:
    if _DOMAIN.fullmatch(domain) is None:
        raise InvalidImageReference(f"{quoted(text)}: {quoted(domain)} is not a registry's host[:port]")
    if _PATH.fullmatch(path):
        return
    if path != path.lower() and path.isascii():
        raise InvalidImageReference(f"{quoted(text)}: the repository must be lower-case")
    raise InvalidImageReference(
        f"{quoted(text)}: {quoted(path)} is not a repository: lower-case letters and digits, joined by '.', '_', "
        "'__' or '-', and '/'"
    )


def _check_tag(tag: str, text: str) -> None:
    if len(tag) > TAG_MAX:
        raise InvalidImageReference(f"{quoted(text)}: the tag has {len(tag)} characters; at most {TAG_MAX} are allowed")
    if _TAG.fullmatch(tag) is None:
        raise InvalidImageReference(
            f"{quoted(text)}: {quoted(tag)} is not a tag: letters, digits, '_', '.', '-', no '.' or '-' first"
        )


def _check_digest(digest: str, text: str) -> None:
    algorithm, _, digits = digest.partition(":")
    length = _HEX_LENGTHS.get(algorithm)
    if length is None:
        raise InvalidImageReference(
            f"{quoted(text)}: {quoted(algorithm)} is not a digest algorithm; use sha256, sha384 or sha512"
        )
    if len(digits) != length or _HEX.fullmatch(digits) is None:
        raise InvalidImageReference(f"{quoted(text)}: a {algorithm} digest has {length} lower-case hexadecimal digits")
