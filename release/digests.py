"""Pin the images that the Dockerfile and docker-compose.yml pull by their digests: `make digests`, where registries can
be reached.

A tag may be pushed anew; `python:3.13.14-slim-bookworm@sha256:…` is what was tried. Asks `crane digest`, or `docker
buildx imagetools inspect` where there is no crane, for each image by its tag. Nothing is written unless all are told.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FILES: Final = ("Dockerfile", "docker-compose.yml")
SECONDS: Final = 60
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PULLED: Final = re.compile(
    r"^(?P<before>FROM |\s+image: )(?P<image>(?!runmend:)[^\s@]+:[^\s@]+)(?:@sha256:[0-9a-f]{64})?(?P<after>\s|$)",
    re.MULTILINE,
)
"""An image that is pulled, with its tag; ours is built. A digest that stands there is renewed."""


class NotRenewed(Exception):
    """The digests cannot be told."""


def images_in(text: str) -> tuple[str, ...]:
    """The images that a file pulls, each once, without their digests."""
    return tuple(dict.fromkeys(found["image"] for found in _PULLED.finditer(text)))


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """A file's text with each image pinned to its digest."""
    return _PULLED.sub(
        lambda found: f"{found['before']}{found['image']}@{digests[found['image']]}{found['after']}", text
    )


def asking() -> tuple[str, ...]:
    """The command that tells an image's digest, to which its name is added.

    Raises:
        NotRenewed: there is none.
    """
    if crane := shutil.which("crane"):
        return (crane, "digest")
    docker = shutil.which("docker")
    if docker and not subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode:
        return (docker, "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}")
    raise NotRenewed("there is neither `crane` nor `docker` with buildx on the PATH, one of which asks the registries")


def digest_of(image: str, ask: Iterable[str]) -> str:
    """What a tag means now: of all its architectures together, so that one pin holds for each.

    Raises:
        NotRenewed: the registry cannot be asked, or its answer is no digest.
    """
    try:
        done = subprocess.run([*ask, image], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotRenewed(f"{image}: no answer within {SECONDS} s") from None
    told = done.stdout.strip()
    if done.returncode or not _DIGEST.fullmatch(told):
        raise NotRenewed(f"{image}: {' '.join((done.stderr or told or 'no answer').split())[-300:]}")
    return told


def main() -> int:
    """Pin all of them; 1 where that cannot be done."""
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in FILES}
    try:
        ask = asking()
        digests = {image: digest_of(image, ask) for text in texts.values() for image in images_in(text)}
    except NotRenewed as error:
        print(f"error: nothing was written: {error}", file=sys.stderr)
        return 1
    for file, text in texts.items():
        (ROOT / file).write_text(pinned(text, digests), encoding="utf-8")
    for image, digest in digests.items():
        print(f"{image}@{digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
