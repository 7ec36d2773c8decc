"""Lists in pages. A page's token names the moment of its list, which is kept for a while, so that all pages tell of
that moment.
"""

import base64
import binascii
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from runmend.local.sandbox.resources import Object, Resource
from runmend.local.sandbox.status import bad_request, expired
from runmend.local.sandbox.store import Store

# For how long a list may be continued. Real API servers forget after five to ten minutes, test clusters after ten
# seconds.
KEPT_S = 60.0
_VERSION = "meta.k8s.io/v1"
_NOW = -1

Test = Callable[[Object], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list; `token` is empty on the last page, `left` None where nobody counted."""

    revision: int
    items: list[Object]
    token: str = ""
    left: int | None = None


@dataclass(frozen=True, slots=True)
class _Moment:
    """All objects of a collection as they were."""

    objects: list[Object]
    until: float


class Pages:
    """Answers limited lists out of a store, and remembers the moments of those that may be continued."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._moments: dict[tuple[Resource, str | None, int], _Moment] = {}

    def page(self, resource: Resource, namespace: str | None, tests: list[Test], limit: int, token: str) -> Page:
        """The first page of a list, or the one that a token asks for.

        Args:
            resource: what is listed.
            namespace: where; None for every namespace.
            tests: those that the items must pass.
            limit: how many items at most; 0 for all.
            token: the last page's; empty for the first page.

        Raises:
            Refused: 400 for a token that cannot be read, 410 for one whose moment is forgotten.
        """
        revision, start = _read(token) if token else (_NOW, "")
        if revision == _NOW:
            revision, objects = self._store.revision, list(self._store.each(resource, namespace))
        else:
            objects = self._objects((resource, namespace, revision), start)
        found = (
            obj for obj in objects if (not start or _key(obj, namespace) >= start) and all(test(obj) for test in tests)
        )
        items = list(islice(found, limit or None))
        more = next(found, None)
        if more is None:
            return Page(revision, items)
        self._forget()
        self._moments[resource, namespace, revision] = _Moment(objects, self._clock() + KEPT_S)
        last = _key(items[-1], namespace) + "\0"
        left = None if tests else sum(_key(obj, namespace) >= last for obj in objects)
        return Page(revision, items, _written(revision, last), left)

    def _objects(self, key: tuple[Resource, str | None, int], start: str) -> list[Object]:
        self._forget()
        if key not in self._moments:
            raise expired(_written(_NOW, start))
        return self._moments[key].objects

    def _forget(self) -> None:
        now = self._clock()
        self._moments = {key: moment for key, moment in self._moments.items() if moment.until > now}


def _key(obj: Object, namespace: str | None) -> str:
    """Where an object stands in its list: below its namespace, in a list of every namespace."""
    metadata = obj["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}" if namespace is None else str(metadata["name"])


def _written(revision: int, start: str) -> str:
    content = json.dumps({"v": _VERSION, "rv": revision, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _read(token: str) -> tuple[int, str]:
    try:
        content = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from None
    match content:
        case {"v": str(version)} if version != _VERSION:
            why = f"server does not recognize this encoded version {version}"
        case {"rv": int(revision), "start": str(start)} if revision and start:
            return revision, start
        case {"rv": int(), "start": ""}:
            why = f"encoded start key empty (version {_VERSION})"
        case _:
            why = f"incorrect encoded start resourceVersion (version {_VERSION})"
    raise bad_request(f"invalid continue token: continue key is not valid: {why}")
