"""Tells Temporal of every activity that this worker still works on it, so that a dead worker's are soon another's.

`worker.assembly.build_worker` puts it around the activities. It speaks for the process, not for an activity's thread:
one that hangs is ended by the try's own time.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

INTERVAL: Final = timedelta(seconds=1)
"""How often a heartbeat is sent; a shorter activity sends none."""


class Heartbeats(Interceptor):
    """The worker's interceptor.

    Args:
        interval: how often a heartbeat is sent.
    """

    def __init__(self, interval: timedelta = INTERVAL) -> None:
        self._seconds = interval.total_seconds()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  the SDK's name
        """Beat while what comes next works."""
        return _Beating(next, self._seconds)


class _Remembering(ActivityOutboundInterceptor):
    """Keeps what the activity last told: a heartbeat takes the place of the one before it, details and all."""

    details: Sequence[Any] = ()

    def heartbeat(self, *details: Any) -> None:  # noqa: ANN401  whatever the activity tells
        self.details = details
        super().heartbeat(*details)

    def again(self) -> None:
        self.heartbeat(*self.details)


class _Beating(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, seconds: float) -> None:  # noqa: A002  the SDK's name
        super().__init__(next)
        self._seconds = seconds

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _Remembering(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401  the SDK's name, and whatever it returns
        self._outbound.details = activity.info().heartbeat_details
        beating = asyncio.create_task(self._beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            self._outbound.again()
