"""What a writer reads whose runbook compiles, and does not do all that it says."""

import pytest

from tests.unit.runbooks import CONDITIONS, CRITERIA, STATES, compiled


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "workflow:\n",
            "severity: page\nworkflow:\n",
            "rb.md:6: warning: the key severity is not read; leave it if it is for people",
        ),
        (
            "  - action_id: get_pod_events\n",
            "",
            (
                "rb.md:32: warning: the action get_pod_events is not in the workflow, so it never runs; add it to "
                "the workflow, or remove it"
            ),
        ),
        (
            "- **fallback_image**: `us",
            "- **registry**: `example`\n- **fallback_image**: `us",
            (
                'rb.md:43: warning: nothing in patch_image uses the item "registry"; write {registry} in the '
                "command, or remove it"
            ),
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
            (
                "rb.md:34: warning: the condition on ImagePullBackOff gates nothing, because the action only "
                "reads; remove it"
            ),
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
            (
                'rb.md:39: warning: "Background" is not an action: it has no action_id; add - **action_id**: `…` and - '
                "**command**: `…`"
            ),
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- Latency is back to normal",
            (
                'rb.md:53: warning: the criterion "Latency is back to normal" is not understood, so it will be '
                "reported as unverified; "
                f"write for example {CRITERIA}"
            ),
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- No `OOMKilled` events for 5 minutes",
            (
                'rb.md:53: warning: the criterion "No OOMKilled events for 5 minutes" names an unknown state '
                '"OOMKilled", '
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
