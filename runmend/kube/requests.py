"""How a request is sent to the API server, and a list read page by page; `kube.connection` has the connections."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar
from urllib.parse import quote

import urllib3

from runmend.core.errors import Invalid, ServerError, Unreachable
from runmend.kube.answers import WAITS, Expired, Json, cut, error_for, parsed
from runmend.kube.connection import Answer, Connection

T = TypeVar("T")
REQUEST_SECONDS: Final = (3.0, 10.0)
"""The longest to connect, and the longest silence while an answer is read."""
WRITE_SECONDS: Final = (3.0, 40.0)
"""The same for a write. The API server asks admission webhooks first, each for 30 seconds at most, and ends a write
after 34, whatever it still waits for: only then is it known whether anything was written.
"""
PAGE = 500
"""The most items of a list that are asked for in one answer."""
LIST_TRIES: Final = 3
"""How often a list is begun, where the API server forgets it before its last page."""
JSON: Final = "application/json"
METADATA: Final = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_CONNECTION: Final = re.compile(r"^<?\w*Connection\w*\([^)]*\)(?: at 0x\w+>)?: |^HTTPS?ConnectionPool\([^)]*\): ")
"""What the client calls its connection, in front of what happened to it."""


class Requests:
    """Requests to an API server over one connection. Safe to share between threads.

    A list is read in answers of at most `PAGE` items, and tells of one moment: an object that comes, changes or goes
    while it is read is in it as it was when it was begun. Where the API server forgets that moment before the last
    page, the list is begun anew, so nothing is told twice or left out; `Expired` (worth another try) after `LIST_TRIES`
    times.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def host(self) -> str:
        """The API server's address."""
        return self._connection.host

    def close(self) -> None:
        """Drop the connections."""
        self._connection.close()

    def listed(
        self,
        path: str,
        names: Mapping[str, str],
        read: Callable[[Json, datetime | None], T],
        *,
        metadata_only: bool = False,
        **query: str,
    ) -> tuple[T, ...]:
        """What `read` makes of each object of a list; see the class for what is guaranteed."""
        chosen = {name: value for name, value in query.items() if value} | {"limit": str(PAGE)}
        accept = _METADATA_LIST if metadata_only else JSON
        for _ in range(LIST_TRIES - 1):
            with suppress(Expired):
                return self._pages(path, names, read, chosen, accept)
        return self._pages(path, names, read, chosen, accept)

    def _pages(
        self,
        path: str,
        names: Mapping[str, str],
        read: Callable[[Json, datetime | None], T],
        query: Mapping[str, str],
        accept: str,
    ) -> tuple[T, ...]:
        """A list from its first page to its last. The JSON of two answers at most is held at a time."""
        found: list[T] = []
        more: dict[str, str] = {}
        while True:
            answer, told = self.ask("GET", path, names, {**query, **more}, accept=accept)
            items, metadata = answer.get("items"), answer.get("metadata")
            found += (read(item, told) for item in items) if isinstance(items, list) else ()
            token = metadata.get("continue") if isinstance(metadata, dict) else None
            if not token:
                return tuple(found)
            more = {"continue": str(token)}

    def send(
        self,
        method: str,
        path: str,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | list[Json] | None = None,
        *,
        seconds: tuple[float, float] | float | None = None,
    ) -> Json:
        """What the API server answers."""
        return self.ask(method, path, names, query, body, seconds=seconds)[0]

    def write(
        self,
        method: str,
        path: str,
        names: Mapping[str, str],
        query: Mapping[str, str] | None,
        body: Json | list[Json],
    ) -> Json:
        """What the API server answers to a write, which is waited for longer."""
        return self.send(method, path, names, query, body, seconds=WRITE_SECONDS)

    def ask(
        self,
        method: str,
        path: str,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | list[Json] | None = None,
        *,
        seconds: tuple[float, float] | float | None = None,
        accept: str = JSON,
    ) -> tuple[Json, datetime | None]:
        """What the API server answers, and when it did so by its own clock; None where it does not tell."""
        answer = self.answer(method, path, names, query, body, seconds=seconds, accept=accept)
        found = parsed(answer.body)
        if found is None:
            raise ServerError(
                f"the API server at {self.host} answered {method} {path} with something that is not a JSON object"
            )
        return found, _told(answer.headers.get("Date"))

    def answer(
        self,
        method: str,
        path: str,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | list[Json] | None = None,
        *,
        seconds: tuple[float, float] | float | None = None,
        accept: str = JSON,
    ) -> Answer:
        """The API server's answer, which is a success."""
        quoted = {}
        for key, name in (names or {}).items():
            # Percent-encoding leaves these as they are, and a path is made shorter by them: `..` for a namespace lists
            # all of them.
            if name in ("", ".", ".."):
                raise Invalid(f"{method} {path}: {name!r} is not a name")
            quoted[key] = quote(name, safe="")
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = _content_type(method, body)
        try:
            answer = self._connection.send(
                method,
                path.format_map(quoted),
                headers,
                query=query,
                body=body,
                timeout=REQUEST_SECONDS if seconds is None else seconds,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            said = f"the API server at {self.host} did not answer: {cut(_innermost(error))}"
            if method == "PATCH" and _was_sent(error):
                raise Unreachable(f"{said}; {WAITS}", reason="a write was not answered in time") from error
            raise Unreachable(said) from error
        status, retry_after = answer.status, answer.headers.get("Retry-After")
        if status >= 300:  # noqa: PLR2004  what is not a success
            kind = next((part for part in reversed(path.split("/")) if not part.startswith("{")), path)
            subject = f"{method} {' '.join((kind, '/'.join((names or {}).values()))).strip()}"
            raise error_for(status, parsed(answer.body), retry_after, subject)
        return answer


def _content_type(method: str, body: Json | list[Json]) -> str:
    """Of a patch by what it is: a JSON patch is a list, and a document is applied."""
    if method != "PATCH":
        return JSON
    return "application/json-patch+json" if isinstance(body, list) else "application/apply-patch+yaml"


def untimed(read: Callable[[Json], T]) -> Callable[[Json, datetime | None], T]:
    """Read what has no age."""
    return lambda item, _: read(item)


def _told(date: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def _innermost(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _innermost(reason)
    return _CONNECTION.sub("", str(error)) or type(error).__name__


def _was_sent(error: BaseException) -> bool:
    """Whether a request was sent, and its answer did not come in time."""
    reason = getattr(error, "reason", None)
    return isinstance(reason if isinstance(reason, BaseException) else error, urllib3.exceptions.ReadTimeoutError)
