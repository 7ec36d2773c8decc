"""HTTP in front of the API: paths, the token, content types, encodings."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from runmend.local.sandbox import protobuf, schemas
from runmend.local.sandbox.api import Address, Api, Write, scale_of
from runmend.local.sandbox.discovery import Discovery
from runmend.local.sandbox.patches import by_steps, merged
from runmend.local.sandbox.resources import Object, Resource
from runmend.local.sandbox.selectors import by_fields, by_labels
from runmend.local.sandbox.status import (
    Refused,
    bad_request,
    method_not_allowed,
    no_watch_list,
    not_acceptable,
    unauthorized,
    unknown_format,
    unreadable,
    unsupported_media_type,
)
from runmend.local.sandbox.tables import table
from runmend.local.sandbox.validation import check_options
from runmend.local.sandbox.watches import Watches

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
JSON_MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_METADATA, _METADATA_LIST = "PartialObjectMetadata", "PartialObjectMetadataList"
_METADATA_HEAD, _METADATA_LIST_HEAD = (
    {"kind": kind, "apiVersion": "meta.k8s.io/v1"} for kind in (_METADATA, _METADATA_LIST)
)
_WATCH_S = 1800.0


class Server:
    """The ASGI application."""

    def __init__(self, api: Api, token: str) -> None:
        self._api = api
        self._discovery = Discovery(api.store)
        self._watches = Watches(api.store)
        self._token = token

    def end_watches(self) -> None:
        """End every watch, so that the server can stop."""
        self._watches.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a refusal becomes its Status."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Refused as refused:
            response = _json(refused.body(), refused.code)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.rstrip("/")
        if path in ("/healthz", "/livez", "/readyz"):
            return Response("ok", media_type="text/plain")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.encode(), self._token.encode()):
            raise unauthorized()
        found = self._discovery.document(path) or schemas.document(path)
        if found is not None:
            return _json(found)
        if path == "/openapi/v2":
            return Response(schemas.old_document(), media_type=schemas.VERSION_2)
        at = self._discovery.address(path)
        if at is None:
            return Response("404 page not found\n", HTTPStatus.NOT_FOUND, media_type="text/plain")
        return await self._verb(request, at)

    async def _verb(self, request: Request, at: Address) -> Response:
        if at.subresource in ("scale", "log", "eviction"):
            return await self._subresource(request, at)
        match request.method, bool(at.name):
            case "GET", named:
                if request.query_params.get("watch", "") in ("1", "true"):
                    return self._watch(request, at)
                return self._get(request, at) if named else self._list(request, at)
            case ("POST", False) | ("PUT", True):
                return await self._body(request, at)
            case "PATCH", True:
                return await self._patch(request, at)
            case "DELETE", True if not at.subresource:
                return await self._delete(request, at)
        raise method_not_allowed()

    async def _body(self, request: Request, at: Address) -> Response:
        """A new object, or the new version of one."""
        body = _sent(_content_type(request), await request.body(), at.resource)
        if request.method == "PUT":
            return self._one(at, self._api.update(at, body, _write(request, "UpdateOptions")))
        return self._one(at, self._api.create(at, body, _write(request, "CreateOptions")), HTTPStatus.CREATED)

    def _list(self, request: Request, at: Address) -> Response:
        query = request.query_params
        token = query.get("continue", "")
        if token and query.get("resourceVersion"):
            raise bad_request("specifying resource version is not allowed when using continue")
        page = self._api.list(
            at, query.get("labelSelector", ""), query.get("fieldSelector", ""), _limit(query.get("limit")), token
        )
        asked = _metadata_only(request)
        if asked == _METADATA:
            raise not_acceptable(f"you requested {asked}, but the requested object is a list")
        head = {"kind": f"{at.resource.kind}List", "apiVersion": at.resource.api_version}
        head |= _METADATA_LIST_HEAD if asked else {}
        metadata: Object = {"resourceVersion": str(page.revision)}
        metadata |= {"continue": page.token} if page.token else {}
        metadata |= {"remainingItemCount": page.left} if page.left is not None else {}
        if _as_table(request):
            return _json(table(at.resource, page.items, metadata, whole=_whole_rows(request)))
        encoded = b",".join(map(_encoded_metadata if asked else self._api.store.encoded, page.items))
        start = json.dumps(head | {"metadata": metadata}, separators=(",", ":"))[:-1].encode()
        # A list of nothing's metadata has no items, where any other has none of them.
        items = b"null" if asked and not page.items else b"[" + encoded + b"]"
        return Response(start + b',"items":' + items + b"}", media_type="application/json")

    def _get(self, request: Request, at: Address) -> Response:
        asked, found = _metadata_only(request), self._api.get(at)
        if _as_table(request):
            metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
            return _json(table(at.resource, [found], metadata, whole=_whole_rows(request)))
        if asked == _METADATA_LIST:
            raise not_acceptable(f"you requested {asked}, but the requested object is not a list")
        return Response(_encoded_metadata(found), media_type="application/json") if asked else self._one(at, found)

    async def _patch(self, request: Request, at: Address) -> Response:
        kind, body, write = _patch_kind(request), await request.body(), _write(request, "PatchOptions")
        if kind == APPLY:
            made, is_new = self._api.apply(at, _applied(body), write, force=request.query_params.get("force") == "true")
            return self._one(at, made, HTTPStatus.CREATED if is_new else HTTPStatus.OK)
        self._api.get(at)
        patch = _parsed_patch(body)
        if kind == JSON_PATCH:
            return self._one(at, self._api.patch_by_steps(at, patch, write))
        return self._one(at, self._api.patch(at, patch, write, strategic=kind == STRATEGIC_MERGE))

    async def _subresource(self, request: Request, at: Address) -> Response:
        """The Scale of an object, what a pod has written, or its eviction."""
        if at.subresource == "eviction":
            return await self._eviction(request, at)
        if at.subresource == "log":
            if request.method != "GET":
                raise method_not_allowed()
            return Response(self._api.log(at, request.query_params.get("container", "")), media_type="text/plain")
        live = scale_of(self._api.get(at))
        if request.method == "GET":
            return _json(live)
        if request.method not in ("PATCH", "PUT"):
            raise method_not_allowed()
        body, write = await request.body(), _write(request, f"{request.method.capitalize()}Options")
        if request.method == "PUT":
            asked: object = _sent(_content_type(request), body, at.resource)
        else:
            kind, patch = _patch_kind(request), _parsed_patch(body)
            # A patch that names no version holds for whichever there is.
            unversioned = live | {"metadata": {**live["metadata"], "resourceVersion": ""}}
            asked = by_steps(unversioned, patch) if kind == JSON_PATCH else merged(unversioned, patch)
        try:
            replicas, version = _asked_scale(asked)
        except ValueError as error:
            raise (bad_request if request.method == "PUT" else unreadable)(str(error)) from None
        return _json(self._api.scale(at, replicas, version, write))

    async def _eviction(self, request: Request, at: Address) -> Response:
        """What becomes of a pod that is to be evicted."""
        if request.method != "POST":
            raise method_not_allowed()
        body = _sent(_content_type(request), await request.body(), at.resource)
        options = body.get("deleteOptions") or {}
        asked = _write(request, "CreateOptions")
        write = Write(asked.manager, dry_run=asked.dry_run or options.get("dryRun") == ["All"])
        return _json(self._api.evict(at, options, write), HTTPStatus.CREATED)

    def _watch(self, request: Request, at: Address) -> Response:
        """What changes, an event on each line, until the client leaves or the time that it named is over."""
        query = request.query_params
        if query.get("sendInitialEvents") == "true":
            raise no_watch_list()
        fields = query.get("fieldSelector", "")
        if at.name:
            fields = f"metadata.name={at.name}"
        tests = [by_fields(at.resource, fields), by_labels(query.get("labelSelector", ""))]
        since = query.get("resourceVersion", "")
        self._watches.check(since)
        namespace = at.namespace or None if at.resource.namespaced else ""
        events = self._watches.follow(at.resource, namespace, tests, since)
        shown = partial(_event_line, at.resource, as_table=_as_table(request), whole=_whole_rows(request))
        return StreamingResponse(
            _lines(events, shown, _seconds(query.get("timeoutSeconds"))), media_type="application/json"
        )

    async def _delete(self, request: Request, at: Address) -> Response:
        body = await request.body()
        options = _sent(_content_type(request), body, at.resource) if body else {}
        if "gracePeriodSeconds" in request.query_params:
            options["gracePeriodSeconds"] = _number(request.query_params["gracePeriodSeconds"])
        write = _write(request, "DeleteOptions")
        write = Write(write.manager, write.dry_run or "All" in (options.get("dryRun") or []))
        return self._one(at, self._api.delete(at, options, write))

    def _one(self, at: Address, obj: Object, code: HTTPStatus = HTTPStatus.OK) -> Response:
        if obj.get("kind") == "Status":
            return _json(obj, code)
        return _json({"kind": at.resource.kind, "apiVersion": at.resource.api_version, **obj}, code)


async def _lines(
    events: AsyncIterator[tuple[str, Object]], shown: Callable[[str, Object], bytes], seconds: float
) -> AsyncIterator[bytes]:
    yield b""  # the head goes out before anything has happened
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for kind, obj in events:
                yield shown(kind, obj)


def _event_line(resource: Resource, kind: str, obj: Object, *, as_table: bool, whole: bool) -> bytes:
    version = {"resourceVersion": obj["metadata"]["resourceVersion"]}
    shown = (
        table(resource, [obj], version, whole=whole)
        if as_table
        else {"kind": resource.kind, "apiVersion": resource.api_version, **obj}
    )
    return json.dumps({"type": kind, "object": shown}, separators=(",", ":")).encode() + b"\n"


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdecimal() and int(text) else _WATCH_S


def _json(body: Object, code: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body, separators=(",", ":")), code, media_type="application/json")


def _metadata_only(request: Request) -> str:
    """What a request asks for instead of the object or the list: their metadata alone; empty where it does not."""
    _, *parameters = request.headers.get("accept", "").replace(" ", "").split(";")
    asked = dict(parameter.partition("=")[::2] for parameter in parameters)
    kind = asked.get("as", "")
    meta = (asked.get("g"), asked.get("v")) == ("meta.k8s.io", "v1")
    return kind if meta and kind in (_METADATA, _METADATA_LIST) else ""


def _as_table(request: Request) -> bool:
    """Whether a request would have a Table before anything else that it takes."""
    first = request.headers.get("accept", "").replace(" ", "").partition(",")[0]
    return {"as=Table", "g=meta.k8s.io"} <= set(first.split(";"))


def _whole_rows(request: Request) -> bool:
    return request.query_params.get("includeObject") == "Object"


def _encoded_metadata(obj: Object) -> bytes:
    return json.dumps(_METADATA_HEAD | {"metadata": obj["metadata"]}, separators=(",", ":")).encode()


def _patch_kind(request: Request) -> str:
    """The type of a patch.

    Raises:
        Refused: 415 for one that is not applied here.
    """
    kind = _content_type(request)
    if kind not in (STRATEGIC_MERGE, JSON_MERGE, JSON_PATCH, APPLY):
        raise unsupported_media_type()
    return kind


def _parsed_patch(body: bytes) -> Any:  # noqa: ANN401  JSON of any shape
    try:
        return json.loads(body)
    except ValueError as error:
        raise bad_request("unexpected end of JSON input" if not body.strip().endswith(b"}") else str(error)) from None


def _applied(body: bytes) -> Object:
    """A document that is applied: YAML, which JSON is too."""
    try:
        found = yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from None
    if not isinstance(found, dict):
        raise bad_request("error decoding YAML: it is no mapping")
    return found


def _asked_scale(scale: object) -> tuple[object, str]:
    """The replicas that a Scale asks for, and the version that it is of; empty for any.

    Raises:
        ValueError: it is no Scale.
    """
    spec, metadata = ((scale.get(part) or {} if isinstance(scale, dict) else None) for part in ("spec", "metadata"))
    if not isinstance(spec, dict) or not isinstance(metadata, dict):
        raise ValueError(f"{json.dumps(scale)}: json: cannot unmarshal what is no object into a part of v1.Scale")  # noqa: TRY004  of JSON
    return spec.get("replicas"), str(metadata.get("resourceVersion") or "")


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip()


def _sent(kind: str, body: bytes, resource: Resource) -> Object:
    """An object as it was sent, as JSON or as Protocol Buffers.

    Raises:
        Refused: 415 for other formats, and for Protocol Buffers that hold what is not known.
    """
    if kind == protobuf.MEDIA_TYPE:
        try:
            return protobuf.decoded(body)
        except protobuf.Unreadable as error:
            raise unknown_format() from error
    if kind not in ("application/json", ""):
        raise unknown_format()
    return _parsed(body, resource)


def _parsed(body: bytes, resource: Resource) -> Object:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        what = f"must be of type {resource.kind}"
        raise bad_request(
            f"the object provided is unrecognized ({what}): couldn't get version/kind; json parse error: {error}"
        ) from None
    if not isinstance(parsed, dict):
        raise bad_request("the object provided is unrecognized: it is no JSON object")
    return parsed


def _limit(text: str | None) -> int:
    return max(0, _number(text or "0"))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _write(request: Request, options: str) -> Write:
    """Who writes, and whether it is only tried; `options` is what the query's parameters are called.

    Raises:
        Refused: 422, for what there is not.
    """
    asked, manager = request.query_params.getlist("dryRun"), request.query_params.get("fieldManager") or ""
    check_options(options, manager, asked)
    agent = request.headers.get("user-agent", "unknown").partition("/")[0]
    return Write(manager or agent, "All" in asked)
