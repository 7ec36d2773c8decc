"""Records a history of every kind of run, beside those that are there: `make histories`; docs/testing.md."""

import argparse
import asyncio
import logging
import os
import time
from importlib.metadata import version

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from runmend.core.settings import PREFIX
from tests.histories import stored
from tests.histories.kinds import KINDS
from tests.histories.recording import record


def main() -> None:
    """The command."""
    argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__).parse_args()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # the settings of an installation are not a recording's
    # What the kinds make fail is logged as if it were news.
    logging.disable(logging.CRITICAL)
    silent = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=silent)))
    began, done = time.monotonic(), 0

    def say(text: str) -> None:
        nonlocal done
        done += 1
        print(f"[{done}/{len(KINDS)}] {text}", flush=True)

    folder = asyncio.run(record(say, stored.next_name(version("runmend"))))
    print(f"{len(KINDS)} histories in {folder} after {time.monotonic() - began:.0f} s; commit them", flush=True)


if __name__ == "__main__":
    main()
