"""The entries of the workflow list: their order, their keys, and what gates ask of earlier steps."""

import pytest

from runmend.plan.plan import Plan
from tests.unit.runbooks import SEED, changed, compiled, said

ENTRIES = "  - action_id: get_pod_events\n  - action_id: patch_image\n"
CHANGE = SEED[SEED.index("### Action 2") : SEED.index("## Success")]


def plan_of(first: str = "", second: str = "") -> Plan:
    found = compiled((ENTRIES, f"  - action_id: get_pod_events\n{first}  - action_id: patch_image\n{second}"))
    return found.plan


def gate_of(gate: str, first: str = "") -> tuple[str, tuple[str, ...]]:
    step = plan_of(first, f"    when: {gate}\n").steps[1]
    return step.gate, step.asks


def test_without_a_workflow_the_actions_run_in_the_order_of_the_file() -> None:
    plan = compiled((f"workflow:\n{ENTRIES}", "")).plan

    assert [step.action_id for step in plan.steps] == ["get_pod_events", "patch_image"]


def test_a_number_in_a_heading_means_nothing() -> None:
    plan = compiled(("### Action 1:", "### Action 7:"), ("### Action 2:", "### Step 1 -")).plan

    assert [(step.action_id, step.title) for step in plan.steps] == [
        ("get_pod_events", "Inspect Events"),
        ("patch_image", "Patch Image"),
    ]


def test_a_file_without_workflow_and_action_says_so() -> None:
    assert said("---\nrunbook_id: RB\nalertname: A\ntitle: T\n---\n") == [
        (
            "rb.md:1: error: the file has no action; under ## Remediation Actions write - **action_id**: `…` and "
            "- **command**: `…`"
        )
    ]


def test_several_steps_may_change_something() -> None:
    again = CHANGE.replace("`patch_image`", "`patch_again`")
    plan = compiled((ENTRIES, f"{ENTRIES}  - patch_again\n"), ("## Success", f"{again}## Success")).plan

    assert [step.changes for step in plan.steps] == [False, True, True]


def test_an_entry_says_how_often_how_long_and_what_becomes_of_a_failure() -> None:
    first, second = plan_of("    retries: 2\n    timeout: 20s\n    on_error: continue\n    output: events\n").steps

    assert (first.retries, first.on_error, first.output) == (2, "continue", "events")
    assert (first.try_seconds, first.budget_seconds) == (20, 20)
    assert (second.retries, second.on_error, second.output) == (None, "abort", "")
    assert (second.try_seconds, second.budget_seconds) == (90, 300)
    longer = plan_of(second="    timeout: 10m\n    retries: 0\n").steps[1]
    assert (longer.retries, longer.try_seconds, longer.budget_seconds) == (0, 90, 600)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("retries: -1", 'rb.md:9: error: retries is "-1"; write a whole number, 0 to 100'),
        ("retries: 101", 'rb.md:9: error: retries is "101"; write a whole number, 0 to 100'),
        ("retries: [1]", "rb.md:9: error: retries is a list; write a whole number, 0 to 100"),
        ("timeout: soon", 'rb.md:9: error: timeout is "soon"; write 90s, 10m or 1h, at most 24h'),
        ("timeout: 25h", 'rb.md:9: error: timeout is "25h"; write 90s, 10m or 1h, at most 24h'),
        (
            "timeout: 60s",
            (
                "rb.md:9: error: timeout is 60 s, and one try of a step that changes something takes up to 90 s, "
                "because a write is waited for until it is known; write 90s or more"
            ),
        ),
        ("on_error: ignore", 'rb.md:9: error: on_error is "ignore"; write on_error: abort or on_error: continue'),
        (
            "output: two words",
            (
                "rb.md:9: error: output: 'two words' is not an id: a letter, then letters, digits, '_' or '-'; write "
                "letters, digits, _ and -, at most 63, a letter first"
            ),
        ),
        (
            "output: get_pod_events",
            (
                'rb.md:8: error: the name "get_pod_events" is taken by get_pod_events in line 7; give the output '
                "another name"
            ),
        ),
        ("time_out: 5m", 'rb.md:9: error: unknown key "time_out" in the workflow; did you mean timeout?'),
    ],
)
def test_what_is_wrong_with_a_key_is_said_with_its_line(written: str, message: str) -> None:
    assert said(changed((ENTRIES, f"{ENTRIES}    {written}\n"))) == [message]


@pytest.mark.parametrize(
    ("gate", "expression", "asks"),
    [
        ("get_pod_events.confirmed", 'steps["get_pod_events"].confirmed', ("get_pod_events",)),
        ("events.done", 'steps["events"].done', ("events",)),
        (
            "'!events.failed && workload.replicas > 1'",
            '!steps["events"].failed && workload.replicas > 1',
            ("events",),
        ),
        (
            "get_pod_events.count > 3 && pod.age > duration('10m')",
            "steps[\"get_pod_events\"].count > 3 && pod.age > duration('10m')",
            ("get_pod_events",),
        ),
        (
            "events.message.contains('not found') || events.reasons['FailedMount'] > 2",
            "steps[\"events\"].message.contains('not found') || steps[\"events\"].reasons['FailedMount'] > 2",
            ("events",),
        ),
        (
            "events.exists(e, e.count > 2) && events.missing == ''",
            "events.exists(e, e.count > 2) && steps[\"events\"].missing == ''",
            ("events",),
        ),
        ("workload.replicas-events.count > 0", 'workload.replicas-steps["events"].count > 0', ("events",)),
        ("pods.exists(p, p.restarts > 3)", "pods.exists(p, p.restarts > 3)", ()),
        ("pod.phase == 'get_pod_events.done'", "pod.phase == 'get_pod_events.done'", ()),
        ("workload.paused", "workload.paused", ()),
    ],
)
def test_a_gate_asks_what_an_earlier_step_came_to(gate: str, expression: str, asks: tuple[str, ...]) -> None:
    assert gate_of(gate, "    output: events\n") == (f"({expression})", asks)


@pytest.mark.parametrize(
    ("gate", "expression"),
    [
        ("events_result.imagepull_detected", 'waiting("ImagePullBackOff")'),
        ("anything.oom_detected", 'terminated("OOMKilled")'),
        ("crashloop_detected", 'waiting("CrashLoopBackOff")'),
        ("status.container_creating_detected", 'waiting("ContainerCreating")'),
        ("status.unschedulable", 'waiting("Unschedulable")'),
        ("'!status.healthy'", "!(pods.size() > 0 && pods.all(p, p.running))"),
        ("'`status.not_ready`'", "pods.exists(p, !p.running) || (pods.size() == 0 && workload.unavailable > 0)"),
        ("status.schedulable", "pods.size() > 0 && pods.all(p, p.scheduled)"),
    ],
)
def test_the_other_names_of_facts_are_read_and_a_note_says_how(gate: str, expression: str) -> None:
    found = compiled((ENTRIES, f"{ENTRIES}    when: {gate}\n"))

    assert found.plan.steps[1].gate == f"({expression})"
    (note,) = found.warnings
    assert (note.severity, note.kind, note.line) == ("note", "read-as", 9)
    assert f"is read as {expression.removeprefix('!(').removesuffix(')') if gate[1] == '!' else expression}," in str(
        note
    )


def test_a_variable_of_an_expression_is_no_name_of_a_step() -> None:
    assert gate_of("pods.exists(p, p.not_ready != '')") == ("(pods.exists(p, p.not_ready != ''))", ())


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (
            "patch_image.done",
            'rb.md:9:11: error: the gate "patch_image.done": patch_image runs later; earlier names are get_pod_events',
        ),
        (
            "nobody.done",
            'rb.md:9:11: error: the gate "nobody.done": nobody is no earlier step; earlier names are get_pod_events',
        ),
        (
            "pod.ready || get_pod_event.count > 3",
            (
                'rb.md:9:24: error: the gate "pod.ready || get_pod_event.count > 3": get_pod_event is no earlier step; '
                "did you mean get_pod_events?"
            ),
        ),
        (
            "get_pod_events.confirm",
            (
                'rb.md:9:26: error: the gate "get_pod_events.confirm": nothing tells "confirm" of get_pod_events; did '
                "you mean confirmed?"
            ),
        ),
        (
            "get_pod_events.replicas > 1",
            (
                'rb.md:9:26: error: the gate "get_pod_events.replicas > 1": nothing tells "replicas" of '
                "get_pod_events; it tells changed, confirmed, count, done, events, failed, found, matching, message, "
                "missing, reason, "
                "reasons, recommended, skipped and warnings"
            ),
        ),
        (
            "pod.ready && get_pod_events.count > 'x'",
            (
                "rb.md:9:45: error: the gate \"pod.ready && get_pod_events.count > 'x'\": found no matching overload "
                "for '_>_' applied to '(int, string)'; `runmend facts` lists what an expression may name; of "
            ),
        ),
        (
            'steps["patch_image"].done',
            (
                'rb.md:9: error: the gate "steps["patch_image"].done" does not name each step that it asks, or '
                "names one that is not earlier; write NAME.FACT; earlier names are get_pod_events"
            ),
        ),
        (
            "steps.size() > 0",
            (
                'rb.md:9: error: the gate "steps.size() > 0" does not name each step that it asks, or names one that '
                "is not earlier; write NAME.FACT; earlier names are get_pod_events"
            ),
        ),
    ],
)
def test_a_name_that_is_none_is_told(gate: str, message: str) -> None:
    (found,) = said(changed((ENTRIES, f"{ENTRIES}    when: {gate}\n")))
    assert found.startswith(message)


def test_a_name_that_may_be_a_step_and_a_group_is_refused_where_both_have_the_fact() -> None:
    command = "- **command**: `kubectl get "
    of_a_pod = (
        f"{command}events -n {{namespace}} --field-selector involvedObject.name={{pod}}",
        f"{command}pod {{pod}} -n {{namespace}}",
    )
    entry = ENTRIES.replace("get_pod_events\n", "get_pod_events\n    output: pod\n")
    (found,) = said(changed(of_a_pod, (ENTRIES, f"{entry}    when: pod.phase == 'x'\n")))

    assert found == (
        "rb.md:10:11: error: the gate \"pod.phase == 'x'\": pod is an earlier step and a group of facts, and phase may "
        "be said of both; give the step another output"
    )
    assert gate_of("pod.phase == 'x'", "    output: pod\n") == ("(pod.phase == 'x')", ()), "of events nobody tells it"


def test_a_criterion_asks_no_step() -> None:
    (message,) = said(changed(("- Container starts successfully", '- `steps["get_pod_events"].done`')))

    assert "reads steps, and a criterion speaks of the target after the change" in message
