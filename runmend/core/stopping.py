"""How processes that work until they are told to stop are told."""

import asyncio
import signal


def stop_on_signals(until: asyncio.Event) -> None:
    """Set an event on SIGTERM and SIGINT, in the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)
