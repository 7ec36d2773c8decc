"""What a run hands on is never too large, and what is left out is said."""

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from runmend.alerts.alert import NAME_BYTES, Alert, Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.bounds import bounded
from runmend.plan.criteria import Status, Verdict
from runmend.plan.memo import TROUBLES_BYTES, with_troubles
from runmend.plan.messages import Affected, Finding, Observation, RunResult, StepResult, StepStatus
from tests.builders import an_alert, image_change

TARGET = Target(cluster="c", namespace="shop", kind="Deployment", name="web")
LONG = "x" * 100_000


def a_result(**known: object) -> RunResult:
    return RunResult(
        runbook_id="RB_A",
        title="A",
        sha256="0" * 64,
        target=TARGET,
        alerts=(an_alert("web-1"),),
        mode=Mode.AUTO,
        outcome=Outcome.RESOLVED,
        began=datetime(2026, 11, 23, tzinfo=UTC),
    ).model_copy(update=known)


def an_observation(size: int) -> Observation:
    return Observation(
        owner="Deployment web",
        pods=(LONG,) * size,
        pod_count=1,
        images={f"c{number}": LONG for number in range(size)},
        affected=(Affected(container="app", init=False, image=LONG, reason="r", pods=()),) * size,
        findings=(Finding(about="a", found=LONG),) * size,
    )


def a_step(size: int) -> StepResult:
    return StepResult(
        action_id="patch",
        status=StepStatus.DONE,
        summary=LONG,
        changes=(image_change("app", "a:1", "b:2"),) * size * 3000,
        facts={f"f{number}": LONG for number in range(size)},
    )


def test_what_is_small_enough_is_as_it_was() -> None:
    result = a_result()

    assert bounded(result) is result


def test_what_is_missed_least_is_left_out_first_and_it_is_said() -> None:
    result = bounded(a_result(observation=an_observation(5), steps=(a_step(1),)))

    assert result.observation is not None
    assert result.observation.owner == "Deployment web"
    assert result.observation.findings == ()
    assert result.steps[0].changes
    assert result.remarks == (
        "this result was too large: without what was observed; the run's history has what was found",
    )


def test_a_summary_of_any_length_is_cut_and_the_rest_stays() -> None:
    result = bounded(a_result(summary=LONG * 20, reason=LONG, observation=an_observation(1)))

    assert len(result.summary.encode()) < len(LONG)
    assert result.observation is not None
    assert result.observation.findings
    assert result.remarks[-1].startswith("this result was too large: without the ends of long texts; ")


def test_alerts_that_are_left_out_are_counted() -> None:
    result = bounded(a_result(alerts=(an_alert("web-1"),) * 100, more_alerts=7), 10_000)

    assert (len(result.alerts), result.more_alerts) == (20, 87)
    assert "without most alerts" in result.remarks[-1]


@settings(max_examples=15)  # each of some megabytes
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_whatever_is_in_it_a_result_is_bounded(
    observed: int,
    steps: int,
    alerts: int,
    verdicts: int,
    long: bool,  # noqa: FBT001
) -> None:
    alert = an_alert("web-1").model_copy(update={"labels": {"alertname": LONG if long else "a"}}).brief
    verdict = Verdict(text="t", line=1, status=Status.PASSED, evidence=LONG)
    result = bounded(
        a_result(
            observation=an_observation(observed),
            steps=(a_step(1),) * steps,
            alerts=(alert,) * alerts * 100,
            verdicts=(verdict,) * verdicts,
            remarks=(LONG,) * observed,
            summary=LONG,
        )
    )

    assert len(result.model_dump_json().encode()) < 1_500_000


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=3000), max_size=20), st.integers(200, 5000))
def test_the_labels_of_an_alert_fit_and_what_is_left_out_is_counted(labels: dict[str, str], most: int) -> None:
    alert = Alert(fingerprint="a", starts_at="b", labels=labels)

    within = alert.within(most)

    assert within.labels.items() <= labels.items()
    assert within.left_out == len(labels) - len(within.labels)
    assert sum(len(json.dumps({name: value}, ensure_ascii=False)) for name, value in within.labels.items()) <= most


def test_the_labels_that_a_run_looks_at_are_kept_first() -> None:
    labels = {"a": "a" * 900, "pod": "p" * 800, "z": "z" * 100, "team": "t" * 150}

    assert Alert(fingerprint="a", starts_at="b", labels=labels).within(1000, ("team",)).labels.keys() == {"pod", "team"}


@given(st.text(max_size=2000))
def test_a_brief_alert_has_short_names(text: str) -> None:
    brief = Alert(fingerprint="a", starts_at="b", labels={"alertname": text, "pod": text}).brief

    assert all(len(value.encode()) <= NAME_BYTES and text.startswith(value) for value in brief.labels.values())


def test_troubles_are_bounded_in_bytes() -> None:
    alerts = [an_alert("web-1").model_copy(update={"labels": {"alertname": f"{n}{'n' * 490}"}}) for n in range(100)]

    assert sum(len(trouble) for trouble in with_troubles((), alerts)) < TROUBLES_BYTES
    assert len(with_troubles((), alerts)) > 30
