"""Kill a run's worker before and after every request that it makes to the API server: `make crash`; docs/testing.md."""

import argparse
import asyncio
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from traceback import format_exception

from runmend.core.settings import PREFIX
from runmend.local.demo.broken import SCENARIOS
from runmend.local.demo.matching import scenario_for
from runmend.local.shipped import shipped_runbooks
from runmend.runbook.loader import load_directory
from tests.crash.matrix import AT_ONCE, Row, prepare, run_scenario
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
        "--at-once",
        type=int,
        default=AT_ONCE,
        help="how many runs of a scenario there are at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count(),
        help="how many scenarios there are at a time, each with a process of its own (default: %(default)s)",
    )
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    began = time.monotonic()
    directory = given.runbooks or shipped_runbooks()
    plans = load_directory(directory).plans.values()
    scenarios = given.scenario or [scenario_for(plan).name for plan in plans]
    with (
        dev_server() as address,
        ProcessPoolExecutor(given.processes, get_context("spawn"), max_tasks_per_child=1) as processes,
    ):
        asyncio.run(prepare(address))
        running = {processes.submit(run_scenario, address, name, directory, given.at_once): name for name in scenarios}
        rows = []
        for each in as_completed(running):
            if error := each.exception():
                print(f"✗ {running[each]}: {''.join(format_exception(error))}", flush=True)
                rows.append(Row("", running[each], differences=[f"it could not be run to its end: {error}"]))
            else:
                rows.append(each.result())
    failed = _print(rows)
    print(f"{time.monotonic() - began:.0f} s")
    sys.stdout.flush()
    # The SDK's threads may abort an interpreter that ends in the ordinary way (temporalio/sdk-python#300).
    os._exit(1 if failed else 0)


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
