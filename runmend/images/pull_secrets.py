"""What a pull secret holds, and which of its credentials the kubelet would use for an image.

Pure; never shows what is secret.

Errors are raised outside `except` blocks throughout: the errors of `json` and `base64` keep the text that they could
not read.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from runmend.images.references import DOCKER_HUB, ImageReference

_KEYS: Final = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}
_HUB_KEY: Final = "index.docker.io"
_SECRET_MAX: Final = 1024 * 1024
"""Bytes that a Secret's data have at most, by Kubernetes' own limit."""
ENTRIES_MAX: Final = 1000
"""How many registries' entries of one Secret are read; who makes a Secret may be anybody who makes pods."""
_SHOWN_MAX: Final = 60


class PullSecretError(ValueError):
    """The Secret cannot be used to pull images."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password for a registry.

    `registry` is the entry's key as the secret has it: a host, with or without scheme, port, path, or a glob such as
    `*.example.com`.
    """

    registry: str
    username: str
    password: SecretStr


def parse_pull_secret(secret: Mapping[str, object]) -> tuple[Credentials, ...]:
    """Read a Secret as the API returns it: `type`, and `data` in base64.

    An entry without credentials is passed over: the kubelet would pull without any for it. One that cannot be read
    spoils the whole Secret, for the kubelet too.

    Raises:
        PullSecretError: it holds no usable credentials; the message names the Secret and what is wrong, never what it
            holds.
    """
    named = _named(secret)
    kind = secret.get("type")
    key = _KEYS.get(kind) if isinstance(kind, str) else None
    if key is None:
        raise PullSecretError(f"{named} has type {ascii(kind)[:_SHOWN_MAX]}; expected {' or '.join(_KEYS)}")
    data = secret.get("data")
    encoded = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(encoded, str):
        raise PullSecretError(f"{named} has no key {key} in its data")
    if len(encoded) > 2 * _SECRET_MAX:
        raise PullSecretError(f"{named}: {key} is larger than a Secret can be")
    raw = _unbase64(encoded)
    if raw is None:
        raise PullSecretError(f"{named}: {key} is not base64")
    config = _unjson(raw)
    if config is None:
        raise PullSecretError(f"{named}: {key} is not a JSON object")
    auths = config.get("auths") if key == ".dockerconfigjson" else config
    if not isinstance(auths, dict) or not auths:
        raise PullSecretError(f"{named}: {key} has no auths")
    if len(auths) > ENTRIES_MAX:
        raise PullSecretError(f"unknown: {named} has {len(auths)} entries, and at most {ENTRIES_MAX} are read")
    entries = (
        _entry(f"{named}: entry {number} of {len(auths)}", host, auth)
        for number, (host, auth) in enumerate(auths.items(), 1)
    )
    credentials = tuple(entry for entry in entries if entry is not None)
    if not credentials:
        raise PullSecretError(f"{named}: no entry of {key} has credentials")
    return credentials


def covering(image: ImageReference, credentials: Sequence[Credentials]) -> Credentials | None:
    """Return the credentials that the kubelet would try first for `image`, None where none covers it.

    Its rules: port and number of labels the same, each label by glob, the path a prefix of the repository; the entries
    in reverse alphabetical order, so that the longest path of a host comes first; for Docker Hub `index.docker.io`
    last.
    """
    keyed = sorted(((_key(entry.registry), entry) for entry in credentials), key=lambda pair: pair[0], reverse=True)
    for key, entry in keyed:
        if _matches(key, image):
            return entry
    if image.registry == DOCKER_HUB:
        return next((entry for key, entry in keyed if key == _HUB_KEY), None)
    return None


def _key(registry: str) -> str:
    """`host[:port][/path]` of an entry's key: without scheme, and `/v1/` and `/v2/` taken for the host itself."""
    bare = re.sub(r"^https?://", "", registry)
    host, slash, path = bare.partition("/")
    path = slash + path
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return host if path == "/" else host + path


def _matches(key: str, image: ImageReference) -> bool:
    host, slash, path = key.partition("/")
    wanted_host, wanted_port = _host_port(image.registry)
    host, port = _host_port(host)
    globs, labels = host.split("."), wanted_host.split(".")
    return (
        bool(host)
        and port == wanted_port
        and len(globs) == len(labels)
        and f"/{image.repository}".startswith(slash + path)
        and all(_glob(glob, label) for glob, label in zip(globs, labels, strict=True))
    )


def _host_port(registry: str) -> tuple[str, str]:
    host, colon, port = registry.rpartition(":")
    return (host, port) if colon and re.fullmatch(r"[0-9]*", port) else (registry, "")


def _glob(glob: str, label: str) -> bool:
    """Match one label; `*` never reaches over a dot, because a label holds none.

    A bracket is an IPv6 address's, not a set of letters. All places in the glob where a match may stand are followed at
    once, as bits, so a Secret full of stars takes no longer than another; and what is longer than the label cannot fit.
    """
    letters = glob.replace("*", "")
    if "*" not in glob and "?" not in glob:
        return glob == label
    if len(letters) > len(label):
        return False
    stars, places = 0, dict[str, int]()
    number = 0
    for char in glob:
        if char == "*":
            stars |= 1 << number
        else:
            places[char] = places.get(char, 0) | 1 << number
            number += 1
    any_letter, standing = places.get("?", 0), 1
    for char in label:
        standing = (standing & (places.get(char, 0) | any_letter)) << 1 | standing & stars
    return bool(standing >> number & 1)


def _entry(where: str, registry: str, auth: object) -> Credentials | None:
    """One entry's credentials, None where it has none."""
    if auth is None:
        return None
    if not isinstance(auth, dict):
        raise PullSecretError(f"{where} is not a JSON object")
    encoded = auth.get("auth") or ""
    if encoded == "":
        username, password = (auth.get(name) or "" for name in ("username", "password"))
        if not isinstance(username, str) or not isinstance(password, str):
            raise PullSecretError(f"{where}: username and password are not both text")
        return Credentials(registry, username, SecretStr(password)) if username or password else None
    decoded = _text(_unbase64(encoded)) if isinstance(encoded, str) else None
    username, colon, password = (decoded or "").partition(":")
    if not colon:
        raise PullSecretError(f"{where}: auth is not user:password in base64")
    return Credentials(registry, username, SecretStr(password))


def _named(secret: Mapping[str, object]) -> str:
    """`Secret shop/regcred`, as much of it as is there."""
    metadata = secret.get("metadata")
    if not isinstance(metadata, Mapping):
        return "the Secret"
    parts = (metadata.get("namespace"), metadata.get("name"))
    return f"Secret {'/'.join(ascii(part)[1:-1][:_SHOWN_MAX] for part in parts if isinstance(part, str))}"


def _unbase64(text: str) -> bytes | None:
    # Go's decoder passes over line breaks, and the kubelet takes `auth` without padding too.
    bare = text.replace("\n", "").replace("\r", "").rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None


def _unjson(raw: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
