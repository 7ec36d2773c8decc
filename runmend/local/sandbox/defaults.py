"""What a real API server adds to an object that it is given: defaults, and what its admission copies in."""

import base64
import json
import secrets

from runmend.local.sandbox.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SECRETS,
    SERVICE_ACCOUNTS,
    STATEFUL_SETS,
    Object,
    Resource,
)
from runmend.local.sandbox.store import Store

# An annotation of a namespace that holds a container as JSON: every new pod of it gets that container.
INJECTED = "sandbox.runmend.io/inject-container"
# The letters of generated names, and of template hashes: no vowels, so no words.
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def random_suffix(length: int = 5) -> str:
    """The end of a generated name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def fill(resource: Resource, obj: Object) -> None:
    """Add the defaults, in place."""
    if resource == PODS:
        _pod_spec(obj.setdefault("spec", {}))
        spec = obj["spec"]
        for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
            resources = container["resources"]
            if resources.get("limits"):
                resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
        spec.setdefault("serviceAccountName", "default")
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
        spec.setdefault("enableServiceLinks", True)
    elif resource in (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS):
        _workload(resource, obj.setdefault("spec", {}))
    elif resource == NAMESPACES:
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj.setdefault("status", {"phase": "Active"})
    elif resource == SECRETS:
        _secret(obj)
    elif resource == EVENTS:
        for name in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(name, None)
        obj.setdefault("source", {})
        obj.setdefault("reportingComponent", "")
        obj.setdefault("reportingInstance", "")


def inject(store: Store, pod: Object) -> None:
    """Add the container that the pod's namespace asks for, in place, as the webhook of a service mesh does."""
    namespace = store.find(NAMESPACES, "", pod["metadata"]["namespace"]) or {"metadata": {}}
    container = (namespace["metadata"].get("annotations") or {}).get(INJECTED)
    if container is not None:
        pod["spec"]["containers"] = [*(pod["spec"].get("containers") or []), json.loads(container)]


def admit_pod(store: Store, pod: Object) -> str:
    """Copy the service account's pull secrets into a new pod, in place; the answer says what forbids the pod, or
    nothing.
    """
    namespace, name = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
    account = store.find(SERVICE_ACCOUNTS, namespace, name)
    if account is None:
        return f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
    if not pod["spec"].get("imagePullSecrets") and account.get("imagePullSecrets"):
        pod["spec"]["imagePullSecrets"] = account["imagePullSecrets"]
    return ""


def quality_of_service(spec: Object) -> str:
    """A pod's `status.qosClass`."""
    resources = [container.get("resources") or {} for container in spec.get("containers", [])]
    if not any(resource.get("limits") or resource.get("requests") for resource in resources):
        return "BestEffort"
    for resource in resources:
        limits = resource.get("limits") or {}
        if set(limits) < {"cpu", "memory"} or (resource.get("requests") or limits) != limits:
            return "Burstable"
    return "Guaranteed"


def _workload(resource: Resource, spec: Object) -> None:
    template = spec.setdefault("template", {})
    _pod_spec(template.setdefault("spec", {}))
    if resource in (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS):
        spec.setdefault("replicas", 1)
    if resource != DEPLOYMENTS:
        return
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _pod_spec(spec: Object) -> None:
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        if isinstance(container, dict):
            _container(container)
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")


def _container(container: Object) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = container.get("image")
    if isinstance(image, str) and image:
        tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
        latest = "@" not in image and tag in ("", "latest")
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for probe in (container.get("readinessProbe"), container.get("livenessProbe"), container.get("startupProbe")):
        if probe:
            for name, value in (
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ):
                probe.setdefault(name, value)


def _secret(secret: Object) -> None:
    secret.setdefault("type", "Opaque")
    plain = secret.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}
