"""What a report says that a person can do about an image that could not be pulled."""

import pytest

from runmend.core.outcomes import Outcome
from runmend.images.pull_failures import Cause
from runmend.plan.messages import Observation, RunResult
from runmend.plan.reasons import GONE
from runmend.reports.advice import advice_for
from runmend.reports.pull_advice import ABOUT_CAUSES
from runmend.reports.report import render
from tests.unit.reports.test_report import a_result


def a_run(outcome: Outcome | None, *causes: Cause, reason: str = "") -> RunResult:
    observation = Observation(owner="o", pods=(), pod_count=1, causes=dict.fromkeys(causes, 1))
    return a_result(outcome, reason=reason, failed_step="patch_image", observation=observation)


def causes_advised(result: RunResult) -> list[str]:
    """The causes of which the advice speaks, in its order."""
    said = [advice.says.partition(": ")[0] for advice in advice_for(result)]
    return [cause for cause in said if cause in set(Cause)]


def test_every_cause_that_is_known_has_its_own_advice() -> None:
    assert set(ABOUT_CAUSES) == set(Cause) - {Cause.OTHER}
    assert len(set(ABOUT_CAUSES.values())) == len(ABOUT_CAUSES)


@pytest.mark.parametrize("cause", ABOUT_CAUSES)
@pytest.mark.parametrize("outcome", [Outcome.RESOLVED, Outcome.RECOMMENDED, Outcome.STEP_FAILED, Outcome.CANCELLED])
def test_a_report_says_what_to_do_about_its_cause(cause: Cause, outcome: Outcome) -> None:
    text = render(a_run(outcome, cause))

    assert f"### What you can do\n\n{cause}: {ABOUT_CAUSES[cause]}" in text


def test_of_several_causes_each_is_spoken_of_before_the_end_of_the_run() -> None:
    run = a_run(Outcome.STEP_FAILED, Cause.DNS, Cause.OTHER, Cause.RATE_LIMIT)

    assert causes_advised(run) == [Cause.RATE_LIMIT, Cause.DNS]
    assert "`runmend replay shop/web` resumes it at patch_image" in advice_for(run)[-1].says


def test_what_keeps_the_new_image_from_being_pulled_is_spoken_of_too() -> None:
    run = a_run(Outcome.VERIFICATION_FAILED, Cause.NOT_FOUND, reason="new image: rate limit, disk full, other")

    assert causes_advised(run) == [Cause.NOT_FOUND, Cause.RATE_LIMIT, Cause.DISK_FULL]
    assert advice_for(run)[-1].says.startswith("The image that the runbook names cannot be pulled either.")


@pytest.mark.parametrize(
    ("outcome", "reason"), [(None, ""), (Outcome.NOT_NEEDED, ""), (Outcome.VERIFICATION_FAILED, GONE)]
)
def test_a_pull_that_is_over_or_still_looked_at_is_not_spoken_of(outcome: Outcome | None, reason: str) -> None:
    assert causes_advised(a_run(outcome, Cause.DNS, reason=reason)) == []


def test_advice_is_left_out_where_it_has_been_taken() -> None:
    assert "What you can do" not in render(a_run(Outcome.RESOLVED, Cause.DNS), advise=False)
