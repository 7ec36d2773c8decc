"""Whether the bridge can do its work. Asked by probes, which carry no token."""

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
_PROBES_AT_ONCE: Final = 2


class Readiness:
    """Asks Temporal and the API server, and looks at the runbooks."""

    def __init__(self, client: Client, cluster: Cluster, catalog: Catalog, background: Background) -> None:
        self._client = client
        self._cluster = cluster
        self._catalog = catalog
        self._background = background
        self._threads = anyio.CapacityLimiter(_PROBES_AT_ONCE)

    async def look(self) -> dict[str, Any]:
        """The checks, and `status`: `ready`, `degraded` or `not ready`.

        It is degraded where a runbook does not compile, or a background task ended lately: the rest works.
        """
        temporal = await self._temporal()
        kubernetes = await self._kubernetes()
        background = self._background.look()
        plans, problems = self._catalog.plans, self._catalog.problems
        works = temporal["ok"] and kubernetes["ok"] and bool(plans)
        return {
            "status": "not ready" if not works else "degraded" if problems or not background["ok"] else "ready",
            "checks": {
                "temporal": temporal,
                "kubernetes": kubernetes,
                "background": background,
                "runbooks": {
                    "ok": bool(plans),
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
