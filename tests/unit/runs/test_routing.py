"""What is said of an alert that lacks a label."""

import pytest

from runmend.alerts.labels import subject_of
from runmend.core.settings import Settings
from runmend.plan.plan import Plan
from runmend.runs.routing import Unrouted, check_place
from tests.builders import an_alert
from tests.unit.runbooks import compiled

ASKS = "Requires: `namespace`, `pod` labels"


def refusal(plan: Plan, **labels: str) -> str:
    alert = an_alert("").model_copy(update={"labels": {"alertname": "KubePodImagePullBackOff", **labels}})
    with pytest.raises(Unrouted) as refused:
        check_place(0, alert, subject_of(alert.labels), plan, Settings())
    return str(refused.value)


def test_a_label_is_said_to_be_required_by_who_requires_it() -> None:
    plan = compiled((ASKS, "Requires: `deployment` label"), (ASKS, "Requires: `deployment` label")).plan

    assert refusal(plan, namespace="shop", pod="web-1") == "the label deployment is missing; RB_IMAGEPULL requires it"
    assert refusal(plan, namespace="shop", deployment="web").startswith(
        "the label pod is missing; every run finds what it fixes by it"
    )
    assert refusal(compiled().plan, namespace="shop") == "the label pod is missing; RB_IMAGEPULL requires it"
