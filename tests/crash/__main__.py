"""Kill a run's worker before and after every request that it makes to the API server: `make crash`; docs/testing.md."""

import argparse
import asyncio
import logging
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio.client import Client

from runmend.core.settings import PREFIX
from runmend.local.demo.broken import SCENARIOS
from runmend.local.shipped import shipped_runbooks
from runmend.runbook.loader import load_directory
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.crash.matrix import AT_ONCE, Hurried, Matrix, Row, scenario_for
from tests.dev_server import dev_server


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument(
        "--scenario",
        choices=sorted(SCENARIOS),
        action="append",
        help="what is broken, and so which runbook runs; more than once for several (default: one for each runbook)",
    )
    parser.add_argument("--runbooks", type=Path, help="a directory of runbooks (default: those that ship)")
    parser.add_argument(
        "--at-once", type=int, default=AT_ONCE, help="how many runs there are at a time (default: %(default)s)"
    )
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    # That requests of the killed get no answer is logged as if it were news.
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    with dev_server() as address:
        rows = asyncio.run(_run(address, given))
    failed = _print(rows)
    print(f"{time.monotonic() - began:.0f} s")
    sys.stdout.flush()
    # The SDK's threads may abort an interpreter that ends in the ordinary way (temporalio/sdk-python#300).
    os._exit(1 if failed else 0)


async def _run(address: str, given: argparse.Namespace) -> list[Row]:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * given.at_once))
    client = await Client.connect(address, data_converter=data_converter)
    await register_search_attributes(client)
    directory = given.runbooks or shipped_runbooks()
    plans = load_directory(directory).plans.values()
    scenarios = [SCENARIOS[name] for name in given.scenario or ()] or [scenario_for(plan) for plan in plans]
    catalog, slots = Hurried(directory), asyncio.Semaphore(given.at_once)
    of_alert = {alertname: plan.runbook_id for plan in plans for alertname in plan.alertnames}
    async with asyncio.TaskGroup() as group:
        matrices = [Matrix(client, of_alert[scenario.alertname], scenario, catalog, slots) for scenario in scenarios]
        rows = [group.create_task(each.every_point(lambda line: print(line, flush=True))) for each in matrices]
    return [row.result() for row in rows]


def _print(rows: list[Row]) -> bool:
    """The table, and what differed; whether anything did."""
    form = "{:<24}{:<20}{:>9}{:>8}{:>7}{:>8}{:>13}"
    print(form.format("runbook", "scenario", "requests", "writes", "runs", "not met", "differences"))
    for row in rows:
        counts = (row.requests, row.writes, row.runs, len(row.polled), len(row.differences))
        print(form.format(row.runbook, row.scenario, *counts))
    for row in rows:
        for point in row.polled:
            print(f"  {row.scenario}: read less often than in the run whose worker lived: {point}")
        for difference in row.differences:
            print(f"✗ {row.scenario}: {difference}")
    return any(row.differences for row in rows)


if __name__ == "__main__":
    main()
