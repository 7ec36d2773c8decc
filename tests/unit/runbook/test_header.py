"""What a writer reads whose front matter is wrong, or whose file is no runbook."""

import pytest

from runmend.core.modes import Mode
from tests.unit.runbooks import changed, compiled, said

YAML = "correct it; put text that holds : or # in quotes"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("runbook_id: RB_IMAGEPULL\n", "\n", "rb.md:1: error: runbook_id is missing; add runbook_id: RB_EXAMPLE"),
        ("runbook_id: RB_IMAGEPULL", "runbook_id:", "rb.md:2: error: runbook_id is empty; add runbook_id: RB_EXAMPLE"),
        (
            "runbook_id: RB_IMAGEPULL",
            "runbook_id: image pull",
            (
                "rb.md:2: error: runbook_id: 'image pull' is not an id: a letter, then letters, digits, '_' or '-'; "
                "write letters, digits, _ and -, at most 63, a letter first"
            ),
        ),
        (
            "runbook_id: RB_IMAGEPULL",
            "runbook_id: 12",
            'rb.md:2: error: runbook_id is a number, not text; put it in quotes: runbook_id: "12"',
        ),
        (
            "alertname: KubePodImagePullBackOff\n",
            "",
            "rb.md:1: error: alertname is missing; add alertname: KubePodImagePullBackOff",
        ),
        (
            "title: ImagePullBackOff Remediation",
            "title: [a]",
            "rb.md:4: error: title is a list, not text; write one line of text: title: …",
        ),
        ("title: Image", "titel: Image", 'rb.md:4: error: unknown key "titel"; remove it; did you mean title?'),
        (
            "workflow:\n",
            "retries: 3\nworkflow:\n",
            (
                'rb.md:6: error: unknown key "retries"; remove it; '
                "known are runbook_id, alertname, title, description, workflow, match, target, problem, mode, "
                "protect_serving and silence"
            ),
        ),
        (
            "title: Image",
            "alertname: Again\ntitle: Image",
            f"rb.md:4: error: the front matter is not YAML: the key 'alertname' stands there twice; {YAML}",
        ),
        (
            "title: Image",
            "title: Registry: Image",
            f"rb.md:4: error: the front matter is not YAML: mapping values are not allowed here; {YAML}",
        ),
        (
            "title: Image",
            "anchored: &a [1]\ntitle: Image",
            (
                "rb.md:4: error: the front matter is not YAML: it holds an anchor or an alias (& or *), which "
                f"Runmend does not read; {YAML}"
            ),
        ),
        (
            "workflow:\n",
            "mode: approve\nworkflow:\n",
            (
                "rb.md:6: error: mode: approve is not supported yet, there are no approvals; write mode: recommend, "
                "which changes nothing"
            ),
        ),
        (
            "workflow:\n",
            "mode: fast\nworkflow:\n",
            (
                "rb.md:6: error: mode is neither recommend nor auto; write mode: recommend (change nothing) or mode: "
                "auto, or leave it out"
            ),
        ),
        (
            "workflow:\n",
            'protect_serving: "no"\nworkflow:\n',
            (
                "rb.md:6: error: protect_serving is text, not a boolean; write protect_serving: true or false, "
                "without quotes"
            ),
        ),
        (
            "workflow:\n  - action_id: get_pod_events\n  - action_id: patch_image\n",
            "workflow: []\n",
            (
                "rb.md:6: error: workflow is empty; write a workflow list, one '- action_id: …' for each action, in "
                "their order, or leave it out: all actions then run in their order"
            ),
        ),
        (
            "  - action_id: patch_image\n",
            "  - action_id: patch_image\n    wen: always\n",
            'rb.md:9: error: unknown key "wen" in the workflow; did you mean when?',
        ),
        (
            "  - action_id: patch_image\n",
            "  - action_id: patch_image\n  - action_id: patch_image\n",
            (
                "rb.md:9: error: the workflow runs patch_image twice (first in line 8); remove one; to repeat an "
                "action is not supported yet"
            ),
        ),
        (
            "  - action_id: patch_image\n",
            "  - action_id: patch_image\n  - action_id: rollback\n",
            (
                "rb.md:9: error: the workflow runs rollback, and no action has that action_id; "
                "correct or remove it; actions are get_pod_events and patch_image"
            ),
        ),
    ],
)
def test_a_mistake_in_the_front_matter_is_said_with_its_line(old: str, new: str, message: str) -> None:
    assert message in said(changed((old, new)))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "# A runbook\n",
            (
                "rb.md:1: error: the file has no front matter; "
                "begin it with a line of ---, the keys runbook_id, alertname, title, description and workflow, "
                "and a line of ---"
            ),
        ),
        ("---\ntitle: x\n", "rb.md:1: error: the front matter is not closed; end it with a line of ---"),
        (
            "---\n- a\n---\n",
            "rb.md:1: error: the front matter is a list, not a mapping; write keys and values: runbook_id: RB_EXAMPLE",
        ),
        (
            "---\n---\n",
            "rb.md:1: error: the front matter is empty, not a mapping; write keys and values: runbook_id: RB_EXAMPLE",
        ),
        (b"---\ntitle: caf\xe9\n---\n", "rb.md:2: error: the file is not UTF-8 (byte 0xe9); save it as UTF-8"),
        (b" " * 300_000, "rb.md:1: error: the file has more than 64 KiB; keep a runbook short; link to what is long"),
        (
            f"---\ntitle: {'[' * 5000}\n---\n",
            f"rb.md:2: error: the front matter is not YAML: it is nested more than 20 deep; {YAML}",
        ),
        (
            '---\ntitle: "\\UFFFFFFFF"\n---\n',
            f"rb.md:1: error: the front matter is not YAML: it holds a number or an escape that cannot be read; {YAML}",
        ),
        (
            '---\ntitle: "\\ud800"\n---\n',
            (
                "rb.md:2: error: the front matter is not YAML: it holds half of a surrogate pair, which is not a "
                f"character; {YAML}"
            ),
        ),
        (
            "---\ntitle: \x07\n---\n",
            f"rb.md:2: error: the front matter is not YAML: the character '\\x07' is not allowed; {YAML}",
        ),
    ],
)
def test_a_file_that_is_no_runbook_is_told_what_is_wrong(source: str | bytes, message: str) -> None:
    assert said(source)[0] == message


def test_mode_and_protect_serving_are_read() -> None:
    plan = compiled(("workflow:\n", "mode: recommend\nprotect_serving: false\nworkflow:\n")).plan

    assert plan.mode is Mode.RECOMMEND
    assert plan.protect_serving is False


def test_a_workflow_may_name_its_actions_bare() -> None:
    plan = compiled(("  - action_id: get_pod_events\n", "  - get_pod_events\n")).plan

    assert [step.action_id for step in plan.steps] == ["get_pod_events", "patch_image"]
