"""The runbooks of optional-runbooks, and one for a custom resource, on a real cluster: each fault is made, told by its
alert, and mended; and where a runbook does not apply, nothing is changed.

Worker and bridge have accounts of their own with the rights that `runmend rbac` prints for these runbooks, and no more.
Made up besides what docs/testing.md names are the controller that expands a volume, and what an autoscaler last asked
for: the test writes their status. All that is in a namespace is done at the same time, the node's taint afterwards.
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from runmend.core.kinds import kind_of_name
from runmend.core.outcomes import Outcome
from runmend.plan.messages import RunResult
from runmend.runs.converter import data_converter
from tests.builders import GOOD, MISSING, a_deployment
from tests.cluster.api import MERGE, Cluster, Json, Namespace, eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import processes
from tests.e2e.installation import ROOT, Installation, Temporal, account
from tests.e2e.test_twins_of_objects import CRD, GROUP, METRIC, SCALE, WIDGETS
from tests.runs import WINDOW, Failed, end, until

PATIENCE = 150.0
OWN = "runmend-optional"
"""The namespace of the accounts."""
UNHEALTHY = "registry.example/app:unhealthy"
PROBE = {"exec": {"command": ["true"]}, "periodSeconds": 1}
WIDGET_RUNBOOK = """---
runbook_id: RB_WIDGET
alertname: WidgetTooSmall
title: Widget Too Small
target: widgets.runmend.test
protect_serving: false
problem: object.spec.size < 3
silence: [untyped]
---

## Actions

- **action_id**: `enlarge`
- **command**: `kubectl patch widgets.runmend.test {widget} -n {namespace} --type merge -p '{"spec":{"size":3}}'`
- **conditions**:
  - Requires: `namespace`, `widget` labels

## Success Criteria

- `object.spec.size >= 3`
"""
CONFIG_RUNBOOK = """---
runbook_id: RB_CONFIG
alertname: KubeContainerWaiting
title: A Configuration Is Missing
---

## Actions

- **action_id**: `bring_back`
- **command**:

  ```bash
  kubectl apply -n {namespace} -f - <<EOF
  apiVersion: v1
  kind: ConfigMap
  metadata:
    name: web-config
  data:
    mode: safe
  EOF
  kubectl rollout restart deployment/{deployment} -n {namespace}
  ```

- **conditions**:
  - Requires: `namespace`, `deployment` labels

## Success Criteria

- All replicas are available
"""
pytestmark = pytest.mark.timeout(600)


@dataclass
class Place:
    """A namespace of the real cluster, and objects of any kind in it."""

    namespace: Namespace

    def path(self, kind: str, name: str = "") -> str:
        found = kind_of_name(kind)
        version = "v1beta2" if found.custom else found.version
        root = f"/apis/{found.group}/{version}" if found.group else f"/api/{version}"
        return f"{root}/namespaces/{self.namespace.name}/{found.plural}/{name}".rstrip("/")

    def create(self, kind: str, body: Json) -> None:
        answer = self.namespace.http.post(self.path(kind), json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text

    def get(self, kind: str, name: str) -> Json:
        found: Json = self.namespace.http.get(self.path(kind, name)).raise_for_status().json()
        return found

    def patch(self, kind: str, name: str, body: Json, subresource: str = "") -> None:
        path = f"{self.path(kind, name)}/{subresource}".rstrip("/")
        self.namespace.http.patch(path, json=body, headers={"Content-Type": MERGE}).raise_for_status()


Makes = Callable[[Place], None]
Meanwhile = Callable[[Place], None]


@dataclass(frozen=True)
class Fault:
    """What is broken, how the alert names it, and what must come of it."""

    name: str
    runbook: str
    kind: str
    makes: Makes
    expects: Outcome = Outcome.RESOLVED
    meanwhile: Meanwhile | None = None
    """What another controller does once the run has written."""
    target: str = "web"

    @property
    def labels(self) -> dict[str, str]:
        return {"runbook_id": self.runbook, "alertname": "Broken", kind_of_name(self.kind).singular: self.target}


@dataclass
class Ran:
    ended: RunResult | Failed
    live: Json

    @property
    def result(self) -> RunResult:
        return self.ended.result if isinstance(self.ended, Failed) else self.ended

    @property
    def words(self) -> str:
        return self.ended.message if isinstance(self.ended, Failed) else self.ended.summary

    @property
    def changed(self) -> list[tuple[str, Any, Any]]:
        return [(".".join(each.path), each.before, each.after) for each in self.result.changes]


# What is broken


def serving(place: Place, **more: Any) -> None:
    body = a_deployment("web", images={"app": GOOD}, replicas=2)
    body["spec"] |= more
    body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    place.create("Deployment", body)
    eventually(lambda: place.get("Deployment", "web").get("status", {}).get("availableReplicas") == 2)


def stuck(place: Place) -> None:
    serving(place, progressDeadlineSeconds=4)
    container = {"name": "app", "image": UNHEALTHY, "readinessProbe": PROBE}
    spec = {"template": {"spec": {"containers": [container]}}}
    place.namespace.patch("deployments", "web", {"spec": spec})
    eventually(lambda: condition(place.get("Deployment", "web"), "Progressing") == "False")


def never_served(place: Place) -> None:
    body = a_deployment("web", images={"app": MISSING}, replicas=1)
    body["spec"]["progressDeadlineSeconds"] = 4
    place.create("Deployment", body)
    eventually(lambda: condition(place.get("Deployment", "web"), "Progressing") == "False")


def condition(item: Json, kind: str) -> str:
    found = item.get("status", {}).get("conditions", [])
    return next((each["status"] for each in found if each["type"] == kind), "")


def stuck_on_a_node(place: Place) -> None:
    labels = {"app": "web"}
    container = {"name": "app", "image": GOOD}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    place.create("DaemonSet", body)
    eventually(lambda: place.get("DaemonSet", "web").get("status", {}).get("numberReady") == 3)
    spec = {"template": {"spec": {"containers": [{**container, "image": MISSING}]}}}
    place.namespace.patch("daemonsets", "web", {"spec": spec})
    eventually(lambda: place.get("DaemonSet", "web")["status"].get("numberReady") == 2)


def scaled_to_zero(place: Place, **annotations: str) -> None:
    serving(place)
    place.patch("Deployment", "web", {"metadata": {"annotations": annotations}, "spec": {"replicas": 0}})
    eventually(lambda: not place.namespace.items("pods"))


def meant_to_be_zero(place: Place) -> None:
    scaled_to_zero(place, **{"runmend.io/meant-to-be-zero": "a test"})


def at_maximum(place: Place, most: int = 2) -> None:
    serving(place)
    spec = {"scaleTargetRef": SCALE, "minReplicas": 1, "maxReplicas": most, "metrics": [METRIC]}
    place.create("HorizontalPodAutoscaler", {"metadata": {"name": "web"}, "spec": spec})
    status = {"currentReplicas": 2, "desiredReplicas": most}
    place.patch("HorizontalPodAutoscaler", "web", {"status": status}, "status")


def at_bound(place: Place) -> None:
    at_maximum(place, 20)


def claimed(place: Place, *, may_grow: bool = True) -> None:
    name = place.namespace.name
    http = place.namespace.http
    storage = {
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
        "allowVolumeExpansion": may_grow,
    }
    http.post("/apis/storage.k8s.io/v1/storageclasses", json=storage).raise_for_status()
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": name}
    volume = {**common, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/nowhere"}}
    http.post("/api/v1/persistentvolumes", json={"metadata": {"name": name}, "spec": volume}).raise_for_status()
    claim = {**common, "resources": {"requests": {"storage": "1Gi"}}}
    place.create("PersistentVolumeClaim", {"metadata": {"name": "web"}, "spec": claim})
    eventually(lambda: place.get("PersistentVolumeClaim", "web").get("status", {}).get("phase") == "Bound")


def claimed_for_good(place: Place) -> None:
    claimed(place, may_grow=False)


def expand(place: Place) -> None:
    """As the controller of a volume's driver does, once more is asked for."""

    def wanted() -> str:
        asked: str = place.get("PersistentVolumeClaim", "web")["spec"]["resources"]["requests"]["storage"]
        return asked if asked != "1Gi" else ""

    capacity = {"capacity": {"storage": eventually(wanted)}}
    volume = f"/api/v1/persistentvolumes/{place.namespace.name}"
    place.namespace.http.patch(volume, json={"spec": capacity}, headers={"Content-Type": MERGE}).raise_for_status()
    place.patch("PersistentVolumeClaim", "web", {"status": capacity}, "status")


def misled(place: Place) -> None:
    serving(place)
    place.create(
        "Service", {"metadata": {"name": "web"}, "spec": {"selector": {"app": "wbe"}, "ports": [{"port": 80}]}}
    )


def a_widget(place: Place, size: int) -> None:
    body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "Widget", "metadata": {"name": "web"}, "spec": {"size": size}}
    place.create(WIDGETS, body)


def too_small(place: Place) -> None:
    place.create(
        WIDGETS, {"apiVersion": f"{GROUP}/v1beta2", "kind": "Widget", "metadata": {"name": "web"}, "spec": {"size": 1}}
    )


def large_enough(place: Place) -> None:
    place.create(
        WIDGETS, {"apiVersion": f"{GROUP}/v1beta2", "kind": "Widget", "metadata": {"name": "web"}, "spec": {"size": 3}}
    )


def without_its_configuration(place: Place) -> None:
    body = a_deployment("web", images={"app": GOOD}, replicas=1)
    spec = body["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "config", "configMap": {"name": "web-config"}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "config", "mountPath": "/etc/web"}]
    place.create("Deployment", body)
    eventually(lambda: place.namespace.items("events", fieldSelector="reason=FailedMount"))


def nothing(_: Place) -> None:
    """It is all well."""


HPA, PVC = "HorizontalPodAutoscaler", "PersistentVolumeClaim"
UNHANDLED, FAILED = Outcome.UNHANDLED, Outcome.PRECONDITION_FAILED
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("a probe that never succeeds", "RB_ROLLOUT_STUCK", "Deployment", stuck),
        Fault("a first revision", "RB_ROLLOUT_STUCK", "Deployment", never_served, UNHANDLED),
        Fault("a DaemonSet", "RB_DAEMONSET_ROLLOUT_STUCK", "DaemonSet", stuck_on_a_node),
        Fault("scaled to 0", "RB_SCALED_TO_ZERO", "Deployment", scaled_to_zero),
        Fault("meant", "RB_SCALED_TO_ZERO", "Deployment", meant_to_be_zero, UNHANDLED),
        Fault("not scaled", "RB_SCALED_TO_ZERO", "Deployment", serving, Outcome.NOT_NEEDED),
        Fault("an autoscaler", "RB_AUTOSCALER_AT_MAXIMUM", HPA, at_maximum),
        Fault("an autoscaler at the bound", "RB_AUTOSCALER_AT_MAXIMUM", HPA, at_bound, FAILED),
        Fault("a claim", "RB_CLAIM_FILLING_UP", PVC, claimed, meanwhile=expand),
        Fault("a claim that cannot", "RB_CLAIM_FILLING_UP", PVC, claimed_for_good, Outcome.STEP_FAILED),
        Fault("a Service", "RB_SERVICE_SELECTOR", "Service", misled),
        Fault("a configuration", "RB_CONFIG", "Deployment", without_its_configuration),
        Fault("a widget", "RB_WIDGET", WIDGETS, too_small),
        Fault("a widget that is well", "RB_WIDGET", WIDGETS, large_enough, Outcome.NOT_NEEDED),
    )
}
NODE = "node-2"
TAINTED = Fault("a taint", "RB_NODE_TAINTED", "Node", nothing, target=NODE)


@pytest.fixture(scope="module")
def runbooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optional")
    for each in (ROOT / "optional-runbooks").glob("*.md"):
        shutil.copy(each, folder)
    (folder / "RB_WIDGET.md").write_text(WIDGET_RUNBOOK)
    (folder / "RB_CONFIG.md").write_text(CONFIG_RUNBOOK)
    return folder


@pytest.fixture(scope="module")
def accounts_of_their_own(real: Cluster, kubectl: Kubectl, runbooks: Path) -> dict[str, Path]:
    """With the rights that are printed for these runbooks, in every namespace."""
    argv = [sys.executable, "-m", "runmend.cli", "rbac", "--runbooks", str(runbooks)]
    printed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.replace(
        "name: runmend-", "name: optional-"
    )
    kubectl("apply", "-f", "-", text=printed)
    kubectl("create", "namespace", OWN)
    for name in ("worker", "bridge"):
        kubectl("create", "serviceaccount", name, "-n", OWN)
        for role in (name, f"{name}-nodes"):
            kubectl("create", "clusterrolebinding", f"optional-{role}", f"--clusterrole=optional-{role}",
                    f"--serviceaccount={OWN}:{name}")  # fmt: skip
    return {name: account(real, runbooks, name, OWN) for name in ("worker", "bridge")}


@pytest.fixture(scope="module")
def ran(
    real: Cluster,
    temporal: Temporal,
    runbooks: Path,
    accounts_of_their_own: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Ran]]:
    made = real.http.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=CRD)
    assert made.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT), made.text
    folder = tmp_path_factory.mktemp("running")
    with processes(folder) as started:
        own = Installation(
            started,
            folder,
            temporal,
            accounts_of_their_own,
            "optional",
            RUNMEND_NODES="*",
            RUNMEND_KINDS="*",
            RUNMEND_RUNBOOKS=str(runbooks),
        )
        own.start_worker()
        own.start_bridge()

        async def all_of_them() -> dict[str, Ran]:
            client = await Client.connect(temporal.address, data_converter=data_converter)
            async with asyncio.TaskGroup() as group:
                running = {fault.name: group.create_task(one(real, own, client, fault)) for fault in FAULTS.values()}
            found = {name: task.result() for name, task in running.items()}
            return found | {TAINTED.name: await a_node(real, own, client)}

        yield asyncio.run(all_of_them())


async def one(real: Cluster, own: Installation, client: Client, fault: Fault) -> Ran:
    with real.namespace() as namespace:
        place = Place(namespace)
        await asyncio.to_thread(fault.makes, place)
        beside = asyncio.to_thread(fault.meanwhile, place) if fault.meanwhile else asyncio.sleep(0)
        ended = await run(own, client, fault, namespace.name, beside)
        return Ran(ended, place.get(fault.kind, fault.target))


async def a_node(real: Cluster, own: Installation, client: Client) -> Ran:
    path = f"/api/v1/nodes/{NODE}"
    tainted = {
        "spec": {"taints": [{"key": "maintenance", "effect": "NoSchedule"}, {"key": "other", "effect": "NoSchedule"}]}
    }
    real.http.patch(path, json=tainted, headers={"Content-Type": MERGE}).raise_for_status()
    try:
        ended = await run(own, client, TAINTED, "", asyncio.sleep(0))
        return Ran(ended, real.http.get(path).raise_for_status().json())
    finally:
        real.http.patch(path, json={"spec": {"taints": None}}, headers={"Content-Type": MERGE}).raise_for_status()


async def run(
    own: Installation, client: Client, fault: Fault, namespace: str, beside: Awaitable[None]
) -> RunResult | Failed:
    labels = fault.labels | ({"namespace": namespace} if namespace else {})
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {},
        "startsAt": datetime.now(UTC).isoformat(),
        "fingerprint": sha256(str(labels).encode()).hexdigest()[:16],
        "generatorURL": "",
    }
    body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": [alert]}
    answers = await asyncio.to_thread(own.answers, body)
    assert answers == ["started"], (fault, answers)
    path = [own.cluster, *([namespace] if namespace else []), fault.kind, fault.target]
    handle = client.get_workflow_handle("/".join(path))

    async def pass_window() -> None:
        await until(handle, WINDOW, PATIENCE)
        await TimeSkipper(client).fast_forward(handle, 301)

    passing = asyncio.create_task(pass_window())
    try:
        ended, _ = await asyncio.gather(end(handle, PATIENCE), beside)
    finally:
        passing.cancel()
    assert (await handle.describe()).workflow_type == fault.runbook
    return ended


@pytest.mark.parametrize("fault", [*FAULTS.values(), TAINTED], ids=lambda fault: f"{fault.runbook} {fault.name}")
def test_a_fault_is_mended_and_what_is_none_is_left(fault: Fault, ran: dict[str, Ran]) -> None:
    it = ran[fault.name]

    assert it.result.outcome is fault.expects, it.words
    assert bool(it.result.changes) == (fault.expects is Outcome.RESOLVED)
    statuses = {verdict.status for verdict in it.result.verdicts}
    assert statuses == ({"passed"} if fault.expects is Outcome.RESOLVED else set())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("a DaemonSet", [("spec.template.spec.containers.app.image", MISSING, GOOD)]),
        ("scaled to 0", [("spec.replicas", 0, 1)]),
        ("an autoscaler", [("spec.maxReplicas", 2, 3)]),
        ("a claim", [("spec.resources.requests.storage", "1Gi", "1536Mi")]),
        ("a Service", [("spec.selector.app", "wbe", "web")]),
        ("a widget", [("spec.size", 1, 3)]),
    ],
)
def test_what_was_changed_is_what_the_runbook_says(
    name: str, changes: list[tuple[str, Any, Any]], ran: dict[str, Ran]
) -> None:
    assert ran[name].changed == changes


def test_a_probe_and_its_image_go_back_to_what_served(ran: dict[str, Ran]) -> None:
    (container,) = ran["a probe that never succeeds"].live["spec"]["template"]["spec"]["containers"]

    assert container["image"] == GOOD
    assert "readinessProbe" not in container


def test_what_was_applied_beside_the_target_is_told(ran: dict[str, Ran]) -> None:
    it = ran["a configuration"]

    (made,) = it.result.made
    assert (made.how, made.kind, made.name) == ("apply", "ConfigMap", "web-config")
    assert [step.named for step in it.result.steps] == ["bring_back, command 1", "bring_back, command 2"]


def test_a_claim_that_may_not_grow_says_so(ran: dict[str, Ran]) -> None:
    assert "can be resized" in ran["a claim that cannot"].words


def test_an_autoscaler_at_its_bound_is_left_to_a_person(ran: dict[str, Ran]) -> None:
    assert "current_maximum is 20 already, and the bound is 20" in ran["an autoscaler at the bound"].words


def test_only_the_taint_that_was_left_is_taken_away(ran: dict[str, Ran]) -> None:
    assert [taint["key"] for taint in ran[TAINTED.name].live["spec"]["taints"]] == ["other"]
