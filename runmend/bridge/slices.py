"""Long work in slices, so that the event loop can do other things in between."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

SLICE_SECONDS: Final = 0.01

T = TypeVar("T")


class Breath:
    """Await it often while much is computed: once in `SLICE_SECONDS` it lets the event loop go on."""

    def __init__(self) -> None:
        self._until = time.monotonic() + SLICE_SECONDS

    async def __call__(self) -> None:
        """Let the event loop go on, where it is time."""
        if time.monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + SLICE_SECONDS


async def each(items: Iterable[T], do: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do something with each of many items, with so many at once: no more tasks than that are made."""
    left = iter(items)

    async def work() -> None:
        breath = Breath()
        for item in left:
            await do(item)
            await breath()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
