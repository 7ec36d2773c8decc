"""Criteria that are written as expressions."""

import pytest

from runmend.plan.criteria import Criterion
from tests.unit.runbooks import changed, compiled, said

LAST = "- Container starts successfully"


def criterion(written: str) -> Criterion:
    return compiled((LAST, f"- {written}")).plan.criteria[-1]


@pytest.mark.parametrize(
    ("written", "must", "seconds", "within"),
    [
        ("`pods.all(p, p.running)`", "become", None, None),
        ("`pods.all(p, p.running)` within 10 minutes", "become", None, 600),
        ("`!restarted` for 2m.", "stay", 120, None),
    ],
)
def test_an_expression_may_stand_wherever_a_sentence_may(
    written: str, must: str, seconds: int | None, within: int | None
) -> None:
    found = criterion(written)

    assert found.expression == written.split("`")[1]
    assert (found.must, found.seconds, found.within) == (must, seconds, within)
    assert found.text == written


def test_a_deadline_is_settles_and_a_time_the_windows() -> None:
    plan = compiled((LAST, "- `pods.all(p, p.running)` within 20 minutes\n- `!restarted` for 30 minutes")).plan

    assert (plan.settle_seconds, plan.window_seconds) == (1200, 1800)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "`pods.all(p, p.runing)`",
            (
                "rb.md:52:18: error: the expression \"pods.all(p, p.runing)\": a Pod has no fact 'runing'; did you "
                "mean 'running'?"
            ),
        ),
        (
            "`pods.size() > `",
            (
                "rb.md:52:17: error: the expression \"pods.size() >\": Syntax error: mismatched input '<EOF>'; "
                "`runmend facts` lists what an expression may name"
            ),
        ),
        (
            "`pod.running`",
            (
                'rb.md:52:4: error: the expression "pod.running" reads pod, and a criterion speaks of the target after '
                "the change, whose pods are new; read alert_fires, events, node, object, pods, restarted or workload"
            ),
        ),
        (
            "`!restarted` for a while",
            (
                'rb.md:52: error: behind the expression stands "for a while", which is no length of time; write "for 5 '
                'minutes" or "within 10 minutes" behind it, or nothing'
            ),
        ),
        (
            "`!restarted` for 0 minutes",
            ('rb.md:52: error: the criterion "`!restarted` for 0 minutes" asks for no time; name 1 second to 24 hours'),
        ),
        (
            "`pods.all(p, p.running)` within 5 minutes\n- Rollout completes within 10 minutes",
            (
                "rb.md:53: error: the deadline is 600 s here and 300 s in line 52; name one: the target settles as a "
                "whole"
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_with_line_column_and_remedy(written: str, message: str) -> None:
    assert said(changed((LAST, f"- {written}"))) == [message]


def test_one_word_in_backticks_is_no_expression() -> None:
    compilation = compiled((LAST, f"{LAST}\n- `Running`"))

    assert not compilation.plan.criteria[-1].understood
    assert [warning.kind for warning in compilation.warnings] == ["unverified-criterion"]
