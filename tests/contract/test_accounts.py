"""What an account without a right is answered. On a real cluster only: the sandbox has one account, which may do
everything.

Tests of what the product makes of a 403 put one in front of the sandbox; here stands what such an answer says.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from runmend.core.errors import Forbidden
from runmend.kube.client import Cluster as Kube
from tests.cluster.api import STRATEGIC, Cluster, Json, Namespace, a_deployment, eventually, image_patch

RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


class Account:
    """The default service account of a namespace, with rights of its own; it speaks for itself."""

    def __init__(self, namespace: Namespace, rules: list[Json]) -> None:
        self.namespace = namespace
        self.name = f"system:serviceaccount:{namespace.name}:default"
        path = f"{RBAC}/{namespace.name}"
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "own"}
        subject = {"kind": "ServiceAccount", "namespace": namespace.name, "name": "default"}
        binding = {"metadata": {"name": "own"}, "roleRef": role, "subjects": [subject]}
        for kind, body in (("roles", {"metadata": {"name": "own"}, "rules": rules}), ("rolebindings", binding)):
            made = namespace.http.post(f"{path}/{kind}", json=body)
            assert made.status_code == 201, made.text
        asked = namespace.http.post(
            f"{namespace.core}/serviceaccounts/default/token", json={"spec": {"expirationSeconds": 600}}
        )
        self.token: str = asked.json()["status"]["token"]

    def ask(self, method: str, path: str, body: Json | None = None, **query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Content-Type": STRATEGIC} if method == "PATCH" else {})
        return self.namespace.http.request(method, path, json=body, headers=headers, params=query)

    def connect(self, folder: Path) -> Kube:
        """The product, as this account."""
        config = yaml.safe_load(self.namespace.cluster.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": self.token}
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return Kube.connect(kubeconfig=path)


@pytest.fixture(scope="module")
def reader(real: Cluster) -> Iterator[Account]:
    """An account that may read pods and patch Deployments that it cannot read."""
    with real.namespace() as namespace:
        namespace.create("deployments", a_deployment(replicas=0))
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]},
        ]
        account = Account(namespace, rules)
        # The API server learns of a role a moment after it is written.
        eventually(lambda: account.ask("GET", namespace.path("pods")).status_code == 200)
        yield account


@pytest.mark.parametrize(
    ("method", "kind", "name", "verb", "subject"),
    [
        ("GET", "deployments", "web", "get", 'deployments.apps "web"'),
        ("GET", "deployments", "none", "get", 'deployments.apps "none"'),
        ("GET", "deployments", "", "list", "deployments.apps"),
        ("GET", "pods", "web-1", "get", 'pods "web-1"'),
        ("GET", "secrets", "pull", "get", 'secrets "pull"'),
        ("GET", "events", "", "list", "events"),
        ("POST", "deployments", "", "create", "deployments.apps"),
        ("DELETE", "deployments", "web", "delete", 'deployments.apps "web"'),
        ("PATCH", "pods", "web-1", "patch", 'pods "web-1"'),
    ],
)
def test_a_right_that_is_missing_is_named_whether_or_not_the_object_is_there(
    reader: Account, method: str, kind: str, name: str, verb: str, subject: str
) -> None:
    answer = reader.ask(method, reader.namespace.path(kind, name), {} if method != "GET" else None)

    group = "apps" if kind == "deployments" else ""
    where = f'in API group "{group}" in the namespace "{reader.namespace.name}"'
    details = {"name": name, "group": group, "kind": kind}
    assert answer.status_code == 403
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'{subject} is forbidden: User "{reader.name}" cannot {verb} resource "{kind}" {where}',
        "reason": "Forbidden",
        "details": {key: value for key, value in details.items() if value},
        "code": 403,
    }


def test_a_patch_needs_no_other_right_and_its_dry_run_needs_the_same(reader: Account) -> None:
    path = reader.namespace.path("deployments", "web")

    tried = reader.ask("PATCH", path, image_patch("example.test/web:2"), dryRun="All")
    done = reader.ask("PATCH", path, image_patch("example.test/web:2"))
    pods = reader.ask("PATCH", reader.namespace.path("pods", "web"), {}, dryRun="All")

    assert (tried.status_code, done.status_code, pods.status_code) == (200, 200, 403)


def test_the_product_says_it_in_the_server_s_words(reader: Account, tmp_path: Path) -> None:
    namespace = reader.namespace.name
    connected = reader.connect(tmp_path)
    try:
        assert connected.pods(namespace) == ()
        with pytest.raises(Forbidden) as raised:
            connected.events(namespace)
        with pytest.raises(Forbidden):
            connected.deployment(namespace, "web")
    finally:
        connected.close()

    why = f'User "{reader.name}" cannot list resource "events" in API group "" in the namespace "{namespace}"'
    assert str(raised.value) == f"GET events {namespace}: 403: events is forbidden: {why}"
