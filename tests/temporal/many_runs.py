"""Many real workflow executions that end as a pattern says, with the search attributes of runs and nothing of what runs
do."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from random import Random
from typing import Any

from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.plan.attributes import KUBE_NAMESPACE, OUTCOME, REASON, TARGET
from runmend.plan.memo import REPLAYS

AT_ONCE = 60
PATIENCE = 20.0
END = "end"
BY_ITSELF = tuple(outcome.value for outcome in Outcome if outcome is not Outcome.CANCELLED)
BY_OTHERS = ("cancelled", "terminated", "timed out")
REASONS = ("image not found", "owner is a Pod", "Forbidden", "no answer in time")


class Ending(BaseModel):
    """How one run ends."""

    runbook: str
    namespace: str
    name: str
    outcome: str
    reason: str = ""
    replay: bool = False
    waits: bool = False
    """Stays open until it is told to end."""

    @property
    def target(self) -> str:
        return f"Deployment {self.namespace}/{self.name}"


@workflow.defn(dynamic=True)
class Ends:
    """Ends as its input says."""

    def __init__(self) -> None:
        self._told = False

    @workflow.signal(name=END)
    def end(self) -> None:
        self._told = True

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> str:
        ending: Ending = workflow.payload_converter().from_payload(args[0].payload, Ending)
        await workflow.wait_condition(lambda: self._told or not (ending.waits or ending.outcome in BY_OTHERS))
        outcome, reason = SearchAttributeKey.for_keyword(OUTCOME), SearchAttributeKey.for_keyword(REASON)
        workflow.upsert_search_attributes([outcome.value_set(ending.outcome), reason.value_set(ending.reason)])
        if Outcome(ending.outcome).completes:
            return ending.outcome
        raise ApplicationError("as the pattern says", type=ending.outcome, non_retryable=True)


@dataclass
class Run:
    """One execution."""

    ending: Ending
    handle: WorkflowHandle[Any, Any]


def pattern(number: int, seed: int) -> list[list[Ending]]:
    """Endings for so many runs, four on each target, one after the other; the same seed gives the same."""
    random = Random(seed)
    targets = []
    for index in range(-(-number // 4)):
        namespace, name = f"ns-{index % 7}", f"web-{index}"
        targets.append([_ending(random, namespace, name) for _ in range(min(4, number - 4 * index))])
    return targets


def _ending(random: Random, namespace: str, name: str) -> Ending:
    outcome = random.choice(BY_ITSELF) if random.random() < 0.97 else random.choice(BY_OTHERS)
    return Ending(
        runbook=random.choice(("RB_IMAGEPULL", "RB_CRASHLOOP", "RB_OOM")),
        namespace=namespace,
        name=name,
        outcome=outcome,
        reason=random.choice(REASONS) if outcome in BY_ITSELF else "",
        replay=random.random() < 0.1,
    )


def a_worker_of_endings(client: Client, settings: Settings) -> Worker:
    return Worker(client, task_queue=settings.task_queue, workflows=[Ends], workflow_runner=UnsandboxedWorkflowRunner())


async def start(client: Client, settings: Settings, ending: Ending) -> Run:
    """Start one execution, under its target's workflow id."""
    handle = await client.start_workflow(
        ending.runbook,
        ending,
        id=f"{settings.cluster}/{ending.namespace}/Deployment/{ending.name}",
        task_queue=settings.task_queue,
        execution_timeout=timedelta(seconds=1) if ending.outcome == "timed out" else None,
        memo={REPLAYS: uuid.uuid4().hex} if ending.replay else None,
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(SearchAttributeKey.for_keyword(TARGET), ending.target),
                SearchAttributePair(SearchAttributeKey.for_keyword(KUBE_NAMESPACE), ending.namespace),
            ]
        ),
    )
    return Run(ending, client.get_workflow_handle(handle.id, run_id=handle.result_run_id))


async def end(run: Run) -> None:
    """See to it that one ends as its pattern says; most do by themselves."""
    match run.ending.outcome:
        case "cancelled":
            await run.handle.cancel()
        case "terminated":
            await run.handle.terminate()
        case _ if run.ending.waits:
            await run.handle.signal(END)


async def known(client: Client, query: str, number: int) -> None:
    """Wait until the visibility store knows so many runs, as long as their number changes now and then."""
    clock, last = asyncio.get_running_loop().time, -1
    while (found := (await client.count_workflows(query)).count) != number:
        if found != last:
            last, deadline = found, clock() + PATIENCE
        assert clock() < deadline, f"{found} of {number} runs known: {query}"
        await asyncio.sleep(0.05)


async def play(client: Client, settings: Settings, targets: list[list[Ending]]) -> list[Run]:
    """Run a pattern to its end and until the store knows it: the first on each target, then the second of each."""
    places = asyncio.Semaphore(AT_ONCE)
    runs: list[Run] = []

    async def one(ending: Ending) -> None:
        async with places:
            run = await start(client, settings, ending)
            await end(run)
            runs.append(run)

    for wave in zip_longest(*targets):
        await asyncio.gather(*(one(ending) for ending in wave if ending))
        await known(client, f"TaskQueue = '{settings.task_queue}' AND ExecutionStatus != 'Running'", len(runs))
    return runs
