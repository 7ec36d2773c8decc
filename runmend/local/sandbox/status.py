"""The `metav1.Status` bodies of refused requests, worded as a real API server words them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from runmend.local.sandbox.resources import Object, Resource


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object is invalid."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class Refused(Exception):
    """The request is answered with a Status."""

    def __init__(
        self, code: HTTPStatus, reason: str, message: str, details: Object | None = None, metadata: Object | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}

    def body(self) -> Object:
        """The Status as it goes over the wire."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata}
        body |= {"status": "Failure", "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code.value}


def _details(resource: Resource, name: str, kind: str, **more: object) -> Object:
    named = {"name": name} if name else {}
    grouped = {"group": resource.group} if resource.group else {}
    return {**named, **grouped, "kind": kind, **more}


def bad_request(message: str) -> Refused:
    """400."""
    return Refused(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> Refused:
    """401, whether the token is wrong or absent."""
    return Refused(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def forbidden(resource: Resource, name: str, why: str, *causes: Cause) -> Refused:
    """403 by admission."""
    details = _details(resource, name, resource.plural)
    if causes:
        details["causes"] = [_cause(cause) for cause in causes]
    return Refused(HTTPStatus.FORBIDDEN, "Forbidden", f'{resource.qualified} "{name}" is forbidden: {why}', details)


def held_by_budget(causes: list[str]) -> Refused:
    """429, for a pod that a PodDisruptionBudget does not let be evicted."""
    listed = [{"reason": "DisruptionBudget", "message": cause} for cause in causes]
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return Refused(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", message, {"causes": listed})


def no_such_path() -> Refused:
    """404 for a resource that is not served."""
    return Refused(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource", {})


def not_found(resource: Resource, name: str) -> Refused:
    """404 for an object."""
    return Refused(
        HTTPStatus.NOT_FOUND,
        "NotFound",
        f'{resource.qualified} "{name}" not found',
        _details(resource, name, resource.plural),
    )


def method_not_allowed(why: str = "the server does not allow this method on the requested resource") -> Refused:
    """405."""
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", why, {})


def already_exists(resource: Resource, name: str) -> Refused:
    """409 for a second object of the same name."""
    return Refused(
        HTTPStatus.CONFLICT,
        "AlreadyExists",
        f'{resource.qualified} "{name}" already exists',
        _details(resource, name, resource.plural),
    )


def precondition_failed(resource: Resource, name: str, why: str) -> Refused:
    """409 for a deletion of another object, or of another version, than was meant."""
    message = f'Operation cannot be fulfilled on {resource.qualified_kind} "{name}": {why}'
    return Refused(HTTPStatus.CONFLICT, "Conflict", message, _details(resource, name, resource.kind))


def held_by_managers(resource: Resource, name: str, held: list[tuple[str, str, str]]) -> Refused:
    """409 for a document that sets what others have set: manager, version and field of each."""
    count = f"{len(held)} conflict{'s' if len(held) > 1 else ''}"
    named = ", ".join(f'"{manager}" using {version}: {path}' for manager, version, path in held)
    message = f"Apply failed with {count}: conflict{'s' if len(held) > 1 else ''} with {named}"
    return Refused(HTTPStatus.CONFLICT, "Conflict", message, _details(resource, name, resource.plural))


def modified(resource: Resource, name: str) -> Refused:
    """409 for a resourceVersion that is no longer the live one."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refused(HTTPStatus.CONFLICT, "Conflict", message, _details(resource, name, resource.plural))


def too_old(version: str, oldest: int) -> Refused:
    """410 for a watch from a version that is forgotten."""
    return Refused(HTTPStatus.GONE, "Expired", f"too old resource version: {version} ({oldest})")


def no_watch_list() -> Refused:
    """422 for a watch that wants the whole list first; clients then list and watch."""
    why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    message = f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: {why}'
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message)


def cannot_apply(why: str) -> Refused:
    """422 for a JSON patch that does not fit the object."""
    message = f"the server rejected our request due to an error in our request: {why}"
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, {})


def expired(token: str) -> Refused:
    """410 for a list that cannot be continued as it was begun; `token` continues it as it is now."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new "
        "list without the continue "
        "parameter, or use the continue token in this response to retrieve the remainder of the results. "
        "Continuing with the provided "
        "token results in an inconsistent list - objects that were created, modified, or deleted between the "
        "time the first chunk was "
        "returned and now may show up in the list."
    )
    return Refused(HTTPStatus.GONE, "Expired", message, metadata={"continue": token})


def not_acceptable(message: str) -> Refused:
    """406."""
    return Refused(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", message)


def unknown_format() -> Refused:
    """415 for a new object."""
    message = "the body of the request was in an unknown format - accepted media types include: application/json"
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def unsupported_media_type() -> Refused:
    """415 for a patch."""
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def invalid(resource: Resource, name: str, causes: list[Cause]) -> Refused:
    """422 with every cause."""
    what = str(causes[0]) if len(causes) == 1 else f"[{', '.join(map(str, causes))}]"
    details = _details(resource, name, resource.kind, causes=[_cause(cause) for cause in causes])
    message = f'{resource.qualified_kind} "{name}" is invalid: {what}'
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, details)


def unreadable(why: str) -> Refused:
    """422 for a patch whose result has a value of the wrong type."""
    cause = Cause("patch", f"Invalid value: {why}")
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", f' "" is invalid: {cause}', {"causes": [_cause(cause)]})


def server_error(message: str) -> Refused:
    """500, where a real API server fails so."""
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "", message)


def success(resource: Resource, name: str, uid: str) -> Object:
    """The answer to a deletion that is done."""
    details = _details(resource, name, resource.plural, uid=uid)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _cause(cause: Cause) -> Object:
    return {"reason": cause.reason, "message": cause.message, "field": cause.field}
