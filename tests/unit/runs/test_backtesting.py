"""Which runs a runbook would have started for alerts that fired before."""

from dataclasses import replace

import pytest

from runmend.core.settings import Settings
from runmend.outside.prometheus import Series
from runmend.plan.plan import Plan
from runmend.runs.backtesting import Backtest, OfTarget, backtest
from tests.unit.runbooks import compiled

STEP = 60.0
MATCHED = ("title: Image", 'match:\n  - team="payments"\ntitle: Image')


def series(pod: str, *times: float, **labels: str) -> Series:
    """Samples at these minutes."""
    own = {"alertname": "KubePodImagePullBackOff", "alertstate": "firing", "namespace": "shop", "pod": pod}
    return Series(own | labels, tuple(time * STEP for time in times))


def outcome(*found: Series, plan: Plan | None = None, settings: Settings | None = None) -> Backtest:
    return backtest(plan or compiled().plan, found, settings or Settings(), STEP)


def test_nothing_fired() -> None:
    assert outcome() == Backtest(0, 0, (), 0, None, ())


def test_what_fires_without_a_gap_is_one_alert_and_one_run() -> None:
    found = outcome(series("web-6b9f7d8c5-x2xzk", *range(10, 20)))

    assert found == Backtest(1, 1, (OfTarget("Pod shop/web-*", 1, 1, 600.0),), 1, 600.0, ())


def test_an_alert_that_comes_again_is_another_run_once_the_window_is_over() -> None:
    found = outcome(series("web-0", 0, 1, 3, 4, 20))

    assert (found.alerts, found.runs) == (3, 2)  # the window is five minutes
    assert found.targets == (OfTarget("Pod shop/web-*", 2, 3, 1200.0),)


def test_pods_of_one_workload_are_one_target() -> None:
    found = outcome(series("web-6b9f7d8c5-x2xzk", 0, 1), series("web-7c4d8f9b6-pqr5t", 1, 2), series("lonely", 2))

    assert [(one.name, one.runs, one.episodes) for one in found.targets] == [
        ("Pod shop/lonely", 1, 1),
        ("Pod shop/web-*", 1, 2),
    ]


def test_how_many_targets_fire_at_once_is_told_with_the_first_moment() -> None:
    found = outcome(series("a-0", 0, 1), series("b-0", 1, 2), series("c-0", 2, 3), series("d-0", 7))

    assert (found.at_once, found.at) == (2, 60.0)


def test_an_alert_about_a_workload_names_it_exactly() -> None:
    requires = "Requires: `namespace`, `pod` labels"
    podless = compiled((requires, "Requires: `namespace` label"), (requires, "Requires: `namespace` label")).plan
    labels = {"deployment": "web", "container": "kube-state-metrics", "job": "kube-state-metrics"}

    found = outcome(series("kube-state-metrics-0", 0, **labels), plan=podless)

    assert [one.name for one in found.targets] == ["Deployment shop/web"]


@pytest.mark.parametrize(
    ("made", "settings", "why"),
    [
        (
            replace(series("web-0", 0), labels={"alertname": "A", "pod": "web-0"}),
            Settings(),
            "the label namespace is missing; RB_IMAGEPULL requires it",
        ),
        (
            series("web-0", 0, runbook_id="RB_OTHER"),
            Settings(),
            "it asks for another runbook by its runbook_id",
        ),
        (
            series("web-0", 0, namespace="kube-system"),
            Settings(),
            "RUNMEND_NAMESPACES does not allow changes in namespace kube-system",
        ),
        (series("web_0", 0), Settings(), "the label pod: 'web_0' is not a DNS-1123 subdomain"),
    ],
)
def test_why_an_alert_would_have_started_none_is_counted(made: Series, settings: Settings, why: str) -> None:
    found = outcome(made, replace(made, times=(0, 1000)), settings=settings)

    assert (found.alerts, found.runs) == (3, 0)
    ((told, count),) = found.passed_over
    assert told.startswith(why)
    assert count == 3


def test_labels_that_do_not_match_start_none() -> None:
    plan = compiled(MATCHED).plan

    found = outcome(series("web-0", 0, team="payments"), series("api-0", 0, team="shop"), plan=plan)

    assert found.runs == 1
    assert found.passed_over == (('its labels do not match team="payments"', 1),)
