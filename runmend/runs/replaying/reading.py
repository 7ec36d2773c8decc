"""A run of the past, read from Temporal: what it was given, the way that it took, and whether it is its target's
latest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from temporalio.api.common.v1 import Payloads
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from runmend.alerts.alert import Alert
from runmend.core.settings import Settings
from runmend.plan.change import Change
from runmend.plan.memo import REPLAYS
from runmend.plan.messages import JOIN_SIGNAL, Joining, RunInput, StepResult, StepStatus
from runmend.plan.signatures import NotSigned, PlanKeys, Signature
from runmend.runs.history import History, NotARun, decoded, read_history
from runmend.runs.replaying.points import OBSERVE, NotReplayed, Point
from runmend.runs.signing import HEADER, signature_in
from runmend.runs.timeline import CALL_SECONDS, State, progress_of

_QUEUES: Final = "runmend-"
_MESSAGE_SHOWN: Final = 200
_UNSAID = WorkflowExecutionStatus.RUNNING
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Past:
    """A closed run.

    `alerts` are its input's and those that joined by signal. `first_run_id` is that of the run which it resumes,
    directly or not; its own where it resumes none. `signature` is what it was started with, None where it carries none.
    `results` are those of its steps, by the event that asked for them.
    """

    workflow_id: str
    run_id: str
    first_run_id: str
    runbook_id: str
    given: RunInput
    alerts: tuple[Alert, ...]
    history: History
    signature: Signature | None
    results: Mapping[int, StepResult]

    @property
    def name(self) -> str:
        """`CLUSTER/NAMESPACE/KIND/NAME@RUN_ID`."""
        return f"{self.workflow_id}@{self.run_id}"

    def changes_before(self, point: Point) -> tuple[Change, ...]:
        """What the steps changed whose results are kept where the run is taken up at a point."""
        looks = [
            each.scheduled
            for each in self.history.activities
            if each.is_own(OBSERVE) and each.scheduled < point.event_id
        ]
        # A run that looks a second time forgets what the steps of its first look said.
        since = max(looks, default=0)
        results = (result for event_id, result in self.results.items() if since < event_id < point.event_id)
        return tuple(change for result in results if result.status is StepStatus.DONE for change in result.changes)


async def read_past(client: Client, settings: Settings, workflow_id: str, run_id: str) -> Past:
    """Read a closed run.

    Raises:
        NotReplayed: it is open (what it is doing), its retention has passed, or it is another installation's.
        NotARun: it is a workflow of somebody else's.
        RPCError: Temporal does not answer.
    """
    described = await describe(client, workflow_id, run_id)
    check_queue(described, settings)
    if described.status in (None, _UNSAID):
        raise NotReplayed(f"{workflow_id}@{described.run_id} is open: {await doing(client, described)}")
    return await read_described(client, described)


def check_queue(described: WorkflowExecutionDescription, settings: Settings) -> None:
    """Refuse what another installation's workers would have to work on.

    Raises:
        NotReplayed: it is another cluster's.
        NotARun: it is a workflow of somebody else's.
    """
    queue = described.task_queue
    if queue == settings.task_queue:
        return
    if not queue.startswith(_QUEUES):
        raise NotARun(
            f"{described.id} (workflow type {described.workflow_type}, task queue {queue}) is not a run of Runmend"
        )
    raise NotReplayed(
        f"{described.id} is a run of cluster {queue.removeprefix(_QUEUES)} (task queue {queue}), and this "
        "installation's is "
        f"{settings.cluster} (task queue {settings.task_queue}); set RUNMEND_CLUSTER"
    )


def refuse_unless_good(past: Past, keys: PlanKeys | None) -> None:
    """Refuse to resume what a worker with these keys would refuse. Without keys a run's own signature goes on to hold.

    Raises:
        NotReplayed: it is not signed by one of the keys.
    """
    if keys is None:
        return
    try:
        keys.check_start(past.given, past.signature)
    except NotSigned as error:
        raise NotReplayed(
            f"{past.name} is not replayed: {error}; `--latest` starts the runbook of this directory, signed"
        ) from error


async def refuse_unless_latest(client: Client, past: Past) -> None:
    """Look whether a run is still its target's latest.

    Raises:
        NotReplayed: there is a later one; which, and what it is doing where it is open.
        RPCError: Temporal does not answer.
    """
    latest = await describe(client, past.workflow_id, "")
    if latest.run_id == past.run_id:
        return
    if latest.status in (None, _UNSAID):
        says = f"{latest.run_id} is open: {await doing(client, latest)}"
    else:
        status = latest.status.name.lower() if latest.status else "closed"
        rest = (
            "`--again` does this one again" if latest.status is WorkflowExecutionStatus.COMPLETED else "name that one"
        )
        says = f"{latest.run_id} ({status}) came after it; {rest}"
    raise NotReplayed(f"{past.name} is not the latest run of {past.given.target}: {says}")


async def is_replay(described: WorkflowExecutionDescription) -> bool:
    """Whether a run is itself a replay: resumed from another, or one done again."""
    first = described.raw_description.workflow_execution_info.first_run_id
    return first not in ("", described.run_id) or REPLAYS in await described.memo()


async def doing(client: Client, described: WorkflowExecutionDescription) -> str:
    """What an open run is doing, in a few words."""
    task = described.raw_description.pending_workflow_task
    if task.attempt > 1:
        why = await _why_tasks_fail(client, described)
        return f"its workflow task fails, try {task.attempt}{why}; deploy a fixed worker, and the run goes on by itself"
    progress = await progress_of(client, described.id, described.run_id)
    phase = next((phase for phase in reversed(progress.phases) if phase.state is State.DOING), None)
    if phase is None:
        return "it waits for a worker"
    tried = f", try {phase.attempt}" if phase.attempt > 1 else ""
    return f"{phase.name}{tried}" + (f": {phase.says}" if phase.says else "")


async def _why_tasks_fail(client: Client, described: WorkflowExecutionDescription) -> str:
    fetched = await client.get_workflow_handle(described.id, run_id=described.run_id).fetch_history(
        rpc_timeout=CALL_SECONDS
    )
    failures = read_history(fetched.events).task_failures
    return f" ({' '.join(failures[-1].split())[:_MESSAGE_SHOWN]})" if failures and failures[-1] else ""


async def describe(client: Client, workflow_id: str, run_id: str) -> WorkflowExecutionDescription:
    """A run as Temporal describes it; without a run id the latest.

    Raises:
        NotReplayed: it is not there any more.
        RPCError: Temporal does not answer.
    """
    try:
        return await client.get_workflow_handle(workflow_id, run_id=run_id or None).describe(rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        raise _gone(error, workflow_id, run_id) from error


def _gone(error: RPCError, workflow_id: str, run_id: str) -> Exception:
    """The error itself, or that the run is not there any more."""
    if error.status is not RPCStatusCode.NOT_FOUND or "namespace" in error.message.lower():
        return error
    named = f"{workflow_id}@{run_id}" if run_id else workflow_id
    return NotReplayed(
        f"Temporal does not have {named} any more: a closed run is kept for the namespace's retention; `runmend "
        "run` starts its runbook"
    )


async def read_described(client: Client, described: WorkflowExecutionDescription) -> Past:
    """Read a run that is known to be closed, and this installation's.

    Raises:
        NotReplayed: its history is not there any more.
        NotARun: it is a workflow of somebody else's.
        RPCError: Temporal does not answer.
    """
    handle = client.get_workflow_handle(described.id, run_id=described.run_id)
    try:
        fetched = await handle.fetch_history(rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        raise _gone(error, described.id, described.run_id) from error
    history = read_history(fetched.events)

    async def value(payloads: Payloads | None, kind: type[_Value]) -> _Value:
        return await decoded(client.data_converter, described, payloads, kind)

    given = await value(history.given, RunInput)
    joined = [await value(payloads, Joining) for name, payloads in history.signals if name == JOIN_SIGNAL]
    told = (
        *given.alerts,
        *(alert for each in joined if each.runbook_id == described.workflow_type for alert in each.alerts),
    )
    steps = [each for each in history.activities if not each.own and each.result is not None]
    return Past(
        workflow_id=described.id,
        run_id=described.run_id,
        first_run_id=described.raw_description.workflow_execution_info.first_run_id or described.run_id,
        runbook_id=described.workflow_type,
        given=given,
        # Of an episode that came twice the first is kept.
        alerts=tuple({alert.episode: alert for alert in reversed(told)}.values())[::-1],
        history=history,
        signature=signature_in(history.headers.get(HEADER)),
        results={each.scheduled: await value(each.result, StepResult) for each in steps if each.result is not None},
    )
