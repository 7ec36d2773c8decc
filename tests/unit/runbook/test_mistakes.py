"""What a writer reads whose actions or criteria are wrong: every message exactly, and all of a file in one go."""

import pytest

from runmend.runbook import compile_runbook
from runmend.runbook.kubectl import LISTED
from tests.unit.runbooks import CRITERIA, SEED, changed, compiled, said


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
            (
                "rb.md:41: error: an action has a command and no action_id; add - **action_id**: "
                "`name_of_the_action` beside it"
            ),
        ),
        (
            "- **command**: `kubectl get",
            "- **commando**: `kubectl get",
            (
                "rb.md:33: error: the action get_pod_events has no command; add - **command**: `kubectl …`; what you "
                "read is what runs"
            ),
        ),
        (
            "- **command**: `kubectl get",
            "- **command**: run `kubectl get",
            (
                "rb.md:35: error: the command is mixed with other text; put each command, and nothing else, in "
                "one pair of backticks, in an item of a list, or in a code block"
            ),
        ),
        (
            "- **fallback_image**: `us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0`",
            "- **fallback_image**: `Hello App`",
            (
                "rb.md:43: error: fallback_image is used as an image reference: 'Hello App': the repository must "
                "be lower-case; "
                "write an image reference that Kubernetes accepts"
            ),
        ),
        (
            "- **fallback_image**: `us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0`\n",
            "",
            (
                "rb.md:42: error: unknown placeholder {fallback_image}; "
                "known are {container}, {daemonset}, {deployment}, {namespace}, {node}, {pod}, {selector} and "
                "{statefulset}; "
                "or add - **fallback_image**: `value`"
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
            (
                'rb.md:43: error: the item "timeout" is said in the workflow, not in the action; write it beside '
                "- action_id: patch_image in the front matter"
            ),
        ),
        (
            "- **fallback_image**: `us",
            "- **requires**: `pod`\n- **fallback_image**: `us",
            (
                'rb.md:43: error: the item "requires" is not supported yet; write a condition as an item of the list '
                "under conditions"
            ),
        ),
        (
            "  - Pod must be owned by a Deployment",
            "  - Pod must be owned by a StatefulSet",
            (
                "rb.md:46: error: the pod of a StatefulSet is never one of the Deployment that is changed; "
                "write Pod must be owned by a Deployment"
            ),
        ),
        (
            "No new `ImagePullBackOff` events for 5 minutes",
            "No new `ImagePullBackOff` events for 2 days",
            (
                'rb.md:51: error: the criterion "No new ImagePullBackOff events for 2 days" asks for more than '
                "24 hours; "
                "name 1 second to 24 hours"
            ),
        ),
        (
            "No new `ImagePullBackOff` events for 5 minutes",
            "No new `ImagePullBackOff` events for 0 minutes",
            (
                'rb.md:51: error: the criterion "No new ImagePullBackOff events for 0 minutes" asks for no time; '
                "name 1 second to 24 hours"
            ),
        ),
    ],
)
def test_a_mistake_in_the_body_is_said_with_its_line(old: str, new: str, message: str) -> None:
    assert message in said(changed((old, new)))


def test_all_errors_of_a_file_are_said_in_one_go_in_the_order_of_its_lines() -> None:
    messages = said(
        changed(
            ("title: ImagePullBackOff Remediation\n", ""),
            ("# ImagePullBackOff Remediation", "Some text."),
            (
                "kubectl get events -n {namespace} --field-selector involvedObject.name={pod}`\n- **cond",
                "kubectl exec {pod}`\n- **cond",
            ),
            ("kubectl patch deployment {deployment} -n {namespace}", "kubectl patch deployment web"),
            ("for 5 minutes", "for 0 s"),
        )
    )

    assert messages == [
        "rb.md:1: error: title is missing; add title: What the runbook repairs, or begin with a heading",
        (
            "rb.md:34: error: kubectl exec is refused: it runs a command inside a container, and nobody can tell "
            "what that changed; "
            f"write what should change; {LISTED}"
        ),
        (
            'rb.md:41: error: the Deployment is "web"; '
            "write {deployment}: a run changes its own target only, which nobody else changes meanwhile"
        ),
        "rb.md:41: error: the command says no namespace; say it: -n {namespace}",
        (
            'rb.md:50: error: the criterion "No new ImagePullBackOff events for 0 s" asks for no time; name 1 second '
            "to 24 hours"
        ),
    ]


def test_without_a_title_the_document_s_own_heading_is_one() -> None:
    assert compiled(("title: ImagePullBackOff Remediation\n", "")).plan.title == "ImagePullBackOff Remediation"
    assert compiled(("title: ImagePullBackOff Remediation", "title: Another")).plan.title == "Another"


def test_a_changing_runbook_needs_a_criterion_that_can_be_checked() -> None:
    source = SEED[: SEED.index("- Pod transitions")] + "- Users are happy\n"

    assert said(source) == [
        (
            "rb.md:48: error: no success criterion can be checked, and the runbook changes something; "
            f"under ## Success Criteria write {CRITERIA}"
        ),
        (
            'rb.md:50: warning: the criterion "Users are happy" is not understood, so it will be reported as '
            "unverified; `runmend sentences` lists what is understood [unverified-criterion]"
        ),
    ]


def test_two_states_are_a_contradiction_only_where_both_are_treated() -> None:
    plan = compiled(("from `ImagePullBackOff` to", "from `CrashLoopBackOff` to")).plan

    assert (plan.state, plan.problem_expression) == ("ImagePullBackOff", "")


def test_the_state_may_be_said_by_a_criterion_alone() -> None:
    plan = compiled(("If pod is in ImagePullBackOff, patch", "Patch")).plan

    assert plan.state == "ImagePullBackOff"
    assert plan.steps[1].state is None


def test_two_names_of_one_state_are_no_contradiction() -> None:
    assert (
        compiled(
            ("If pod is in ImagePullBackOff,", "If the pod is in `ErrImagePull` or `ImagePullBackOff`,")
        ).plan.state
        == "ErrImagePull"
    )


def test_a_runbook_that_only_reads_needs_neither_criterion_nor_state() -> None:
    source = changed(("  - action_id: patch_image\n", ""))
    plan = compile_runbook(source[: source.index("## Success")].encode(), "rb.md").plan

    assert not plan.changes
    assert plan.state is None
    assert plan.criteria == ()
    assert plan.window_seconds == 300
