"""What a writer reads whose runbook compiles, and does not do all that it says."""

import pytest

from runmend.runbook.diagnostics import Kind, RunbookError, listed
from tests.unit.runbooks import compiled

KINDS = listed([*Kind], "and")


@pytest.mark.parametrize(
    ("old", "new", "message", "kind"),
    [
        (
            "workflow:\n",
            "severity: page\nworkflow:\n",
            "rb.md:6: warning: the key severity is not read; leave it if it is for people",
            "unread-key",
        ),
        (
            "  - action_id: get_pod_events\n",
            "",
            (
                "rb.md:32: warning: the action get_pod_events is not in the workflow, so it never runs; add it to "
                "the workflow, or remove it"
            ),
            "unused-action",
        ),
        (
            "- **fallback_image**: `us",
            "- **owner**: `example`\n- **fallback_image**: `us",
            (
                'rb.md:43: warning: nothing in patch_image uses the item "owner"; write {owner} in the '
                "command, or remove it"
            ),
            "unused-item",
        ),
        (
            "- **fallback_image**: `us",
            "- **Estimated time**: 1m\n- **fallback_image**: `us",
            (
                'rb.md:43: warning: the item "Estimated time" is not read, no placeholder can ask for it; '
                "name it with letters, digits and _, not a digit first"
            ),
            "unused-item",
        ),
        (
            "  - Requires: `namespace`, `pod` labels\n",
            "  - Quiet hours are over\n",
            (
                'rb.md:37: warning: the condition "Quiet hours are over" is not understood, and gates nothing; '
                "remove it; `runmend sentences` lists what is understood"
            ),
            "unread-condition",
        ),
        (
            "- **fallback_image**: `us",
            "- Tea\n- **fallback_image**: `us",
            (
                'rb.md:43: warning: the item "Tea" of patch_image has no name; write - **name**: `value`, or put '
                "it in the list under conditions"
            ),
            "unread-text",
        ),
        (
            "## Notes",
            "## Escalation\n\nCall Ann.\n\n## Notes",
            (
                'rb.md:54: warning: the section "Escalation" is not read; leave it if it is for people; '
                "sections that are read: Problem, Diagnostic Steps, Remediation Actions, Success Criteria and Notes"
            ),
            "unread-section",
        ),
        (
            "### Action 2",
            "### Background\n\nSome words.\n\n### Action 2",
            (
                'rb.md:39: warning: "Background" is not an action: it has no action_id; add - **action_id**: `…` and - '
                "**command**: `…`"
            ),
            "unused-action",
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- Latency is back to normal",
            (
                'rb.md:53: warning: the criterion "Latency is back to normal" is not understood, so it will be '
                "reported as unverified; `runmend sentences` lists what is understood"
            ),
            "unverified-criterion",
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- No `OOMKilled` events for 5 minutes",
            (
                'rb.md:53: warning: the criterion "No OOMKilled events for 5 minutes" asks for events, and none speaks '
                "of OOMKilled, so it will be reported as unverified; states that may stand there are "
                "ImagePullBackOff, ErrImagePull, CrashLoopBackOff, ContainerCreating, InvalidImageName, "
                "ErrImageNeverPull, Unschedulable, Evicted, NotReady"
            ),
            "unverified-criterion",
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n- Pod is no longer in Sadness",
            (
                'rb.md:53: warning: the criterion "Pod is no longer in Sadness" names an unknown state "Sadness", so '
                "it will be reported as unverified; states that may stand there are ImagePullBackOff, ErrImagePull, "
                "CrashLoopBackOff, OOMKilled, ContainerCreating, CreateContainerConfigError, CreateContainerError, "
                "RunContainerError, InvalidImageName, ErrImageNeverPull, Unschedulable, Evicted"
            ),
            "unverified-criterion",
        ),
        (
            "- Container starts successfully",
            "- Container starts successfully\n\n| a |\n|---|\n| b |",
            "rb.md:54: warning: a table is not read as a criterion; write each criterion as a list item of its own",
            "unread-text",
        ),
    ],
)
def test_what_will_not_be_done_is_a_warning_of_a_kind_by_which_it_can_be_silenced(
    old: str, new: str, message: str, kind: str
) -> None:
    silence = ("workflow:\n", f"silence:\n  - {kind}\nworkflow:\n")

    assert [str(warning) for warning in compiled((old, new)).warnings] == [f"{message} [{kind}]"]
    assert compiled((old, new), silence).warnings == ()


def test_labels_without_those_that_every_run_needs_are_told() -> None:
    asks = "Requires: `namespace`, `pod` labels"
    only_deployment = [(asks, "Requires: `deployment` label"), (asks, "Requires: `deployment` label")]

    (warning,) = compiled(*only_deployment).warnings
    assert str(warning) == (
        "rb.md:33: warning: the conditions require deployment; an alert without namespace starts no run either, "
        "because a run finds what it fixes by it; write Requires: `deployment`, `namespace` labels, and let the alert "
        "carry them [missing-label]"
    )
    (warning,) = compiled((asks, "Requires: `namespace` label"), (asks, "Requires: `namespace` label")).warnings
    assert str(warning) == (
        "rb.md:33: warning: the conditions require namespace; an alert without pod, deployment, statefulset, daemonset "
        "or job_name starts no run either, because a run finds what it fixes by it; write Requires: `namespace`, `pod` "
        "labels, and let the alert carry them [missing-label]"
    )
    assert compiled((asks, "Requires: `deployment` label")).warnings == (), "the other action asks for both"
    optional = " (and optional `container`)"
    assert compiled((asks, "Requires: no labels"), (asks + optional, "Requires: no labels")).warnings == ()


def test_a_silence_that_leaves_nothing_out_is_told() -> None:
    assert [str(warning) for warning in compiled(("workflow:\n", "silence: [prose]\nworkflow:\n")).warnings] == [
        "rb.md:6: warning: silence: there is no warning prose; remove it [unused-silence]"
    ]


@pytest.mark.parametrize(
    ("silence", "message"),
    [
        ("[prosa]", 'rb.md:6: error: silence: "prosa" is no kind of warning; did you mean prose?'),
        ("[x]", f'rb.md:6: error: silence: "x" is no kind of warning; kinds are {KINDS}'),
        ("[{a: b}]", f'rb.md:6: error: silence: "" is no kind of warning; kinds are {KINDS}'),
        (
            "prose",
            f"rb.md:6: error: silence is text, not a list; write a list, one '- KIND' for each; kinds are {KINDS}",
        ),
    ],
)
def test_an_unknown_kind_is_an_error(silence: str, message: str) -> None:
    with pytest.raises(RunbookError) as refused:
        compiled(("workflow:\n", f"silence: {silence}\nworkflow:\n"))

    assert [str(error) for error in refused.value.errors] == [message]


def test_an_error_is_not_silenced_and_its_file_s_other_warnings_are() -> None:
    changes = (
        ("workflow:\n", "silence: [unread-key]\nseverity: page\nmode: always\nworkflow:\n"),
        ("## Notes", "## Escalation\n\n## Notes"),
    )
    with pytest.raises(RunbookError) as refused:
        compiled(*changes)

    assert [each.kind for each in refused.value.diagnostics] == [None, "unread-section"]


def test_a_name_that_is_almost_a_state_s_is_noted() -> None:
    old = "- Container starts successfully\n"
    slip = old + '- `!waiting("CrashLopBackOff")`\n- `!waiting("PodInitializing")`\n'

    (note,) = compiled((old, slip)).warnings
    assert str(note) == (
        'rb.md:53: note: "CrashLopBackOff" in "!waiting("CrashLopBackOff")" is no known state, so it is read as a '
        "reason of just that name; did you mean CrashLoopBackOff? [read-as]"
    )
