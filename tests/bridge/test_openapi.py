"""The description of the bridge, and that its answers are what it says, whatever is asked."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from runmend.bridge import serving
from tests.bridge.support import Installation

TOKEN = "s3cret-s3cret-s3cret"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
CHECKS: list[CheckFunction] = [
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]


@pytest.fixture
def guarded(installed: Installation, tmp_path: Path) -> Installation:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    return installed.with_settings(token_file=token)


async def description(installation: Installation) -> Any:
    response = await installation.http.get("/openapi.json", headers=AUTHORIZED)
    assert response.status_code == 200
    return response.json()


async def test_every_route_is_described_with_all_that_it_answers(guarded: Installation) -> None:
    paths = (await description(guarded))["paths"]

    routes = {
        route.path: route.methods
        for route in guarded.app.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    }
    assert {path: {method.upper() for method in operations} for path, operations in paths.items()} == routes
    assert list(paths["/alerts"]["post"]["responses"]) == ["200", "400", "401", "403", "500", "503"]
    assert list(paths["/readyz"]["get"]["responses"]) == ["200", "503"]


async def test_the_description_is_for_who_may_send_webhooks(guarded: Installation) -> None:
    assert (await guarded.http.get("/openapi.json")).status_code == 401
    assert (await guarded.http.get("/healthz")).status_code == 200

    found = await description(guarded)

    assert found["components"]["securitySchemes"]["bearerToken"]["scheme"] == "bearer"
    asked = {path for path, operations in found["paths"].items() for each in operations.values() if "security" in each}
    assert asked == {"/alerts", "/api/v2/alerts", "/openapi.json"}


@pytest.mark.slow
async def test_whatever_is_asked_the_answer_is_a_described_one(guarded: Installation) -> None:
    found = await description(guarded)
    async with serving(guarded.app, "127.0.0.1", 0) as address:
        await asyncio.to_thread(ask_everything, found, address)


def ask_everything(found: dict[str, Any], address: str) -> None:
    schema = schemathesis.openapi.from_dict(found)
    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)

        @given(case=result.ok().as_strategy())
        @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def ask(case: schemathesis.Case[Any]) -> None:
            nonlocal asked
            asked += 1
            response = case.call_and_validate(base_url=address, headers=AUTHORIZED, checks=CHECKS)
            assert response.status_code != 500, "described, and never meant"

        ask()
    assert asked > 30
    assert httpx.get(f"{address}/healthz", trust_env=False).json() == {"status": "ok"}
