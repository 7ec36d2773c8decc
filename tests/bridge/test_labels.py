"""Whose labels: the object's, the scraper's, and the exporter's own."""

from typing import Any

import pytest

from runmend.alerts.labels import subject_of
from tests.bridge.support import Installation, an_alert

EXPORTER: dict[str, Any] = {
    "pod": "prometheus-kube-state-metrics-7d9f-x2x1p",
    "container": "kube-state-metrics",
    "service": "prometheus-kube-state-metrics",
    "job": "kube-state-metrics",
    "uid": None,
}


async def why(installed: Installation, alert: dict[str, Any]) -> tuple[str, str]:
    (answered,) = (await installed.post(alert)).json()["alerts"]
    return answered["answer"], answered["why"]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("node", "Node"),
        ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
        ("persistentvolumeclaim", "PersistentVolumeClaim"),
        ("job_name", "Job"),
        ("deployment", "Deployment"),
        ("statefulset", "StatefulSet"),
        ("daemonset", "DaemonSet"),
        ("cronjob", "CronJob"),
        ("resourcequota", "ResourceQuota"),
    ],
)
async def test_the_exporters_pod_is_never_the_target_of_another_objects_alert(
    installed: Installation, label: str, kind: str
) -> None:
    await installed.deploy()
    await installed.deploy(EXPORTER["pod"], namespace="monitoring")

    answer, said = await why(installed, an_alert(namespace="monitoring", **EXPORTER | {label: "web"}))

    assert answer == "unrouted"
    assert said.startswith(f"the alert is about {kind} ")
    assert said.endswith("names the exporter")
    assert installed.calls.count == {}


async def test_an_exporter_under_another_name_is_recognised_by_what_runs_in_it(installed: Installation) -> None:
    renamed = EXPORTER | {"pod": "ksm-5d9f-abcde", "service": "ksm", "job": "ksm", "node": "node-1"}

    answer, said = await why(installed, an_alert(namespace="monitoring", **renamed))

    assert (answer, said.endswith("names the exporter")) == ("unrouted", True)


async def test_a_pod_of_an_alert_that_has_the_exporters_container_is_taken(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    scraped = EXPORTER | {"pod": pod.name, "node": "node-1"}

    assert (await why(installed, an_alert(namespace="shop", **scraped)))[0] == "started"


async def test_the_pod_of_the_named_workload_is_taken(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert (await why(installed, an_alert(pod, deployment="web", service="web")))[0] == "started"


async def test_a_pod_that_is_none_of_the_named_workloads_is_not_taken(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    answer, said = await why(installed, an_alert(pod, deployment="api"))

    assert (answer, said) == (
        "unrouted",
        f"the alert is about Deployment shop/'api', and pod shop/{pod.name} is none of its pods",
    )


async def test_a_node_beside_a_pod_is_where_it_runs(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    assert (await why(installed, an_alert(pod, node="node-1")))[0] == "started"


async def test_a_workload_without_a_pod_is_named(installed: Installation) -> None:
    answer, said = await why(installed, an_alert(namespace="shop", pod=None, deployment="web"))

    assert answer == "unrouted"
    assert said.endswith("the alert is about Deployment 'web'; a runbook that does not require pod is run for that")


async def test_exported_labels_name_the_object_and_the_answer_says_so(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    exported = {"exported_namespace": "shop", "exported_pod": pod.name, "exported_container": "app"}

    answer, said = await why(installed, an_alert(namespace="monitoring", **EXPORTER | exported))

    assert answer == "started"
    assert said.endswith(
        "; exported_namespace, exported_pod, exported_container name the object; set honor_labels: true for the scrape"
    )
    (alert,) = (await installed.input()).alerts
    assert (alert.namespace, alert.pod, alert.container) == ("shop", pod.name, "app")


async def test_where_the_objects_pod_did_not_arrive_the_answer_names_honor_labels(installed: Installation) -> None:
    answer, said = await why(installed, an_alert(namespace="monitoring", **EXPORTER | {"exported_namespace": "shop"}))

    assert answer == "unrouted"
    assert said == (
        "the label pod is missing; RB_IMAGEPULL requires it: exported_namespace came without exported_pod, so the "
        "label pod is the scraper's own; scrape with honor_labels: true, and let the rule keep the object's labels"
    )
    assert installed.requests.seen == []


async def test_a_hostile_exported_label_is_refused_as_a_plain_one_is(installed: Installation) -> None:
    answer, said = await why(installed, an_alert(namespace="monitoring", pod="p", exported_pod="../../x"))

    assert answer == "unrouted"
    assert said.startswith("the label pod: ")
    assert installed.requests.seen == []


def test_the_more_specific_label_wins() -> None:
    labels = {"pod": "p", "daemonset": "d", "statefulset": "s", "deployment": "w", "job_name": "j", "node": "n"}
    found = []
    while (subject := subject_of(labels)).kind:
        found.append(subject.kind)
        labels = {name: value for name, value in labels.items() if value != subject.name}

    assert found == ["Node", "Job", "Deployment", "StatefulSet", "DaemonSet"]


def test_the_scrapers_container_is_not_the_objects() -> None:
    labels = {"namespace": "monitoring", "pod": "ksm", "container": "ksm", "exported_pod": "web-1", "uid": "u"}

    subject = subject_of(labels)

    assert subject.labels == {"namespace": "monitoring", "pod": "web-1", "exported_pod": "web-1", "uid": "u"}
    assert subject.lost == ("container",)
