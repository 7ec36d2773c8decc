"""What an image does is told by its reference, so that a test can ask for any failure it wants.

An image of `registry.example` behaves by its tag; every other image is pulled at once and runs.
"""

import base64
import json
from decimal import Decimal

from runmend.images.references import InvalidImageReference, parse_image
from runmend.local.sandbox.resources import SECRETS, Object
from runmend.local.sandbox.store import Store
from runmend.local.sandbox.validation import quantity

REGISTRY = "registry.example"
SLOW_S = 10.0
EXIT_S = 1.0
_NEEDED = Decimal(200 * 1024 * 1024)
_REASONS = {
    "missing": ("NotFound", "{image}: not found"),
    "unauthorized": (
        "Unknown",
        "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
    ),
    "unreachable": ("Unknown", "failed to do request: dial tcp 192.0.2.1:443: i/o timeout"),
}


def behaviour(image: str) -> str:
    """The tag of an image of the scripted registry, or nothing."""
    registry, _, rest = image.partition("/")
    return rest.partition(":")[2] if registry == REGISTRY else ""


def misspelt(image: str) -> str:
    """What the kubelet says of a reference that it cannot read, and so never pulls; empty where it can."""
    try:
        parse_image(image)
    except InvalidImageReference:
        return (
            f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": invalid '
            "reference format"
        )
    return ""


def pull_error(image: str, *, authorized: bool) -> str:
    """What the container runtime says when the image cannot be pulled; empty when it can."""
    tag = behaviour(image)
    if tag not in _REASONS or (tag == "unauthorized" and authorized):
        return ""
    code, why = _REASONS[tag]
    reason = why.format(image=image)
    return (
        f'rpc error: code = {code} desc = failed to pull and unpack image "{image}": failed to resolve reference '
        f'"{image}": {reason}'
    )


def exit_of(container: Object) -> tuple[int, str] | None:
    """Exit code and reason of a container that does not stay up; None for one that does."""
    match behaviour(container["image"]):
        case "crash":
            return 1, "Error"
        case "needs-200mi":
            limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
            if limit is not None and (quantity(str(limit)) or 0) < _NEEDED:
                return 137, "OOMKilled"
    return None


def authorized(store: Store, pod: Object, image: str) -> tuple[bool, list[str]]:
    """Whether a pull secret of the pod has credentials for the image's registry, and the names of those not there."""
    namespace, absent, found = pod["metadata"]["namespace"], [], False
    for reference in pod["spec"].get("imagePullSecrets") or []:
        secret = store.find(SECRETS, namespace, reference["name"])
        if secret is None:
            absent.append(reference["name"])
        else:
            found = found or _covers(secret, image)
    return found, absent


def _covers(secret: Object, image: str) -> bool:
    content = (secret.get("data") or {}).get(".dockerconfigjson")
    if secret.get("type") != "kubernetes.io/dockerconfigjson" or content is None:
        return False
    auths = json.loads(base64.b64decode(content)).get("auths") or {}
    credentials = auths.get(image.partition("/")[0]) or {}
    return bool(credentials.get("auth") or credentials.get("username"))
