"""A run's static details: what a reader of the Web UI knows before the first event."""

import pytest
from hypothesis import given

from runmend.alerts.alert import Alert, Target
from runmend.plan.attributes import keyword
from runmend.reports.static_details import details_of, summary_of
from runmend.runbook import compile_runbook
from tests.builders import SEED, an_alert
from tests.unit.marks import MARKS, kinds, shown

PLAN = compile_runbook(SEED.read_bytes(), "RB_IMAGEPULL.md").plan
WEB = Target(cluster="prod", namespace="shop", kind="Deployment", name="web")
RULE = "http://prometheus.example:9090/graph?g0.expr=kube_pod_container_status_waiting_reason%7Breason%3D%22ErrImagePull%22%7D+%3E+0&g0.tab=1"


def an_alert_with(**labels: str) -> Alert:
    alert = an_alert("web-1")
    return alert.model_copy(update={"labels": alert.labels | labels, "generator": RULE})


def test_an_alert_is_told_with_its_labels_and_leads_to_the_rule_that_raised_it() -> None:
    details = details_of(PLAN, WEB, (an_alert_with(severity="critical", team="shop"),))

    assert "`severity=critical`, `team=shop`" in details
    assert f"[where it was raised]({RULE})" in details
    assert f"# {PLAN.title}\n\n{PLAN.description}\n" in details
    assert "- **Target**: Deployment shop/web (cluster prod)" in details


def test_labels_that_are_too_many_to_show_are_counted() -> None:
    many = {f"label_{number:03}": "v" * 20 for number in range(200)}
    alert = an_alert_with(**many)
    [line] = [line for line in details_of(PLAN, WEB, (alert,)).splitlines() if line.startswith("- **Alert**")]

    left = (
        len(alert.labels.keys() - {"alertname", "pod", "container"}) - line.count("label_") - line.count("`namespace=")
    )
    assert line.endswith(f"and {left} more")
    assert left > 100


@given(MARKS, MARKS)
def test_whatever_an_alert_says_the_details_have_the_same_structure(name: str, value: str) -> None:
    hostile = an_alert_with(alertname=f"x{value}", pod=f"x{value}", container=f"x{value}", **{f"x{name}": value})
    hostile = hostile.model_copy(
        update={"starts_at": f"x{value}", "fingerprint": f"x{value}", "generator": RULE + value}
    )
    harmless = an_alert_with(x="y")

    assert kinds(details_of(PLAN, WEB, (hostile,))) == kinds(details_of(PLAN, WEB, (harmless,)))


def test_the_summary_is_one_line() -> None:
    assert summary_of(PLAN, WEB) == f"{PLAN.title}: Deployment shop/web"
    assert shown(summary_of(PLAN, WEB)) == summary_of(PLAN, WEB)


def test_the_longest_details_are_what_temporal_takes() -> None:
    long = {f"label_{number}": "é" * 900 for number in range(4)}
    alerts = tuple(an_alert_with(**long, alertname="é" * 2000, pod=f"web-{number}") for number in range(300))

    assert 17_000 < len(details_of(PLAN, WEB, alerts).encode()) <= 19_000


def test_a_keyword_is_printable_and_no_longer_than_every_store_takes() -> None:
    assert keyword("criterion: a\nb\x00c") == "criterion: a?b?c"
    assert keyword("é" * 300) == "é" * 125


@given(MARKS, MARKS)
def test_whatever_a_runbook_says_it_is_text_in_paragraphs_and_items(one: str, other: str) -> None:
    hostile = PLAN.model_copy(
        update={"title": f"x{one}", "description": other, "problem": f"{one}\n\n{other}", "notes": (one, other)}
    )
    details = details_of(hostile, WEB, (an_alert_with(),))

    assert set(kinds(details)) <= {*kinds(details_of(PLAN, WEB, (an_alert_with(),))), "softbreak", "code_inline"}
    assert kinds(details).count("heading_open") == 1
    assert kinds(details).count("link_open") == 1
    assert set(kinds(summary_of(hostile, WEB))) <= {"paragraph_open", "inline", "paragraph_close", "code_inline"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("![a](http://evil.example/a.png)", "`![a](http://evil.example/a.png)`"),
        ("[here](javascript:alert(1))", r"\[here\](javascript:alert(1))"),
        ("# a\n1. b\n- c\n---\n=\n    d\n2) e", "\\# a\n1\\. b\n- c\n\\---\n\\=\nd\n2\\) e"),
    ],
)
def test_pictures_links_and_html_of_a_runbook_are_shown_as_they_are_written(written: str, told: str) -> None:
    details = details_of(PLAN.model_copy(update={"problem": written}), WEB, (an_alert_with(),))

    assert f"\n\n{told}\n\n- **Target**" in details


def test_details_that_are_cut_end_with_a_whole_line() -> None:
    """Half of a line could be half of a piece of code, and what stands in it be taken for more than text."""
    hostile = an_alert_with(**{f"label_{number}": "<img>" * 150 for number in range(3)})
    details = details_of(PLAN, WEB, (hostile,) * 100)

    assert details.endswith("\n…")
    assert "html_inline" not in kinds(details)
    assert len(details.encode()) <= 19_000


def test_a_summary_that_is_cut_is_still_text() -> None:
    title = "`@ " * 200 + "<img>"

    summary = summary_of(PLAN.model_copy(update={"title": title}), WEB)

    assert len(summary.encode()) <= 390
    assert set(kinds(summary)) <= {"paragraph_open", "inline", "paragraph_close", "code_inline"}
