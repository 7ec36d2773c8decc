"""The shipped admission policy on a real API server: what an account of Runmend asks for with its own token, whatever
roles are bound, is what the verbs write, or it is refused."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.trying import guarded_patch
from runmend.core.errors import Forbidden
from runmend.kube import facts
from runmend.kube.client import Cluster as Kube
from runmend.language.admission import HELD, SYSTEM_NAMESPACES, policy_yaml
from runmend.plan.change import Change, with_value
from runmend.plan.notes import NOTES, ChangeNote
from tests.builders import image_change
from tests.cluster.api import (
    MERGE,
    STRATEGIC,
    Cluster,
    Json,
    Namespace,
    a_container,
    a_deployment,
    a_pod,
    eventually,
    image_patch,
    template_patch,
)
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import ROOT, SHIPPED, account
from tests.world import seed_plan

RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICY = "ValidatingAdmissionPolicy 'runmend-accounts' with binding 'runmend-accounts' denied request: "
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
IMAGES_ONLY = (
    f"{POLICY}Runmend changes nothing of apps/deployments but spec.template.spec.containers[*].image, "
    f"spec.template.spec.initContainers[*].image, metadata.annotations[{NOTES}]"
)
OWN_NAMESPACE = f"{POLICY}Runmend changes nothing in its own namespace"
OF_THE_SYSTEM = f"{POLICY}Runmend changes nothing in a namespace of the system that {SYSTEM_NAMESPACES} does not name"
ANOTHER = "registry.example/other:2"


@dataclass
class As:
    """An account of Runmend in a namespace, as its own token lets it speak."""

    http: httpx.Client
    namespace: Namespace

    def patch(
        self, body: object, *, kind: str = "deployments", name: str = "web", form: str = STRATEGIC, **query: str
    ) -> httpx.Response:
        return self.http.patch(
            self.namespace.path(kind, name), content=json.dumps(body), headers={"Content-Type": form}, params=query
        )


def a_whole_deployment(name: str = "web") -> Json:
    """A Deployment that has something of all that must stay as it is, and asks for no pod."""
    first = a_container("app", "registry.example/web:1", command=["serve"], args=["--all"])
    first |= {"env": [{"name": "MODE", "value": "live"}], "resources": {"limits": {"memory": "64Mi"}}}
    second = a_container("log", "registry.example/log:1")
    init = [a_container(each, f"registry.example/{each}:1") for each in ("fetch", "migrate")]
    body = a_deployment(name, replicas=0)
    body["metadata"] |= {"annotations": {"owner": "shop"}, "labels": {"team": "shop"}}
    body["spec"]["template"]["metadata"]["annotations"] = {"build": "7"}
    body["spec"]["template"]["spec"] |= {"containers": [first, second], "initContainers": init}
    return body


@contextmanager
def bound(cluster: Cluster, namespace: str, account: str, role: str) -> Iterator[None]:
    """A role of the cluster, bound to an account of Runmend in a namespace while the block runs."""
    path = f"{RBAC}/namespaces/{namespace}/rolebindings"
    body = {
        "metadata": {"name": f"attack-{account}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SHIPPED}],
    }
    cluster.http.post(path, json=body).raise_for_status()
    try:
        yield
    finally:
        cluster.http.delete(f"{path}/attack-{account}").raise_for_status()


@contextmanager
def made(namespace: Namespace, body: Json) -> Iterator[None]:
    """A Deployment while the block runs."""
    namespace.create("deployments", body)
    try:
        yield
    finally:
        namespace.http.delete(namespace.path("deployments", body["metadata"]["name"])).raise_for_status()


def refused(answer: httpx.Response) -> str:
    """Why the API server refused, which it must have done by the policy's word."""
    assert answer.status_code == 403, answer.text
    message: str = answer.json()["message"]
    _, found, why = message.partition(POLICY)
    assert found, message
    return found + why


@pytest.fixture(scope="module", autouse=True)
def _policy_of_the_seed(kubectl: Kubectl, accounts: dict[str, Path]) -> Iterator[None]:
    """The policy of the user's runbook alone, which sets images; that of all that ship lets more through."""
    assert accounts
    kubectl("apply", "-f", "-", text=policy_yaml([step.operation for step in seed_plan().steps]))
    yield
    kubectl("apply", "-f", "-", text=(ROOT / "deploy/kubernetes/base/admission-policy.yaml").read_text())


@pytest.fixture(scope="module")
def shop(real: Cluster, accounts: dict[str, Path]) -> Iterator[Namespace]:
    """A namespace with a Deployment, where the policy already holds."""
    with real.namespace() as namespace, Cluster("worker", accounts["worker"]).http as http:
        namespace.create("deployments", a_whole_deployment())
        worker = As(http, namespace)
        scaled = {"spec": {"replicas": 0, "revisionHistoryLimit": 3}}
        eventually(lambda: worker.patch(scaled, dryRun="All").status_code == 403)
        yield namespace


@pytest.fixture(scope="module")
def worker(accounts: dict[str, Path], shop: Namespace) -> Iterator[As]:
    with Cluster("worker", accounts["worker"]).http as http:
        yield As(http, shop)


@pytest.fixture(scope="module")
def mighty(real: Cluster, worker: As, shop: Namespace) -> Iterator[As]:
    """The worker, whom somebody has given every right in the namespace."""
    with bound(real, shop.name, "worker", "cluster-admin"):
        path = shop.path("secrets")
        eventually(lambda: worker.http.get(path).status_code == 200)
        yield worker


def own_patch(item: Json, *changes: Change) -> list[Json]:
    """The patch by which the product makes changes."""
    made = item
    for change in changes:
        made = with_value(made, change.path, change.after)
    return guarded_patch(item, made, ChangeNote(workflow="w", run="r", step="02-patch", changes=changes))


# What it is for


def test_images_and_its_own_note_can_be_written_and_tried_by_the_product(
    accounts: dict[str, Path], real: Cluster
) -> None:
    with real.namespace() as namespace, closing(Kube.connect(kubeconfig=accounts["worker"])) as product:
        namespace.create("deployments", a_whole_deployment())
        # The controller writes the object's status, and with it a new version, a moment after it is made.
        eventually(lambda: namespace.get("deployments", "web")["status"].get("observedGeneration"))
        found = product.read("Deployment", namespace.name, "web")
        changes = (
            image_change("log", "registry.example/log:1", ANOTHER),
            image_change("migrate", "registry.example/migrate:1", ANOTHER, init=True),
        )
        patch = own_patch(found, *changes)

        product.patch("Deployment", namespace.name, "web", patch, dry_run=True)
        untouched = namespace.get("deployments", "web")
        written = facts.deployment(product.patch("Deployment", namespace.name, "web", patch))
        generation = written.generation
        eventually(lambda: namespace.get("deployments", "web")["status"].get("observedGeneration") == generation)

        assert NOTES not in untouched["metadata"]["annotations"]
        assert (written.containers["log"], written.init_containers["migrate"]) == (ANOTHER, ANOTHER)
        assert list(written.containers) == ["app", "log"]
        change = image_change("app", "registry.example/web:1", ANOTHER)
        again = own_patch(product.read("Deployment", namespace.name, "web"), change)
        last = facts.deployment(product.patch("Deployment", namespace.name, "web", again))
        assert last.containers["app"] == ANOTHER


def test_an_event_can_be_written(worker: As, shop: Namespace) -> None:
    event = {
        "metadata": {"generateName": "web-"},
        "involvedObject": {"kind": "Deployment", "namespace": shop.name, "name": "web"},
        "reason": "Tried",
        "message": "by a test",
        "type": "Normal",
    }

    assert worker.http.post(shop.path("events"), json=event).status_code == 201


def test_the_largest_template_is_within_the_budget_of_the_api_server(accounts: dict[str, Path], real: Cluster) -> None:
    with real.namespace() as namespace, Cluster("worker", accounts["worker"]).http as http:
        body = a_whole_deployment()
        pod = body["spec"]["template"]["spec"]
        variables = [{"name": f"NAME_{n}", "value": "x" * 100} for n in range(250)]
        pod["containers"] = [a_container(f"c{n}", "registry.example/web:1", env=variables) for n in range(40)]
        assert len(json.dumps(body)) > 1_000_000, "the API server takes 1.5 MB"
        namespace.create("deployments", body)
        worker = As(http, namespace)

        assert worker.patch(image_patch(ANOTHER, "c39")).status_code == 200
        last = template_patch(containers=[{"name": "c39", "env": [{"name": "NAME_249", "value": "y"}]}])
        assert refused(worker.patch(last)) == IMAGES_ONLY


# The attacks of the issue


def test_a_deployment_in_kube_system_gets_no_host_path_no_command_and_no_image(worker: As, real: Cluster) -> None:
    system = Namespace(real, "kube-system")
    attacker = As(worker.http, system)
    host = {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}
    with made(system, a_whole_deployment("attacked")):
        for patch in (
            template_patch(**host, containers=[{"name": "app", "command": ["sh", "-c", "id"]}]),
            image_patch(ANOTHER),
        ):
            # Which of the rules is named first is the API server's own choice.
            assert refused(attacker.patch(patch, name="attacked")) in (OF_THE_SYSTEM, IMAGES_ONLY)
        assert refused(attacker.patch(image_patch(ANOTHER), name="attacked")) == OF_THE_SYSTEM
        left = system.get("deployments", "attacked")["spec"]["template"]["spec"]
        assert "volumes" not in left


def test_a_namespace_of_the_system_that_is_named_takes_images_and_nothing_else(worker: As, real: Cluster) -> None:
    system = Namespace(real, "kube-system")
    attacker = As(worker.http, system)
    with made(system, a_whole_deployment("named")), named(real, "kube-public, kube-system"):
        eventually(lambda: attacker.patch(image_patch(ANOTHER), name="named", dryRun="All").status_code == 200)

        assert refused(attacker.patch({"spec": {"replicas": 3}}, name="named")) == IMAGES_ONLY


@contextmanager
def named(real: Cluster, namespaces: str) -> Iterator[None]:
    """What the annotation of the installation's namespace says while the block runs."""

    def say(text: str) -> None:
        real.http.patch(
            f"/api/v1/namespaces/{SHIPPED}",
            content=json.dumps({"metadata": {"annotations": {SYSTEM_NAMESPACES: text}}}),
            headers={"Content-Type": MERGE},
        ).raise_for_status()

    say(namespaces)
    try:
        yield
    finally:
        say("")


def test_its_own_bridge_cannot_be_made_to_run_without_a_token(worker: As, real: Cluster) -> None:
    home = Namespace(real, SHIPPED)
    attacker = As(worker.http, home)
    insecure = template_patch(containers=[{"name": "app", "args": ["bridge", "--insecure"]}])
    with made(home, a_whole_deployment("attacked-bridge")):
        for patch in (insecure, image_patch(ANOTHER)):
            assert refused(attacker.patch(patch, name="attacked-bridge")) in (OWN_NAMESPACE, IMAGES_ONLY)


def test_nothing_can_be_scaled_to_0(mighty: As) -> None:
    assert refused(mighty.patch({"spec": {"replicas": 5}})) == IMAGES_ONLY
    for kind in ("deployments", "statefulsets"):
        answer = mighty.patch({"spec": {"replicas": 5}}, kind=kind, name="web/scale", form=MERGE)
        if kind == "deployments":
            assert refused(answer).endswith("the account worker does not ask for UPDATE apps/deployments/scale")
        else:
            assert answer.status_code == 404, "there is none; the policy has nothing to look at"


# Every other field


@pytest.mark.parametrize(
    "patch",
    [
        template_patch(volumes=[{"name": "host", "hostPath": {"path": "/"}}]),
        template_patch(hostNetwork=True),
        template_patch(hostPID=True),
        template_patch(serviceAccountName="admin"),
        template_patch(securityContext={"runAsUser": 0}),
        template_patch(nodeName="node-0"),
        template_patch(imagePullSecrets=[{"name": "theirs"}]),
        template_patch(terminationGracePeriodSeconds=0),
        *(
            template_patch(containers=[{"name": "app", "image": ANOTHER} | field])
            for field in (
                {"command": ["sh"]},
                {"args": ["--insecure"]},
                {"env": [{"name": "MODE", "value": "test"}]},
                {"env": [{"name": "MORE", "value": "test"}]},
                {"envFrom": [{"secretRef": {"name": "theirs"}}]},
                {"securityContext": {"runAsUser": 0}},
                {"imagePullPolicy": "Always"},
                {"resources": {"limits": {"memory": "1Gi"}}},
                {"lifecycle": {"postStart": {"exec": {"command": ["sh"]}}}},
                {"command": None},
            )
        ),
        template_patch(containers=[{"name": "more", "image": ANOTHER}]),
        template_patch(containers=[{"name": "log", "$patch": "delete"}]),
        template_patch(initContainers=[{"name": "more", "image": ANOTHER}]),
        template_patch(initContainers=[{"name": "migrate", "$patch": "delete"}]),
        template_patch(initContainers=[{"name": "migrate", "command": ["true"]}]),
        template_patch(initContainers=[{"name": "migrate", "restartPolicy": "Always"}]),
        {"spec": {"template": {"spec": {"$setElementOrder/initContainers": [{"name": "migrate"}, {"name": "fetch"}]}}}},
        {"spec": {"template": {"metadata": {"annotations": {"build": "8"}}}}},
        {"spec": {"template": {"metadata": {"annotations": {"build": None}}}}},
        {"spec": {"template": {"metadata": {"labels": {"more": "1"}}}}},
        {"spec": {"paused": True}},
        {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
        {"spec": {"minReadySeconds": 1}},
        {"metadata": {"labels": {"team": "theirs"}}},
        {"metadata": {"annotations": {"owner": "theirs"}}},
        {"metadata": {"annotations": {"owner": None}}},
        {"metadata": {"annotations": {"runmend.io/other": "x"}}},
        {"metadata": {"finalizers": ["theirs.example/keep"]}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]}},
    ],
    ids=json.dumps,
)
def test_no_other_field_of_a_deployment_can_be_changed(worker: As, patch: Json) -> None:
    assert refused(worker.patch(patch)) == IMAGES_ONLY


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (MERGE, {"spec": {"template": {"spec": {"hostNetwork": True}}}}),
        (JSON_PATCH, [{"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}]),
        (
            APPLY,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"hostNetwork": True}}},
            },
        ),
    ],
    ids=["merge", "json", "apply"],
)
def test_no_form_of_a_patch_gets_around_it(worker: As, form: str, body: Any) -> None:
    query = {"fieldManager": "attacker", "force": "true"} if form == APPLY else {}

    assert refused(worker.patch(body, form=form, **query)) == IMAGES_ONLY


# Whatever else somebody grants


@pytest.mark.parametrize(
    ("method", "kind", "name", "body", "asked"),
    [
        ("POST", "pods", "", a_pod("theirs"), "CREATE /pods"),
        ("POST", "deployments", "", a_whole_deployment("theirs"), "CREATE apps/deployments"),
        ("DELETE", "deployments", "web", None, "DELETE apps/deployments"),
        ("DELETE", "deployments", "", None, "DELETE apps/deployments"),
        ("POST", "secrets", "", {"metadata": {"name": "theirs"}}, "CREATE /secrets"),
        ("POST", "serviceaccounts", "default/token", {"spec": {}}, "CREATE /serviceaccounts/token"),
        ("POST", "configmaps", "", {"metadata": {"name": "theirs"}}, "CREATE /configmaps"),
        ("PATCH", "serviceaccounts", "default", {"metadata": {"labels": {"a": "b"}}}, "UPDATE /serviceaccounts"),
        ("PATCH", "deployments", "web/status", {"status": {"replicas": 9}}, "UPDATE apps/deployments/status"),
        ("POST", "pods", "runs/exec?command=id&stdout=true", None, "CONNECT /pods/exec"),
        ("POST", "pods", "runs/eviction", {"metadata": {"name": "runs"}}, "CREATE /pods/eviction"),
        (
            "POST",
            "pods",
            "runs/binding",
            {"metadata": {"name": "runs"}, "target": {"kind": "Node", "name": "node-0"}},
            "CREATE /pods/binding",
        ),
    ],
    ids=lambda value: value.replace("/", " ").strip() if isinstance(value, str) else "",
)
def test_what_no_verb_writes_is_refused_whatever_role_is_bound(
    mighty: As, shop: Namespace, method: str, kind: str, name: str, body: Json | None, asked: str
) -> None:
    if name.startswith("runs/"):
        shop.http.post(shop.path("pods"), json=a_pod("runs"))
    headers = {"Content-Type": MERGE} if method == "PATCH" else {}
    if asked.startswith("CONNECT"):
        headers |= {"Connection": "Upgrade", "Upgrade": "websocket"}

    answer = mighty.http.request(method, shop.path(kind, name), json=body, headers=headers)

    assert refused(answer).endswith(f"the account worker does not ask for {asked}")


def test_a_role_cannot_be_bound_by_it(mighty: As, shop: Namespace) -> None:
    body = {"metadata": {"name": "more"}, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": ""}}

    answer = mighty.http.post(f"{RBAC}/namespaces/{shop.name}/rolebindings", json=body)

    assert refused(answer).endswith("CREATE rbac.authorization.k8s.io/rolebindings")


def test_the_bridge_writes_nothing_at_all(real: Cluster, accounts: dict[str, Path], shop: Namespace) -> None:
    with bound(real, shop.name, "bridge", "cluster-admin"), Cluster("bridge", accounts["bridge"]).http as http:
        bridge = As(http, shop)
        eventually(lambda: http.get(shop.path("secrets")).status_code == 200)

        assert refused(bridge.patch(image_patch(ANOTHER))).endswith(
            "the account bridge does not ask for UPDATE apps/deployments"
        )


# Whom it is not about


def test_others_are_not_held(shop: Namespace, real: Cluster) -> None:
    shop.patch("deployments", "web", {"spec": {"revisionHistoryLimit": 4}})
    with real.namespace() as elsewhere:
        elsewhere.create("serviceaccounts", {"metadata": {"name": "worker"}})
        elsewhere.create("deployments", a_whole_deployment())
        binding = {
            "metadata": {"name": "admin"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": elsewhere.name}],
        }
        real.http.post(f"{RBAC}/namespaces/{elsewhere.name}/rolebindings", json=binding).raise_for_status()
        token = elsewhere.http.post(f"{elsewhere.core}/serviceaccounts/worker/token", json={"spec": {}}).json()
        headers = {"Authorization": f"Bearer {token['status']['token']}", "Content-Type": MERGE}
        path = elsewhere.path("deployments", "web")

        def scaled() -> bool:
            answer = elsewhere.http.patch(path, content='{"spec": {"replicas": 1}}', headers=headers)
            assert POLICY not in answer.text
            return answer.status_code == 200

        eventually(scaled)


def test_a_namespace_of_any_name_holds_its_accounts_by_its_label(real: Cluster, folder: Path, shop: Namespace) -> None:
    with real.namespace() as home:
        home.create("serviceaccounts", {"metadata": {"name": "worker"}})
        real.http.patch(
            f"/api/v1/namespaces/{home.name}",
            content=json.dumps({"metadata": {"labels": {HELD: "true"}}}),
            headers={"Content-Type": MERGE},
        ).raise_for_status()
        binding = {
            "metadata": {"name": "elsewhere"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "runmend-worker"},
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": home.name}],
        }
        real.http.post(f"{RBAC}/namespaces/{shop.name}/rolebindings", json=binding).raise_for_status()
        with Cluster("elsewhere", account(real, folder, "worker", home.name)).http as http:
            other = As(http, shop)
            eventually(lambda: other.patch({"spec": {"paused": True}}, dryRun="All").text.find(IMAGES_ONLY) >= 0)
            assert other.patch(image_patch(ANOTHER), dryRun="All").status_code == 200


def test_the_product_says_the_policys_words(worker: As, accounts: dict[str, Path]) -> None:
    paused = [{"op": "add", "path": "/spec/paused", "value": True}]
    with closing(Kube.connect(kubeconfig=accounts["worker"])) as product, pytest.raises(Forbidden) as raised:
        product.patch("Deployment", worker.namespace.name, "web", paused, dry_run=True)

    assert str(raised.value).endswith(IMAGES_ONLY)
