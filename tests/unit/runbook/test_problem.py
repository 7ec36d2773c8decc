"""What the problem is that a runbook is about, and which alerts and targets it is for."""

import pytest

from tests.unit.runbooks import changed, compiled, said

LEADING = ("If pod is in ImagePullBackOff, patch", "Patch")
RUNNING = ("Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running")
TITLE = "title: ImagePullBackOff Remediation\n"


@pytest.mark.parametrize(
    ("written", "state", "expression"),
    [
        ("", "ImagePullBackOff", ""),
        ("problem: Pod is in ErrImagePull\n", "ErrImagePull", ""),
        ("problem: Pod is in CrashLoopBackOff\n", "ImagePullBackOff", 'waiting("CrashLoopBackOff")'),
        ("problem: workload.available == 0\n", "ImagePullBackOff", "workload.available == 0"),
        ("problem: '`workload.available == 0`'\n", "ImagePullBackOff", "workload.available == 0"),
    ],
)
def test_the_front_matter_says_what_the_problem_is(written: str, state: str, expression: str) -> None:
    plan = compiled((TITLE, f"{TITLE}{written}")).plan

    assert (plan.state, plan.problem_expression) == (state, expression)


def test_else_the_conditions_that_the_changing_actions_begin_with() -> None:
    plan = compiled(RUNNING, ("If pod is in ImagePullBackOff,", "If pod is in CrashLoopBackOff,")).plan

    assert (plan.state, plan.problem_expression) == ("CrashLoopBackOff", "")
    assert plan.steps[1].state == "CrashLoopBackOff"


def test_of_troubles_that_are_no_state_of_containers_any_is_the_problem() -> None:
    plan = compiled(RUNNING, ("If pod is in ImagePullBackOff,", "If the Deployment is paused,")).plan

    assert (plan.state, plan.problem_expression) == (None, "(workload.paused)")
    assert plan.steps[1].gate == plan.problem_expression


@pytest.mark.parametrize(
    "gate",
    [
        "the Deployment has more than 5 replicas",
        "there is a previous revision",
        "a rollout is in progress",
        "CPU usage exceeds its request",
        "the pod has restarted fewer than 5 times",
        "`pods.size() > 1`",
    ],
)
def test_what_may_be_so_of_a_healthy_target_is_no_problem(gate: str) -> None:
    found = compiled(RUNNING, ("If pod is in ImagePullBackOff,", f"If {gate},"))

    assert (found.plan.state, found.plan.problem_expression) == (None, "")
    assert found.plan.steps[1].gate
    assert [note.kind for note in found.warnings] == ["no-problem"]


def test_that_a_pod_is_not_ready_is_the_problem_of_a_workload_without_any_too() -> None:
    plan = compiled(RUNNING, ("If pod is in ImagePullBackOff,", "If pod is not Ready,")).plan

    assert plan.problem_expression == ("(pods.exists(p, !p.running) || (pods.size() == 0 && workload.unavailable > 0))")


def test_of_a_condition_in_parts_the_trouble_is_the_problem() -> None:
    plan = compiled(
        RUNNING, ("If pod is in ImagePullBackOff,", "If the Deployment is paused and there is a previous revision,")
    ).plan

    assert plan.problem_expression == "(workload.paused)"


def test_else_the_state_that_a_criterion_leaves() -> None:
    plan = compiled(LEADING, ("from `ImagePullBackOff` to", "from `CrashLoopBackOff` to")).plan

    assert (plan.state, plan.problem_expression) == ("CrashLoopBackOff", "")
    assert plan.steps[1].state is None


def test_else_the_gates_decide_alone_and_lint_says_so() -> None:
    found = compiled(LEADING, RUNNING)

    assert (found.plan.state, found.plan.problem_expression) == (None, "")
    assert [str(note) for note in found.warnings] == [
        (
            "rb.md:40: note: nothing says what the problem is, so the gates decide alone whether there is something to "
            "do; say it in the front matter, for example problem: Pod is in CrashLoopBackOff, or begin a description "
            'with "If …," [no-problem]'
        )
    ]


def test_what_is_wrong_with_the_problem_is_said_with_its_column() -> None:
    assert said(changed((TITLE, f"{TITLE}problem: pods.sise() > 1\n")))[0].startswith("rb.md:5:15: error: the gate")


def test_several_alerts_matchers_and_a_kind_of_target_are_kept() -> None:
    alerts = ("alertname: KubePodImagePullBackOff\n", "alertname:\n  - A\n  - B\n  - A\n")
    said_of_it = f'{TITLE}target: deployment\nmatch:\n  - team = web\n  - severity =~ "a|b"\n'
    plan = compiled(alerts, (TITLE, said_of_it)).plan

    assert (plan.alertname, plan.alertnames, plan.target) == ("A", ("A", "B"), "Deployment")
    assert [str(matcher) for matcher in plan.match] == ['team="web"', 'severity=~"a|b"']
    assert compiled((TITLE, f"{TITLE}match:\n  team: web\n")).plan.match == plan.match[:1]
    assert compiled((TITLE, f"{TITLE}match: team=web\n")).plan.match == plan.match[:1]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("match: [team]\n", 'rb.md:5: error: match: "team": it is no matcher; write for example team="payments" or '),
        (
            "match: ['a=~(']\n",
            "rb.md:5: error: match: \"a=~(\": '(' is no pattern: missing ): ^(?:()$; correct the pattern",
        ),
        ("match: [3]\n", "rb.md:5: error: match: a number is no matcher; write a list of matchers"),
        ("match:\n  team: [a]\n", 'rb.md:6: error: match: "team" is a list; write label: value'),
        ("target: Ship\n", 'rb.md:5: error: target: "Ship" is no kind that is fixed; write Pod, Deployment, '),
    ],
)
def test_what_is_wrong_is_said_with_its_line(written: str, message: str) -> None:
    assert said(changed((TITLE, f"{TITLE}{written}")))[0].startswith(message)


def test_an_alertname_is_text() -> None:
    wrong = changed(("alertname: KubePodImagePullBackOff\n", "alertname: [A, 3]\n"))

    assert said(wrong) == ["rb.md:3: error: an alertname is a number, not text; write the name of an alert"]
