"""Objects that have no pods of their own, custom resources among them: kubectl patches one, we patch its twin, and the
same comes of it."""

import copy
import json
import shlex
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from activities.act import act
from runmend.alerts.alert import Target
from runmend.core.errors import StepFailed
from runmend.core.kinds import kind_of_name
from runmend.core.modes import Mode
from runmend.kube.client import Cluster as Kube
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.notes import NOTES
from runmend.plan.plan import Step
from runmend.reports.target_events import Author
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Values
from tests.cluster.api import Cluster, Json, Namespace, eventually
from tests.cluster.kubectl import Kubectl

GROUP, WIDGETS = "runmend.test", "widgets.runmend.test"
CRD: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": WIDGETS},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1beta2",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}
SCALE = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
METRIC = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
PORTS = [{"name": "http", "port": 80}, {"name": "metrics", "port": 81}]
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.test/a:1"}]}}}
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
SUBJECT = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
BOUND = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"}, "subjects": [SUBJECT]}
TWINS: list[Any] = [
    ("HorizontalPodAutoscaler", {"spec": {"scaleTargetRef": SCALE, "maxReplicas": 5, "metrics": [METRIC]}}, "",
     {"spec": {"maxReplicas": 8}}),
    ("PodDisruptionBudget", {"spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}, "",
     {"spec": {"minAvailable": 1}}),
    ("Service", {"spec": {"selector": {"app": "wbe"}, "ports": PORTS}}, "",
     {"spec": {"selector": {"app": "web"}, "ports": [{"port": 81, "targetPort": 8081}]}}),
    ("Service", {"spec": {"selector": {"app": "wbe", "tier": "a"}, "ports": PORTS}}, "--type merge",
     {"spec": {"selector": {"app": "web", "tier": None}, "ports": [{"name": "https", "port": 443}]}}),
    ("ConfigMap", {"data": {"a": "1", "b": "2"}}, "", {"data": {"a": "3", "b": None}}),
    ("ConfigMap", {"data": {"a": "1"}}, "--type json",
     [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "replace", "path": "/data/a", "value": "2"}]),
    ("Secret", {"stringData": {"a": "1"}}, "", {"metadata": {"labels": {"team": "shop"}}}),
    ("ServiceAccount", {"imagePullSecrets": [{"name": "a"}]}, "", {"imagePullSecrets": [{"name": "b"}]}),
    ("CronJob", {"spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": JOB}}}, "", {"spec": {"suspend": True}}),
    ("ResourceQuota", {"spec": {"hard": {"pods": "4"}}}, "", {"spec": {"hard": {"pods": "8", "secrets": "9"}}}),
    ("LimitRange", {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}}, "",
     {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "2"}}]}}),
    ("Role", {"rules": [RULE]}, "", {"rules": [RULE, {**RULE, "resources": ["events"]}]}),
    ("RoleBinding", BOUND, "", {"subjects": [{**SUBJECT, "name": "other"}]}),
    ("NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}, "",
     {"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}}),
    ("Ingress", {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}, "",
     {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 81}}}}}),
    ("PersistentVolumeClaim", {"spec": CLAIM}, "", {"metadata": {"annotations": {"team": "shop"}}}),
    (WIDGETS, {"spec": {"size": 1, "parts": [{"name": "a"}]}}, "--type merge",
     {"spec": {"size": 2, "parts": [{"name": "b"}]}}),
    (WIDGETS, {"spec": {"size": 1}}, "--type json", [{"op": "replace", "path": "/spec/size", "value": 3}]),
]  # fmt: skip
THEIRS, OURS = "theirs", "ours"
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def product(real: Cluster) -> Iterator[Kube]:
    with closing(Kube.connect(kubeconfig=real.kubeconfig)) as product:
        yield product


@pytest.fixture(scope="module")
def shop(real: Cluster) -> Iterator[Namespace]:
    made = real.http.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=CRD)
    assert made.status_code in (201, 409), made.text
    with real.namespace() as namespace:
        path = f"/apis/{GROUP}/v1beta2/namespaces/{namespace.name}/widgets"
        eventually(lambda: real.http.get(path).status_code == 200)
        yield namespace
    real.http.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{WIDGETS}").raise_for_status()


def collection(shop: Namespace, kind: str) -> str:
    found = kind_of_name(kind)
    version = "v1beta2" if found.custom else found.version
    root = f"/apis/{found.group}/{version}" if found.group else f"/api/{version}"
    return f"{root}/namespaces/{shop.name}/{found.plural}"


def renew(shop: Namespace, kind: str, name: str, body: Json) -> None:
    path = f"{collection(shop, kind)}/{name}"
    shop.http.delete(path)
    eventually(lambda: shop.http.get(path).status_code == 404)
    whole = {**copy.deepcopy(body), "metadata": {**body.get("metadata", {}), "name": name}}
    if kind == WIDGETS:
        whole |= {"apiVersion": f"{GROUP}/v1beta2", "kind": "Widget"}
    answer = shop.http.post(collection(shop, kind), json=whole)
    assert answer.status_code == 201, answer.text


def alike(shop: Namespace, kind: str, name: str) -> Json:
    """An object without what tells it from its twin."""
    item: Json = shop.http.get(f"{collection(shop, kind)}/{name}").raise_for_status().json()
    metadata = item.pop("metadata")
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != NOTES}
    item.pop("status", None)
    for own in ("clusterIP", "clusterIPs", "healthCheckNodePort"):
        item.get("spec", {}).pop(own, None)
    return {**item, "labels": metadata.get("labels") or {}, "annotations": annotations}


def done(product: Kube, shop: Namespace, text: str, kind: str, *, protect: bool = False) -> StepResult:
    report = Report("rb.md")
    operation = parse_command(text, Values(report, 1, {}))
    assert operation, report.diagnostics
    step = Step(
        action_id="do", title="", line=1, command=text, operation=operation, parameters={}, changes=True, try_seconds=60
    )
    call = StepCall(
        step=step,
        state=None,
        target=Target(cluster="test", namespace=shop.name, kind=kind, name=OURS),
        alerts=(),
        mode=Mode.AUTO,
        protect_serving=protect,
        run_id="r",
        step_id=f"01-do-{len(text)}",
    )
    author = Author(runbook="RB_TWINS", workflow="twins", run="r")
    first = act(product, call, author, may_change=True)
    # A retry whose first answer was lost takes what is there from its own note.
    again = act(product, call, author, may_change=True)
    assert (again.recovered, again.changes) == (first.status is StepStatus.DONE, first.changes)
    return first


@pytest.mark.parametrize(("kind", "before", "how", "patch"), TWINS, ids=[f"{row[0]} {row[2]}" for row in TWINS])
def test_an_object_is_patched_as_by_kubectl(
    kind: str, before: Json, how: str, patch: object, shop: Namespace, product: Kube, kubectl: Kubectl
) -> None:
    for name in (THEIRS, OURS):
        renew(shop, kind, name, before)
    singular = kind_of_name(kind).singular
    word = kind if kind == WIDGETS else singular

    kubectl("patch", word, THEIRS, "-n", shop.name, *shlex.split(how), "-p", json.dumps(patch))
    result = done(
        product,
        shop,
        f"kubectl patch {word} {{{singular}}} -n {{namespace}} {how} -p {shlex.quote(json.dumps(patch))}",
        kind,
    )

    assert result.status is StepStatus.DONE
    assert result.changes
    theirs, ours = alike(shop, kind, THEIRS), alike(shop, kind, OURS)
    assert json.loads(json.dumps(ours).replace(OURS, THEIRS)) == theirs


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "HorizontalPodAutoscaler", WIDGETS])
@pytest.mark.parametrize(("words", "field"), [("annotate", "annotations"), ("label", "labels")])
def test_an_object_is_annotated_and_labelled_as_by_kubectl(
    words: str, field: str, kind: str, shop: Namespace, product: Kube, kubectl: Kubectl
) -> None:
    body = next(row[1] for row in TWINS if row[0] == kind)
    for name in (THEIRS, OURS):
        renew(shop, kind, name, {**body, "metadata": {field: {"old": "1", "team": "shop"}}})
    singular = kind_of_name(kind).singular
    word = kind if kind == WIDGETS else singular
    marks = "--overwrite team=web old- tier=a"

    kubectl(words, word, THEIRS, "-n", shop.name, *shlex.split(marks))
    result = done(product, shop, f"kubectl {words} {word} {{{singular}}} -n {{namespace}} {marks}", kind)

    assert result.status is StepStatus.DONE
    theirs, ours = alike(shop, kind, THEIRS), alike(shop, kind, OURS)
    assert theirs[field] == {"team": "web", "tier": "a"}
    assert json.loads(json.dumps(ours).replace(OURS, THEIRS)) == theirs


def test_a_custom_resource_that_is_not_there_is_said(shop: Namespace, product: Kube) -> None:
    text = """kubectl patch gadget.runmend.test {gadget} -n {namespace} --type merge -p '{"spec":{"a":1}}'"""

    with pytest.raises(StepFailed, match=r"no custom resource gadgets\.runmend\.test; `kubectl get crd"):
        done(product, shop, text, "gadgets.runmend.test")
