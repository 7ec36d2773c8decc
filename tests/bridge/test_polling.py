"""Whether workers poll, as the bridge's metrics say."""

# ruff: noqa: ASYNC110  what is waited for happens in another process, which sets no event here

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.taskqueue.v1 import PollerInfo
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.bridge import create_app, polling
from runmend.runs.polling import workers
from tests.bridge.support import Installation, Told, Wire

PATIENCE = 10


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LOOK_AGAIN_SECONDS", 0.05)


def alive(installed: Installation) -> AbstractAsyncContextManager[Any]:
    """The bridge with its lifespan."""
    return installed.app.router.lifespan_context(installed.app)


def a_worker(installed: Installation) -> Worker:
    return Worker(
        installed.client,
        task_queue=installed.settings.task_queue,
        workflows=[Told],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def polled(installed: Installation) -> list[str]:
    """What the metrics say of workers, each line without its name."""
    lines = (await installed.http.get("/metrics")).text.splitlines()
    return [
        line.removeprefix("runmend_workers_polling") for line in lines if line.startswith("runmend_workers_polling")
    ]


async def until(installed: Installation, value: str) -> None:
    """Wait until the metrics say so of the installation's own task queue, and of no other."""
    async with asyncio.timeout(PATIENCE):
        while await polled(installed) != [f'{{task_queue="{installed.settings.task_queue}"}} {value}']:
            await asyncio.sleep(0.02)


async def test_a_worker_that_polls_is_counted_and_its_absence_is_zero(installed: Installation) -> None:
    async with alive(installed):
        await until(installed, "0.0")
        async with a_worker(installed):
            await until(installed, "1.0")


async def test_a_worker_of_another_cluster_does_not_count(installed: Installation) -> None:
    other = installed.with_settings(cluster=f"{installed.settings.cluster}-other")
    async with a_worker(other), alive(other), alive(installed):
        await until(other, "1.0")
        await until(installed, "0.0")


async def test_where_temporal_does_not_answer_it_is_no_number(installed: Installation, temporal: str) -> None:
    wire = Wire(temporal)
    client = await Client.connect(await wire.open())
    wired = replace(
        installed, client=client, app=create_app(installed.settings, client, installed.cluster, installed.catalog)
    )
    async with wired.http, alive(wired):
        await until(wired, "0.0")
        await wire.cut()
        await until(wired, "NaN")


async def test_what_was_never_asked_is_not_told(installed: Installation) -> None:
    assert await polled(installed) == []


def test_a_worker_that_is_listed_for_several_partitions_is_one() -> None:
    listed = [PollerInfo(identity=identity) for identity in ("1@a", "2@b", "1@a")]

    assert workers(listed) == 2
