"""Requests to the embedded cluster that make and break things in it; what Runmend itself does is not sent by these."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from urllib3.exceptions import HTTPError

from runmend.core.errors import PermanentError
from runmend.kube.connection import Connection

_REQUEST_SECONDS: Final = 10.0
_REFUSED: Final = 300
_SHOWN: Final = 300


class DemoFailed(PermanentError):
    """The embedded cluster did not do as it should."""


async def sent(
    connection: Connection,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    fine: int = 0,
    merge: bool = False,
) -> dict[str, Any]:
    """Send a request; what is answered, empty where it was refused as was `fine`.

    Args:
        connection: to the embedded cluster.
        method: of the request; a PATCH is a strategic merge.
        path: of the request.
        body: of the request.
        fine: the one refusal that changes nothing.
        merge: whether a PATCH is a plain merge, which every kind takes.

    Raises:
        DemoFailed: it was not answered, or refused.
    """
    kind = "application/json"
    if method == "PATCH":
        kind = f"application/{'' if merge else 'strategic-'}merge-patch+json"
    headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": kind})
    try:
        answer = await asyncio.to_thread(connection.send, method, path, headers, body=body, timeout=_REQUEST_SECONDS)
    except (HTTPError, OSError) as error:
        raise DemoFailed(f"the embedded cluster did not answer {method} {path}: {error}") from error
    if answer.status >= _REFUSED:
        if answer.status == fine:
            return {}
        said = answer.body[:_SHOWN].decode(errors="replace")
        raise DemoFailed(f"the embedded cluster refused {method} {path}: {said}")
    found: dict[str, Any] = json.loads(answer.body)
    return found
