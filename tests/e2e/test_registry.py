"""What the diagnosis finds out from a real registry, beside what the kubelet says of the same pull."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client

from runmend.images.pull_failures import Cause
from runmend.plan.messages import RunResult
from tests.builders import a_runbook
from tests.cluster.api import Cluster, Json, Namespace, a_pull_secret
from tests.cluster.control_plane import ControlPlane
from tests.cluster.oci_registry import USER, OciRegistry
from tests.cluster.processes import Processes, free_port
from tests.e2e.installation import SHIPPED, Installation, Temporal
from tests.e2e.shop import FALLBACK, Shop

OWN_FALLBACK = "RB_OWN_FALLBACK"
SECRETS_ROLE = "runmend-read-secrets"
NO_SUCH_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class Place:
    """A registry with the image app:1.0 in it, and an installation whose worker may ask it."""

    registry: OciRegistry
    digest: str
    installation: Installation

    @property
    def host(self) -> str:
        return self.registry.host


@pytest.fixture(scope="module")
def place(
    built: ControlPlane,
    running: Processes,
    temporal: Temporal,
    accounts: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("registry")
    certificate = built.folder / "certs" / "apiserver.crt"
    registry = OciRegistry(running, folder, certificate, certificate.with_suffix(".key"))
    registry.start()
    digest = registry.push("app", "1.0")
    runbooks = folder / "runbooks"
    runbooks.mkdir()
    (runbooks / "seed.md").write_text(a_runbook())
    (runbooks / "own.md").write_text(a_runbook(OWN_FALLBACK, OWN_FALLBACK, fallback=f"{registry.host}/app:1.0"))
    installed = Installation(running, folder, temporal, accounts, cluster="registry", RUNMEND_RUNBOOKS=str(runbooks))
    installed.start_worker(RUNMEND_REGISTRY_CA_FILE=str(certificate), RUNMEND_REGISTRY_NETWORKS="127.0.0.0/8")
    installed.start_bridge()
    yield Place(registry, digest, installed)
    for name in (installed.process("bridge"), installed.process("worker"), "registry"):
        running.stop(name)


@pytest.fixture
def shop(real: Cluster, place: Place, client: Client) -> Iterator[Shop]:
    """A namespace whose Secrets the worker may read, as namespace-with-secrets lets it."""
    with real.namespace() as namespace:
        binding = {
            "metadata": {"name": SECRETS_ROLE},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": SECRETS_ROLE},
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": SHIPPED}],
        }
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}/rolebindings"
        namespace.http.post(path, json=binding).raise_for_status()
        yield Shop(namespace, place.installation, client)


def with_a_pull_secret(namespace: Namespace, secret: Json | None) -> None:
    """Let the default service account pull with a secret; None names one that is not there."""
    if secret:
        namespace.create("secrets", secret)
    body = {"imagePullSecrets": [{"name": "pull"}]}
    answer = namespace.http.patch(
        namespace.path("serviceaccounts", "default"),
        json=body,
        headers={"Content-Type": "application/merge-patch+json"},
    )
    answer.raise_for_status()


def with_password(host: str, password: str) -> Json:
    """A pull secret for a registry."""
    secret = a_pull_secret(registry=host)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    secret["stringData"][".dockerconfigjson"] = json.dumps({"auths": {host: {"auth": auth}}})
    return secret


def found(result: RunResult, about: str) -> list[tuple[str, bool | None]]:
    """What the diagnosis found for a point of the runbook, and whether it is as it should be."""
    assert result.observation is not None
    return [(finding.found, finding.ok) for finding in result.observation.findings if about in finding.about]


def causes(result: RunResult) -> set[Cause]:
    """What the kubelet's events say."""
    assert result.observation is not None
    return set(result.observation.causes)


@pytest.mark.parametrize("reference", [":2.0", f"@{NO_SUCH_DIGEST}"], ids=["tag", "digest"])
async def test_what_the_registry_does_not_have_is_missing_and_what_it_has_exists(
    shop: Shop, place: Place, reference: str
) -> None:
    with_a_pull_secret(shop.namespace, a_pull_secret(registry=place.host))
    image, fallback = f"{place.host}/app{reference}", f"{place.host}/app:1.0"
    broken = shop.deploy(images={"app": image}, replicas=1)

    result = await shop.resolved(broken, runbook_id=OWN_FALLBACK)

    assert causes(result) == {Cause.NOT_FOUND}
    assert found(result, "exists in registry") == [
        (f"{image}: missing: {place.host} answered 404 when asked for {reference[1:]} of app", False)
    ]
    assert found(result, "has imagePullSecrets") == [("configured: pull", True)]
    assert found(result, "exists and is valid") == [(f"pull has credentials for {image}", True)]
    assert found(result, "the runbook would write") == [(f"{fallback}: exists: {place.host} has 1.0 of app", True)]
    assert shop.images() == {"app": fallback}
    shop.assert_wrote(changes=1)


async def test_an_image_by_its_digest_is_pulled_and_exists(shop: Shop, place: Place) -> None:
    with_a_pull_secret(shop.namespace, a_pull_secret(registry=place.host))
    broken = shop.deploy(images={"app": place.digest, "log": f"{place.host}/log:1.0"}, replicas=1)

    result = await shop.resolved(broken)

    assert found(result, "exists in registry") == [
        (f"{place.host}/log:1.0: missing: {place.host} answered 404 when asked for 1.0 of log", False)
    ]
    assert shop.images() == {"app": place.digest, "log": FALLBACK}


async def test_a_private_image_without_a_pull_secret_is_unauthorized(shop: Shop, place: Place) -> None:
    image = f"{place.host}/app:1.0"
    broken = shop.deploy(images={"app": image}, replicas=1)

    result = await shop.resolved(broken)

    assert causes(result) == {Cause.AUTHENTICATION}
    refused = f"{image}: unauthorized: {place.host} wants a user name and password, and no pull secret covers the image"
    assert found(result, "exists in registry") == [(refused, False)]
    assert found(result, "has imagePullSecrets") == [("none configured", None)]
    assert found(result, "exists and is valid") == [("there is none to check", None)]


async def test_a_pull_secret_with_a_wrong_password_is_said_to_be_refused(shop: Shop, place: Place) -> None:
    with_a_pull_secret(shop.namespace, with_password(place.host, "not-the-password"))
    image = f"{place.host}/app:1.0"
    broken = shop.deploy(images={"app": image}, replicas=1)

    result = await shop.resolved(broken)

    assert causes(result) == {Cause.AUTHENTICATION}
    refused = (
        f"{place.host} answered 401 when asked with the pull secret's credentials for 1.0 of app: private, or not there"
    )
    assert found(result, "exists in registry") == [(f"{image}: unauthorized: {refused}", False)]
    assert found(result, "has imagePullSecrets") == [("configured: pull", True)]
    assert found(result, "exists and is valid") == [
        (f"pull has credentials for {image}, which do not let it be pulled: {refused}", False)
    ]
    assert "not-the-password" not in result.model_dump_json()


async def test_a_pull_secret_that_does_not_exist_is_named(shop: Shop, place: Place) -> None:
    with_a_pull_secret(shop.namespace, None)
    image = f"{place.host}/app:1.0"

    result = await shop.resolved(shop.deploy(images={"app": image}, replicas=1))

    assert found(result, "exists and is valid") == [
        ("pull: does not exist", False),
        (f"no valid secret has credentials for the registry of {image}", False),
    ]


async def test_a_registry_that_is_down_is_told_to_be_and_what_it_has_is_unknown(shop: Shop) -> None:
    image = f"127.0.0.1:{free_port()}/app:1.0"

    result = await shop.resolved(shop.deploy(images={"app": image}, replicas=1))

    assert causes(result) == {Cause.REGISTRY_DOWN}
    ((said, ok),) = found(result, "exists in registry")
    assert said.startswith(f"{image}: unknown: {image.split('/', maxsplit=1)[0]} cannot be asked: ")
    assert ok is None
