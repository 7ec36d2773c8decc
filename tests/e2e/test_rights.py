"""Worker and bridge without each verb of the shipped roles in turn: what is missing is said in the API server's words,
nothing is changed.

One worker and one bridge serve all of it. Their accounts are bound in no cluster role: each test's namespace has roles
of its own.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from kubernetes.config import incluster_config, kube_config
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runmend.core.errors import Forbidden
from runmend.core.outcomes import Outcome
from runmend.kube.client import Cluster as InPod
from runmend.kube.owners import FEW
from runmend.language.admission import HELD
from runmend.plan.messages import RunResult
from tests.builders import GOOD, MISSING, a_runbook
from tests.cli.installation import runmend
from tests.cluster.api import MERGE, Cluster, Json, Namespace, a_deployment, a_pull_secret, eventually
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes, clean_environment
from tests.e2e.installation import ROOT, Installation, Temporal, account
from tests.e2e.shop import Shop, a_workload, firing, waiting
from tests.workflow.acts import results

DEPLOY = Path(__file__).parents[2] / "deploy" / "kubernetes"
ROLES = [
    role
    for role in yaml.safe_load_all((DEPLOY / "base/roles.yaml").read_text())
    if not role["metadata"]["name"].endswith("-nodes")
]
"""But for the nodes': nothing in a namespace needs them, and tests/e2e/test_nodes.py works under them."""
SECRET = "registry-login"
CONFIGURED, VALID = "Verify service account has imagePullSecrets configured", "Check if pull secret exists and is valid"


@dataclass(frozen=True)
class Right:
    """One verb on one kind of object, and whose it is: worker or bridge."""

    account: str
    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.account} {self.verb} {self.resource}"

    @property
    def key(self) -> tuple[str, str]:
        """What the expectations are found by."""
        return self.verb, self.resource

    @property
    def rule(self) -> Json:
        """A role's rule that gives it."""
        return {"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]}

    def refused(self, namespace: str, accounts: str) -> str:
        """How the API server says that it is missing."""
        who = f'User "system:serviceaccount:{accounts}:{self.account}"'
        return (
            f'{who} cannot {self.verb} resource "{self.resource}" in API group "{self.group}" in the namespace '
            f'"{namespace}"'
        )


def rights_of(role: Json, owner: str) -> list[Right]:
    """The rights that a role of the manifests gives."""
    return [
        Right(owner, verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


OWNERS = {"runmend-bridge": "bridge", "runmend-worker": "worker", "runmend-read-secrets": "worker"}
RIGHTS = [right for role in ROLES for right in rights_of(role, OWNERS[role["metadata"]["name"]])]
"""All that the manifests give in a namespace, the right to read Secrets too: read from them, so that none can be added
without a test."""
OF_THE_BRIDGE = [right for right in RIGHTS if right.account == "bridge"]
OF_THE_WORKER = [right for right in RIGHTS if right.account == "worker"]
FAILS_AT = {
    ("list", "pods"): "observe",
    ("list", "replicasets"): "observe",
    ("get", "deployments"): "observe",
    ("list", "events"): "get_pod_events",
    ("patch", "deployments"): "patch_image",
}
"""Where a run ends without it."""
KIND_OF = {
    ("get", "pods"): "Pod",
    ("get", "replicasets"): "ReplicaSet",
    ("get", "statefulsets"): "StatefulSet",
    ("get", "daemonsets"): "DaemonSet",
    ("list", "controllerrevisions"): "StatefulSet",
    ("get", "jobs"): "Job",
}
"""The kind of target whose runs need it, and end at observing without it."""
DELETES_OF = {
    ("delete", "pods"): "Deployment",
    ("patch", "statefulsets"): "StatefulSet",
    ("patch", "daemonsets"): "DaemonSet",
}
"""The kind of target whose pod is not deleted without it: a deletion is noted on what owns the pod first."""
UNKNOWN = {
    ("get", "serviceaccounts"): (CONFIGURED, "unknown for the service account: "),
    ("get", "secrets"): (VALID, f"{SECRET}: unknown: "),
}
"""What a run that resolves without it calls unknown: the runbook's point, and how it begins."""
ITSELF = {"deployments": "deployment", "statefulsets": "statefulset", "daemonsets": "daemonset", "jobs": "job_name"}
"""The label of the alerts for which the bridge needs it: they name no pod, and a runbook that requires none."""
REMARKED = ("create", "events")
"""What a run that resolves without it remarks."""


def every_right_but(left_out: Right) -> list[Right]:
    return [right for right in RIGHTS if right != left_out]


@dataclass
class Ground:
    """The worker, the bridge, and the namespace of their accounts, which may do nothing that no test has granted."""

    cluster: Cluster
    accounts: str
    installation: Installation

    def grant(self, namespace: Namespace, rights: list[Right]) -> None:
        """Give these rights in a namespace, and wait until the API server goes by them: by these, and by no other of
        the manifests."""
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}"
        for name in ("worker", "bridge"):
            role = {"metadata": {"name": name}, "rules": [right.rule for right in rights if right.account == name]}
            subject = {"kind": "ServiceAccount", "name": name, "namespace": self.accounts}
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
            for kind, body in (
                ("roles", role),
                ("rolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}),
            ):
                answer = self.cluster.http.post(f"{path}/{kind}", json=body)
                assert answer.status_code == 201, answer.text
        eventually(lambda: [right for right in RIGHTS if self.allowed(namespace.name, right)] == rights)

    def allowed(self, namespace: str, right: Right) -> bool:
        """Whether the API server would let the account."""
        asked = {"namespace": namespace, "verb": right.verb, "group": right.group, "resource": right.resource}
        review = {
            "spec": {"user": f"system:serviceaccount:{self.accounts}:{right.account}", "resourceAttributes": asked}
        }
        answer = self.cluster.http.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", json=review)
        return bool(answer.json()["status"]["allowed"])

    def refused(self, right: Right, namespace: str) -> str:
        """How the API server says that a right is missing."""
        return right.refused(namespace, self.accounts)

    def wrote(self, plane: ControlPlane, namespace: str) -> list[tuple[str, str, int, bool]]:
        """What the accounts wrote, or tried to, as the API server's audit log has it: who and what, the status, whether
        only a dry run."""
        ours = f"system:serviceaccount:{self.accounts}:"
        return [
            (write.user.removeprefix(ours), f"{write.verb} {write.resource}", write.code, write.dry_run)
            for write in plane.writes(namespace=namespace)
            if write.user.startswith(ours)
        ]

    def run_by_hand(self, home: Path, pod: Json, *options: str) -> tuple[int, str]:
        """`runmend run` as the bridge's account; its exit code, and what it said on stderr."""
        env = clean_environment(
            HOME=str(home),
            PYTHONPATH=str(ROOT),
            KUBECONFIG=str(self.installation.accounts["bridge"]),
            TEMPORAL_ADDRESS=self.installation.temporal.address,
            RUNMEND_CLUSTER=self.installation.cluster,
        )
        about = ["-l", f"namespace={pod['metadata']['namespace']}", "-l", f"pod={pod['metadata']['name']}"]
        done = runmend(env, "run", "RB_IMAGEPULL", *about, *options)
        return done.returncode, done.stderr


@pytest.fixture(scope="module")
def ground(
    real: Cluster, running: Processes, folder: Path, temporal: Temporal, accounts: dict[str, Path]
) -> Iterator[Ground]:
    assert accounts  # the admission policy has been applied
    runbooks = folder / "of-rights"
    runbooks.mkdir()
    (runbooks / "RB_IMAGEPULL.md").write_text(a_runbook(fallback=GOOD))
    creating = (ROOT / "runbooks/RB_CONTAINER_CREATING.md").read_text()
    gated = creating[creating.index("    when_all:") : creating.index("---\n\n#")]
    (runbooks / "RB_CONTAINER_CREATING.md").write_text(creating.replace(gated, ""))
    podless = a_runbook("RB_WORKLOAD", "KubeWorkload").replace("`namespace`, `pod` labels", "`namespace` label")
    (runbooks / "RB_WORKLOAD.md").write_text(podless)
    with real.namespace() as home:
        # The shipped admission policy holds these accounts too.
        real.http.patch(
            f"/api/v1/namespaces/{home.name}",
            json={"metadata": {"labels": {HELD: "true"}}},
            headers={"Content-Type": MERGE},
        ).raise_for_status()
        kubeconfigs = {}
        for name in ("worker", "bridge"):
            home.create("serviceaccounts", {"metadata": {"name": name}})
            kubeconfigs[name] = account(real, folder, name, home.name)
        installed = Installation(
            running, folder, temporal, kubeconfigs, cluster="rights", RUNMEND_RUNBOOKS=str(runbooks)
        )
        started = [installed.start_worker(), installed.start_bridge()]
        yield Ground(real, home.name, installed)
        for process in started:
            running.stop(process)


@contextmanager
def a_shop(ground: Ground, client: Client, rights: list[Right] | None = None) -> Iterator[Shop]:
    """A namespace with these rights, all of them by default, whose default account has a pull secret."""
    with ground.cluster.namespace() as namespace:
        namespace.create("secrets", a_pull_secret(SECRET))
        namespace.patch("serviceaccounts", "default", {"imagePullSecrets": [{"name": SECRET}]})
        ground.grant(namespace, RIGHTS if rights is None else rights)
        yield Shop(namespace, ground.installation, client)


def said_of(result: RunResult, point: str) -> list[tuple[bool | None, str]]:
    """What the diagnosis found for a point of the runbook."""
    assert result.observation is not None
    return [(finding.ok, finding.found) for finding in result.observation.findings if finding.about == point]


async def has_no_run(shop: Shop) -> bool:
    try:
        await shop.run().describe()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return False


PATCHED = ("worker", "patch deployments", 200, False)
TOLD = ("worker", "create events", 201, False)


async def test_with_all_of_them_a_run_resolves_and_its_diagnosis_knows_the_secrets(
    ground: Ground, client: Client, built: ControlPlane
) -> None:
    with a_shop(ground, client) as shop:
        result = await shop.resolved(shop.deploy(replicas=1))

        assert said_of(result, CONFIGURED) == [(True, f"configured: {SECRET}")]
        assert said_of(result, VALID) == [(True, f"{SECRET} has credentials for {MISSING}")]
        assert shop.images() == {"app": GOOD}
        assert ground.wrote(built, shop.name) == [PATCHED, TOLD, TOLD]


@pytest.mark.parametrize("right", [right for right in OF_THE_WORKER if right.key in FAILS_AT], ids=str)
async def test_a_run_without_it_fails_changes_nothing_and_says_which(
    ground: Ground, client: Client, built: ControlPlane, right: Right
) -> None:
    with a_shop(ground, client, every_right_but(right)) as shop:
        shop.start(shop.deploy(replicas=1))
        failed = await shop.failed()

        assert failed.kind == Outcome.STEP_FAILED
        assert failed.message.startswith(f"{FAILS_AT[right.key]}: Forbidden: ")
        assert failed.message.endswith(ground.refused(right, shop.name))
        assert shop.images() == {"app": MISSING}
        tried = [("worker", "patch deployments", 403, False)] if right.verb == "patch" else []
        # What was not observed is not known by its uid, so nothing is told on it.
        told = [] if FAILS_AT[right.key] == "observe" else [TOLD]
        assert ground.wrote(built, shop.name) == [*tried, *told]


@pytest.mark.parametrize("right", [right for right in OF_THE_WORKER if right.key in KIND_OF], ids=str)
async def test_a_run_for_a_target_that_it_may_not_read_fails_and_says_which(
    ground: Ground, client: Client, built: ControlPlane, right: Right
) -> None:
    kind = KIND_OF[right.key]
    with a_shop(ground, client, every_right_but(right)) as shop:
        shop.namespace.create(*a_workload(kind))
        assert shop.answers(firing(shop.until_broken(1))) == ["started"]
        failed = await shop.failed(kind=kind)

        assert failed.kind == Outcome.STEP_FAILED
        assert failed.message.startswith("observe: Forbidden: ")
        assert failed.message.endswith(ground.refused(right, shop.name))
        assert ground.wrote(built, shop.name) == []


@pytest.mark.parametrize("right", [right for right in OF_THE_WORKER if right.key in DELETES_OF], ids=str)
async def test_a_run_that_may_not_delete_a_pod_or_note_it_fails_deletes_nothing_and_says_which(
    ground: Ground, client: Client, built: ControlPlane, right: Right
) -> None:
    kind = DELETES_OF[right.key]
    with a_shop(ground, client, every_right_but(right)) as shop:
        plural, body = ("deployments", a_deployment()) if kind == "Deployment" else a_workload(kind)
        spec = body["spec"]["template"]["spec"]
        spec["volumes"] = [{"name": "config", "configMap": {"name": "web-config"}}]
        spec["containers"][0]["volumeMounts"] = [{"name": "config", "mountPath": "/config"}]
        shop.namespace.create(plural, body)
        creating = ("ContainerCreating",)
        (pod,) = eventually(lambda: [pod for pod in shop.pods() if waiting(pod, creating)])
        answers = shop.answers(firing([pod], creating, alertname="KubeContainerWaiting"))
        failed = await shop.failed(kind=kind)

        assert (answers, failed.kind) == (["started"], Outcome.STEP_FAILED)
        assert failed.message.startswith("delete_pod: ")
        assert ground.refused(right, shop.name) in failed.message
        assert [each["metadata"]["uid"] for each in shop.pods()] == [pod["metadata"]["uid"]]
        told = [what for what in ground.wrote(built, shop.name) if what != TOLD]
        noted = [PATCHED] if right.verb == "delete" else []
        assert {*noted, ("worker", str(right).removeprefix("worker "), 403, False)} == set(told)


def test_each_right_of_the_worker_is_taken_away_by_a_test() -> None:
    assert {right.key for right in OF_THE_WORKER} == {*FAILS_AT, *KIND_OF, *DELETES_OF, *UNKNOWN, REMARKED}


@pytest.mark.parametrize("right", [right for right in OF_THE_WORKER if right.key in UNKNOWN], ids=str)
async def test_a_run_without_it_resolves_and_calls_what_it_would_have_told_unknown(
    ground: Ground, client: Client, built: ControlPlane, right: Right
) -> None:
    with a_shop(ground, client, every_right_but(right)) as shop:
        result = await shop.resolved(shop.deploy(replicas=1))

        point, begins = UNKNOWN[right.key]
        ((ok, found),) = [said for said in said_of(result, point) if ground.refused(right, shop.name) in said[1]]
        assert begins in found
        assert ok is not False
        assert ground.wrote(built, shop.name) == [PATCHED, TOLD, TOLD]


async def test_a_run_that_may_write_no_events_resolves_and_its_report_remarks_it(
    ground: Ground, client: Client, built: ControlPlane
) -> None:
    (right,) = [right for right in OF_THE_WORKER if right.key == REMARKED]
    with a_shop(ground, client, every_right_but(right)) as shop:
        result = await shop.resolved(shop.deploy(replicas=1))

        (remark,) = result.remarks
        assert remark.startswith(
            f"the event RemediationApplied was not written on Deployment {shop.name}/web: "
            f"POST events {shop.name}: 403: "
        )
        assert remark.endswith(ground.refused(right, shop.name))
        report = str((await results(shop.run()))["runmend.report"])
        assert remark in report
        assert remark.replace("RemediationApplied", "RemediationResolved") in report
        assert ground.wrote(built, shop.name) == [PATCHED, *[("worker", "create events", 403, False)] * 2]


@pytest.mark.parametrize("right", OF_THE_BRIDGE, ids=str)
async def test_a_webhook_without_it_is_answered_with_a_problem_and_starts_nothing(
    ground: Ground, client: Client, built: ControlPlane, right: Right
) -> None:
    with a_shop(ground, client, every_right_but(right)) as shop:
        pods = shop.deploy(replicas=1)
        label = ITSELF.get(right.resource, "pod")
        about = {"pod": "", "alertname": "KubeWorkload"} if label != "pod" else {}
        webhook = firing(pods, **about, **({label: "web"} if about else {}))
        if right.verb == "list":  # which is for many; those of the other alerts are gone
            others = [firing(pods, **about | {label: f"gone-{n}"}) for n in range(FEW)]
            webhook["alerts"] += [alert for other in others for alert in other["alerts"]]
        answer = ground.installation.post(webhook)

        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert answer.json()["detail"].endswith(ground.refused(right, shop.name))
        assert {alert["answer"] for alert in answer.json()["alerts"]} == {"failed"}
        assert await has_no_run(shop)
        assert ground.wrote(built, shop.name) == []


async def test_alerts_of_a_namespace_without_rights_hold_back_no_others(ground: Ground, client: Client) -> None:
    with a_shop(ground, client, []) as closed, a_shop(ground, client) as shop:
        webhook = firing([*closed.deploy(replicas=1), *shop.deploy(replicas=1)])

        first, again = ground.installation.post(webhook), ground.installation.post(webhook)

        assert (first.status_code, again.status_code) == (503, 503)
        assert [alert["answer"] for alert in first.json()["alerts"]] == ["failed", "started"]
        assert [alert["answer"] for alert in again.json()["alerts"]] == ["failed", "known"]
        await shop.pass_window()
        assert (await shop.completed()).outcome is Outcome.RESOLVED


async def test_a_run_in_a_namespace_where_the_worker_is_not_bound_fails_and_says_so(
    ground: Ground, client: Client, built: ControlPlane
) -> None:
    with a_shop(ground, client, OF_THE_BRIDGE) as shop:
        shop.start(shop.deploy(replicas=1))
        failed = await shop.failed()

        assert failed.kind == Outcome.STEP_FAILED
        assert (
            f'User "system:serviceaccount:{ground.accounts}:worker" cannot get resource "deployments"' in failed.message
        )
        assert failed.message.endswith(f'in the namespace "{shop.name}"')
        assert ground.wrote(built, shop.name) == []


async def test_a_command_by_somebody_who_may_not_look_says_so_in_one_line(
    ground: Ground, client: Client, tmp_path: Path
) -> None:
    with a_shop(ground, client, []) as shop:
        (pod,) = shop.deploy(replicas=1)

        code, said = ground.run_by_hand(tmp_path, pod)

        assert code == 1
        (line,) = said.splitlines()
        assert line.startswith("runmend: error: ")
        assert ground.refused(OF_THE_BRIDGE[0], shop.name) in line
        assert await has_no_run(shop)


async def test_a_recommendation_without_the_right_to_patch_says_that_it_was_not_checked(
    ground: Ground, client: Client, built: ControlPlane, tmp_path: Path
) -> None:
    (patch,) = [right for right in OF_THE_WORKER if right.key == ("patch", "deployments")]
    with a_shop(ground, client, every_right_but(patch)) as shop:
        (pod,) = shop.deploy(replicas=1)
        code, said = ground.run_by_hand(tmp_path, pod, "--mode", "recommend")
        assert code == 0, said
        result = await shop.completed()

        assert result.outcome is Outcome.RECOMMENDED
        assert "not checked by a dry run, which needs the right to patch: " in result.summary
        assert ground.refused(patch, shop.name) in result.summary
        assert ground.wrote(built, shop.name) == [("worker", "patch deployments", 403, True)]


def test_the_shipped_bindings_of_a_namespace_give_what_the_roles_say_and_nothing_else(
    ground: Ground, real: Cluster, kubectl: Kubectl, accounts: dict[str, Path], tmp_path: Path
) -> None:
    assert accounts  # the cluster's roles have been applied
    (tmp_path / "deploy").symlink_to(DEPLOY)
    with real.namespace() as namespace:
        to_ours = [{"op": "replace", "path": "/subjects/0/namespace", "value": ground.accounts}]
        overlay = {
            "resources": ["deploy/namespace-with-secrets"],
            "namespace": namespace.name,
            "patches": [{"target": {"kind": "RoleBinding"}, "patch": json.dumps(to_ours)}],
        }
        (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
        kubectl("apply", "--validate=strict", "-f", "-", text=kubectl("kustomize", str(tmp_path)))

        for name, kubeconfig in ground.installation.accounts.items():
            own = {(right.verb, right.group, right.resource) for right in RIGHTS if right.account == name}
            with Cluster(name, kubeconfig).http as http:
                eventually(partial(_has, http, namespace.name, own))
                # Everybody may do something; that is what the accounts may do where they are not bound.
                assert granted(http, namespace.name) - granted(http, ground.accounts) == own


def _has(http: httpx.Client, namespace: str, rights: set[tuple[str, str, str]]) -> bool:
    return rights <= granted(http, namespace)


def granted(http: httpx.Client, namespace: str) -> set[tuple[str, str, str]]:
    """All that an account may do with a namespace's objects, by the API server's own word."""
    answer = http.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json={"spec": {"namespace": namespace}})
    assert answer.status_code == 201, answer.text
    return {
        (verb, group, resource)
        for rule in answer.json()["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_in_a_pod_the_account_is_found_where_kubernetes_puts_it(
    ground: Ground, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load(ground.installation.accounts["worker"].read_text())
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    (tmp_path / "token").write_text(config["users"][0]["user"]["token"])
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(
        incluster_config, "SERVICE_CERT_FILENAME", config["clusters"][0]["cluster"]["certificate-authority"]
    )
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))

    with a_shop(ground, client) as shop, closing(InPod.connect()) as in_pod:
        (pod,) = shop.deploy(replicas=1)

        assert [found.uid for found in in_pod.pods(shop.name)] == [pod["metadata"]["uid"]]
        with pytest.raises(Forbidden, match=f"system:serviceaccount:{ground.accounts}:worker"):
            in_pod.pods(ground.accounts)
