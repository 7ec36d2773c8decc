"""Requests to the API server, their timeouts, and its errors as our own; `kube.connection` sends them."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import urllib3

from runmend.core.errors import (
    Conflict,
    Forbidden,
    HeldByBudget,
    Invalid,
    NotFound,
    PermanentError,
    RunmendError,
    ServerError,
    TemporaryError,
    Throttled,
    Unreachable,
)
from runmend.core.kinds import BY_NAME
from runmend.facts.event import EventFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.pod import PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.facts.revision import RevisionFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube import facts
from runmend.kube.connection import Answer, Connection
from runmend.kube.refusals import refused_by

Json = dict[str, Any]
T = TypeVar("T")
_CONNECTION = re.compile(r"^<?\w*Connection\w*\([^)]*\)(?: at 0x\w+>)?: |^HTTPS?ConnectionPool\([^)]*\): ")
"""What the client calls its connection, in front of what happened to it."""

FIELD_MANAGER = "runmend"
REQUEST_SECONDS = (3.0, 10.0)
"""The longest to connect, and the longest silence while an answer is read."""
WRITE_SECONDS = (3.0, 40.0)
"""The same for a write. The API server asks admission webhooks first, each for 30 seconds at most, and ends a write
after 34, whatever it still waits for: only then is it known whether anything was written.
"""
LONGEST_TEXT = 500
LOG_BYTES: Final = 500_000
"""The most of a container's log that is read."""
PAGE = 500
"""The most items of a list that are asked for in one answer."""
LIST_TRIES = 3
"""How often a list is begun, where the API server forgets it before its last page."""


_PODS = "/api/v1/namespaces/{namespace}/pods"
_REPLICA_SETS = "/apis/apps/v1/namespaces/{namespace}/replicasets"
WORKLOADS: Final = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
"""The kinds that keep pods by a selector."""
_WAITS = "before a write it waits for admission webhooks, and does not say for which"
_OUT_OF_TIME = "request did not complete within requested timeout"
"""What the API server says when its own time for a request is over (504)."""
_JSON = "application/json"
_METADATA = f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class AlreadyExists(PermanentError):
    """There is an object of that name (409)."""

    reason = "already there"


class Expired(TemporaryError):
    """The API server does not know any more what a list held when it was begun (410)."""


class Cluster:
    """A Kubernetes API server. Safe to share between threads.

    Every method raises the errors of `runmend.core.errors`: `Throttled`, `Conflict`, `ServerError`, `Unreachable`
    (worth another try), `NotFound`, `Forbidden`, `Invalid` (not).

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

    @classmethod
    def connect(cls, *, kubeconfig: Path | None = None, context: str | None = None) -> "Cluster":
        """By the kubeconfig (its own path, else KUBECONFIG, else ~/.kube/config), or in-cluster where there is none.

        Nothing is sent yet.

        Raises:
            NotConfigured: neither is there, or it cannot be read.
        """
        return cls(Connection.to(kubeconfig, context))

    def close(self) -> None:
        """Drop the connections."""
        self._connection.close()

    def version(self) -> str:
        """The API server's version, `v1.36.3`."""
        return str(self._send("GET", "/version").get("gitVersion", "unknown"))

    def pods(self, namespace: str, selector: str = "", *, metadata_only: bool = False) -> tuple[PodFacts, ...]:
        """The pods of a namespace, those that a label selector chooses; of metadata alone, which names their owners."""
        within = {"namespace": namespace}
        return self._list(_PODS, within, facts.pod, metadata_only=metadata_only, labelSelector=selector)

    def pod(self, namespace: str, name: str, *, metadata_only: bool = False) -> PodFacts:
        """A pod as it is now; of metadata alone, which names its owner."""
        path, names = f"{_PODS}/{{name}}", {"namespace": namespace, "name": name}
        return facts.pod(*self._ask("GET", path, names, accept=_METADATA if metadata_only else _JSON))

    def replica_sets(self, namespace: str, selector: str = "") -> tuple[ReplicaSetFacts, ...]:
        """The ReplicaSets of a namespace, those that a label selector chooses."""
        read = _untimed(facts.replica_set)
        return self._list(_REPLICA_SETS, {"namespace": namespace}, read, metadata_only=True, labelSelector=selector)

    def replica_set(self, namespace: str, name: str, *, metadata_only: bool = True) -> ReplicaSetFacts:
        """A ReplicaSet as it is now; of metadata alone, unless what it says of itself is asked for."""
        path, names = f"{_REPLICA_SETS}/{{name}}", {"namespace": namespace, "name": name}
        answer, _ = self._ask("GET", path, names, accept=_METADATA if metadata_only else _JSON)
        return facts.replica_set(answer)

    def read(self, kind: str, namespace: str, name: str, *, metadata_only: bool = False) -> Json:
        """An object as the API server has it, of a kind of `runmend.core.kinds`."""
        accept = _METADATA if metadata_only else _JSON
        return self._ask("GET", BY_NAME[kind].path, _names(kind, namespace, name), accept=accept)[0]

    def look_at(self, kind: str, namespace: str, name: str) -> tuple[Json, datetime | None]:
        """The same, and when the API server told it by its own clock; None where it does not tell."""
        return self._ask("GET", BY_NAME[kind].path, _names(kind, namespace, name))

    def list_of(
        self, kind: str, namespace: str, selector: str = "", *, fields: str = "", metadata_only: bool = False
    ) -> tuple[Json, ...]:
        """The objects of a kind of `runmend.core.kinds` that a label selector and a field selector choose, as the API
        server has them; of every namespace where none is named.
        """
        path = (BY_NAME[kind].path if namespace else BY_NAME[kind].everywhere).removesuffix("/{name}")
        chosen = {"labelSelector": selector, "fieldSelector": fields}
        names = {"namespace": namespace} if namespace else {}
        return self._list(path, names, _untimed(dict), metadata_only=metadata_only, **chosen)

    def facts_of(self, kind: str, namespace: str, name: str) -> ObjectFacts:
        """What is known of an object of a kind of `runmend.core.kinds`."""
        return facts.facts_of(kind, *self.look_at(kind, namespace, name))

    def facts_of_all(self, kind: str, namespace: str, selector: str = "") -> tuple[ObjectFacts, ...]:
        """What is known of those that a label selector chooses."""
        path, within = BY_NAME[kind].path.removesuffix("/{name}"), _within(kind, namespace)
        return self._list(path, within, partial(facts.facts_of, kind), labelSelector=selector)

    def workload(self, kind: str, namespace: str, name: str) -> WorkloadFacts:
        """An object of a kind that keeps pods, one of `WORKLOADS`, as it is now."""
        return facts.workload(kind, *self.look_at(kind, namespace, name))

    def controller_revisions(self, namespace: str, selector: str) -> tuple[RevisionFacts, ...]:
        """The ControllerRevisions of a namespace that a label selector chooses."""
        return tuple(map(facts.controller_revision, self.list_of("ControllerRevision", namespace, selector)))

    def node(self, name: str, *, pods: bool = False) -> NodeFacts:
        """A node as it is now; with the pods on it, of every namespace, where they are asked for."""
        node = facts.node(*self.look_at("Node", "", name))
        if not pods:
            return node
        on_it = self._list("/api/v1/pods", {}, facts.pod, fieldSelector=f"spec.nodeName={name}")
        return node.model_copy(update={"pods": on_it})

    def events(self, namespace: str, field_selector: str = "") -> tuple[EventFacts, ...]:
        """The events of a namespace, those that a field selector chooses."""
        path, read = "/api/v1/namespaces/{namespace}/events", _untimed(facts.event)
        return self._list(path, {"namespace": namespace}, read, fieldSelector=field_selector)

    def log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        lines: int,
        since_seconds: int | None = None,
        previous: bool = False,
    ) -> str:
        """The last lines that a container of a pod has written; with `previous` those of the one that ran before it.

        At most `LOG_BYTES` of them: the API server leaves out what follows.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_BYTES)}
        query |= {"sinceSeconds": str(since_seconds)} if since_seconds else {}
        query |= {"previous": "true"} if previous else {}
        names = {"namespace": namespace, "name": pod}
        answer = self._answer("GET", f"{_PODS}/{{name}}/log", names, query, accept="*/*")
        return answer.body.decode(errors="replace")

    def deployment(self, namespace: str, name: str) -> WorkloadFacts:
        """A Deployment as it is now."""
        return self.workload("Deployment", namespace, name)

    def pull_secrets_of(self, namespace: str, service_account: str) -> tuple[str, ...]:
        """The names in a service account's imagePullSecrets."""
        path = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        return facts.references(
            self._send("GET", path, {"namespace": namespace, "name": service_account}).get("imagePullSecrets")
        )

    def secret(self, namespace: str, name: str) -> Json:
        """A Secret as the API returns it. Never logged, never kept."""
        return self._send(
            "GET", "/api/v1/namespaces/{namespace}/secrets/{name}", {"namespace": namespace, "name": name}
        )

    def patch(self, kind: str, namespace: str, name: str, steps: list[Json], *, dry_run: bool = False) -> Json:
        """A JSON patch (RFC 6902); with `dry_run` the API server checks it and writes nothing.

        Returns:
            The object as it was written, or would be.
        """
        query = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        path = BY_NAME[kind].path
        return self._send("PATCH", path, _names(kind, namespace, name), query, steps, seconds=WRITE_SECONDS)

    def delete(self, kind: str, namespace: str, name: str, uid: str, options: Json, *, dry_run: bool = False) -> bool:
        """Delete one object, the one of this uid; False where that is gone already.

        Args:
            kind: of `runmend.core.kinds`.
            namespace: empty for a kind that is in none.
            name: the object's.
            uid: which it must have; another one of the same name is left.
            options: DeleteOptions besides: the grace period.
            dry_run: whether the API server only checks it.

        Raises:
            Conflict: the one of that name is another one now, or was just changed.
        """
        body = _delete_options(uid, options, dry_run=dry_run)
        return self._gone_or("DELETE", BY_NAME[kind].path, _names(kind, namespace, name), body)

    def evict(self, namespace: str, name: str, uid: str, options: Json, *, dry_run: bool = False) -> bool:
        """Evict a pod, the one of this uid; False where that is gone already.

        Raises:
            HeldByBudget: a PodDisruptionBudget does not allow it now; the message names it.
            Conflict: as for `delete`.
        """
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": _delete_options(uid, options, dry_run=dry_run),
        }
        return self._gone_or("POST", f"{_PODS}/{{name}}/eviction", {"namespace": namespace, "name": name}, body)

    def _gone_or(self, method: str, path: str, names: Mapping[str, str], body: Json) -> bool:
        try:
            self._send(method, path, names, None, body, seconds=WRITE_SECONDS)
        except NotFound:
            return False
        return True

    def create_event(self, namespace: str, event: Json, *, seconds: float) -> bool:
        """Create an event, and wait for no longer; False where there is one of its name already, which stays as it
        is.
        """
        path = "/api/v1/namespaces/{namespace}/events"
        try:
            self._send("POST", path, {"namespace": namespace}, {"fieldManager": FIELD_MANAGER}, event, seconds=seconds)
        except AlreadyExists:
            return False
        return True

    def _list(
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
        accept = _METADATA_LIST if metadata_only else _JSON
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
            answer, told = self._ask("GET", path, names, {**query, **more}, accept=accept)
            items, metadata = answer.get("items"), answer.get("metadata")
            found += (read(item, told) for item in items) if isinstance(items, list) else ()
            token = metadata.get("continue") if isinstance(metadata, dict) else None
            if not token:
                return tuple(found)
            more = {"continue": str(token)}

    def _send(
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
        return self._ask(method, path, names, query, body, seconds=seconds)[0]

    def _ask(
        self,
        method: str,
        path: str,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | list[Json] | None = None,
        *,
        seconds: tuple[float, float] | float | None = None,
        accept: str = _JSON,
    ) -> tuple[Json, datetime | None]:
        """What the API server answers, and when it did so by its own clock; None where it does not tell."""
        answer = self._answer(method, path, names, query, body, seconds=seconds, accept=accept)
        parsed = _parsed(answer.body)
        if parsed is None:
            raise ServerError(
                f"the API server at {self.host} answered {method} {path} with something that is not a JSON object"
            )
        return parsed, _told(answer.headers.get("Date"))

    def _answer(
        self,
        method: str,
        path: str,
        names: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | list[Json] | None = None,
        *,
        seconds: tuple[float, float] | float | None = None,
        accept: str = _JSON,
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
            headers["Content-Type"] = f"application/{'json-patch+json' if method == 'PATCH' else 'json'}"
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
                raise Unreachable(f"{said}; {_WAITS}", reason="a write was not answered in time") from error
            raise Unreachable(said) from error
        status, retry_after = answer.status, answer.headers.get("Retry-After")
        if status >= 300:  # noqa: PLR2004  what is not a success
            kind = next((part for part in reversed(path.split("/")) if not part.startswith("{")), path)
            subject = f"{method} {' '.join((kind, '/'.join((names or {}).values()))).strip()}"
            raise error_for(status, _parsed(answer.body), retry_after, subject)
        return answer


def _untimed(read: Callable[[Json], T]) -> Callable[[Json, datetime | None], T]:
    """Read what has no age."""
    return lambda item, _: read(item)


def _told(date: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def _delete_options(uid: str, options: Json, *, dry_run: bool) -> Json:
    return {"preconditions": {"uid": uid}, **options} | ({"dryRun": ["All"]} if dry_run else {})


def _within(kind: str, namespace: str) -> dict[str, str]:
    return {"namespace": namespace} if BY_NAME[kind].namespaced else {}


def _names(kind: str, namespace: str, name: str) -> dict[str, str]:
    return {**_within(kind, namespace), "name": name}


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text in one line, not longer than `longest` characters: it may come from anywhere and goes into a history."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _innermost(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _innermost(reason)
    return _CONNECTION.sub("", str(error)) or type(error).__name__


def _was_sent(error: BaseException) -> bool:
    """Whether a request was sent, and its answer did not come in time."""
    reason = getattr(error, "reason", None)
    return isinstance(reason if isinstance(reason, BaseException) else error, urllib3.exceptions.ReadTimeoutError)


def _parsed(data: bytes | None) -> Json | None:
    try:
        parsed = json.loads(data or b"")
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def error_for(status: int, body: Json | None, retry_after: str | None, subject: str) -> RunmendError:
    """The error for an answer of the API server that is not a success."""
    said = body.get("message") if body else None
    message = f"{subject}: {status}: {cut(str(said))}" if said else f"{subject}: {status}"
    delay = (
        timedelta(seconds=min(int(retry_after), 60))
        if retry_after and retry_after.isascii() and retry_after.isdigit()
        else None
    )
    if special := _special(status, body, message):
        return special
    refused = f"refused: {kind}" if (kind := refused_by(str(said))) else None
    if status in _ERRORS:
        return _ERRORS[status](message, reason="not authenticated" if status == 401 else refused)  # noqa: PLR2004
    if _OUT_OF_TIME in str(said) and subject.startswith("PATCH "):
        return ServerError(f"{message}; {_WAITS}", reason="a write took too long")
    match status:
        case 429 | 503 if delay or status == 429:  # noqa: PLR2004  a 503 that does not say for how long is an error
            return Throttled(message, delay=delay)
        case _ if status >= 500:  # noqa: PLR2004
            return ServerError(message, delay=delay, reason=refused)
        case _:
            return Invalid(message, reason=refused)


def _special(status: int, body: Json | None, message: str) -> RunmendError | None:
    """The error where a status has more than one meaning, and this is not the common one."""
    if status == 409 and body and body.get("reason") == "AlreadyExists":  # noqa: PLR2004  the other 409 is a conflict
        return AlreadyExists(message)
    if status == 429 and (budget := _budget(body)):  # noqa: PLR2004  the other 429 asks to slow down
        return HeldByBudget(budget)
    return None


def _budget(body: Json | None) -> str:
    """What the API server says of the budget that holds a pod; empty where it is none that does."""
    details = (body or {}).get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    said = [
        cut(str(cause.get("message", "")))
        for cause in causes or ()
        if isinstance(cause, dict) and cause.get("reason") == "DisruptionBudget"
    ]
    return "; ".join(said)


_ERRORS: dict[int, type[RunmendError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Expired}
