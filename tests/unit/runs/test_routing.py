"""What is said of an alert that lacks a label."""

import pytest

from runmend.alerts.alert import Target
from runmend.alerts.labels import subject_of
from runmend.core.settings import Settings
from runmend.plan.plan import Plan
from runmend.runs.routing import Gone, Place, Routed, Unrouted, check_object, check_place
from tests.builders import an_alert
from tests.unit.runbooks import compiled

ASKS = "Requires: `namespace`, `pod` labels"


def routed(plan: Plan, **labels: str) -> Routed:
    alert = an_alert("").model_copy(update={"labels": {"alertname": "KubePodImagePullBackOff", **labels}})
    return check_place(0, alert, subject_of(alert.labels), plan, Settings())


def refusal(plan: Plan, **labels: str) -> str:
    with pytest.raises(Unrouted) as refused:
        routed(plan, **labels)
    return str(refused.value)


def test_a_label_is_said_to_be_required_by_who_requires_it() -> None:
    plan = compiled((ASKS, "Requires: `deployment` label"), (ASKS, "Requires: `deployment` label")).plan

    assert refusal(plan, namespace="shop", pod="web-1") == "the label deployment is missing; RB_IMAGEPULL requires it"
    assert refusal(plan, deployment="web") == "the label namespace is missing; every run finds what it fixes by it"
    assert refusal(compiled().plan, namespace="shop") == "the label pod is missing; RB_IMAGEPULL requires it"


@pytest.mark.parametrize(
    ("label", "kind"),
    [("deployment", "Deployment"), ("statefulset", "StatefulSet"), ("daemonset", "DaemonSet"), ("job_name", "Job")],
)
def test_a_workload_that_is_named_without_a_pod_is_the_target_where_none_is_required(label: str, kind: str) -> None:
    plan = compiled((ASKS, "Requires: `namespace` label"), (ASKS, "Requires: `namespace` label")).plan

    found = routed(plan, namespace="shop", **{label: "web"})

    assert (found.place, found.name) == (Place(kind, "shop"), "web")
    target = Target(cluster="prod", namespace="shop", kind=kind, name="web")
    assert check_object(found, {"web": "4711"}, "prod") == (target, "4711")
    with pytest.raises(Gone, match=f"there is no {kind} shop/web"):
        check_object(found, {}, "prod")
    assert refusal(plan, namespace="shop", **{label: "../web"}).startswith(f"the label {label}: ")
    assert refusal(compiled().plan, namespace="shop", **{label: "web"}) == (
        f"the label pod is missing; RB_IMAGEPULL requires it: the alert is about {kind} 'web'; a runbook that does not "
        "require pod is run for that"
    )


def test_an_exporter_s_pod_is_not_the_workload_s() -> None:
    plan = compiled((ASKS, "Requires: `namespace` label"), (ASKS, "Requires: `namespace` label")).plan
    scraped = {"pod": "kube-state-metrics-7d9f-x2x1p", "container": "kube-state-metrics", "uid": "u"}

    found = routed(plan, namespace="shop", deployment="web", **scraped)

    assert (found.place, found.name) == (Place("Deployment", "shop"), "web")
    assert set(found.alert.labels) == {"alertname", "namespace", "deployment"}
    assert routed(plan, namespace="shop", deployment="web", pod="web-1").place == Place("Pod", "shop")


def test_a_workload_that_was_made_anew_since_its_alert_is_another() -> None:
    plan = compiled((ASKS, "Requires: `namespace` label"), (ASKS, "Requires: `namespace` label")).plan
    target = Target(cluster="prod", namespace="shop", kind="Deployment", name="web")
    named = routed(plan, namespace="shop", deployment="web", uid="4711")
    exporters = routed(
        plan,
        namespace="shop",
        deployment="web",
        pod="kube-state-metrics-7d9f-x2x1p",
        container="kube-state-metrics",
        uid="u",
    )

    assert check_object(named, {"web": "4711"}, "prod") == (target, "4711")
    with pytest.raises(Gone, match=r"Deployment shop/web was made anew: its uid is 4712, the alert's is '4711'"):
        check_object(named, {"web": "4712"}, "prod")
    assert check_object(exporters, {"web": "4711"}, "prod") == (target, "4711")
