"""The shipped runbook's run survives the death of its worker at every request."""

import asyncio
import logging
from collections import Counter

import pytest
from temporalio.client import Client

from runmend.local.demo.broken import SCENARIOS
from runmend.local.shipped import shipped_runbooks
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.crash.matrix import AT_ONCE, Hurried, Matrix, Point, Ran, differences, unreached
from tests.dev_server import dev_server

LIVED = Ran({"outcome": "resolved"}, Counter({"PATCH web": 1}), ("GET web", "PATCH web"))


@pytest.mark.timeout(1200)
def test_a_run_whose_worker_is_killed_at_any_request_ends_as_it_would_have(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")  # the killed get no answer
    said: list[str] = []
    with dev_server() as address:
        assert asyncio.run(every_point(address, said)) == []
    assert len(said) > 60, "some thirty requests, each before and after"


async def every_point(address: str, said: list[str]) -> list[str]:
    """What differed, with a Temporal server at an address."""
    client = await Client.connect(address, data_converter=data_converter)
    await register_search_attributes(client)
    matrix = Matrix(client, SCENARIOS["bad-image"], Hurried(shipped_runbooks()))
    return await matrix.every_point(AT_ONCE, said.append)


@pytest.mark.parametrize(
    ("killed", "says"),
    [
        (Ran({"outcome": "Reverted"}, LIVED.writes, ()), ["outcome is 'Reverted' and not 'resolved'"]),
        (Ran(LIVED.end, Counter({"PATCH web": 2}), ()), ["PATCH web was made 2 times and not 1"]),
        (Ran(LIVED.end, Counter(), ()), ["PATCH web was made 0 times and not 1"]),
        (Ran(LIVED.end, LIVED.writes, ()), []),
    ],
    ids=["another end", "written twice", "not written", "the same"],
)
def test_another_end_and_another_number_of_writes_are_differences(killed: Ran, says: list[str]) -> None:
    assert list(differences(LIVED, killed)) == says


def test_a_write_at_which_no_worker_was_killed_is_told() -> None:
    killed = Ran(LIVED.end, LIVED.writes, LIVED.asked, reached=True)
    ran = {Point(1, "before"): killed, Point(1, "after"): LIVED, Point(2, "before"): killed, Point(2, "after"): LIVED}

    assert list(unreached(LIVED, ran)) == ["no worker was killed after PATCH web"]
