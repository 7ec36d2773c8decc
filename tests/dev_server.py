"""A Temporal dev server for the tests of one process, which may take its time to start: the SDK's own waits for five
seconds."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import DEVNULL, Popen

from temporalio.client import Client
from temporalio.service import RPCError

from runmend.local.processes import find_temporal
from tests.cluster.processes import free_port

PATIENCE = 60.0


@contextmanager
def dev_server(*more: str) -> Iterator[str]:
    """Start one, and yield its address; `more` goes to its command."""
    port = free_port()
    argv = [find_temporal(), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--headless"]
    with Popen([*argv, "--log-level", "never", *more], stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            asyncio.run(_answers(f"127.0.0.1:{port}", process))
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


async def _answers(address: str, process: "Popen[bytes]") -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.poll() is None, "the dev server ended while it started"
            try:
                await (await Client.connect(address)).count_workflows()
            except (RuntimeError, RPCError):
                await asyncio.sleep(0.2)
            else:
                return
