"""The workflow's module in Temporal's sandbox."""

from collections.abc import AsyncIterator
from dataclasses import replace

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from runmend.runs.converter import data_converter
from workflows.remediation import Remediation


async def test_the_sandbox_loads_the_workflow_and_imports_nothing_of_ours_again() -> None:
    strict = replace(
        SandboxRestrictions.default,
        import_notification_policy=SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
        | SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT,
    )
    replayer = Replayer(
        workflows=[Remediation],
        data_converter=data_converter,
        workflow_runner=SandboxedWorkflowRunner(restrictions=strict),
    )

    async def none() -> AsyncIterator[WorkflowHistory]:
        empty: tuple[WorkflowHistory, ...] = ()
        for history in empty:
            yield history

    async with replayer.workflow_replay_iterator(none()) as results:
        assert [result async for result in results] == []
