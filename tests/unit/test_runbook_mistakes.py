"""What a writer reads who made a mistake: every message exactly, and all of a file in one go."""

from pathlib import Path

import pytest

from runmend.plan import Mode
from runmend.runbook import Compiled, RunbookError, compile_runbook

SEED = (Path(__file__).parents[2] / "runbooks" / "RB_IMAGEPULL.md").read_text()
YAML = "correct it; put text that holds : or # in quotes"
ID = "letter, then letters, digits, '_' or '-'; write letters, digits, _ and -, at most 63, a letter first"
STATES = "known states are ImagePullBackOff, ErrImagePull"
CONDITIONS = '"Requires: `namespace`, `pod` labels", "Pod must be owned by a Deployment" or "Pod is in ImagePullBackOff"'
CRITERIA = (
    '"Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running", "Container starts successfully", '
    '"No new `ImagePullBackOff` events for 5 minutes" or "No container restarts for 5 minutes"'
)


def changed(*replacements: tuple[str, str]) -> str:
    text = SEED
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def compiled(*replacements: tuple[str, str]) -> Compiled:
    return compile_runbook(changed(*replacements).encode(), "rb.md")


def said(source: str | bytes) -> list[str]:
    with pytest.raises(RunbookError) as caught:
        compile_runbook(source if isinstance(source, bytes) else source.encode(), "rb.md")
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]


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
                "known are runbook_id, alertname, title, description, workflow, mode and protect_serving"
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
            f"rb.md:4: error: the front matter is not YAML: it holds an anchor or an alias (& or *), which Runmend does not read; {YAML}",
        ),
        (
            "workflow:\n",
            "mode: approve\nworkflow:\n",
            "rb.md:6: error: mode: approve is not supported yet, there are no approvals; write mode: recommend, which changes nothing",
        ),
        (
            "workflow:\n",
            "mode: fast\nworkflow:\n",
            "rb.md:6: error: mode is neither recommend nor auto; write mode: recommend (change nothing) or mode: auto, or leave it out",
        ),
        (
            "workflow:\n",
            'protect_serving: "no"\nworkflow:\n',
            "rb.md:6: error: protect_serving is text, not a boolean; write protect_serving: true or false, without quotes",
        ),
        (
            "workflow:\n  - action_id: get_pod_events\n  - action_id: patch_image\n",
            "",
            "rb.md:1: error: workflow is missing; add a workflow list, one '- action_id: …' for each action, in their order",
        ),
        (
            "workflow:\n  - action_id: get_pod_events\n  - action_id: patch_image\n",
            "workflow: []\n",
            "rb.md:6: error: workflow is empty; write a workflow list, one '- action_id: …' for each action, in their order",
        ),
        (
            "  - action_id: patch_image\n",
            "  - action_id: patch_image\n    when: always\n",
            'rb.md:9: error: unknown key "when" in the workflow; remove it; known is action_id',
        ),
        (
            "  - action_id: patch_image\n",
            "  - action_id: patch_image\n  - action_id: patch_image\n",
            "rb.md:9: error: the workflow runs patch_image twice (first in line 8); remove one; to repeat an action is not supported yet",
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
    ("old", "new", "message"),
    [
        (
            "- **action_id**: `patch_image`",
            "- **action_id**: `get_pod_events`",
            "rb.md:40: error: a second action has the action_id get_pod_events (first in line 33); give it another one",
        ),
        (
            "- **action_id**: `patch_image`",
            "- **action_id**: `patch image`",
            (
                "rb.md:40: error: action_id: 'patch image' is not an id: a letter, then letters, digits, '_' or '-'; "
                "write letters, digits, _ and -, at most 63, a letter first"
            ),
        ),
        (
            "- **action_id**: `patch_image`\n",
            "",
            "rb.md:41: error: an action has a command and no action_id; add - **action_id**: `name_of_the_action` beside it",
        ),
        (
            "- **command**: `kubectl get",
            "- **commando**: `kubectl get",
            "rb.md:33: error: the action get_pod_events has no command; add - **command**: `kubectl …`; what you read is what runs",
        ),
        (
            "- **command**: `kubectl get",
            "- **command**: run `kubectl get",
            "rb.md:35: error: the command is mixed with other text; put the whole command, and nothing else, in one pair of backticks",
        ),
        (
            "- **fallback_image**: `us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0`",
            "- **fallback_image**: `Hello App`",
            (
                "rb.md:43: error: fallback_image is used as an image reference: 'Hello App': the repository must be lower-case; "
                "write an image reference that Kubernetes accepts"
            ),
        ),
        (
            "- **fallback_image**: `us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0`\n",
            "",
            (
                "rb.md:42: error: unknown placeholder {fallback_image}; "
                "known are {container}, {deployment}, {namespace} and {pod}; or add - **fallback_image**: `value`"
            ),
        ),
        (
            "- **fallback_image**: `us",
            "- **pod**: `web-1`\n- **fallback_image**: `us",
            "rb.md:43: error: {pod} is a placeholder of the run; give the item another name",
        ),
        (
            "- **fallback_image**: `us",
            "- **command**: `kubectl get pods`\n- **fallback_image**: `us",
            'rb.md:43: error: patch_image has a second "command"; remove it; the first is in line 42',
        ),
        (
            "- **fallback_image**: `us",
            "- **timeout**: 5m\n- **fallback_image**: `us",
            'rb.md:43: error: the item "timeout" is not supported yet; remove it',
        ),
        (
            "- **fallback_image**: `us",
            "- **requires**: `pod`\n- **fallback_image**: `us",
            'rb.md:43: error: the item "requires" is not supported yet; write a condition as an item of the list under conditions',
        ),
        (
            "  - Pod must be owned by a Deployment",
            "  - Only on weekdays",
            f'rb.md:46: error: the condition "Only on weekdays" is not understood; write for example {CONDITIONS}; {STATES}',
        ),
        (
            "  - Pod must be owned by a Deployment",
            "  - Requires: approval",
            f'rb.md:46: error: the condition "Requires: approval" is not understood; write for example {CONDITIONS}; {STATES}',
        ),
        (
            "  - Pod must be owned by a Deployment",
            "  - Pod must be owned by a StatefulSet",
            (
                "rb.md:46: error: the pod of a StatefulSet is never one of the Deployment that is patched; "
                "write Pod must be owned by a Deployment"
            ),
        ),
        (
            "  - Pod must be owned by a Deployment",
            "- Pod must be owned by a Deployment",
            (
                'rb.md:46: error: the item "Pod must be owned by a Deployment" of patch_image has no name; '
                "write - **name**: `value`, or put it in the list under conditions"
            ),
        ),
        (
            "If pod is in ImagePullBackOff, patch",
            "If the moon is full, patch",
            f'rb.md:41: error: the condition "If the moon is full" is not understood; write for example {CONDITIONS}; {STATES}',
        ),
        (
            "If pod is in ImagePullBackOff, patch",
            "Unless pod is in ImagePullBackOff, patch",
            (
                f'rb.md:41: error: the condition "Unless pod is in ImagePullBackOff" is not understood; '
                f"write for example {CONDITIONS}; {STATES}"
            ),
        ),
        (
            "If pod is in ImagePullBackOff, patch",
            "If pod is in CrashLoopBackOff, patch",
            f'rb.md:41: error: the condition "If pod is in CrashLoopBackOff" is not understood; write for example {CONDITIONS}; {STATES}',
        ),
        (
            "No new `ImagePullBackOff` events for 5 minutes",
            "No new `ImagePullBackOff` events for 2 days",
            (
                'rb.md:51: error: the criterion "No new ImagePullBackOff events for 2 days" asks for more than 24 hours; '
                "name 1 second to 24 hours"
            ),
        ),
        (
            "No new `ImagePullBackOff` events for 5 minutes",
            "No new `ImagePullBackOff` events for 0 minutes",
            'rb.md:51: error: the criterion "No new ImagePullBackOff events for 0 minutes" asks for no time; name 1 second to 24 hours',
        ),
    ],
)
def test_a_mistake_in_the_body_is_said_with_its_line(old: str, new: str, message: str) -> None:
    assert message in said(changed((old, new)))


def test_all_errors_of_a_file_are_said_in_one_go_in_the_order_of_its_lines() -> None:
    messages = said(
        changed(
            ("title: ImagePullBackOff Remediation\n", ""),
            ("kubectl get events -n {namespace} --field-selector involvedObject.name={pod}`\n- **cond", "kubectl exec {pod}`\n- **cond"),
            ("kubectl patch deployment {deployment} -n {namespace}", "kubectl patch deployment web"),
            ("for 5 minutes", "for 0 s"),
        )
    )

    assert messages == [
        "rb.md:1: error: title is missing; add title: What the runbook repairs",
        (
            "rb.md:34: error: kubectl exec is refused: it runs a command inside a container, and nobody can tell what that changed; "
            "write what should change; supported are kubectl get events and kubectl patch deployment"
        ),
        (
            'rb.md:41: error: the Deployment is "web"; '
            "write {deployment}: a run changes its own target only, which nobody else changes meanwhile"
        ),
        "rb.md:41: error: the command says no namespace; say it: -n {namespace}",
        'rb.md:50: error: the criterion "No new ImagePullBackOff events for 0 s" asks for no time; name 1 second to 24 hours',
    ]


def test_a_changing_runbook_needs_a_criterion_that_can_be_checked() -> None:
    source = SEED[: SEED.index("- Pod transitions")] + "- Users are happy\n"

    assert said(source) == [
        (
            "rb.md:48: error: no success criterion can be checked, and the runbook changes something; "
            f"under ## Success Criteria write {CRITERIA}"
        ),
        (
            'rb.md:50: warning: the criterion "Users are happy" is not understood, so it will be reported as unverified; '
            f"write for example {CRITERIA}"
        ),
    ]


def test_a_changing_runbook_must_say_in_which_state() -> None:
    source = changed(
        ("If pod is in ImagePullBackOff, patch", "Patch"), ("Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running")
    )

    assert said(source) == [
        (
            "rb.md:40: error: patch_image changes something, and nothing says in which state; "
            f'begin its description with "If pod is in ImagePullBackOff,"; {STATES}'
        )
    ]


def test_the_state_may_be_said_by_a_criterion_alone() -> None:
    plan = compiled(("If pod is in ImagePullBackOff, patch", "Patch")).plan

    assert plan.state == "ImagePullBackOff"
    assert plan.steps[1].state is None


def test_two_names_of_one_state_are_no_contradiction() -> None:
    assert (
        compiled(("If pod is in ImagePullBackOff,", "If the pod is in `ErrImagePull` or `ImagePullBackOff`,")).plan.state == "ErrImagePull"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "# A runbook\n",
            (
                "rb.md:1: error: the file has no front matter; "
                "begin it with a line of ---, the keys runbook_id, alertname, title, description and workflow, and a line of ---"
            ),
        ),
        ("---\ntitle: x\n", "rb.md:1: error: the front matter is not closed; end it with a line of ---"),
        ("---\n- a\n---\n", "rb.md:1: error: the front matter is a list, not a mapping; write keys and values: runbook_id: RB_EXAMPLE"),
        ("---\n---\n", "rb.md:1: error: the front matter is empty, not a mapping; write keys and values: runbook_id: RB_EXAMPLE"),
        (b"---\ntitle: caf\xe9\n---\n", "rb.md:2: error: the file is not UTF-8 (byte 0xe9); save it as UTF-8"),
        (b" " * 300_000, "rb.md:1: error: the file has more than 256 KiB; keep a runbook short; link to what is long"),
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
            f"rb.md:2: error: the front matter is not YAML: it holds half of a surrogate pair, which is no character; {YAML}",
        ),
        (
            "---\ntitle: \x07\n---\n",
            f"rb.md:2: error: the front matter is not YAML: the character '\\x07' is not allowed; {YAML}",
        ),
    ],
)
def test_a_file_that_is_no_runbook_is_told_what_is_wrong(source: str | bytes, message: str) -> None:
    assert said(source)[0] == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("workflow:\n", "severity: page\nworkflow:\n", "rb.md:6: warning: the key severity is not read; leave it if it is for people"),
        (
            "  - action_id: get_pod_events\n",
            "",
            "rb.md:32: warning: the action get_pod_events is not in the workflow, so it never runs; add it to the workflow, or remove it",
        ),
        (
            "- **fallback_image**: `us",
            "- **registry**: `example`\n- **fallback_image**: `us",
            'rb.md:43: warning: nothing in patch_image uses the item "registry"; write {registry} in the command, or remove it',
        ),
        (
            "- **fallback_image**: `us",
            "- **Fallback source**: wiki\n- **fallback_image**: `us",
            (
                'rb.md:43: warning: the item "Fallback source" is not read, no placeholder can ask for it; '
                "name it with letters, digits and _, not a digit first"
            ),
        ),
        (
            "  - Requires: `namespace`, `pod` labels\n",
            "  - Quiet hours are over\n",
            (
                'rb.md:37: warning: the condition "Quiet hours are over" is not understood, and gates nothing; '
                f"remove it, or write for example {CONDITIONS}"
            ),
        ),
        (
            "Fetch recent events",
            "If pod is in ImagePullBackOff, fetch recent events",
            "rb.md:34: warning: the condition on ImagePullBackOff gates nothing, because the action only reads; remove it",
        ),
        (
            "## Notes",
            "## Escalation\n\nCall Ann.\n\n## Notes",
            (
                'rb.md:54: warning: the section "Escalation" is not read; leave it if it is for people; '
                "sections that are read: Problem, Diagnostic Steps, Remediation Actions, Success Criteria and Notes"
            ),
        ),
        (
            "### Action 2",
            "### Background\n\nSome words.\n\n### Action 2",
            'rb.md:39: warning: "Background" is no action, it has no action_id; add - **action_id**: `…` and - **command**: `…`',
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- Latency is back to normal",
            (
                'rb.md:53: warning: the criterion "Latency is back to normal" is not understood, so it will be reported as unverified; '
                f"write for example {CRITERIA}"
            ),
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- No `OOMKilled` events for 5 minutes",
            (
                'rb.md:53: warning: the criterion "No OOMKilled events for 5 minutes" names an unknown state "OOMKilled", '
                f"so it will be reported as unverified; {STATES}"
            ),
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n\n| a |\n|---|\n| b |",
            "rb.md:54: warning: a table is not read as a criterion; write each criterion as a list item of its own",
        ),
    ],
)
def test_what_will_not_be_done_is_a_warning(old: str, new: str, message: str) -> None:
    assert [str(warning) for warning in compiled((old, new)).warnings] == [message]


def test_a_condition_that_does_not_begin_the_description_is_a_warning() -> None:
    warnings = compiled(
        (
            "If pod is in ImagePullBackOff, patch the owning Deployment to a known-good fallback image.",
            "Patch the owning Deployment, but only if nobody objects.",
        )
    ).warnings

    assert [str(warning) for warning in warnings] == [
        (
            "rb.md:41: warning: the description holds a condition that does not begin it, and so does not bind; "
            'write it first: "If pod is in ImagePullBackOff, patch …"'
        )
    ]


def test_mode_and_protect_serving_are_read() -> None:
    plan = compiled(("workflow:\n", "mode: recommend\nprotect_serving: false\nworkflow:\n")).plan

    assert plan.mode is Mode.RECOMMEND
    assert plan.protect_serving is False


def test_a_workflow_may_name_its_actions_bare() -> None:
    plan = compiled(("  - action_id: get_pod_events\n", "  - get_pod_events\n")).plan

    assert [step.action_id for step in plan.steps] == ["get_pod_events", "patch_image"]


def test_a_runbook_that_only_reads_needs_neither_criterion_nor_state() -> None:
    source = changed(("  - action_id: patch_image\n", ""))
    plan = compile_runbook(source[: source.index("## Success")].encode(), "rb.md").plan

    assert not plan.changes
    assert plan.state is None
    assert plan.criteria == ()
    assert plan.window_seconds == 300
