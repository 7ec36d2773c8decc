"""Whether anybody works: who polls a task queue, and whether a run's next task is taken.

Called by the bridge's metrics, and by whoever waits for a run.

Temporal lists who has polled within the last five minutes, by its own clock, so no clock of ours has a say. One that
died in that time is still listed: whether a run's task is taken tells of it.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState, TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

PATIENCE_SECONDS: Final = 10.0
"""After how long without a worker somebody who waits for a run is told."""
_TRIES: Final = 3
"""From which try on a workflow task counts as one that fails: a worker that dies costs a try, too."""
_TEMPORAL_TIMEOUT: Final = timedelta(seconds=5)


async def workers_of(client: Client, task_queue: str) -> int | None:
    """How many workers poll a task queue; None where Temporal does not say."""
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        answer = await client.workflow_service.describe_task_queue(asked, timeout=_TEMPORAL_TIMEOUT)
    except RPCError:
        return None
    return workers(answer.pollers)


def workers(pollers: Iterable[PollerInfo]) -> int:
    """How many they are: one that polls several partitions of a queue may be listed for each."""
    return len({poller.identity for poller in pollers})


def waiting_task(described: WorkflowExecutionDescription) -> str:
    """Which task of a run waits to be taken by a worker, as a name that no other task has; empty where none does.

    A task that is put off until its next try is none, nor is one that workers fail.
    """
    raw = described.raw_description
    task = raw.pending_workflow_task
    if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED and task.attempt <= 1:
        return f"workflow task of {task.original_scheduled_time.ToJsonString()}"
    for each in raw.pending_activities:
        scheduled = each.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        if scheduled and not each.HasField("next_attempt_schedule_time"):
            return f"activity {each.activity_id}, try {each.attempt}"
    return ""


def failing_task(described: WorkflowExecutionDescription, failures: Sequence[str]) -> str:
    """What is to be said of a run whose workflow task fails again and again, which keeps it from going on; empty where
    none does.

    Args:
        described: the run.
        failures: what its history says of failed tasks; of several in a row the first alone is kept there.
    """
    task = described.raw_description.pending_workflow_task
    if task.attempt < _TRIES:
        return ""
    why = f": {failures[-1]}" if failures else ""
    return f"its workflow task fails, try {task.attempt}{why}"


@dataclass(slots=True)
class _Wait:
    """Since when a run's task waits, and when was asked who polls; monotonic."""

    task: str
    since: float
    asked: float


class Absence:
    """Says once, to somebody who waits for runs, that no worker works on them.

    Args:
        client: where they run.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waits: dict[str, _Wait] = {}
        self._said = False

    async def look(self, run_id: str, task_queue: str, task: str) -> str:
        """What to say now, in one line; empty where there is nothing to say, or it was said.

        Args:
            run_id: the run's.
            task_queue: which it is on.
            task: `waiting_task` of the run, now.
        """
        now = time.monotonic()
        wait = self._waits.setdefault(run_id, _Wait(task, now, now))
        if task != wait.task:
            wait.task, wait.since = task, now
        if self._said or now - wait.asked < PATIENCE_SECONDS:
            return ""
        wait.asked = now
        found = await workers_of(self._client, task_queue)
        if found == 0:
            said = f"No worker polls the task queue {task_queue}; the run goes on when one does: `runmend worker`."
        elif found and task and now - wait.since >= PATIENCE_SECONDS:
            said = (
                f"No worker of the task queue {task_queue} has taken the run's next task for {PATIENCE_SECONDS:.0f} s; "
                "those that polled lately have ended, or are busy; see that one lives: `runmend worker`."
            )
        else:
            return ""
        self._said = True
        return said
