"""The verbs that a runbook's commands compile to. Called by the activities.

Placeholders are filled here, each into the value where it stands, and each value is checked for what it is before
anything is sent.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed, StepFailed
from runmend.core.names import dns_label, dns_subdomain
from runmend.facts.event import EventFacts
from runmend.facts.workload import WorkloadFacts
from runmend.images.references import parse_image
from runmend.kube.client import Cluster, Json
from runmend.kube.notes import LAST_CHANGE, ChangeNote
from runmend.plan.messages import Change
from runmend.plan.plan import GetEvents, fill
from runmend.plan.reasons import NOT_IN_TEMPLATE

_PLAIN = re.compile(r"[A-Za-z0-9._:/-]{0,253}")


def placeholders(target: Target, parameters: Mapping[str, str] = MappingProxyType({}), **names: str) -> dict[str, str]:
    """What a command's placeholders stand for: the target's, the action's own parameters, and what is named besides
    (pod, container).
    """
    return {**parameters, "namespace": target.namespace, "deployment": target.name, **names}


def checked(template: str, values: Mapping[str, str], kind: str) -> str:
    """A template filled with values, and checked to be a `namespace`, an object's `name`, or an `image`.

    Raises:
        StepFailed: a value is missing, or is not what it should be.
    """
    try:
        value = fill(template, values)
        match kind:
            case "namespace" | "container":
                return dns_label(value)
            case "name":
                return dns_subdomain(value)
            case _:
                parse_image(value)
                return value
    except KeyError as error:
        raise StepFailed(
            f"{template!r} cannot be filled: there is no value for {error}", reason="placeholder without a value"
        ) from error
    except ValueError as error:
        raise StepFailed(f"{template!r} cannot be filled: {error}", reason="placeholder with a wrong value") from error


def read_events(cluster: Cluster, operation: GetEvents, values: Mapping[str, str]) -> tuple[EventFacts, ...]:
    """`kubectl get events -n … --field-selector …`."""
    namespace = checked(operation.namespace, values, "namespace")
    terms = []
    for term in operation.field_selector:
        value = checked(term.value, values, "name") if term.value.startswith("{") else term.value
        if not _PLAIN.fullmatch(value):
            raise StepFailed(
                f"the field selector's value {value[:60]!r} holds a character that selectors give a meaning to",
                reason="placeholder with a wrong value",
            )
        terms.append(f"{term.field}{term.operator}{value}")
    return cluster.events(namespace, ",".join(terms))


def image_patch(deployment: WorkloadFacts, changes: tuple[Change, ...], note: ChangeNote) -> Json:
    """The strategic merge patch of containers' images, guarded by the version that was read, with our note in it.

    Raises:
        PreconditionFailed: a container is not in the live template; the patch would add it.
    """
    pod: Json = {}
    for change in changes:
        listed, template = (
            ("initContainers", deployment.init_containers) if change.init else ("containers", deployment.containers)
        )
        if change.container not in template:
            raise PreconditionFailed(
                f"container {change.container} is not in the template of Deployment {deployment.name}: a patch "
                "would add it",
                reason=NOT_IN_TEMPLATE,
            )
        pod.setdefault(listed, []).append({"name": change.container, "image": change.after})
    return {
        "metadata": {
            "resourceVersion": deployment.resource_version,
            "annotations": {LAST_CHANGE: json.dumps(note.model_dump(mode="json"), separators=(",", ":"))},
        },
        "spec": {"template": {"spec": pod}},
    }
