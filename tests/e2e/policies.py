"""Admission for one namespace of a test: policies that the API server itself evaluates, which add to an object or
refuse it, and webhooks that do not answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.api import Json, Namespace

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PODS: Json = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
DEPLOYMENTS: Json = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["UPDATE"],
    "resources": ["deployments"],
}


def adding(expression: str) -> Json:
    """What a MutatingAdmissionPolicy says, besides what it is about."""
    mutations = [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]
    return {"reinvocationPolicy": "IfNeeded", "mutations": mutations}


def refusing(allowed: str, message: str) -> Json:
    """What a ValidatingAdmissionPolicy says, besides what it is about."""
    return {"validations": [{"expression": allowed, "message": message}]}


@contextmanager
def policy(namespace: Namespace, about: Json, says: Json) -> Iterator[str]:
    """A policy and its binding, while the block runs; its name. The API server takes a moment to obey it."""
    http, name = namespace.http, f"policy-{namespace.name}"
    kind = "mutatingadmissionpolic" if "mutations" in says else "validatingadmissionpolic"
    here = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}},
        "resourceRules": [about],
    }
    actions = {} if "mutations" in says else {"validationActions": ["Deny"]}
    objects = {
        f"{kind}ies": {"metadata": {"name": name}, "spec": {"matchConstraints": here} | says},
        f"{kind}ybindings": {"metadata": {"name": name}, "spec": {"policyName": name} | actions},
    }
    try:
        for collection, body in objects.items():
            http.post(f"{ADMISSION}/{collection}", json=body).raise_for_status()
        yield name
    finally:
        for collection in reversed(objects):
            http.delete(f"{ADMISSION}/{collection}/{name}")


@contextmanager
def silent_webhooks(namespace: Namespace, about: Json, *, count: int, seconds: int) -> Iterator[None]:
    """Webhooks that take the API server's connection and never answer, while the block runs.

    Each is waited for so many seconds, one after the other, and then passed over (`failurePolicy: Ignore`).
    """
    http, name = namespace.http, f"silent-{namespace.name}"
    path = f"{ADMISSION}/mutatingwebhookconfigurations"
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        webhook = {
            "clientConfig": {"url": f"https://127.0.0.1:{listening.getsockname()[1]}/"},
            "rules": [about],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}},
            "failurePolicy": "Ignore",
            "timeoutSeconds": seconds,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        webhooks = [webhook | {"name": f"silent-{number}.example.test"} for number in range(count)]
        try:
            http.post(path, json={"metadata": {"name": name}, "webhooks": webhooks}).raise_for_status()
            yield
        finally:
            http.delete(f"{path}/{name}")
