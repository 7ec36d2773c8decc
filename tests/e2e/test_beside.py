"""Objects beside the target: applied, created and deleted as by kubectl, once, whatever a try is told.

A try whose answer was lost is a second one with the same step; another run is another step.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from activities.act import act
from runmend.alerts.alert import Target
from runmend.core.errors import Conflict, NotYet, PreconditionFailed
from runmend.core.kinds import kind_of_name
from runmend.core.modes import Mode
from runmend.core.settings import Settings
from runmend.kube.client import Cluster as Kube
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.notes import NOTES
from runmend.plan.plan import Step
from runmend.reports.target_events import Author
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Values
from runmend.runs.routing import may_change
from tests.builders import GOOD, a_deployment
from tests.cluster.api import Cluster, Json, Namespace, eventually
from tests.cluster.kubectl import Kubectl
from tests.e2e.test_twins_of_objects import collection

MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME
  labels: {team: shop}
data:
  mode: safe
  text: |
    two
    lines: {a}
"""
CRON = {
    "metadata": {"name": "report"},
    "spec": {
        "schedule": "0 * * * *",
        "jobTemplate": {
            "metadata": {"labels": {"app": "report"}, "annotations": {"a": "b"}},
            "spec": {
                "backoffLimit": 2,
                "template": {
                    "metadata": {"labels": {"app": "report"}},
                    "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": GOOD}]},
                },
            },
        },
    },
}
ALL = Settings(kinds="*")
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def product(real: Cluster) -> Iterator[Kube]:
    with closing(Kube.connect(kubeconfig=real.kubeconfig)) as product:
        yield product


@pytest.fixture
def shop(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as namespace:
        namespace.create("deployments", a_deployment("web", images={"app": GOOD}, replicas=1))
        eventually(lambda: namespace.get("deployments", "web").get("status", {}).get("observedGeneration"))
        yield namespace


def path(shop: Namespace, kind: str, name: str) -> str:
    return f"{collection(shop, kind)}/{name}"


def there(shop: Namespace, kind: str, name: str) -> Json | None:
    answer = shop.http.get(path(shop, kind, name))
    found: Json | None = answer.json() if answer.status_code == 200 else None
    return found


def tried(
    product: Kube,
    shop: Namespace,
    text: str,
    *,
    run: str = "r",
    protect: bool = False,
    mode: Mode = Mode.AUTO,
    settings: Settings = ALL,
) -> StepResult:
    """One try of a step; what is not yet as it should be is tried again."""
    report = Report("rb.md")
    operation = parse_command(text, Values(report, 1, {}))
    assert operation, report.diagnostics
    step = Step(
        action_id="do", title="", line=1, command=text, operation=operation, parameters={}, changes=True, try_seconds=60
    )
    call = StepCall(
        step=step,
        state=None,
        target=Target(cluster="test", namespace=shop.name, kind="Deployment", name="web"),
        alerts=(),
        mode=mode,
        protect_serving=protect,
        run_id=run,
        step_id="01-do",
    )
    author = Author(runbook="RB_BESIDE", workflow="beside", run=run)

    def allowed(target: Target) -> bool:
        return may_change(settings, target)

    def once() -> StepResult | None:
        with suppress(NotYet, Conflict):
            return act(product, call, author, may_change=True, allowed=allowed)
        return None

    found = eventually(once)
    assert found
    return found


def applying(document: str, name: str) -> str:
    return f"kubectl apply -n {{namespace}} -f - <<'EOF'\n{document.replace('NAME', name)}EOF"


def alike(item: Json) -> Json:
    """An object without what tells it from its twin, and without who has which field, and what we note."""
    metadata = item["metadata"]
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != NOTES}
    kept = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    return {**kept, "labels": metadata.get("labels"), "annotations": annotations}


def test_a_document_is_applied_as_by_kubectl_and_once(shop: Namespace, product: Kube, kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-n", shop.name, "-f", "-", text=MAP.replace("NAME", "theirs"))

    first = tried(product, shop, applying(MAP, "ours"))
    made = there(shop, "ConfigMap", "ours")
    again = tried(product, shop, applying(MAP, "ours"))

    assert made
    assert first.summary == f"applied ConfigMap {shop.name}/ours"
    assert (again.recovered, again.made) == (True, first.made)
    assert there(shop, "ConfigMap", "ours") == made, "nothing was written again"
    theirs = there(shop, "ConfigMap", "theirs")
    assert theirs
    assert json.loads(json.dumps(alike(made)).replace("ours", "theirs")) == alike(theirs)
    assert made["data"]["text"] == "two\nlines: {a}\n"
    assert {field["manager"] for field in made["metadata"]["managedFields"]} == {"runmend"}


def test_what_is_there_is_a_risk_and_what_another_manager_has_is_left(shop: Namespace, product: Kube) -> None:
    body = {"metadata": {"name": "ours"}, "data": {"mode": "fast"}}
    shop.http.post(collection(shop, "ConfigMap"), json=body, params={"fieldManager": "them"}).raise_for_status()

    asked = tried(product, shop, applying(MAP, "ours"), protect=True)
    assert asked.status is StepStatus.RECOMMENDED
    assert asked.summary.startswith(f"who depends on ConfigMap {shop.name}/ours is not known")
    with pytest.raises(PreconditionFailed, match=r'has fields of others.*conflict with "them" using v1: \.data\.mode'):
        tried(product, shop, applying(MAP, "ours"))
    found = there(shop, "ConfigMap", "ours")
    assert found
    assert found["data"] == {"mode": "fast"}


def test_what_is_only_recommended_is_not_written(shop: Namespace, product: Kube) -> None:
    result = tried(product, shop, applying(MAP, "ours"), mode=Mode.RECOMMEND)

    assert result.status is StepStatus.RECOMMENDED
    assert result.summary.endswith(f"; would apply ConfigMap {shop.name}/ours (accepted by a dry run)")
    assert there(shop, "ConfigMap", "ours") is None


def test_an_installation_says_which_kinds_are_changed(shop: Namespace, product: Kube) -> None:
    with pytest.raises(PreconditionFailed, match="RUNMEND_KINDS"):
        tried(product, shop, applying(MAP, "ours"), settings=Settings())

    assert there(shop, "ConfigMap", "ours") is None


def test_a_job_is_created_from_its_cron_job_as_by_kubectl_and_once_each_run(
    shop: Namespace, product: Kube, kubectl: Kubectl
) -> None:
    shop.http.post(collection(shop, "CronJob"), json=CRON).raise_for_status()
    kubectl("create", "job", "theirs", "--from=cronjob/report", "-n", shop.name)
    command = "kubectl create job ours --from=cronjob/report -n {namespace}"

    (first,) = tried(product, shop, command).made
    (again,) = tried(product, shop, command).made
    (other,) = tried(product, shop, command, run="another").made

    assert first == again
    assert other.name != first.name
    names = {each["metadata"]["name"] for each in shop.items("jobs")}
    assert names == {"theirs", first.name, other.name}
    found, theirs = there(shop, "Job", first.name), there(shop, "Job", "theirs")
    assert found
    assert theirs
    assert first.name.startswith("ours-")
    assert found["metadata"]["ownerReferences"] == theirs["metadata"]["ownerReferences"]
    assert without_uids(alike(found)) == without_uids(alike(theirs))


def without_uids(item: Json) -> Any:
    """A Job without what its controller has given it for its own pods."""
    template = item["spec"]["template"]["metadata"]
    template["labels"] = {
        k: v for k, v in template["labels"].items() if "/" not in k and k not in ("controller-uid", "job-name")
    }
    item["spec"].pop("selector")
    item["labels"] = {k: v for k, v in item["labels"].items() if "/" not in k}
    return item


def test_a_cron_job_that_is_not_there_is_said(shop: Namespace, product: Kube) -> None:
    with pytest.raises(PreconditionFailed, match=f"there is no CronJob {shop.name}/report"):
        tried(product, shop, "kubectl create job ours --from=cronjob/report -n {namespace}")


def test_a_job_of_that_name_that_is_another_s_is_left(shop: Namespace, product: Kube) -> None:
    shop.http.post(collection(shop, "CronJob"), json=CRON).raise_for_status()
    command = "kubectl create job ours --from=cronjob/report -n {namespace}"
    (made,) = tried(product, shop, command).made
    shop.http.patch(
        path(shop, "Job", made.name),
        json={"metadata": {"annotations": {NOTES: None}}},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()

    with pytest.raises(PreconditionFailed, match="is there already, and this step has not made it"):
        tried(product, shop, command)


@pytest.mark.parametrize("kind", ["ConfigMap", "Service", "NetworkPolicy"])
def test_one_object_is_deleted_and_another_one_of_its_name_is_left(kind: str, shop: Namespace, product: Kube) -> None:
    bodies: dict[str, Json] = {
        "ConfigMap": {"data": {"a": "1"}},
        "Service": {"spec": {"ports": [{"port": 80}]}},
        "NetworkPolicy": {"spec": {"podSelector": {}}},
    }
    body = {"metadata": {"name": "gone"}, **bodies[kind]}
    shop.http.post(collection(shop, kind), json=body).raise_for_status()
    command = f"kubectl delete {kind_of_name(kind).singular} gone -n {{namespace}}"

    asked = tried(product, shop, command, protect=True)
    assert asked.status is StepStatus.RECOMMENDED
    assert "which cannot be undone" in asked.summary
    assert there(shop, kind, "gone")

    done = tried(product, shop, command)
    assert done.summary == f"deleted {kind} {shop.name}/gone"
    assert there(shop, kind, "gone") is None
    shop.http.post(collection(shop, kind), json=body).raise_for_status()
    again = tried(product, shop, command)

    assert (again.recovered, again.made) == (True, done.made)
    assert there(shop, kind, "gone"), "it is another one"


def test_what_is_not_there_needs_no_deletion(shop: Namespace, product: Kube) -> None:
    result = tried(product, shop, "kubectl delete cm gone -n {namespace}")

    assert (result.status, result.summary) == (StepStatus.DONE, f"ConfigMap {shop.name}/gone is not there")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("delete cm -n {namespace}", "the command names no ConfigMap"),
        ("delete cm -l app=web -n {namespace}", "the command names no ConfigMap"),
        ("delete cm --all -n {namespace}", "--all"),
        ("delete namespace shop", 'kubectl delete is not done to "namespace"'),
        ("delete deployment web -n {namespace}", "kubectl delete is not done to the kind Deployment"),
        ("delete cm a b -n {namespace}", "is one word too many"),
        ("delete cm a -n other", 'the namespace is "other"'),
        ("create job -n {namespace} --from=cronjob/a", "the command names no Job"),
        ("create job a -n {namespace}", "does not say from which CronJob"),
        ("create job a --from=job/b -n {namespace}", "does not say from which CronJob"),
        ("create configmap a -n {namespace}", 'the verb "create configmap" is not supported yet'),
        ("apply -f web.yaml -n {namespace}", "no document stands behind the command"),
        ("apply -f - -n {namespace}", "no document stands behind the command"),
    ],
)
def test_what_else_a_command_says_is_refused(text: str, problem: str) -> None:
    report = Report("rb.md")

    assert parse_command(f"kubectl {text}", Values(report, 1, {})) is None
    assert any(problem in each.problem for each in report.diagnostics), report.diagnostics


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", 'a document of kind "Pod" in "v1" is not applied'),
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n", "is not applied"),
        ("apiVersion: v2\nkind: ConfigMap\nmetadata: {name: a}\n", "is not applied"),
        ("apiVersion: v1\nkind: ConfigMap\n", "the document names no object"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: other}\n", "names a namespace"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, finalizers: [b]}\n", "sets metadata.finalizers"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {b: c}\n", "holds what is in a Secret"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'A B'}\n", "A B"),
        ("a: [\n", "the document is not YAML"),
        ("- a\n", "the document is no mapping"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {'{pod}': b}\n", "a key of the document"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '{nobody}'}\n",
            "unknown placeholder {nobody}",
        ),
    ],
)
def test_what_a_document_may_not_say_is_refused(document: str, problem: str) -> None:
    report = Report("rb.md")

    assert parse_command(f"kubectl apply -n {{namespace}} -f - <<EOF\n{document}EOF", Values(report, 1, {})) is None
    assert any(problem in each.problem for each in report.diagnostics), report.diagnostics


@pytest.mark.parametrize(
    "written",
    [
        "kubectl apply -n {namespace} -f - <<EOF\nBODYEOF",
        "cat <<'EOF' | kubectl apply -n {namespace} -f -\nBODYEOF",
        "kubectl apply -f - -n {namespace} <<-END\nBODY  END",
    ],
)
def test_a_document_stands_behind_its_command_as_in_a_shell(written: str) -> None:
    report = Report("rb.md")

    operation = parse_command(written.replace("BODY", MAP.replace("NAME", "ours")), Values(report, 1, {}))

    assert operation, report.diagnostics
    assert (operation.kind, operation.name) == ("ConfigMap", "ours")
    assert shlex.split(written)
