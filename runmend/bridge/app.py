"""The bridge's routes. Built by `bridge.server` and by tests; everything that they need is passed in."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect
from temporalio.client import Client

from runmend.bridge import problems
from runmend.bridge.health import Readiness
from runmend.bridge.intake import Intake
from runmend.bridge.metrics import Metrics
from runmend.bridge.polling import Polling
from runmend.bridge.problems import Problem
from runmend.bridge.reload import Reload
from runmend.bridge.security import Guard
from runmend.bridge.triage import Answer, Ruling
from runmend.bridge.webhook import BadWebhook, Malformed, WebhookAlert, read_alert, read_webhook
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.runbook.loader import Catalog
from runmend.runs.starting import Starter

BODY_MAX: Final = 4 * 1024 * 1024
_SHOWN: Final = 253
_LOGGED: Final = 20
"""Of how many alerts that are answered alike the log names fingerprints and pods."""

_log = logging.getLogger(__name__)


class Bridge:
    """What the routes do."""

    def __init__(self, settings: Settings, client: Client, cluster: Cluster, catalog: Catalog) -> None:
        self.metrics = Metrics()
        self.reload = Reload(catalog, settings.runbooks, self.metrics)
        self.polling = Polling(client, settings.task_queue, self.metrics)
        self._guard = Guard(settings)
        self._intake = Intake(settings, Starter(client, settings), cluster, catalog)
        self._readiness = Readiness(client, cluster, catalog)

    async def alerts(self, request: Request) -> Response:
        """`POST /alerts`: Alertmanager's webhook. 200 says that Temporal holds all that it calls for."""
        began = time.monotonic()
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            self._guard.check(request.headers)
            answer = await self._take(await _body(request))
        except Problem as problem:
            status = problem.status
            _log.warning("webhook refused", extra={"status": status.value, "detail": problem.detail})
            raise
        else:
            status = HTTPStatus.OK
            return answer
        finally:
            self.metrics.webhook(status.value, time.monotonic() - began)

    async def _take(self, body: bytes) -> Response:
        try:
            webhook = read_webhook(body)
        except BadWebhook as error:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"The body is not an Alertmanager webhook of version 4: {error}"
            ) from error
        if webhook.truncated:
            _log.warning(
                "Alertmanager cut alerts off; max_alerts is too low", extra={"truncated": str(webhook.truncated)[:20]}
            )
        alerts = [read_alert(raw) for raw in webhook.alerts]
        taken = await self._intake.take(alerts)
        shown = [_shown(alert, ruling) for alert, ruling in zip(alerts, taken.rulings, strict=True)]
        answered: dict[tuple[Ruling, str], list[dict[str, Any]]] = defaultdict(list)
        for ruling, fields in zip(taken.rulings, shown, strict=True):
            self.metrics.alert(ruling.answer)
            answered[ruling, fields["alertname"]].append(fields)
        for (ruling, alertname), alike in answered.items():
            _log_answer(ruling, alertname, alike)
        if taken.failures:
            detail = "; ".join(dict.fromkeys(str(error) for error in taken.failures))
            wait = str(max(1, round(taken.retry_after.total_seconds())))
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": wait}, more={"alerts": shown})
        return JSONResponse({"alerts": shown})

    async def healthz(self) -> Response:
        """`GET /healthz`: the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self) -> Response:
        """`GET /readyz`: Temporal and the API server answer, and at least one runbook is loaded."""
        found = await self._readiness.look()
        return JSONResponse(found, HTTPStatus.SERVICE_UNAVAILABLE if found["status"] == "not ready" else HTTPStatus.OK)

    async def show_metrics(self) -> Response:
        """`GET /metrics`: Prometheus' exposition format."""
        return Response(self.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def create_app(settings: Settings, client: Client, cluster: Cluster, catalog: Catalog) -> FastAPI:
    """The bridge as an ASGI app. Its lifespan watches the runbooks' directory, and whether workers poll.

    Raises:
        Exposed: the token's file is no good.
    """
    bridge = Bridge(settings, client, cluster, catalog)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(bridge.reload.watch(stop))
            polling = group.create_task(bridge.polling.watch())
            try:
                yield
            finally:
                stop.set()
                polling.cancel()

    app = FastAPI(title="Runmend bridge", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_api_route("/alerts", bridge.alerts, methods=["POST"], response_model=None)
    app.add_api_route("/healthz", bridge.healthz, methods=["GET"], response_model=None)
    app.add_api_route("/readyz", bridge.readyz, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", bridge.show_metrics, methods=["GET"], response_model=None)
    problems.register(app)
    return app


async def _body(request: Request) -> bytes:
    """The request's body, never more of it than is allowed."""
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {BODY_MAX} bytes.")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > BODY_MAX:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_MAX:
                raise too_large
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "The sender hung up before the body's end.") from error
    return bytes(body)


def _log_answer(ruling: Ruling, alertname: str, alike: list[dict[str, Any]]) -> None:
    """One line for all alerts of a name that got the same answer for the same reason."""
    level = logging.WARNING if ruling.answer in (Answer.UNROUTED, Answer.FAILED) else logging.INFO
    fields: dict[str, Any] = {
        "fingerprints": " ".join(each["fingerprint"] for each in alike[:_LOGGED]),
        "alertname": alertname,
        "pods": " ".join(dict.fromkeys(each["pod"] for each in alike[:_LOGGED])),
        "alerts": len(alike),
        "answer": ruling.answer.value,
        "why": ruling.why,
    }
    _log.log(
        level, "alerts answered", extra=fields | ({"target": ruling.run, "run": ruling.run_id} if ruling.run else {})
    )


def _shown(alert: WebhookAlert | Malformed, ruling: Ruling) -> dict[str, Any]:
    """An alert's part of the answer, and of the log."""
    name, pod = (alert.alertname, "") if isinstance(alert, Malformed) else (alert.alert.name, alert.alert.pod)
    return {
        "fingerprint": alert.fingerprint,
        "alertname": name[:_SHOWN],
        "pod": pod[:_SHOWN],
        "answer": ruling.answer.value,
        "why": ruling.why,
        "run": ruling.run,
    }
