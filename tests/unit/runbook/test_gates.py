"""The gates of a workflow's entry."""

import pytest

from tests.unit.runbooks import changed, compiled, said

ENTRY = "  - action_id: patch_image\n"


def gate_of(written: str) -> str:
    return compiled((ENTRY, f"{ENTRY}{written}")).plan.steps[1].gate


@pytest.mark.parametrize(
    ("written", "gate"),
    [
        ("", ""),
        ("    when: pods.size() > 1\n", "(pods.size() > 1)"),
        ("    when: '`workload.replicas > 1`'\n", "(workload.replicas > 1)"),
        ("    when: Pod is no longer in CrashLoopBackOff\n", '(pods.size() > 0 && !waiting("CrashLoopBackOff"))'),
        ("    unless: pod.owner.kind == 'Job'\n", "!(pod.owner.kind == 'Job')"),
        (
            "    when: events.exists(e, e.reason == 'FailedMount' && e.count > 3)\n",
            "(events.exists(e, e.reason == 'FailedMount' && e.count > 3))",
        ),
        (
            "    when_all:\n      - pod.phase == 'Pending'\n      - workload.paused == false\n",
            "(pod.phase == 'Pending') && (workload.paused == false)",
        ),
        (
            "    when_any:\n      - workload.revision > 1\n      - container.restarts == 0\n",
            "((workload.revision > 1) || (container.restarts == 0))",
        ),
        (
            "    when: workload.replicas > 1\n    unless: workload.paused\n    when_any: ['pods.size() == 1']\n",
            "(workload.replicas > 1) && !(workload.paused) && (pods.size() == 1)",
        ),
    ],
)
def test_gates_are_one_expression(written: str, gate: str) -> None:
    assert gate_of(written) == gate


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "    when: pods.sise() > 1\n",
            "rb.md:9:16: error: the gate \"pods.sise() > 1\": there is no 'sise'; there are alert, alert_fires, ",
        ),
        (
            "    when: Users are sad\n",
            "rb.md:9:17: error: the gate \"Users are sad\": Syntax error: mismatched input 'are'; `runmend facts`",
        ),
        (
            "    when: restarted\n",
            (
                'rb.md:9:11: error: the gate "restarted" asks what is new, and that is not known before the target has '
                "settled; ask what there is: events.exists(e, e.reason == 'FailedMount'), pod.restarts > 0"
            ),
        ),
        (
            "    when: '!events.new(\"Failed\")'\n",
            'rb.md:9:12: error: the gate "!events.new("Failed")" asks what is new, and that is not known before',
        ),
        (
            "    when: events.exists(e, e.new)\n",
            'rb.md:9:11: error: the gate "events.exists(e, e.new)" asks what is new, and that is not known before',
        ),
        (
            "    when: [workload.paused]\n",
            "rb.md:9: error: when is a list, and takes one gate; write when: and an expression or a sentence",
        ),
        (
            "    when_all: workload.paused\n",
            "rb.md:9: error: when_all is text, and takes a list of gates; write when_all: and the gates as list items",
        ),
        ("    when: 3\n", "rb.md:9: error: a gate under when is a number, and no text; write an expression"),
        ("    whn: workload.paused\n", 'rb.md:9: error: unknown key "whn" in the workflow; did you mean when?'),
        (
            "    colour: red\n",
            (
                'rb.md:9: error: unknown key "colour" in the workflow; remove it; known are action_id, output, when, '
                "when_all, when_any, unless, retries, timeout and on_error"
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_gate_is_said_with_its_line(written: str, message: str) -> None:
    first = said(changed((ENTRY, f"{ENTRY}{written}")))[0]

    assert first.startswith(message)
