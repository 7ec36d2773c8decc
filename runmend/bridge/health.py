"""Whether the bridge can do its work. Asked by probes, which carry no token."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import anyio
import anyio.to_thread
from temporalio.client import Client
from temporalio.service import RPCError

from runmend.bridge.background import Background
from runmend.core.errors import RunmendError
from runmend.kube.client import Cluster
from runmend.runbook.loader import Catalog

_TEMPORAL_TIMEOUT: Final = timedelta(seconds=3)
PATIENCE_SECONDS: Final = 4.0
"""For how long an answer is waited for: less than the probe waits for this one."""
KEPT_SECONDS: Final = 1.0
"""For how long an answer is good for others who ask."""


class _Asked:
    """Somebody who is asked whether he answers: once at a time, however many want to know.

    Args:
        whom: his name.
        ask: what asks him.
    """

    def __init__(self, whom: str, ask: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._whom = whom
        self._ask = ask
        self._asking: asyncio.Task[dict[str, Any]] | None = None
        self._until = 0.0

    async def answer(self) -> dict[str, Any]:
        """What he said within the last second, or says now, or that he says nothing."""
        if self._asking is None or (self._asking.done() and time.monotonic() >= self._until):
            self._asking = asyncio.create_task(self._asked())
        done, _ = await asyncio.wait([self._asking], timeout=PATIENCE_SECONDS)
        if done:
            return self._asking.result()
        return {"ok": False, "detail": f"{self._whom} has not answered for {PATIENCE_SECONDS:g} s"}

    async def _asked(self) -> dict[str, Any]:
        found = await self._ask()
        self._until = time.monotonic() + KEPT_SECONDS
        return found


class Readiness:
    """Asks Temporal and the API server, and looks at the runbooks.

    `stale` says why these may be older than their directory; None where they are not.
    """

    def __init__(
        self,
        client: Client,
        cluster: Cluster,
        catalog: Catalog,
        background: Background,
        stale: Callable[[], str | None],
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._catalog = catalog
        self._background = background
        self._stale = stale
        self._asked = (_Asked("Temporal", self._temporal), _Asked("the API server", self._kubernetes))
        self._threads = anyio.CapacityLimiter(1)

    async def look(self) -> dict[str, Any]:
        """The checks, and `status`: `ready`, `degraded` or `not ready`.

        It is degraded where a runbook does not compile, the directory was not read again, or a background task ended
        lately: the rest works.
        """
        temporal, kubernetes = await asyncio.gather(*(asked.answer() for asked in self._asked))
        background = self._background.look()
        plans, problems, stale = self._catalog.plans, self._catalog.problems, self._stale()
        works = temporal["ok"] and kubernetes["ok"] and bool(plans)
        degraded = problems or stale or not background["ok"]
        return {
            "status": "not ready" if not works else "degraded" if degraded else "ready",
            "checks": {
                "temporal": temporal,
                "kubernetes": kubernetes,
                "background": background,
                "runbooks": {
                    "ok": bool(plans),
                    "detail": f"not loaded anew: {stale}" if stale else "as their directory has them",
                    "loaded": sorted(plans),
                    "broken": {file: str(problem) for file, problem in sorted(problems.items())},
                },
            },
        }

    async def _temporal(self) -> dict[str, Any]:
        try:
            answers = await self._client.service_client.check_health(timeout=_TEMPORAL_TIMEOUT)
        except RPCError as error:
            return {"ok": False, "detail": f"Temporal does not answer: {error.status.name}"}
        return {"ok": answers, "detail": "answers" if answers else "Temporal says that it does not serve"}

    async def _kubernetes(self) -> dict[str, Any]:
        try:
            version = await anyio.to_thread.run_sync(self._cluster.version, limiter=self._threads)
        except RunmendError as error:
            return {"ok": False, "detail": str(error)}
        return {"ok": True, "detail": version}
