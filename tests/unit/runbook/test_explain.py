"""`runmend compile --explain`: a runbook told to who has to approve it."""

from runmend.runbook import compile_runbook
from runmend.runbook.explain import explain
from tests.unit.runbooks import RUNBOOKS, SEED, compiled

IMAGES = "spec.template.spec.containers[*].image and spec.template.spec.initContainers[*].image"
OWNED = "  - Pod must be owned by a Deployment\n"


def explained(*changes: tuple[str, str]) -> str:
    return "\n".join(explain(compiled(*changes).plan))


def part(text: str, heading: str) -> list[str]:
    (found,) = [each for each in text.split("\n\n") if each.splitlines()[0] == heading]
    return [line.strip() for line in found.splitlines()[1:]]


def test_the_shipped_runbook_says_what_it_reads_and_changes_and_how_it_is_judged() -> None:
    text = "\n".join(explain(compile_runbook(SEED.encode(), "rb.md").plan))

    assert text.startswith("RB_IMAGEPULL: ImagePullBackOff Remediation\n")
    assert part(text, "What starts it") == [
        "the alert KubePodImagePullBackOff with the labels namespace and pod",
        "there is something to do where a container is in ImagePullBackOff",
    ]
    assert "line 33: get_pod_events: kubectl get events -n {namespace} --field-selector involvedObject.name={pod}" in (
        part(text, "What is read")
    )
    assert part(text, "What may be changed")[1:] == [
        "fallback_image = us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0",
        f"of the Deployment: {IMAGES}; it can be taken back",
        "only containers that are in ImagePullBackOff",
        "only where the pod is owned by a Deployment",
    ]
    judged = part(text, "How success is judged")
    assert 'line 50: "Pod transitions from ImagePullBackOff to Running"' in judged
    assert judged[-1] == "all of it is waited for, 10m 00s at most; then it must hold for 5m 00s"
    assert part(text, "What stays manual") == ["nothing"]
    assert part(text, "What only recommends, and why") == ["nothing"]


def test_sentence_and_expression_stand_side_by_side() -> None:
    changed = part(explained((OWNED, f"{OWNED}  - The Deployment is not paused\n")), "What may be changed")

    at = changed.index('line 47: allowed if "The Deployment is not paused"')
    assert changed[at + 1] == "!workload.paused"


def test_what_nothing_reads_is_manual_unverified_or_recommended() -> None:
    text = explained(
        (OWNED, f"{OWNED}  - Only on weekdays\n"),
        ("- Container starts", "- Users are happy\n- Container starts"),
        ("   - Verify image name", "   - Ask the vendor\n   - Verify image name"),
    )

    assert any('"Users are happy" is reported as unverified' in line for line in part(text, "What stays manual"))
    assert any('"Ask the vendor" is reported as not done' in line for line in part(text, "What stays manual"))
    assert part(text, "What only recommends, and why") == ["patch_image: line 48: Only on weekdays"]


def test_pods_that_are_taken_away_and_a_restart_are_said_to_be_for_good() -> None:
    drained = shipped("RB_NODE_NOT_READY")
    restarted = explained(
        (
            SEED[SEED.index("kubectl patch") : SEED.index("`\n- **fallback_image**")],
            "kubectl rollout restart deployment/{deployment} -n {namespace}",
        )
    )

    assert "pods are evicted; that cannot be taken back" in part(drained, "What may be changed")
    assert part(drained, "What is read") == ["the Node"]
    assert part(restarted, "What may be changed")[1].endswith("; it cannot be taken back")


SET = "kubectl set resources deployment/{deployment} -n {namespace} -c {container} --limits=memory={new_limit}"
PATCH = SEED[SEED.index("kubectl patch") : SEED.index("`\n- **fallback_image**")]


def test_a_calculation_is_said_with_its_bounds_and_where_its_names_come_from() -> None:
    text = explained((PATCH, SET), (OWNED, f"{OWNED}- **calculation**: `new_limit = current_limit * 2` (max 1Gi)\n"))

    changed = part(text, "What may be changed")
    at = changed.index("new_limit = current_limit * 2, at most 1Gi, of each container")
    assert changed[at + 1].startswith("current_limit is the container's memory limit in the template")


def test_the_default_of_a_new_limit_is_said_with_the_bound_that_holds() -> None:
    text = explained((PATCH, SET), (OWNED, f"{OWNED}- **max**: `1Gi`\n"))

    assert "new_limit = max(256Mi, current_limit * 2), at most 1Gi, of each container" in text


def test_what_is_taken_from_the_target_is_said_where_a_command_asks_for_it() -> None:
    undo = "kubectl rollout undo deployment/{deployment} --to-revision={previous_revision} -n {namespace}"

    assert "previous_revision is the number of the revision before that" in part(
        explained((PATCH, undo)), "What may be changed"
    )


def test_what_an_earlier_step_came_to_is_said_as_it_was_written() -> None:
    text = explained(
        ("  - action_id: patch_image\n", "  - action_id: patch_image\n    when: get_pod_events.count > 3\n")
    )

    assert "only when (get_pod_events.count > 3)" in part(text, "What may be changed")
    assert "steps[" not in text


def shipped(runbook_id: str) -> str:
    text = (RUNBOOKS / f"{runbook_id}.md").read_bytes()
    return "\n".join(explain(compile_runbook(text, f"{runbook_id}.md").plan))
