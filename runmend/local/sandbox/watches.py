"""Watches: what changes in a collection, told as it happens, from a version on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from runmend.local.sandbox.resources import Object, Resource
from runmend.local.sandbox.selectors import Test
from runmend.local.sandbox.status import bad_request, too_old
from runmend.local.sandbox.store import Change, Store

KEPT: Final = 5000
"""How many of the latest changes a watch may begin at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A change, and the store's revision after it."""

    revision: int
    change: Change


class Watches:
    """Remembers the latest changes of a store, and tells them to whoever watches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest: deque[Seen] = deque(maxlen=KEPT)
        self._forgotten = store.revision
        self._watching: set[asyncio.Queue[Seen | None]] = set()
        store.listeners.append(self._on_change)

    async def follow(
        self, resource: Resource, namespace: str | None, tests: list[Test], since: str
    ) -> AsyncIterator[tuple[str, Object]]:
        """The events of a collection: ADDED, MODIFIED or DELETED, and the object.

        Args:
            resource: what is watched.
            namespace: where; None for every namespace.
            tests: those that the objects must pass.
            since: the version to begin after; empty or 0: every object is told as added first.
        """
        queue: asyncio.Queue[Seen | None] = asyncio.Queue()
        self._watching.add(queue)
        try:
            if since in ("", "0"):
                for obj in list(self._store.each(resource, namespace)):
                    if all(test(obj) for test in tests):
                        yield "ADDED", obj
            else:
                for seen in list(self._latest):
                    if seen.revision > int(since) and (event := _event(seen.change, resource, namespace, tests)):
                        yield event
            while seen_next := await queue.get():
                if event := _event(seen_next.change, resource, namespace, tests):
                    yield event
        finally:
            self._watching.discard(queue)

    def end(self) -> None:
        """End every watch: the server is about to stop."""
        for queue in self._watching:
            queue.put_nowait(None)

    def check(self, since: str) -> None:
        """See whether a watch may begin there.

        Raises:
            Refused: 400 for what is not a version, 410 for one that is forgotten.
        """
        if since and not since.isdecimal():
            raise bad_request(f'Invalid value: "{since}": strconv.ParseUint: parsing "{since}": invalid syntax')
        if int(since or 0) and int(since) < self._forgotten:
            raise too_old(since, self._forgotten)

    def _on_change(self, change: Change) -> None:
        if len(self._latest) == KEPT:
            self._forgotten = self._latest[0].revision
        seen = Seen(self._store.revision, change)
        self._latest.append(seen)
        for queue in self._watching:
            queue.put_nowait(seen)


def _event(change: Change, resource: Resource, namespace: str | None, tests: list[Test]) -> tuple[str, Object] | None:
    """What a change is to a watch: an object that begins to pass the tests is added, one that ceases to is deleted."""
    obj = change.new or change.old
    if change.resource != resource or obj is None or namespace not in (None, obj["metadata"].get("namespace", "")):
        return None
    before = change.old is not None and all(test(change.old) for test in tests)
    after = change.new is not None and all(test(change.new) for test in tests)
    if after:
        return ("MODIFIED" if before else "ADDED"), obj
    return ("DELETED", obj) if before else None
