"""A shipped runbook's run survives the death of its worker at every request; `make crash` shows it of all of them."""

import asyncio

import pytest

from runmend.local.shipped import shipped_runbooks
from tests.crash.matrix import prepare, run_scenario
from tests.dev_server import dev_server


@pytest.mark.timeout(1200)
def test_a_run_whose_worker_is_killed_at_any_request_ends_as_it_would_have() -> None:
    with dev_server() as address:
        asyncio.run(prepare(address))
        row = run_scenario(address, "bad-image", shipped_runbooks(), quiet=True)

    assert row.differences == []
    assert (row.runbook, row.writes) == ("RB_IMAGEPULL", 3)
    assert row.requests > 30
    assert row.runs >= 2 * row.requests
