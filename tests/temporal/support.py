"""What the tests on a real server share: worker processes, and plans that take seconds."""

import asyncio
import os
import signal
import sys
import uuid
from pathlib import Path
from typing import Any, Self

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

from runmend.plan.plan import Plan
from tests.world import PATIENCE, World

ROOT = Path(__file__).parents[2]
TEMPORAL = Path(sys.prefix) / "bin" / "temporal"


def quick(plan: Plan, *, window: int = 1, try_seconds: int = 2) -> Plan:
    """The plan with a window and tries of seconds."""
    steps = tuple(step.model_copy(update={"try_seconds": try_seconds}) for step in plan.steps)
    return plan.model_copy(update={"window_seconds": window, "steps": steps})


class WorkerProcess:
    """`python worker.py` for a world's cluster and server; killed at the end of the block, if it still lives.

    Args:
        world: whose.
        kubeconfig: of its cluster.
        settings: further variables, RUNMEND_* or others.
    """

    def __init__(self, world: World, kubeconfig: Path, **settings: str) -> None:
        self._env = {
            "PATH": os.environ["PATH"],
            "TEMPORAL_ADDRESS": world.env.client.service_client.config.target_host,
            "KUBECONFIG": str(kubeconfig),
            "RUNMEND_CLUSTER": world.settings.cluster,
        } | settings

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "worker.py", cwd=ROOT, env=self._env, stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stderr is not None
        while b"worker started" not in (line := await asyncio.wait_for(self._process.stderr.readline(), PATIENCE)):
            assert line, "the worker ended before it started"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            await self.end(signal.SIGKILL)

    async def says(self) -> str:
        """Its next line."""
        assert self._process.stderr is not None
        return (await asyncio.wait_for(self._process.stderr.readline(), PATIENCE)).decode()

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        await asyncio.wait_for(self._process.communicate(), PATIENCE)
        assert self._process.returncode is not None
        return self._process.returncode

    async def end(self, number: signal.Signals) -> int:
        self.tell(number)
        return await self.ended()


async def reset(handle: WorkflowHandle[Any, Any], activity_id: str, client: Client) -> WorkflowHandle[Any, Any]:
    """Take a run back to before an activity, and return the run that goes on from there."""
    scheduled = next(
        event.activity_task_scheduled_event_attributes
        for event in (await handle.fetch_history()).events
        if event.activity_task_scheduled_event_attributes.activity_id == activity_id
    )
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.run_id or ""),
            reason="a test",
            workflow_task_finish_event_id=scheduled.workflow_task_completed_event_id,
            request_id=uuid.uuid4().hex,
        )
    )
    return client.get_workflow_handle(handle.id, run_id=answer.run_id)


async def id_of(handle: WorkflowHandle[Any, Any], activity_type: str) -> str:
    """The id of the activity of a type."""
    attributes = (event.activity_task_scheduled_event_attributes for event in (await handle.fetch_history()).events)
    return next(each.activity_id for each in attributes if each.activity_type.name == activity_type)
