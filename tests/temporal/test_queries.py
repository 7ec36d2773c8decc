"""The queries that docs/inspect.md offers are ones that the visibility store takes, and a failed run is found by what
it says of itself."""

import asyncio

import pytest
from temporalio.client import Client

from tests.temporal.support import ROOT
from tests.world import World, a_worker

QUERIES = [
    line
    for line in (ROOT / "docs" / "inspect.md").read_text().partition("```sql\n")[2].partition("```")[0].splitlines()
    if not line.startswith("--")
]


def test_there_are_queries() -> None:
    assert len(QUERIES) > 8


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_of_the_documentation_is_understood(client: Client, query: str) -> None:
    assert (await client.count_workflows(query)).count >= 0


async def test_a_failed_run_is_found_by_what_failed_on_what_and_why(world: World, client: Client) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.patch("/apis/apps/v1/namespaces/shop/deployments/web", {"spec": {"paused": True}})
    async with a_worker(world):
        await world.failed(await world.start())

    queue = f"TaskQueue = '{world.settings.task_queue}'"
    while (await client.count_workflows(f"{queue} AND Outcome = 'PreconditionFailed'")).count != 1:  # noqa: ASYNC110  the store lags behind
        await asyncio.sleep(0.05)
    said = [
        "ExecutionStatus = 'Failed'",
        "WorkflowType = 'RB_IMAGEPULL'",
        "Reason = 'paused'",
        "Target = 'Deployment shop/web'",
        "KubeNamespace = 'shop'",
        "AlertName = 'KubePodImagePullBackOff'",
    ]
    assert (await client.count_workflows(" AND ".join([queue, *said]))).count == 1
