"""`runmend sandbox`: serves an embedded cluster until it is told to stop."""

import asyncio
import sys
from pathlib import Path

from runmend.core.errors import PermanentError
from runmend.core.stopping import stop_on_signals
from runmend.local.sandbox import Sandbox
from runmend.local.sandbox.sandbox import may_be_overwritten


class CannotServe(PermanentError):
    """The embedded cluster cannot be served there."""


async def run_sandbox(port: int, kubeconfig: Path) -> int:
    """Serve an embedded cluster until SIGTERM or Ctrl-C."""
    if not may_be_overwritten(kubeconfig):
        raise CannotServe(
            f"{kubeconfig} is there and no embedded cluster's, so it is left alone; name another file with --kubeconfig"
        )
    until = asyncio.Event()
    stop_on_signals(until)
    sandbox = Sandbox(port=port, tls=True)
    try:
        sandbox.start()
    except OSError as error:
        raise CannotServe(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}); choose another with --port"
        ) from error
    try:
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        where = sandbox.write_kubeconfig(kubeconfig)
        sys.stdout.write(
            f"embedded cluster at {sandbox.url}; it is empty, and forgets everything when it ends (Ctrl-C)\n"
        )
        sys.stdout.write(f"export KUBECONFIG={where.absolute()}\n")
        sys.stdout.flush()
        await until.wait()
    finally:
        sandbox.stop()
    return 0
