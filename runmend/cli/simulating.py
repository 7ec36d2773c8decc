"""`runmend simulate` and `runmend test`: runbooks at work in an embedded cluster."""

import sys
from pathlib import Path

from runmend.local.simulating.simulation import simulate
from runmend.runbook import RunbookError


async def simulate_one(file: Path, scenario: str | None, *, as_json: bool) -> int:
    """Simulate a runbook; 1 where it does not compile, or a run does not end as it has to."""
    try:
        return await simulate(file, scenario, as_json=as_json)
    except RunbookError as error:
        sys.stderr.writelines(f"{diagnostic}\n" for diagnostic in error.errors)
        return 1
