"""Kill a run's worker before and after every request that it makes to the API server: `make crash`; docs/testing.md."""

import argparse
import asyncio
import logging
import os
import sys
import time
from pathlib import Path

from temporalio.client import Client

from runmend.core.settings import PREFIX
from runmend.local.demo.broken import SCENARIOS
from runmend.local.shipped import shipped_runbooks
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.crash.matrix import AT_ONCE, Hurried, Matrix
from tests.dev_server import dev_server


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument(
        "--scenario",
        choices=sorted(SCENARIOS),
        default="bad-image",
        help="what is broken, and so which runbook runs (default: %(default)s)",
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
        found = asyncio.run(_run(address, given))
    for each in found:
        print(f"✗ {each}")
    ended = f"{len(found)} differences" if found else "every run ended as it would have, and wrote as often"
    print(f"{'✗' if found else '✓'} {ended}; {time.monotonic() - began:.0f} s")
    sys.stdout.flush()
    # The SDK's threads may abort an interpreter that ends in the ordinary way (temporalio/sdk-python#300).
    os._exit(1 if found else 0)


async def _run(address: str, given: argparse.Namespace) -> list[str]:
    client = await Client.connect(address, data_converter=data_converter)
    await register_search_attributes(client)
    matrix = Matrix(client, SCENARIOS[given.scenario], Hurried(given.runbooks or shipped_runbooks()))
    return await matrix.every_point(given.at_once, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
