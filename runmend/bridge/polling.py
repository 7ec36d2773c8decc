"""Whether anybody works: how many workers poll the installation's task queue, and how many runs cannot go on.

Runs as long as the app does, in its lifespan.
"""

import asyncio
import math
from typing import Final

import anyio
from temporalio.client import Client

from runmend.bridge.metrics import Metrics
from runmend.core.settings import Settings
from runmend.runs.polling import workers_of
from runmend.runs.visibility import stuck

LOOK_AGAIN_SECONDS: Final = 15


class Polling:
    """Keeps the metrics of workers and runs as Temporal sees them; NaN where it does not say."""

    def __init__(self, client: Client, settings: Settings, metrics: Metrics) -> None:
        self._client = client
        self._settings = settings
        self._metrics = metrics

    async def watch(self, stop: asyncio.Event) -> None:
        """Look every 15 s, until `stop`."""
        while not stop.is_set():
            task_queue = self._settings.task_queue
            workers = await workers_of(self._client, task_queue)
            runs = await stuck(self._client, self._settings)
            self._metrics.polling(task_queue, _number(workers))
            self._metrics.stuck(task_queue, _number(runs))
            with anyio.move_on_after(LOOK_AGAIN_SECONDS):
                await stop.wait()


def _number(found: int | None) -> float:
    return math.nan if found is None else found
