"""Alerts about objects that have no pods of their own: which of their labels names the target."""

import pytest

from runmend.alerts.alert import Target
from runmend.alerts.labels import subject_of
from runmend.core.settings import Settings
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from runmend.runs.routing import Place, Routed, Unrouted, check_place, may_change
from tests.builders import an_alert

EXPORTER = {
    "pod": "kube-state-metrics-0",
    "container": "kube-state-metrics",
    "service": "kube-state-metrics",
    "uid": "u",
}
PATCH = """'{"metadata":{"labels":{"a":"b"}}}'"""


def for_kind(word: str, placeholder: str, more: str = "") -> Plan:
    text = f"""---
runbook_id: RB_OBJECT
alertname: Broken
title: An object is broken
{more}---

## Actions

- **action_id**: `fix`
- **command**: `kubectl patch {word} {{{placeholder}}} -n {{namespace}} --type merge -p {PATCH}`
- **conditions**:
  - Requires: `namespace` label

## Success Criteria

- `has(object.metadata)`
"""
    return compile_runbook(text.encode(), "rb.md").plan


ALL = Settings(kinds="*")


def routed(plan: Plan, labels: dict[str, str], settings: Settings = ALL) -> Routed:
    alert = an_alert("").model_copy(update={"labels": {"alertname": "Broken", **labels}})
    subject = subject_of(alert.labels)
    given = alert.model_copy(update={"labels": subject.labels})
    return check_place(0, given, subject, plan, settings)


@pytest.mark.parametrize(
    ("word", "placeholder", "kind", "label"),
    [
        ("pvc", "pvc", "PersistentVolumeClaim", "persistentvolumeclaim"),
        ("hpa", "horizontalpodautoscaler", "HorizontalPodAutoscaler", "horizontalpodautoscaler"),
        ("service", "service", "Service", "exported_service"),
        ("certificates.cert-manager.io", "certificate", "certificates.cert-manager.io", "certificate"),
        ("certificates.cert-manager.io", "certificate", "certificates.cert-manager.io", "name"),
    ],
)
def test_the_label_of_its_kind_names_the_target(word: str, placeholder: str, kind: str, label: str) -> None:
    plan = for_kind(word, placeholder)

    found = routed(plan, EXPORTER | {"namespace": "shop", "deployment": "other", label: "web"})

    assert plan.target == kind
    assert (found.place, found.name) == (Place(kind, "shop"), "web")
    assert not {"pod", "container", "uid"} & found.alert.labels.keys()


def test_a_namespace_that_is_exported_is_the_object_s() -> None:
    labels = {"namespace": "monitoring", "exported_namespace": "shop", "persistentvolumeclaim": "data"}

    assert routed(for_kind("pvc", "pvc"), labels).place.namespace == "shop"


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"namespace": "shop"}, "the label persistentvolumeclaim is missing; every run finds what it fixes by it"),
        ({"persistentvolumeclaim": "data"}, "the label namespace is missing; RB_OBJECT requires it"),
        ({"namespace": "shop", "persistentvolumeclaim": "../x"}, "the label persistentvolumeclaim: "),
    ],
)
def test_what_is_missing_or_wrong_is_said(labels: dict[str, str], says: str) -> None:
    with pytest.raises(Unrouted) as refused:
        routed(for_kind("pvc", "pvc"), labels)

    assert str(refused.value).startswith(says)


def test_an_installation_says_which_kinds_are_changed() -> None:
    claim = Target(cluster="prod", namespace="shop", kind="PersistentVolumeClaim", name="data")
    labels = {"namespace": "shop", "persistentvolumeclaim": "data"}

    with pytest.raises(Unrouted, match="RUNMEND_KINDS does not allow changes of a PersistentVolumeClaim"):
        routed(for_kind("pvc", "pvc"), labels, Settings())
    with pytest.raises(Unrouted, match="RUNMEND_NAMESPACES does not allow changes in namespace shop"):
        routed(for_kind("pvc", "pvc"), labels, Settings(kinds="*", namespaces="other"))
    assert not may_change(Settings(), claim)
    assert may_change(Settings(kinds="deployment, persistentvolumeclaim"), claim)
    certificate = claim.model_copy(update={"kind": "certificates.cert-manager.io"})
    assert may_change(Settings(kinds="*.cert-manager.io"), certificate)
    assert not may_change(Settings(), certificate)
    for kind in ("Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Rollout"):
        assert may_change(Settings(), claim.model_copy(update={"kind": kind})), kind


def test_a_target_is_named_where_the_commands_do_not_say_it() -> None:
    plan = for_kind("certificates.cert-manager.io", "certificate", "target: Certificate.cert-manager.io\n")

    assert plan.target == "certificates.cert-manager.io"
