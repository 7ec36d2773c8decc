"""deploy/kubernetes on a real API server: every object is accepted as it stands, and its pods are admitted and run."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from tests.cluster.api import Cluster, Json, eventually
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import RIGHTS, SHIPPED, rendered

DEPLOY = Path(__file__).parents[2] / "deploy" / "kubernetes"
COMPONENTS = ("worker", "bridge")
TOKEN = "runmend-bridge-token"
EVERYWHERE = ["deploy/components/whole-cluster", "deploy/components/read-secrets"]


@dataclass
class Applied:
    """What was applied, what kubectl said, and the cluster that has it now."""

    objects: list[Json]
    said: list[str]
    warned: str
    cluster: Cluster

    def items(self, path: str, **query: str) -> list[Json]:
        """The items of a collection in Runmend's namespace."""
        group, _, kind = path.rpartition("/")
        answer = self.cluster.http.get(f"{group}/namespaces/{SHIPPED}/{kind}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]  # type: ignore[no-any-return]

    def pods(self, component: str) -> list[Json]:
        """The pods of the worker or of the bridge."""
        return self.items("/api/v1/pods", labelSelector=f"app.kubernetes.io/component={component}")

    def template(self, component: str) -> Json:
        """The pods' template of the worker or of the bridge, to be changed."""
        deployment = next(
            each for each in self.objects if (each["kind"], each["metadata"]["name"]) == ("Deployment", component)
        )
        return json.loads(json.dumps(deployment["spec"]["template"]))  # type: ignore[no-any-return]

    def try_pod(self, spec: Json) -> httpx.Response:
        """What the API server answers to a pod; none is made."""
        path = f"/api/v1/namespaces/{SHIPPED}/pods"
        return self.cluster.http.post(
            path, json={"metadata": {"name": "tried"}, "spec": spec}, params={"dryRun": "All"}
        )


def apply(kubectl: Kubectl, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`kubectl apply` with strict validation by the API server, whatever comes of it."""
    command = [
        str(kubectl.path),
        f"--kubeconfig={kubectl.kubeconfig}",
        "apply",
        "--validate=strict",
        "-f",
        "-",
        *arguments,
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def applied(kubectl: Kubectl, real: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """The base with rights in every namespace, and the token that the bridge waits for. The rights stay: other tests
    use them."""
    folder = tmp_path_factory.mktemp("overlay")
    text = rendered(kubectl, folder, resources=["deploy/base"], components=EVERYWHERE)
    done = apply(kubectl, text)
    assert done.returncode == 0, done.stderr
    token = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": TOKEN, "namespace": SHIPPED},
        "stringData": {"token": "of-tests"},
    }
    kubectl("apply", "-f", "-", text=json.dumps(token))
    objects = list(yaml.safe_load_all(text))
    yield Applied(objects, done.stdout.splitlines(), done.stderr, real)
    works = "\n---\n".join(yaml.safe_dump(each) for each in objects if each["kind"] not in RIGHTS)
    kubectl("delete", "-f", "-", "--wait=false", text=works)
    kubectl("delete", "secret", TOKEN, f"--namespace={SHIPPED}")


def test_every_object_is_accepted_by_strict_validation_without_a_warning(applied: Applied) -> None:
    assert len(applied.said) == len(applied.objects)
    assert applied.warned == ""


def test_a_misspelt_field_would_be_refused(kubectl: Kubectl, applied: Applied) -> None:
    deployment = next(each for each in applied.objects if each["kind"] == "Deployment")
    text = yaml.safe_dump(deployment).replace("enableServiceLinks", "enableServiceLink")

    done = apply(kubectl, text, "--dry-run=server")

    assert done.returncode == 1
    assert 'unknown field "spec.template.spec.enableServiceLink"' in done.stderr


def test_a_deployment_that_restricted_would_refuse_would_be_warned_of(kubectl: Kubectl, applied: Applied) -> None:
    deployment = next(each for each in applied.objects if each["kind"] == "Deployment")
    text = yaml.safe_dump(deployment).replace("runAsNonRoot: true", "runAsNonRoot: false")

    done = apply(kubectl, text, "--dry-run=server")

    assert 'Warning: would violate PodSecurity "restricted:latest": runAsNonRoot != true' in done.stderr


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_pods_are_admitted_and_run_under_their_account(applied: Applied, component: str) -> None:
    def look() -> list[Json]:
        running = [pod for pod in applied.pods(component) if pod["status"]["phase"] == "Running"]
        return running if len(running) == 2 else []

    for pod in eventually(look):
        sources = [
            source for volume in pod["spec"]["volumes"] for source in volume.get("projected", {}).get("sources", ())
        ]
        assert pod["spec"]["serviceAccountName"] == component
        assert any("serviceAccountToken" in source for source in sources)
    refused = applied.items("/api/v1/events", fieldSelector="reason=FailedCreate")
    assert [event["message"] for event in refused] == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_pod_of_it_is_accepted_so_what_follows_is_refused_for_what_it_changes(
    applied: Applied, component: str
) -> None:
    assert applied.try_pod(applied.template(component)["spec"]).status_code == 201


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"hostNetwork": True}, "host namespaces"),
        ({"hostPID": True}, "host namespaces"),
        ({"volumes": [{"name": "tmp", "hostPath": {"path": "/"}}]}, "restricted volume types"),
        (
            {"securityContext": {"runAsUser": 0, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}},
            "runAsUser=0",
        ),
    ],
)
def test_a_privileged_pod_is_refused(applied: Applied, asked: Json, named: str) -> None:
    answer = applied.try_pod({**applied.template("worker")["spec"], **asked})

    assert answer.status_code == 403
    assert f'violates PodSecurity "restricted:latest": {named}' in answer.json()["message"]


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ("pod", "runAsNonRoot"),
        ("pod", "seccompProfile"),
        ("container", "allowPrivilegeEscalation"),
        ("container", "capabilities"),
    ],
)
@pytest.mark.parametrize("component", COMPONENTS)
def test_nothing_that_restricted_asks_for_can_be_left_out(
    applied: Applied, component: str, where: str, field: str
) -> None:
    spec = applied.template(component)["spec"]
    context = (spec if where == "pod" else spec["containers"][0])["securityContext"]
    del context[field]

    answer = applied.try_pod(spec)

    assert answer.status_code == 403
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    ("service", "component", "ports"),
    [
        ("runmend-bridge", "bridge", {8080}),
        ("runmend-bridge-pods", "bridge", {8080, 9465}),
        ("runmend-worker-pods", "worker", {9464, 9465}),
    ],
)
def test_a_service_leads_to_both_pods(applied: Applied, service: str, component: str, ports: set[int]) -> None:
    def look() -> list[tuple[str, int]]:
        slices = applied.items(
            "/apis/discovery.k8s.io/v1/endpointslices", labelSelector=f"kubernetes.io/service-name={service}"
        )
        found = [
            (endpoint["targetRef"]["name"], port["port"])
            for each in slices
            for port in each["ports"] or ()
            for endpoint in each["endpoints"] or ()
        ]
        return found if len(found) == 2 * len(ports) else []

    assert set(eventually(look)) == {
        (pod["metadata"]["name"], port) for pod in applied.pods(component) for port in ports
    }


def test_each_budget_counts_the_pods_of_its_deployment(applied: Applied) -> None:
    def look() -> dict[str, int]:
        found = applied.items("/apis/policy/v1/poddisruptionbudgets")
        return {budget["metadata"]["name"]: budget["status"]["expectedPods"] for budget in found}

    assert eventually(lambda: look() == dict.fromkeys(COMPONENTS, 2))


@pytest.mark.usefixtures("applied")
def test_the_example_is_accepted_and_binds_nothing_in_the_whole_cluster(kubectl: Kubectl) -> None:
    text = kubectl("kustomize", str(DEPLOY / "example"))
    bound = [each for each in yaml.safe_load_all(text) if each["kind"].endswith("RoleBinding")]
    namespaces = {each["metadata"].get("namespace", "") for each in bound}
    for namespace in namespaces:
        kubectl("create", "namespace", namespace)
    try:
        done = apply(kubectl, text, "--dry-run=server")
    finally:
        for namespace in namespaces:
            kubectl("delete", "namespace", namespace, "--wait=false")

    (bridge,) = [
        each
        for each in yaml.safe_load_all(text)
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "bridge")
    ]

    assert (done.returncode, done.stderr) == (0, "")
    assert {volume["name"] for volume in bridge["spec"]["template"]["spec"]["volumes"]} == {
        "runbooks",
        "tmp",
        "token",
        "plan-keys",
    }
    assert {(each["kind"], each["metadata"]["namespace"], each["roleRef"]["name"]) for each in bound} == {
        ("RoleBinding", "shop", "runmend-worker"),
        ("RoleBinding", "shop", "runmend-bridge"),
        ("RoleBinding", "shop", "runmend-read-secrets"),
        ("RoleBinding", "billing", "runmend-worker"),
        ("RoleBinding", "billing", "runmend-bridge"),
    }


def test_the_base_alone_gives_no_rights_anywhere(kubectl: Kubectl) -> None:
    objects = list(yaml.safe_load_all(kubectl("kustomize", str(DEPLOY / "base"))))

    assert [each["kind"] for each in objects if each["kind"].endswith("Binding")] == [
        "ValidatingAdmissionPolicyBinding"
    ]


def test_rights_in_a_namespace_can_be_bound_to_the_accounts_of_an_installation_elsewhere(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    page = (DEPLOY.parents[1] / "docs/deploy.md").read_text(encoding="utf-8")
    (snippet,) = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "replacements:" in text]
    for name, overlay in {
        "installation": {"namespace": "elsewhere", "resources": ["../deploy/base"]},
        "shop": {"namespace": "shop", "resources": ["../deploy/namespace"]},
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "kustomization.yaml").write_text(json.dumps(overlay))

    text = rendered(kubectl, tmp_path, **yaml.safe_load(snippet))

    bound = [each for each in yaml.safe_load_all(text) if each["kind"] == "RoleBinding"]
    assert {(each["metadata"]["namespace"], each["subjects"][0]["namespace"]) for each in bound} == {
        ("shop", "elsewhere")
    }


def test_an_overlay_can_install_it_in_another_namespace_with_its_rights(kubectl: Kubectl, tmp_path: Path) -> None:
    base = ["deploy/base"]
    objects = list(
        yaml.safe_load_all(rendered(kubectl, tmp_path, resources=base, components=EVERYWHERE, namespace="elsewhere"))
    )

    assert [each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"] == ["elsewhere"]
    assert {each["metadata"].get("namespace", "elsewhere") for each in objects} == {"elsewhere"}
    assert {subject["namespace"] for each in objects for subject in each.get("subjects", ())} == {"elsewhere"}
