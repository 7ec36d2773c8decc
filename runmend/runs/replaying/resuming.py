"""A run is resumed: Temporal resets it, which makes a successor that keeps its history up to a point."""

from typing import Final
from uuid import NAMESPACE_URL, uuid5

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runmend.runs.replaying.points import Point
from runmend.runs.replaying.reading import Past, refuse_unless_latest
from runmend.runs.timeline import CALL_SECONDS

_UNANSWERED: Final = frozenset(
    {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.UNKNOWN}
)


async def resume(client: Client, past: Past, point: Point) -> str:
    """Resume a closed run at a point; the id of the run that goes on from there.

    Looks a last time whether it is still its target's latest. Between that look and the reset somebody may start a run,
    which the reset would end: docs/replay.md says what comes of it.

    Sent once: this Temporal makes another successor of the same request, and ends the first. Where the answer is lost
    the old run is asked for its successor instead.

    Raises:
        NotReplayed: it is not the target's latest run any more.
        RPCError: Temporal does not do it.
    """
    await refuse_unless_latest(client, past)
    try:
        answer = await client.workflow_service.reset_workflow_execution(
            request_for(client.namespace, past, point), timeout=CALL_SECONDS
        )
    except RPCError as error:
        if error.status in _UNANSWERED and (successor := await _successor(client, past)):
            return successor
        raise
    return answer.run_id


def request_for(namespace: str, past: Past, point: Point) -> ResetWorkflowExecutionRequest:
    """The reset of a run to a point: signals that came later are given to the successor, a request to cancel is not.

    The same run and point give the same request id, so a server that heeds it makes one successor.
    """
    return ResetWorkflowExecutionRequest(
        namespace=namespace,
        workflow_execution=WorkflowExecution(workflow_id=past.workflow_id, run_id=past.run_id),
        reason=f"runmend replay at {point.step}",
        workflow_task_finish_event_id=point.event_id,
        request_id=str(uuid5(NAMESPACE_URL, f"{past.workflow_id}@{past.run_id}#{point.event_id}")),
        reset_reapply_exclude_types=[ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST],
    )


async def _successor(client: Client, past: Past) -> str:
    found = await client.get_workflow_handle(past.workflow_id, run_id=past.run_id).describe(rpc_timeout=CALL_SECONDS)
    return found.raw_description.workflow_extended_info.reset_run_id
