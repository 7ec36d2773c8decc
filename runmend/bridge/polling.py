"""Whether anybody works: how many workers poll the installation's task queue.

Runs as long as the app does, in its lifespan.
"""

import asyncio
import math
from typing import Final

import anyio
from temporalio.client import Client

from runmend.bridge.metrics import Metrics
from runmend.runs.polling import workers_of

LOOK_AGAIN_SECONDS: Final = 15


class Polling:
    """Keeps the metric of the workers as Temporal sees them; NaN where it does not say."""

    def __init__(self, client: Client, task_queue: str, metrics: Metrics) -> None:
        self._client = client
        self._task_queue = task_queue
        self._metrics = metrics

    async def watch(self, stop: asyncio.Event) -> None:
        """Look every 15 s, until `stop`."""
        while not stop.is_set():
            found = await workers_of(self._client, self._task_queue)
            self._metrics.polling(self._task_queue, math.nan if found is None else found)
            with anyio.move_on_after(LOOK_AGAIN_SECONDS):
                await stop.wait()
