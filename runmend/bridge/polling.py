"""Whether anybody works: how many workers poll the installation's task queue.

Runs as long as the app does, in its lifespan.

Temporal lists who has polled within the last five minutes, by its own clock, so no clock of ours has a say.
"""

import asyncio
import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from runmend.bridge.metrics import Metrics

LOOK_AGAIN_SECONDS: Final = 15
_TEMPORAL_TIMEOUT: Final = timedelta(seconds=5)


class Polling:
    """Keeps the metric of the workers as Temporal sees them."""

    def __init__(self, client: Client, task_queue: str, metrics: Metrics) -> None:
        self._client = client
        self._task_queue = task_queue
        self._metrics = metrics

    async def watch(self) -> None:
        """Look every 15 s, until it is cancelled."""
        while True:
            self._metrics.polling(self._task_queue, await self._workers())
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _workers(self) -> float:
        """How many there are; NaN where Temporal does not say."""
        asked = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            answer = await self._client.workflow_service.describe_task_queue(asked, timeout=_TEMPORAL_TIMEOUT)
        except RPCError:
            return math.nan
        return workers(answer.pollers)


def workers(pollers: Iterable[PollerInfo]) -> int:
    """How many they are: one that polls several partitions of a queue may be listed for each."""
    return len({poller.identity for poller in pollers})
