"""The bridge's routes. Built by `bridge.server` and by tests; everything that they need is passed in."""

import asyncio
import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect
from temporalio.client import Client

from runmend.bridge import openapi, problems
from runmend.bridge.background import Background
from runmend.bridge.connections import Bodies, Connections
from runmend.bridge.health import Readiness
from runmend.bridge.intake import Intake, Taken
from runmend.bridge.metrics import Metrics
from runmend.bridge.polling import Polling
from runmend.bridge.problems import Problem
from runmend.bridge.reload import Reload
from runmend.bridge.security import Guard
from runmend.bridge.slices import Breath
from runmend.bridge.triage import Answer, Ruling
from runmend.bridge.webhook import BadWebhook, TooLarge, Webhook, WebhookReader, slices
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.runbook.loader import Catalog
from runmend.runs.starting import Starter

_RETRY_TOO_LARGE: Final = 60
_REASONS: Final = 5
"""Of how many failures an answer says why."""
_SHOWN: Final = 253
_LINES: Final = 1000
"""How many lines a webhook's answers are in the log; of the rest their numbers."""
_LOGGED: Final = 20
"""Of how many alerts that are answered alike the log names fingerprints and pods."""

_log = logging.getLogger(__name__)


class Bridge:
    """What the routes do."""

    def __init__(self, settings: Settings, client: Client, cluster: Cluster, catalog: Catalog) -> None:
        self.metrics = Metrics()
        self.reload = Reload(catalog, settings.runbooks, self.metrics)
        self.polling = Polling(client, settings, self.metrics)
        self._guard = Guard(settings)
        self._intake = Intake(settings, Starter(client, settings), cluster, catalog)
        self.background = Background(self.metrics)
        self._readiness = Readiness(client, cluster, catalog, self.background, lambda: self.reload.stale)
        self.bodies = Bodies()

    async def alerts(self, request: Request) -> Response:
        """`POST /alerts`: Alertmanager's webhook. 200 says that Temporal holds all that it calls for.

        `POST /api/v2/alerts` is the same where Prometheus and vmalert look for it.
        """
        began = time.monotonic()
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            self._guard.check(request.headers)
            with self.bodies.one() as grow:
                answer = await self._take(request, grow)
        except Problem as problem:
            status = problem.status
            _log.warning("webhook refused", extra={"status": status.value, "detail": problem.detail})
            raise
        else:
            status = HTTPStatus.OK
            return answer
        finally:
            self.metrics.webhook(status.value, time.monotonic() - began)

    async def _take(self, request: Request, grow: Callable[[int], None]) -> Response:
        try:
            webhook = await _read(request, grow)
            taken = await self._intake.take(webhook)
        except BadWebhook as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not an Alertmanager webhook: {error}") from error
        except TooLarge as error:
            self.metrics.too_large()
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"The webhook is too large, and nothing of it was taken: {error}. Send smaller groups: group_by with "
                "namespace.",
                headers={"Retry-After": str(_RETRY_TOO_LARGE)},
            ) from error
        if webhook.truncated:
            _log.warning("Alertmanager cut alerts off; max_alerts is too low", extra={"truncated": webhook.truncated})
        shown = await self._tell(webhook, taken)
        if taken.failures:
            detail = "; ".join(list(dict.fromkeys(str(error) for error in taken.failures))[:_REASONS])
            wait = str(max(1, round(taken.retry_after.total_seconds())))
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": wait}, more={"alerts": shown})
        return await _written(shown)

    async def _tell(self, webhook: Webhook, taken: Taken) -> list[dict[str, Any]]:
        """Count and log what the alerts were answered; returns what is shown of each, the malformed ones as one."""
        breath = Breath()
        shown: list[dict[str, Any]] = []
        answered: dict[tuple[Ruling, str], list[dict[str, Any]]] = defaultdict(list)
        for alert, ruling in zip(webhook.alerts, taken.rulings, strict=True):
            await breath()
            self.metrics.alert(ruling.answer)
            fields = _shown(alert.alert.fingerprint, alert.alert.labels, ruling)
            shown.append(fields)
            answered[ruling, fields["alertname"]].append(fields)
        if malformed := webhook.malformed:
            ruling = Ruling(Answer.UNROUTED, malformed.why)
            self.metrics.alert(ruling.answer, malformed.count)
            fields = _shown(malformed.fingerprint, {"alertname": malformed.alertname}, ruling, malformed.count)
            shown.append(fields)
            answered[ruling, malformed.alertname] = [fields]
        rest: Counter[str] = Counter()
        for number, ((ruling, alertname), alike) in enumerate(answered.items()):
            await breath()
            if number < _LINES:
                _log_answer(ruling, alertname, alike)
            else:
                rest[ruling.answer.value] += len(alike)
        for answer, count in rest.items():
            _log.warning("more alerts answered", extra={"answer": answer, "alerts": count})
        return shown

    async def healthz(self) -> Response:
        """`GET /healthz`: the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self) -> Response:
        """`GET /readyz`: Temporal and the API server answer, and at least one runbook is loaded."""
        found = await self._readiness.look()
        return JSONResponse(found, HTTPStatus.SERVICE_UNAVAILABLE if found["status"] == "not ready" else HTTPStatus.OK)

    async def describe(self, request: Request) -> Response:
        """`GET /openapi.json`: every path, answer and problem, for who may send webhooks."""
        self._guard.check(request.headers)
        return JSONResponse(openapi.described(request.app))

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
            group.create_task(bridge.background.keep("reload", bridge.reload.watch, stop))
            group.create_task(bridge.background.keep("polling", bridge.polling.watch, stop))
            try:
                yield
            finally:
                stop.set()
                bridge.reload.stop()

    app = FastAPI(
        title=openapi.TITLE, version=version("runmend"), openapi_url=None, lifespan=lifespan, redirect_slashes=False
    )
    app.state.bodies = bridge.bodies
    app.state.background = bridge.background
    app.state.connections = Connections(settings.connections_max, bridge.metrics)
    for path in ("/alerts", "/api/v2/alerts"):
        app.add_api_route(path, bridge.alerts, methods=["POST"], response_model=None, **openapi.webhook_route())
        # A sender that was given it with a slash would lose its alerts to a 404, which it takes for an answer.
        app.add_api_route(f"{path}/", bridge.alerts, methods=["POST"], response_model=None, include_in_schema=False)
    app.add_api_route("/healthz", bridge.healthz, methods=["GET"], response_model=None, **openapi.alive_route())
    app.add_api_route("/readyz", bridge.readyz, methods=["GET"], response_model=None, **openapi.ready_route())
    app.add_api_route("/metrics", bridge.show_metrics, methods=["GET"], response_model=None, **openapi.metrics_route())
    app.add_api_route(
        "/openapi.json", bridge.describe, methods=["GET"], response_model=None, **openapi.description_route()
    )
    problems.register(app)
    return app


async def _read(request: Request, grow: Callable[[int], None]) -> Webhook:
    """Read the request's body as it arrives; `grow` is told how much of it there is more.

    Raises:
        BadWebhook: it is none.
        TooLarge: it holds too much.
        Problem: the sender hung up, or there is no room for it.
    """
    reader, breath = WebhookReader(), Breath()
    try:
        async for chunk in request.stream():
            grow(len(chunk))
            for data in slices(chunk):
                reader.feed(data)
                await breath()
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "The sender hung up before the body's end.") from error
    return reader.close()


async def _written(alerts: list[dict[str, Any]]) -> Response:
    """What happened to the alerts, as JSON that is written in slices."""
    breath = Breath()
    parts = []
    for alert in alerts:
        await breath()
        parts.append(json.dumps(alert, ensure_ascii=False))
    return Response(f'{{"alerts": [{", ".join(parts)}]}}'.encode(), media_type="application/json")


def _log_answer(ruling: Ruling, alertname: str, alike: list[dict[str, Any]]) -> None:
    """One line for all alerts of a name that got the same answer for the same reason."""
    level = logging.WARNING if ruling.answer in (Answer.UNROUTED, Answer.FAILED) else logging.INFO
    fields: dict[str, Any] = {
        "fingerprints": " ".join(each["fingerprint"] for each in alike[:_LOGGED]),
        "alertname": alertname,
        "pods": " ".join(dict.fromkeys(each["pod"] for each in alike[:_LOGGED])),
        "alerts": sum(each["count"] for each in alike),
        "answer": ruling.answer.value,
        "why": ruling.why,
    }
    _log.log(
        level, "alerts answered", extra=fields | ({"target": ruling.run, "run": ruling.run_id} if ruling.run else {})
    )


def _shown(fingerprint: str, labels: Mapping[str, str], ruling: Ruling, count: int = 1) -> dict[str, Any]:
    """An alert's part of the answer, and of the log."""
    return {
        "fingerprint": fingerprint,
        "alertname": labels.get("alertname", "")[:_SHOWN],
        "pod": labels.get("pod", "")[:_SHOWN],
        "count": count,
        "answer": ruling.answer.value,
        "why": ruling.why,
        "run": ruling.run,
    }
