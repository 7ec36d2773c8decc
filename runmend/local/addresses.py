"""Where a `runmend dev` listens: noted in its folder, beside its kubeconfig, so that other commands find it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_FILE: Final = "dev.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses on loopback."""

    bridge: str


@contextmanager
def written(folder: Path, addresses: Addresses) -> Iterator[None]:
    """Note them while the context is open."""
    file = folder / _FILE
    file.write_text(json.dumps(asdict(addresses)), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def read_addresses(folder: Path) -> Addresses | None:
    """Those of the `runmend dev` that works in a folder; None where none does."""
    try:
        noted = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    bridge = noted.get("bridge") if isinstance(noted, dict) else None
    return Addresses(bridge) if isinstance(bridge, str) else None
