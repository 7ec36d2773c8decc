"""What is relied on of a real visibility store: its order, and how it reads what is quoted."""

import uuid

import pytest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from runmend.core.settings import Settings
from runmend.runs.converter import data_converter
from runmend.runs.visibility import NoWorkerYet, Wanted, every, newest, rows
from tests.temporal.many_runs import Ending, a_worker_of_endings, end, known, start


@pytest.fixture
def settings() -> Settings:
    """A cluster of the test's own."""
    return Settings(cluster=f"t-{uuid.uuid4().hex[:12]}")


@pytest.mark.parametrize("page_size", [1, 2, 100])
async def test_open_runs_come_first_and_then_closed_ones_by_their_end_and_a_list_is_by_start(
    client: Client, settings: Settings, page_size: int
) -> None:
    queue = f"TaskQueue = '{settings.task_queue}'"
    async with a_worker_of_endings(client, settings):
        runs = [
            await start(
                client,
                settings,
                Ending(runbook="RB", namespace="a", name=f"w-{number}", outcome="resolved", waits=True),
            )
            for number in range(6)
        ]
        for number, run in enumerate((runs[3], runs[5], runs[0]), 1):
            await end(run)
            await known(client, f"{queue} AND ExecutionStatus = 'Completed'", number)
        given = [row.workflow_id[-1] async for row in rows(client, queue, page_size)]
        listed = [row.workflow_id[-1] for row in await newest(client, settings, Wanted(), 4, page_size)]

    assert given == ["4", "2", "1", "0", "5", "3"]
    assert listed == ["5", "4", "3", "2"]


NAMES = ("100", "RB_", "RB__", "é✓", "a;--", "OR 1 = 1", "(", "!", "💥", "`", " a")


async def test_every_value_that_is_not_refused_finds_its_runs_and_no_other(client: Client, settings: Settings) -> None:
    for number, name in enumerate(NAMES):
        await start(client, settings, Ending(runbook=name, namespace=name, name=f"w-{number}", outcome="resolved"))
    await known(client, f"TaskQueue = '{settings.task_queue}'", len(NAMES))

    for name in NAMES:
        for wanted in (
            Wanted(runbook=name),
            Wanted(namespace=name),
            Wanted(runbook=name, namespace=name, outcomes=("running",)),
        ):
            assert [row.runbook_id for row in await every(client, settings, wanted)] == [name]


async def test_a_namespace_that_no_worker_has_prepared_is_told_as_such(client: Client, settings: Settings) -> None:
    name = f"n-{uuid.uuid4().hex[:12]}"
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromSeconds(86_400)
    await client.workflow_service.register_namespace(request)
    fresh = await Client.connect(
        client.service_client.config.target_host, namespace=name, data_converter=data_converter
    )

    assert await newest(fresh, settings, Wanted(), 20) == []
    for wanted in (Wanted(outcomes=("resolved",)), Wanted(namespace="shop")):
        with pytest.raises(
            NoWorkerYet, match=r"does not know the search attribute (Outcome|KubeNamespace); start a worker"
        ):
            await newest(fresh, settings, wanted, 20)
