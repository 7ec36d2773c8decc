"""Errors over HTTP as `application/problem+json` (RFC 9457). Registered by `bridge.app`."""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

_log = logging.getLogger(__name__)


class Problem(Exception):
    """A request ends with this status. `more` are extension members of the answer."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> JSONResponse:
        """The answer. `about:blank`: the status says what kind of problem it is, the detail what happened."""
        body = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **self.more,
        }
        return JSONResponse(body, self.status.value, self.headers, media_type="application/problem+json")


def register(app: FastAPI) -> None:
    """Let every error of the app answer as a problem."""

    async def problem(_: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, Problem):
            raise error
        return error.response()

    async def http(_: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        return Problem(HTTPStatus(error.status_code), str(error.detail), headers=error.headers).response()

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        for cause in _causes(error):
            _log.error("request failed unexpectedly", extra={"path": request.url.path}, exc_info=cause)
        return Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "An error that nobody foresaw; the bridge's log has it."
        ).response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What went wrong within a task group, whose own error says nothing but that something did."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    else:
        yield error
