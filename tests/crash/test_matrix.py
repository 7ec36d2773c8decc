"""A shipped runbook's run survives the death of its worker at every request; `make crash` shows it of all of them."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio.client import Client

from runmend.local.demo.broken import SCENARIOS
from runmend.local.shipped import shipped_runbooks
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.crash.matrix import AT_ONCE, Hurried, Matrix, Row
from tests.dev_server import dev_server


@pytest.mark.timeout(1200)
def test_a_run_whose_worker_is_killed_at_any_request_ends_as_it_would_have(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")  # the killed get no answer
    with dev_server() as address:
        row = asyncio.run(every_point(address))
    assert row.differences == []
    assert row.requests > 30
    assert row.runs >= 2 * row.requests


async def every_point(address: str) -> Row:
    """What came of it, with a Temporal server at an address."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * AT_ONCE))
    client = await Client.connect(address, data_converter=data_converter)
    await register_search_attributes(client)
    slots = asyncio.Semaphore(AT_ONCE)
    matrix = Matrix(client, "RB_IMAGEPULL", SCENARIOS["bad-image"], Hurried(shipped_runbooks()), slots)
    return await matrix.every_point(lambda _: None)
