"""Small builders for tests: API objects, alerts, runbooks."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

from runmend.alerts.alert import Alert
from runmend.facts.pod import PodFacts
from runmend.facts.workload import WorkloadFacts
from runmend.plan.change import POD_SPEC, Change
from runmend.plan.operations import Operation

SEED = Path(__file__).parents[1] / "runbooks" / "RB_IMAGEPULL.md"
FALLBACK = "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"
MISSING = "registry.example/app:missing"
GOOD = "registry.example/app:1.0"
Json = dict[str, Any]


def image_change(container: str, before: str, after: str, *, init: bool = False, sidecar: bool = False) -> Change:
    """Another image of a container."""
    path = (*POD_SPEC, "initContainers" if init else "containers", container, "image")
    return Change(path=path, before=before, after=after, sidecar=sidecar)


def events_query(*terms: str) -> Operation:
    """`kubectl get events`, by terms such as `involvedObject.name={pod}`."""
    parts = [re.fullmatch(r"([^!=]*)(!=|=)(.*)", term, re.DOTALL) for term in terms]
    selector = [{"field": part[1], "operator": part[2], "value": part[3]} for part in parts if part]
    arguments: Json = {"field_selector": selector}
    return Operation(verb="get events", kind="Event", namespace="{namespace}", arguments=arguments)


def patch_operation(
    images: dict[str, str], init: dict[str, str] | None = None, name: str = "{deployment}"
) -> Operation:
    """`kubectl patch deployment` of images."""
    lists: Json = {"containers": images, "initContainers": init or {}}
    pod: Json = {listed: containers(given) for listed, given in lists.items() if given}
    body: Json = {"spec": {"template": {"spec": pod}}}
    arguments: Json = {"type": "strategic", "body": body}
    return Operation(verb="patch", kind="Deployment", name=name, namespace="{namespace}", arguments=arguments)


def containers(images: dict[str, str]) -> list[Json]:
    return [{"name": name, "image": image} for name, image in images.items()]


def a_deployment(
    name: str = "web", *, replicas: int = 2, images: dict[str, str] | None = None, init: dict[str, str] | None = None
) -> Json:
    """A Deployment whose pods are labelled app=NAME."""
    spec: Json = {"containers": containers(images or {"app": MISSING})}
    if init:
        spec["initContainers"] = containers(init)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }


def a_pod(name: str, *, images: dict[str, str] | None = None, owner: Json | None = None) -> Json:
    """A pod, controlled by `owner` where one is given: kind, name, uid."""
    metadata: Json = {"name": name, "labels": {"app": name}}
    if owner:
        metadata["ownerReferences"] = [
            {"apiVersion": "apps/v1", "controller": True, "blockOwnerDeletion": True, **owner}
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": containers(images or {"app": MISSING})},
    }


def deployment_facts(
    *, revision: int = 2, replicas: int = 1, available: int = 0, ready: int = 0, image: str = "app:1"
) -> WorkloadFacts:
    """What is known of Deployment shop/web, whose controller has seen all of it."""
    return WorkloadFacts(
        kind="Deployment",
        namespace="shop",
        name="web",
        uid="web",
        resource_version="1",
        generation=1,
        observed_generation=1,
        revision=revision,
        paused=False,
        replicas=replicas,
        available=available,
        ready=ready,
        containers={"app": image},
        init_containers={},
    )


def an_alert(
    pod: PodFacts | str,
    container: str | None = "app",
    *,
    fingerprint: str | None = None,
    starts_at: str = "2026-11-22T13:31:12.482Z",
) -> Alert:
    """An alert for a pod, as kube-state-metrics and Alertmanager make it."""
    name = pod if isinstance(pod, str) else pod.name
    labels = {"alertname": "KubePodImagePullBackOff", "namespace": "shop", "pod": name, "severity": "warning"}
    if container:
        labels["container"] = container
    return Alert(fingerprint=fingerprint or uuid4().hex[:16], starts_at=starts_at, labels=labels)


def a_runbook(
    runbook_id: str = "RB_IMAGEPULL", alertname: str = "KubePodImagePullBackOff", *, fallback: str = FALLBACK
) -> str:
    """The shipped runbook under another id, alert, or fallback image."""
    text = SEED.read_text(encoding="utf-8")
    text = text.replace("runbook_id: RB_IMAGEPULL", f"runbook_id: {runbook_id}").replace(FALLBACK, fallback)
    return text.replace("alertname: KubePodImagePullBackOff", f"alertname: {alertname}")
