"""Nodes and pods: kubectl cordons, uncordons and drains one node, and deletes pods; we do it to others that are alike,
and the same comes of it. Where kubectl refuses, so do we.

One difference is meant: kubectl cordons a node before it refuses to drain it; we refuse before anything is written.
"""

import dataclasses
import json
import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.act import act
from runmend.alerts.alert import Alert, Target
from runmend.core.errors import Conflict, NotYet, PreconditionFailed, StepFailed
from runmend.core.modes import Mode
from runmend.kube.client import Cluster as Kube
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.notes import NOTES
from runmend.plan.plan import Step
from runmend.reports.target_events import Author
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Values
from tests.cluster.api import MERGE, Cluster, Json, Namespace, a_deployment, a_pod, a_template, eventually
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl

THEIRS, OURS = "node-1", "node-2"
"""The twins; the third node takes what is moved."""
AUTHOR = Author(runbook="RB_TWINS", workflow="twins", run="r")
IMAGE = "example.test/web:1"
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def product(real: Cluster) -> Iterator[Kube]:
    with closing(Kube.connect(kubeconfig=real.kubeconfig)) as product:
        yield product


@pytest.fixture
def shop(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as namespace:
        yield namespace


@pytest.fixture(autouse=True)
def _schedulable(real: Cluster) -> Iterator[None]:
    yield
    for name in (THEIRS, OURS):
        on_node(real, name, {"spec": {"unschedulable": None}})
    eventually(lambda: not any(node(real, name)["spec"].get("taints") for name in (THEIRS, OURS)))


def node(real: Cluster, name: str) -> Json:
    found: Json = real.http.get(f"/api/v1/nodes/{name}").raise_for_status().json()
    return found


def on_node(real: Cluster, name: str, patch: Json) -> None:
    real.http.patch(f"/api/v1/nodes/{name}", json=patch, headers={"Content-Type": MERGE}).raise_for_status()


def alike(real: Cluster, name: str) -> Json:
    """What a node says of who may be put on it, once its controller has added its taint or taken it away."""
    found = node(real, name)
    spec = found["spec"]
    tainted = any(each["key"].endswith("/unschedulable") for each in spec.get("taints", ()))
    if tainted != bool(spec.get("unschedulable")):
        return {}
    taints = [{key: value for key, value in each.items() if key != "timeAdded"} for each in spec.get("taints", ())]
    annotations = {key: value for key, value in found["metadata"].get("annotations", {}).items() if key != NOTES}
    return {**spec, "taints": taints, "annotations": annotations, "labels": sorted(found["metadata"]["labels"])}


def tried(product: Kube, text: str, target: Target, *, pod: str = "") -> StepResult | Exception:
    """What our step comes to: it is tried again as Temporal would, until it is done or failed for good."""
    report = Report("rb.md")
    operation = parse_command(text, Values(report, 1, {}))
    assert operation, report.diagnostics
    step = Step(
        action_id="do", title="", line=1, command=text, operation=operation, parameters={}, changes=True, try_seconds=60
    )
    alert = Alert(fingerprint="0" * 16, starts_at="2026-11-28T21:00:00Z", labels={"pod": pod} if pod else {})
    call = StepCall(
        step=step,
        state=None,
        target=target,
        alerts=(alert,),
        mode=Mode.AUTO,
        protect_serving=False,
        run_id="r",
        step_id=f"01-{time.monotonic_ns()}",
    )
    environment, began = ActivityEnvironment(), time.monotonic()
    first = environment.info
    while True:
        passed = timedelta(seconds=time.monotonic() - began)
        environment.info = dataclasses.replace(first, current_attempt_scheduled_time=first.scheduled_time + passed)
        try:
            result: StepResult = environment.run(act, product, call, AUTHOR, may_change=True)
        except (NotYet, Conflict):
            time.sleep(0.3)
        except (PreconditionFailed, StepFailed) as error:
            return error
        else:
            return result


def done(product: Kube, text: str, target: Target, *, pod: str = "") -> StepResult:
    result = tried(product, text, target, pod=pod)
    assert isinstance(result, StepResult), result
    assert result.status is StepStatus.DONE
    return result


def a_node(name: str) -> Target:
    return Target(cluster="test", kind="Node", name=name)


@pytest.mark.parametrize("before", [{}, {"unschedulable": True}])
@pytest.mark.parametrize("words", ["cordon", "uncordon"])
def test_a_node_is_cordoned_and_uncordoned_as_by_kubectl(
    words: str, before: Json, real: Cluster, product: Kube, kubectl: Kubectl
) -> None:
    for name in (THEIRS, OURS):
        on_node(real, name, {"spec": before})

    kubectl(words, THEIRS)
    done(product, f"kubectl {words} {{node}}", a_node(OURS))

    theirs, ours = (eventually(partial(alike, real, name)) for name in (THEIRS, OURS))
    assert json.loads(json.dumps(ours).replace(OURS, THEIRS)) == theirs
    assert theirs.get("unschedulable") is (True if words == "cordon" else None)


@pytest.mark.parametrize(
    "taints",
    [
        "repair=disk:NoSchedule",
        "repair:NoExecute old-",
        "old:NoSchedule-",
        "old=2:NoSchedule --overwrite",
        "a=1:NoSchedule b:PreferNoSchedule old=1:NoExecute",
    ],
)
def test_a_node_is_tainted_as_by_kubectl(taints: str, real: Cluster, product: Kube, kubectl: Kubectl) -> None:
    for name in (THEIRS, OURS):
        on_node(real, name, {"spec": {"taints": [{"key": "old", "value": "1", "effect": "NoSchedule"}]}})
    try:
        kubectl("taint", "nodes", THEIRS, *shlex.split(taints))
        done(product, f"kubectl taint nodes {{node}} {taints}", a_node(OURS))

        theirs, ours = (node(real, name)["spec"].get("taints", []) for name in (THEIRS, OURS))
        added = {"timeAdded"}  # by the node controller, of those that end pods
        bare = [[{k: v for k, v in each.items() if k not in added} for each in found] for found in (theirs, ours)]
        assert bare[0] == bare[1]
    finally:
        for name in (THEIRS, OURS):
            on_node(real, name, {"spec": {"taints": None}})


# Drains


def pinned(name: str) -> Json:
    """Rather on this node, and elsewhere where it takes no pods."""
    matches = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}
    wanted = {"weight": 100, "preference": matches}
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wanted]}}


def inhabited(shop: Namespace, name: str, what: str) -> set[str]:
    """Let a Deployment's pod `web` live on a node, and what else there is to be; who shall live there."""
    whose = {"case": shop.name}

    def workload(app: str, **spec: Any) -> Json:
        body = a_deployment(f"{app}-{name}")
        template = a_template(IMAGE, f"{app}-{name}", affinity=pinned(name), **spec)
        template["metadata"]["labels"] |= whose
        body["spec"]["template"] = template
        return body

    shop.create("deployments", workload("web"))
    lives = {"web"}
    if "local" in what:
        shop.create("deployments", workload("local", volumes=[{"name": "data", "emptyDir": {}}]))
        lives.add("local")
    if "bare" in what:
        pod = a_pod(f"bare-{name}", IMAGE)
        pod["metadata"]["labels"] = whose | {"app": f"bare-{name}"}
        pod["spec"] |= {"nodeName": name, "terminationGracePeriodSeconds": 1}
        shop.create("pods", pod)
        lives.add("bare")
    if "daemon" in what:
        template = a_template(IMAGE, f"daemon-{name}", nodeSelector={"kubernetes.io/hostname": name})
        template["metadata"]["labels"] |= whose
        spec = {"selector": {"matchLabels": {"app": f"daemon-{name}"}}, "template": template}
        shop.create("daemonsets", {"metadata": {"name": f"daemon-{name}"}, "spec": spec})
        lives.add("daemon")
    if "held" in what:
        path = f"/apis/policy/v1/namespaces/{shop.name}/poddisruptionbudgets"
        budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": f"web-{name}"}}}
        shop.http.post(path, json={"metadata": {"name": f"web-{name}"}, "spec": budget}).raise_for_status()
        held = f"{path}/web-{name}"
        eventually(lambda: shop.http.get(held).json().get("status", {}).get("currentHealthy") == 1)
    return lives


def living(shop: Namespace, name: str) -> dict[str, str]:
    """Who runs on a node and is not being deleted: `web` → its uid."""
    found = shop.items("pods", fieldSelector=f"spec.nodeName={name}")
    return {
        pod["metadata"]["labels"]["app"].partition("-")[0]: pod["metadata"]["uid"]
        for pod in found
        if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
    }


@dataclass(frozen=True)
class Case:
    """A drain: who lives there besides `web`, the flags, and how it ends."""

    lives: str
    flags: str
    ends: str = "done"
    """`done`, `refused` or `held`."""
    says: str = ""
    """What kubectl says of it, and what we do."""

    def __str__(self) -> str:
        return f"{self.lives or 'web alone'} {self.flags}".replace(" ", "_")


CASES = [
    Case("", ""),
    Case("", "--grace-period 7 --timeout 60s"),
    Case("daemon", "--ignore-daemonsets"),
    Case("daemon", "", "refused", "--ignore-daemonsets"),
    Case("local", "--delete-emptydir-data"),
    Case("local", "", "refused", "--delete-emptydir-data"),
    Case("bare", "--force"),
    Case("bare", "", "refused", "--force"),
    Case("local bare", "--force", "refused", "--delete-emptydir-data"),
    Case("local bare daemon", "--force --delete-emptydir-data --ignore-daemonsets"),
    Case("bare daemon", "--pod-selector 'app in (web-node-1, web-node-2)'"),
    Case("held", "--timeout=2s", "held"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_node_is_drained_as_by_kubectl(
    case: Case, real: Cluster, shop: Namespace, product: Kube, built: ControlPlane
) -> None:
    shall = {name: inhabited(shop, name, case.lives) for name in (THEIRS, OURS)}
    eventually(lambda: {name: set(living(shop, name)) for name in shall} == shall)
    flags = case.flags if "--pod-selector" in case.flags else f"{case.flags} --pod-selector case={shop.name}"
    before = {name: living(shop, name) for name in (THEIRS, OURS)}

    kubectls = built.kubectl.run("drain", THEIRS, *shlex.split(flags))
    ours = tried(product, f"kubectl drain {{node}} {flags}", a_node(OURS))

    failed = {"done": None, "refused": PreconditionFailed, "held": StepFailed}[case.ends]
    assert (kubectls.returncode != 0) == (failed is not None), kubectls.stderr
    assert isinstance(ours, failed or StepResult), ours
    assert case.says in kubectls.stderr
    assert case.says in str(ours)
    stay = {name: {app for app, uid in before[name].items() if living(shop, name).get(app) == uid} for name in before}
    assert stay[OURS] == stay[THEIRS]
    assert stay[OURS] == (set(before[OURS]) if failed else stay[OURS] & {"daemon", "bare"})
    assert asked(built, shop, "runmend", OURS) == asked(built, shop, "kubectl", THEIRS)
    assert node(real, THEIRS)["spec"]["unschedulable"] is True
    assert node(real, OURS)["spec"].get("unschedulable") is (None if case.ends == "refused" else True)


def asked(built: ControlPlane, shop: Namespace, agent: str, name: str) -> set[tuple[str, str, Any, bool]]:
    """What was asked of the pods: how, of whom, with which grace, and whether it was let."""
    return {
        (
            write.resource,
            write.name.partition("-")[0],
            ((write.body or {}).get("deleteOptions") or write.body or {}).get("gracePeriodSeconds"),
            write.done,
        )
        for write in built.writes(namespace=shop.name, agent=agent)
        if (write.verb, write.resource) in (("create", "pods/eviction"), ("delete", "pods"))
        and f"-{name}" in write.name
    }


# Deletions


@pytest.mark.parametrize("grace", ["", " --grace-period=7"])
@pytest.mark.parametrize("every", [False, True])
def test_pods_of_a_workload_are_deleted_as_by_kubectl(
    shop: Namespace, product: Kube, built: ControlPlane, grace: str, *, every: bool
) -> None:
    for name in ("kubectl", "runmend"):
        shop.create("deployments", a_deployment(f"web-{name}", IMAGE, replicas=2))
    before = {name: eventually(partial(running, shop, name, 2)) for name in ("kubectl", "runmend")}
    first = {name: next(iter(pods)) for name, pods in before.items()}
    theirs, ours = ("-l app=web-kubectl", "-l {selector}") if every else (first["kubectl"], "{pod}")

    built.kubectl("delete", "pod", *shlex.split(f"{theirs} -n {shop.name}{grace}"))
    target = Target(cluster="test", namespace=shop.name, kind="Deployment", name="web-runmend")
    done(product, f"kubectl delete pod {ours} -n {{namespace}}{grace}", target, pod=first["runmend"])

    seconds = 7 if grace else None
    for name, pods in before.items():
        deleted = pods if every else {first[name]: pods[first[name]]}
        asked_for = {
            (write.name, (write.body or {}).get("gracePeriodSeconds"))
            for write in built.writes(namespace=shop.name, resource="pods", agent=name)
            if write.done and write.verb == "delete"
        }
        assert asked_for == {(pod, seconds) for pod in deleted}
        after = eventually(partial(running, shop, name, 2))
        assert set(after.values()) & set(pods.values()) == set(pods.values()) - set(deleted.values())


def running(shop: Namespace, whose: str, count: int) -> dict[str, str]:
    """The pods of a twin that run and are not being deleted, by name, with their uids; none, where they are fewer."""
    found = shop.items("pods", labelSelector=f"app=web-{whose}")
    alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in alive} if len(alive) == count else {}


def test_a_pod_that_has_no_controller_is_deleted_by_kubectl_and_left_to_a_person_by_us(
    shop: Namespace, product: Kube, kubectl: Kubectl
) -> None:
    for name in ("kubectl", "runmend"):
        shop.create("pods", a_pod(name, IMAGE))

    kubectl("delete", "pod", "kubectl", "-n", shop.name, "--grace-period=1")
    target = Target(cluster="test", namespace=shop.name, kind="Pod", name="runmend")
    result = tried(product, "kubectl delete pod {pod} -n {namespace}", target, pod="runmend")

    assert isinstance(result, StepResult), result
    assert result.status is StepStatus.RECOMMENDED
    assert result.summary.startswith("nothing would make these anew, they have no controller: ")
    assert shop.names("pods") == ["runmend"]
