"""Alerts that name a workload itself, and none of its pods: the target is that."""

from typing import Any

import pytest

from runmend.kube.owners import FEW
from tests.bridge.support import Installation, an_alert
from tests.builders import a_runbook

REQUIRES = "Requires: `namespace`, `pod` labels"


def about(deployment: str = "web", **labels: Any) -> dict[str, Any]:
    """An alert as the kubernetes-mixin makes it of what kube-state-metrics says, its own labels among them."""
    scraped = {"namespace": "shop", "pod": "kube-state-metrics-0", "container": "kube-state-metrics"}
    given = scraped | {"alertname": "KubeDeploymentRolloutStuck", "deployment": deployment, "uid": None} | labels
    return an_alert(None, **given)


@pytest.fixture
def workloads(installed: Installation) -> Installation:
    """A bridge with a runbook that requires no pod."""
    text = a_runbook("RB_ROLLOUT", "KubeDeploymentRolloutStuck").replace(REQUIRES, "Requires: `namespace` label")
    (installed.settings.runbooks / "RB_ROLLOUT.md").write_text(text, encoding="utf-8")
    installed.catalog.reload()
    assert "RB_ROLLOUT" in installed.catalog.plans
    return installed


async def test_a_workload_s_alert_starts_its_run_and_its_pod_s_alert_joins(workloads: Installation) -> None:
    (pod,) = await workloads.deploy()

    response = await workloads.post(about())

    (answered,) = response.json()["alerts"]
    assert (answered["answer"], answered["run"]) == ("started", f"{workloads.settings.cluster}/shop/Deployment/web")
    assert await workloads.answers(about()) == ["known"]
    assert await workloads.answers(an_alert(pod, alertname="KubeDeploymentRolloutStuck")) == ["joined"]
    (alert,) = (await workloads.input()).alerts
    assert (alert.pod, alert.container, alert.labels["deployment"]) == ("", "", "web")


async def test_exported_labels_name_it_too(workloads: Installation) -> None:
    await workloads.deploy()

    assert await workloads.answers(about(namespace="monitoring", exported_namespace="shop")) == ["started"]


async def test_a_workload_that_is_gone_starts_nothing_however_many_are_named(workloads: Installation) -> None:
    await workloads.deploy()

    response = await workloads.post(about("api"))

    (answered,) = response.json()["alerts"]
    assert (answered["answer"], answered["why"]) == ("gone", "there is no Deployment shop/api")
    many = [about(f"api-{number}") for number in range(FEW + 1)]
    assert await workloads.answers(about(), *many) == ["started", *["gone"] * (FEW + 1)]


async def test_a_runbook_that_requires_a_pod_is_not_run_for_the_workload(workloads: Installation) -> None:
    await workloads.deploy()

    answered = (await workloads.post(about(alertname="KubePodImagePullBackOff", pod=None))).json()["alerts"][0]

    assert answered["answer"] == "unrouted"
    assert answered["why"].endswith("a runbook that does not require pod is run for that")
