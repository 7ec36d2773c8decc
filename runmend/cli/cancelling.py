"""`runmend cancel`: a person ends an open run, and says why."""

import sys
from typing import Final

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from runmend.cli.context import NotFoundHere, asking, load_settings, temporal_client
from runmend.cli.listing import find_run
from runmend.cli.showing import follow_to_end
from runmend.core.outcomes import Outcome
from runmend.core.printable import in_one_line
from runmend.runs.terminal import link
from runmend.runs.timeline import CALL_SECONDS

LONGEST_REASON: Final = 500


async def cancel_run(called: str, reason: str, *, wait: bool) -> int:
    """Ask an open run to end; it reports what stands first. With `wait` it is followed: 0 where it ended cancelled.

    Raises:
        NotFoundHere: there is none, or it has ended.
    """
    settings = load_settings()
    client = await temporal_client()
    workflow_id, run_id = await find_run(client, settings, called, exact=True)
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    ended = NotFoundHere(f"{workflow_id}@{run_id} has ended, so there is nothing to cancel; `runmend show {called}`")
    with asking():
        if (await handle.describe(rpc_timeout=CALL_SECONDS)).status is not WorkflowExecutionStatus.RUNNING:
            raise ended
        try:
            await handle.cancel(reason=reason, rpc_timeout=CALL_SECONDS)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                # It ended in between.
                raise ended from error
            raise
    sys.stderr.write(f"asked {in_one_line(workflow_id)} to cancel; it ends once its worker has reported what stands\n")
    if wait:
        progress = await follow_to_end(client, settings, workflow_id, run_id)
        return 0 if progress.result.outcome is Outcome.CANCELLED else 1
    sys.stdout.write(f"{in_one_line(workflow_id)}@{run_id}\n")
    sys.stderr.write(f"{link(settings.web_ui, client.namespace, workflow_id, run_id)}\n")
    return 0
