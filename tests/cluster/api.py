"""What tests speak to a cluster with: by HTTP alone, with bodies as Kubernetes writes them. The sandbox and the real
one look the same."""

import base64
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import yaml

Json = dict[str, Any]
T = TypeVar("T")
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
PATIENCE_S = 90.0


class NotHere(ValueError):
    """A kubeconfig cannot be used for tests."""


class Cluster:
    """A connection made of a kubeconfig.

    Raises:
        NotHere: its server is not on this machine, and that was not asked for.
    """

    def __init__(self, name: str, kubeconfig: Path, *, off_loopback: bool = False) -> None:
        try:
            config = yaml.safe_load(kubeconfig.read_text())
            context = _named(config["contexts"], config["current-context"])["context"]
            server = _named(config["clusters"], context["cluster"])["cluster"]
            user = _named(config["users"], context["user"])["user"]
            token = user["token"]
        except (yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
            raise NotHere(
                f"{kubeconfig} is no kubeconfig with a token in its current context ({type(error).__name__}: {error})"
            ) from error
        if not off_loopback and urlsplit(server["server"]).hostname not in ("127.0.0.1", "::1", "localhost"):
            raise NotHere(
                f"--kubeconfig: {server['server']} is not on loopback, and these tests write; --off-loopback lets them"
            )
        verify: ssl.SSLContext | bool = True
        if "certificate-authority" in server:
            verify = ssl.create_default_context(cafile=server["certificate-authority"])
        elif "certificate-authority-data" in server:
            verify = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
        self.name = name
        self.kubeconfig = kubeconfig
        self.http = httpx.Client(
            base_url=server["server"],
            headers={"Authorization": f"Bearer {token}"},
            verify=verify,
            timeout=20,
            trust_env=False,
        )

    @contextmanager
    def namespace(self) -> Iterator["Namespace"]:
        """A namespace of a random name, with its default service account; deleted at the end."""
        name = f"test-{secrets.token_hex(4)}"
        created = self.http.post("/api/v1/namespaces", json={"metadata": {"name": name}})
        assert created.status_code == 201, created.text
        namespace = Namespace(self, name)
        eventually(lambda: self.http.get(f"{namespace.core}/serviceaccounts/default").status_code == 200)
        try:
            yield namespace
        finally:
            self.http.delete(f"/api/v1/namespaces/{name}")


class Namespace:
    """The objects of one namespace; every path is of its own."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.http = cluster.http
        self.name = name
        self.core = f"/api/v1/namespaces/{name}"
        self.apps = f"/apis/apps/v1/namespaces/{name}"
        self.batch = f"/apis/batch/v1/namespaces/{name}"

    def path(self, kind: str, name: str = "") -> str:
        """The path of a collection such as `pods`, or of one object in it."""
        prefix = {"jobs": self.batch}.get(
            kind, self.apps if kind.endswith(("deployments", "sets", "revisions")) else self.core
        )
        return f"{prefix}/{kind}/{name}".rstrip("/")

    def create(self, kind: str, body: Json, **query: str) -> Json:
        """Create an object, which must be accepted."""
        answer = self.http.post(self.path(kind), json=body, params=query)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def get(self, kind: str, name: str) -> Json:
        """Read an object, which must be there."""
        answer = self.http.get(self.path(kind, name))
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def items(self, kind: str, **query: str) -> list[Json]:
        """The items of a collection."""
        answer = self.http.get(self.path(kind), params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]  # type: ignore[no-any-return]

    def names(self, kind: str, **query: str) -> list[str]:
        """The names of a collection's objects."""
        return [item["metadata"]["name"] for item in self.items(kind, **query)]

    def try_patch(
        self, kind: str, name: str, patch: object, *, content_type: str = STRATEGIC, **query: str
    ) -> httpx.Response:
        """Patch an object, and give the answer whatever it is."""
        content = patch if isinstance(patch, str) else json.dumps(patch)
        return self.http.patch(
            self.path(kind, name), content=content, headers={"Content-Type": content_type}, params=query
        )

    def patch(self, kind: str, name: str, patch: object, *, content_type: str = STRATEGIC, **query: str) -> Json:
        """Patch an object, which must be accepted."""
        answer = self.try_patch(kind, name, patch, content_type=content_type, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def events_of(self, name: str) -> list[Json]:
        """The events about an object."""
        return self.items("events", fieldSelector=f"involvedObject.name={name}")


def _named(entries: list[Json], name: str) -> Json:
    return next(entry for entry in entries if entry["name"] == name)


def eventually(look: Callable[[], T], *, patience_s: float = PATIENCE_S) -> T:
    """The first answer of `look` that is true; it is asked until then, for facts that a cluster arrives at by
    itself."""
    deadline = time.monotonic() + patience_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {patience_s} s; last seen: {seen!r}"
        time.sleep(0.05)


def a_pod(name: str, image: str = "example.test/web:1", **container: object) -> Json:
    """A pod of one container, app."""
    return {"metadata": {"name": name}, "spec": {"containers": [a_container("app", image, **container)]}}


def a_container(name: str, image: str, **more: object) -> Json:
    """A container of a pod or a template."""
    return {"name": name, "image": image, **more}


def a_template(image: str = "example.test/web:1", label: str = "web", **spec: object) -> Json:
    """A pod template of one container, app, whose pods go at once when they are deleted."""
    pod = {"terminationGracePeriodSeconds": 1, "containers": [a_container("app", image)], **spec}
    return {"metadata": {"labels": {"app": label}}, "spec": pod}


def a_deployment(name: str = "web", image: str = "example.test/web:1", *, replicas: int = 1, **spec: object) -> Json:
    """A Deployment of such a template."""
    selector = {"matchLabels": {"app": name}}
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": selector, "template": a_template(image, name), **spec},
    }


def image_patch(image: str, container: str = "app") -> Json:
    """A strategic merge patch that sets one container's image."""
    return template_patch(containers=[{"name": container, "image": image}])


def template_patch(**spec: object) -> Json:
    """A patch of a template's pod spec."""
    return {"spec": {"template": {"spec": spec}}}


def a_pull_secret(name: str = "pull", registry: str = "registry.example") -> Json:
    """A secret with credentials for a registry."""
    auth = base64.b64encode(b"robot:secret").decode()
    config = {"auths": {registry: {"username": "robot", "password": "secret", "auth": auth}}}
    return {
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(config)},
    }
