"""What a worker tells Temporal of its activities while it works on them."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.worker.heartbeats import Heartbeats

ALIVE = timedelta(seconds=1)
"""The activity's heartbeat timeout."""
OFTEN = timedelta(seconds=0.1)


@workflow.defn
class One:
    """Runs one activity, which counts as dead after a second without a heartbeat."""

    @workflow.run
    async def run(self) -> Any:
        return await workflow.execute_activity(
            "work", start_to_close_timeout=timedelta(seconds=20), heartbeat_timeout=ALIVE
        )


async def worked(client: Client, work: Callable[[], Any]) -> Any:
    """What an activity returns that a worker with heartbeats does."""
    queue = f"q-{uuid.uuid4().hex[:12]}"
    with ThreadPoolExecutor(max_workers=4) as threads:
        worker = Worker(
            client,
            task_queue=queue,
            workflows=[One],
            activities=[activity.defn(name="work", no_thread_cancel_exception=True)(work)],
            activity_executor=threads,
            interceptors=[Heartbeats(OFTEN)],
            max_heartbeat_throttle_interval=OFTEN,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        async with worker:
            return await client.execute_workflow(One.run, id=queue, task_queue=queue)


async def test_an_activity_that_works_for_longer_than_its_heartbeat_timeout_is_tried_once(client: Client) -> None:
    def work() -> int:
        time.sleep(3 * ALIVE.total_seconds())
        return activity.info().attempt

    assert await worked(client, work) == 1


async def test_what_an_activity_tells_goes_from_try_to_try_also_where_a_try_tells_nothing(client: Client) -> None:
    """The first try tells right after a heartbeat, within the time in which the SDK sends no other; the second tells
    nothing for several heartbeats."""

    def work() -> Any:
        info = activity.info()
        time.sleep(4.5 * OFTEN.total_seconds())
        if info.attempt == 1:
            activity.heartbeat({"silent": 1})
        if info.attempt < 3:
            raise ApplicationError("again", next_retry_delay=timedelta(milliseconds=10))
        return info.heartbeat_details

    assert await worked(client, work) == [{"silent": 1}]
