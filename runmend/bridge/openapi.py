"""What the bridge answers, described as OpenAPI: `GET /openapi.json`. The models describe; the routes write JSON."""

from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from runmend.bridge.triage import Answer

TITLE: Final = "Runmend bridge"
_SCHEME: Final = "bearerToken"
_PROBLEM_TYPE: Final = "application/problem+json"


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AlertAnswer(_Described):
    """What happened to an alert of a webhook, or to all those that cannot be read."""

    fingerprint: str
    alertname: str
    pod: str
    count: int = Field(
        ge=1, description="How many alerts are answered so; more than one only where they cannot be read."
    )
    answer: Answer
    why: str
    run: str | None = Field(description="The workflow id of the run that the answer speaks of.")


class Answers(_Described):
    """What happened to each alert, in the webhook's order; the alerts that cannot be read are the last one."""

    alerts: list[AlertAnswer]


class ProblemAnswer(_Described):
    """An error (RFC 9457). `alerts` is there where a webhook was taken in part; what was taken is `known` next time."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    alerts: list[AlertAnswer] | None = None


class Alive(_Described):
    """The process answers."""

    status: Literal["ok"]


class Check(_Described):
    """Whether something works that the bridge needs."""

    ok: bool
    detail: str


class Runbooks(_Described):
    """The ids of the runbooks that are loaded, and what is wrong with the files that do not compile."""

    ok: bool
    detail: str
    loaded: list[str]
    broken: dict[str, str]


class Checks(_Described):
    """All that the bridge needs."""

    temporal: Check
    kubernetes: Check
    background: Check
    runbooks: Runbooks


class Ready(_Described):
    """Whether the bridge can do its work.

    `degraded`: a runbook does not compile, or a background task ended lately; the rest works.
    """

    status: Literal["ready", "degraded", "not ready"]
    checks: Checks


_TEXT: Final = {"type": "string"}
_LABELS: Final = {"type": "object", "additionalProperties": _TEXT}
_ALERT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["labels", "startsAt"],
    "properties": {
        "status": {"enum": ["firing", "resolved"], "description": "Where it is missing, `endsAt` decides."},
        "labels": _LABELS,
        "annotations": {"type": ["object", "null"]},
        "startsAt": {"type": "string", "format": "date-time", "maxLength": 64},
        "endsAt": _TEXT,
        "generatorURL": _TEXT,
        "fingerprint": {"type": ["string", "null"], "pattern": "^[0-9A-Za-z_-]{0,64}$"},
    },
}
_ALERTS: Final = {"type": "array", "items": _ALERT}
_WEBHOOK: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"type": "object", "required": ["alerts"], "properties": {"alerts": _ALERTS}},
                        _ALERTS,
                    ]
                }
            }
        },
    },
    "security": [{_SCHEME: []}],
}
_WHY: Final = {
    HTTPStatus.BAD_REQUEST: "No JSON, or no list of alerts.",
    HTTPStatus.UNAUTHORIZED: "The bearer token is missing or wrong.",
    HTTPStatus.FORBIDDEN: "The request comes from a web page: it has an Origin header.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An error that nobody foresaw.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Temporal or the API server did not take a call, or the webhook is too large. It "
    "has to come again.",
}


def webhook_route() -> dict[str, Any]:
    """What describes the route that takes webhooks."""
    return {"responses": _answered(Answers, *_WHY), "openapi_extra": _WEBHOOK}


def alive_route() -> dict[str, Any]:
    """What describes the route that says whether the process answers."""
    return {"responses": _answered(Alive)}


def ready_route() -> dict[str, Any]:
    """What describes the route that says whether the bridge can do its work."""
    unready = {"model": Ready, "description": "It cannot do its work; the body says why."}
    return {"responses": _answered(Ready) | {HTTPStatus.SERVICE_UNAVAILABLE.value: unready}}


def metrics_route() -> dict[str, Any]:
    """What describes the route of the metrics."""
    return {"responses": {200: {"content": {"text/plain": {"schema": _TEXT}}, "description": "Prometheus' format."}}}


def description_route() -> dict[str, Any]:
    """What describes the route of this description."""
    answer = {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "OpenAPI."}
    refused = _problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    return {"responses": {200: answer} | refused, "openapi_extra": {"security": [{_SCHEME: []}]}}


def described(app: FastAPI) -> dict[str, Any]:
    """The app's description, with how a sender shows who it is."""
    found = app.openapi()
    components = found.setdefault("components", {})
    problem = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    problem.pop("$defs", None)
    components.setdefault("schemas", {})[ProblemAnswer.__name__] = problem
    schemes = components.setdefault("securitySchemes", {})
    schemes[_SCHEME] = {"type": "http", "scheme": "bearer", "description": "What RUNMEND_TOKEN_FILE holds, where set."}
    return found


def _answered(model: type[BaseModel], *problems: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}} | _problems(*problems)


def _problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{ProblemAnswer.__name__}"}
    return {
        status.value: {"description": _WHY[status], "content": {_PROBLEM_TYPE: {"schema": schema}}}
        for status in statuses
    }
