"""The report in words: what a reader of the Web UI, of `runmend show` and of the log gets."""

import shlex
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.attributes import KEYWORD_BYTES
from runmend.plan.change import Change
from runmend.plan.criteria import Status, Verdict
from runmend.plan.messages import Affected, Finding, Observation, RunResult, StepResult, StepStatus
from runmend.reports.commands import restore
from runmend.reports.report import duration, outcome_line, render, searchable_reason, verdict_line
from tests.builders import FALLBACK, MISSING, an_alert, image_change
from tests.unit.marks import MARKS, without_code
from tests.world import seed_plan

WEB = Target(cluster="prod", namespace="shop", kind="Deployment", name="web")
LONELY = WEB.model_copy(update={"kind": "Pod", "name": "lonely"})
JOB = WEB.model_copy(update={"kind": "Job", "name": "once"})
AFFECTED = Affected(container="app", init=False, image=MISSING, reason="ErrImagePull", pods=("web-1", "web-2"))
CHANGE = image_change("app", MISSING, FALLBACK)


def a_verdict(status: Status, text: str = "Container starts") -> Verdict:
    return Verdict(text=text, line=52, status=status, evidence=f"seen to be {status}")


def a_result(outcome: Outcome | None = Outcome.RESOLVED, **known: object) -> RunResult:
    base = RunResult(
        runbook_id="RB_IMAGEPULL",
        title="ImagePullBackOff Remediation",
        sha256="36805753a9fa91b5",
        target=WEB,
        alerts=(an_alert("web-1"),),
        mode=Mode.AUTO,
        outcome=outcome,
    )
    return base.model_copy(update=known)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (None, "running"),
        (Outcome.RESOLVED, "resolved"),
        (Outcome.NOT_NEEDED, "not needed"),
        (Outcome.RECOMMENDED, "recommended, nothing changed"),
        (Outcome.PRECONDITION_FAILED, "PreconditionFailed"),
        (Outcome.STEP_FAILED, "StepFailed"),
        (Outcome.REVERTED, "Reverted"),
        (Outcome.VERIFICATION_FAILED, "VerificationFailed"),
        (Outcome.CANCELLED, "cancelled"),
    ],
)
def test_every_outcome_has_its_line(outcome: Outcome | None, said: str) -> None:
    assert outcome_line(a_result(outcome)) == said
    assert render(a_result(outcome)).splitlines()[0] == f"## ImagePullBackOff Remediation: {said}"


@pytest.mark.parametrize(
    ("unverified", "said"),
    [(0, "resolved"), (1, "resolved, 1 criterion unverified"), (2, "resolved, 2 criteria unverified")],
)
def test_what_was_not_verified_is_in_the_outcomes_line(unverified: int, said: str) -> None:
    verdicts = (a_verdict(Status.PASSED), *[a_verdict(Status.UNVERIFIED)] * unverified)
    assert outcome_line(a_result(verdicts=verdicts)) == said


def a_resolved_run() -> RunResult:
    observation = Observation(
        owner="Pod web-1 → ReplicaSet web-6b9 → Deployment web",
        pods=("web-1: Pending",),
        pod_count=2,
        affected=(AFFECTED, AFFECTED.model_copy(update={"container": "db", "init": True})),
        findings=(
            Finding(about="Check pod events", line=18, found="image not found (reported 3x)", ok=False),
            Finding(about="Verify image name", line=24, found="well-formed", ok=True),
            Finding(about="Ask the vendor", line=25, found="not done: this point cannot be read by a machine"),
            Finding(about="Ensure a pull secret", line=26, found="none configured", not_set=True),
            Finding(about="image that the runbook would write", found="unknown: no such host"),
        ),
    )
    steps = (
        StepResult(action_id="get_pod_events", status=StepStatus.DONE, summary="4 events", confirmed=True),
        StepResult(action_id="patch_image", status=StepStatus.DONE, summary="changed it", changes=(CHANGE,)),
    )
    return a_result(
        summary="changed it; it held for 5 minutes",
        observation=observation,
        steps=steps,
        settled="2 of 2 pods are Running",
        window_seconds=300,
        verdicts=(a_verdict(Status.PASSED), a_verdict(Status.UNVERIFIED, "The shop is full")),
        remarks=("alert KubePodImagePullBackOff for pod web-1 resolved meanwhile",),
    )


def test_a_whole_report() -> None:
    assert render(a_resolved_run()).splitlines() == [
        "## ImagePullBackOff Remediation: resolved, 1 criterion unverified",
        "",
        "**changed it; it held for 5 minutes**",
        "",
        "- Target: Deployment shop/web (cluster prod)",
        "- Runbook: RB_IMAGEPULL, sha256 36805753a9fa",
        "- Alert: KubePodImagePullBackOff for pod web-1, container app",
        "",
        "### What was wrong",
        "",
        "- Owner: Pod web-1 → ReplicaSet web-6b9 → Deployment web",
        f"- Affected: container app (ErrImagePull), image `{MISSING}`, in web-1, web-2",
        f"- Affected: init container db (ErrImagePull), image `{MISSING}`, in web-1, web-2",
        "- ✗ Check pod events (line 18): image not found (reported 3x)",
        "- ✓ Verify image name (line 24): well-formed",
        "- ? Ask the vendor (line 25): not done: this point cannot be read by a machine",
        "- ∅ Ensure a pull secret (line 26): none configured",
        "- ? image that the runbook would write: unknown: no such host",
        "",
        "✓ fine, ✗ found something, ? cannot be told, ∅ not set",
        "",
        "### What was done",
        "",
        "1. get_pod_events: done: 4 events",
        f"2. patch_image: done: container app: before `{MISSING}`, after `{FALLBACK}`",
        "",
        "### How it was verified",
        "",
        "- Settled: 2 of 2 pods are Running",
        "- The window of 5 minutes has passed",
        "- ✓ Container starts (line 52): passed: seen to be passed",
        "- ? The shop is full (line 52): unverified: seen to be unverified",
        "",
        "### Remarks",
        "",
        "- alert KubePodImagePullBackOff for pod web-1 resolved meanwhile",
        "",
        "### How to restore what was there",
        "",
        "With it comes back what was wrong before.",
        "",
        "```",
        f"kubectl set image deployment/web app={MISSING} -n shop",
        "```",
    ]


def test_a_failed_step_is_named_after_those_that_were_done() -> None:
    done = StepResult(action_id="get_pod_events", status=StepStatus.DONE, summary="4 events")
    text = render(a_result(Outcome.PRECONDITION_FAILED, steps=(done,), failed_step="patch_image"))

    assert "\n1. get_pod_events: done: 4 events\n2. patch_image: failed" in text


def test_a_recommended_change_is_not_told_as_one_that_was_made() -> None:
    step = StepResult(
        action_id="patch_image", status=StepStatus.RECOMMENDED, summary="would change it", changes=(CHANGE,)
    )
    text = render(a_result(Outcome.RECOMMENDED, steps=(step,), mode=Mode.RECOMMEND))

    assert "- Mode: recommend" in text
    assert "1. patch_image: recommended: would change it" in text
    assert "before" not in text


def test_a_change_that_an_earlier_try_made_says_so() -> None:
    step = StepResult(
        action_id="patch_image",
        status=StepStatus.DONE,
        summary="changed it (earlier)",
        changes=(CHANGE,),
        recovered=True,
    )

    assert "1. patch_image: done: changed it (earlier)" in render(a_result(steps=(step,)))


def test_where_nothing_is_affected_the_pods_are_shown_as_they_are() -> None:
    observation = Observation(owner="o", pods=("web-1: Running",), pod_count=1)

    assert "- Seen: web-1: Running" in render(a_result(Outcome.NOT_NEEDED, observation=observation))


def told(of: str) -> RunResult:
    """A result that holds a text wherever one comes from outside."""
    change = image_change("app", of, FALLBACK)
    labels = {"alertname": of, "pod": of, "container": of}
    return a_result(
        alerts=(an_alert("p").model_copy(update={"labels": labels}),),
        summary=of,
        observation=Observation(
            owner=of,
            pods=(of,),
            pod_count=1,
            affected=(AFFECTED.model_copy(update={"image": of}),),
            findings=(Finding(about=of, found=of),),
        ),
        steps=(StepResult(action_id="a", status=StepStatus.DONE, summary=of, changes=(change,)),),
        settled=of,
        verdicts=(Verdict(text=of, line=1, status=Status.PASSED, evidence=of),),
        remarks=(of,),
    )


@given(MARKS)
def test_whatever_comes_from_outside_the_report_has_the_same_structure(text: str) -> None:
    # A text of nothing but blanks leaves a place empty, which is no structure of its own either.
    assert without_code(render(told(f"x{text}x"), now=f"x{text}x")) == without_code(render(told("x"), now="x"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (60, "1 minute"),
        (300, "5 minutes"),
        (3600, "1 hour"),
        (7200, "2 hours"),
    ],
)
def test_a_duration_is_told_in_its_largest_whole_unit(seconds: int, said: str) -> None:
    assert duration(seconds) == said


@given(st.integers(min_value=1, max_value=10**6))
def test_a_duration_says_exactly_as_long(seconds: int) -> None:
    number, unit = duration(seconds).split()
    assert int(number) * {"second": 1, "minute": 60, "hour": 3600}[unit.removesuffix("s")] == seconds


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (Outcome.PRECONDITION_FAILED, "`runmend replay shop/web` resumes it at patch_image"),
        (Outcome.STEP_FAILED, "`runmend replay shop/web` resumes it at patch_image"),
        (Outcome.VERIFICATION_FAILED, "`runmend replay shop/web` verifies it anew"),
        (Outcome.REVERTED, "`runmend replay shop/web --again` starts over"),
    ],
)
def test_a_failed_run_says_what_its_kind_means_and_what_a_person_can_do(outcome: Outcome, advice: str) -> None:
    failed = a_result(outcome, failed_step="patch_image")

    assert f"\n{outcome.value} means: " in render(failed)
    assert advice in render(failed).partition("### What you can do")[2]
    assert "What you can do" not in render(failed, advise=False)


def advised(result: RunResult) -> str:
    return render(result).partition("### What you can do")[2]


@pytest.mark.parametrize(
    ("outcome", "reason", "target", "says", "command"),
    [
        (
            Outcome.STEP_FAILED,
            "not signed",
            WEB,
            "`runmend replay shop/web --latest`, with the installation's keys",
            "",
        ),
        (Outcome.VERIFICATION_FAILED, "the target is gone", WEB, "Nothing: what this run was about is not there", ""),
        (Outcome.NOT_NEEDED, "the target is gone", WEB, "Nothing: what this run was about is not there", ""),
        (Outcome.PRECONDITION_FAILED, "the target is being deleted", WEB, "which finalizers hold it", "get deployment"),
        (Outcome.PRECONDITION_FAILED, "owner is a Pod", LONELY, "nothing controls this pod", "edit pod/lonely"),
        (Outcome.PRECONDITION_FAILED, "owner is a Job", JOB, "the target is a Job", "edit job/once"),
        (Outcome.PRECONDITION_FAILED, "paused", WEB, "goes on where the run failed", "rollout resume deployment/web"),
        (Outcome.PRECONDITION_FAILED, "namespace not allowed", WEB, "`RUNMEND_NAMESPACES`", ""),
        (Outcome.PRECONDITION_FAILED, "already the fallback image", WEB, "`runmend replay shop/web --latest`", ""),
        (Outcome.VERIFICATION_FAILED, "new image: image not found", WEB, "cannot be pulled either", ""),
        (Outcome.VERIFICATION_FAILED, "scaled to 0", WEB, "scale it up", "scale deployment/web --replicas=1"),
        (Outcome.VERIFICATION_FAILED, "pods refused: quota", WEB, "verifies the change", "describe resourcequota"),
        (Outcome.VERIFICATION_FAILED, "pods refused: OutOfcpu", WEB, "who refuses", "get events --field-selector"),
        (Outcome.NOT_NEEDED, "another state: ErrImageNeverPull", WEB, "does not treat that", "describe deployment web"),
    ],
)
def test_what_a_person_can_do_fits_the_case(
    outcome: Outcome, reason: str, target: Target, says: str, command: str
) -> None:
    text = advised(a_result(outcome, reason=reason, target=target))

    assert says in text
    assert ("```\nkubectl " in text) == bool(command)
    assert command in text
    if "owner is" in reason or "gone" in reason or "deleted" in reason:
        assert "runmend replay" not in text


def test_a_recommendation_ends_with_the_commands_that_would_do_it() -> None:
    step = StepResult(
        action_id="patch_image",
        status=StepStatus.RECOMMENDED,
        summary="2 of 2 serve",
        changes=(CHANGE,),
        rollback="kubectl rollout undo deployment/web -n shop --to-revision=3",
    )
    text = advised(a_result(Outcome.RECOMMENDED, steps=(step,)))
    by_mode = advised(a_result(Outcome.RECOMMENDED, steps=(step.model_copy(update={"rollback": ""}),)))

    assert text.splitlines()[2:] == [
        "Go back to the revision that serves:",
        "",
        "```",
        step.rollback,
        "```",
        "",
        "Or make the change of the runbook by hand:",
        "",
        "```",
        f"kubectl set image deployment/web app={FALLBACK} -n shop",
        "```",
    ]
    assert by_mode.endswith(f"```\nkubectl set image deployment/web app={FALLBACK} -n shop\n```")
    assert "rollout undo" not in by_mode
    refused = advised(a_result(Outcome.RECOMMENDED, steps=(step.model_copy(update={"refused": "policy p"}),)))
    assert (step.rollback in refused, "set image" in refused) == (True, False)
    assert "The API server refuses the change of the runbook" in refused


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1), st.text(alphabet="ab:/.$`'\"\\ ;&|", min_size=1))
def test_a_command_is_read_by_a_shell_as_it_was_meant(container: str, image: str) -> None:
    change = image_change(container, image, FALLBACK)

    assert shlex.split(restore(WEB, (change,))) == [
        *("kubectl", "set", "image", "deployment/web"),
        f"{container}={image}",
        *("-n", "shop"),
    ]


@pytest.mark.parametrize("outcome", [Outcome.RESOLVED, Outcome.VERIFICATION_FAILED, Outcome.CANCELLED])
def test_a_report_of_a_change_ends_with_what_restores_what_was_there(outcome: Outcome) -> None:
    step = StepResult(action_id="patch_image", status=StepStatus.DONE, summary="changed it", changes=(CHANGE,))
    text = render(a_result(outcome, steps=(step,)))

    assert text.endswith(f"```\nkubectl set image deployment/web app={MISSING} -n shop\n```")


def test_a_cancelled_run_says_what_stands_and_what_nobody_knows() -> None:
    def stands(**known: object) -> str:
        told = render(a_result(Outcome.CANCELLED).model_copy(update=known))
        return told.partition("### What stands")[2].strip().splitlines()[0]

    assert stands() == "- nothing was changed"
    assert stands(remarks=("alert may have written for pod web-1 resolved meanwhile",)) == "- nothing was changed"
    assert stands(uncertain_step="patch_image") == "- see the remarks"


def test_what_somebody_has_put_back_already_is_not_restored() -> None:
    step = StepResult(action_id="patch_image", status=StepStatus.DONE, summary="changed it", changes=(CHANGE,))

    assert "restore" not in render(a_result(Outcome.REVERTED, steps=(step,)))


def test_a_cancelled_run_says_what_stands_what_was_not_done_and_what_a_person_can_do() -> None:
    plan = seed_plan()
    read = StepResult(action_id="get_pod_events", status=StepStatus.DONE, summary="4 events")
    step = StepResult(action_id="patch_image", status=StepStatus.DONE, summary="changed it", changes=(CHANGE,))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    before = render(a_result(None, steps=(read,)).cancelled(plan, "", now))
    after = render(a_result(None, steps=(read, step), settled="2 of 2").cancelled(plan, "maintenance", now))

    assert "**cancelled by a person, no reason given**" in before
    assert "### What stands\n\n- nothing was changed\n" in before
    assert (
        "### What was not done\n\n- patch\\_image\n- settle\n- verification window\n- check\n".replace("\\", "")
        in before
    )
    assert "`runmend replay shop/web` goes on where the run ended." in before
    assert "**cancelled by a person: maintenance**" in after
    assert f"- container app: before `{MISSING}`, after `{FALLBACK}`; not proven\n" in after
    assert "### What was not done\n\n- verification window\n- check\n" in after
    assert "`runmend replay shop/web` verifies the change" in after


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (a_result(None), "… running: Deployment shop/web"),
        (
            a_result(Outcome.RESOLVED, reason="image not found"),
            "✓ resolved: Deployment shop/web (was: image not found)",
        ),
        (a_result(Outcome.REVERTED, reason="put back by\nargo"), "✗ Reverted: Deployment shop/web: put back by argo"),
        (
            a_result(Outcome.CANCELLED, summary="cancelled by a person: x"),
            "■ cancelled: Deployment shop/web: cancelled by a person: x",
        ),
    ],
)
def test_the_verdict_is_one_line(result: RunResult, line: str) -> None:
    assert verdict_line(result) == line


def test_a_searched_reason_keeps_what_was_not_verified_however_long_the_cause_is() -> None:
    verdicts = (a_verdict(Status.UNVERIFIED),)
    long = searchable_reason(a_result(Outcome.RESOLVED, reason="é" * 300, verdicts=verdicts))
    failed = a_result(Outcome.VERIFICATION_FAILED, reason="it is back", verdicts=verdicts)

    assert len(long.encode()) <= KEYWORD_BYTES
    assert long.endswith("é; 1 criterion unverified")
    assert searchable_reason(failed) == "it is back"
    assert searchable_reason(a_result(Outcome.RESOLVED, verdicts=verdicts)) == "1 criterion unverified"


@pytest.mark.parametrize("outcome", [None, Outcome.RESOLVED, Outcome.NOT_NEEDED, Outcome.RECOMMENDED])
def test_a_run_that_has_not_failed_asks_nothing_of_anybody(outcome: Outcome | None) -> None:
    text = render(a_result(outcome))

    assert " means: " not in text
    assert "What you can do" not in text


def test_what_is_not_shown_is_not_in_the_command_that_restores_it() -> None:
    path = ("spec", "template", "spec", "containers", "app", "env", "TOKEN", "value")
    change = Change(path=path, before="hunter2", after="empty")

    told = restore(WEB, (change,))

    assert "hunter2" not in told
    assert "see the annotation runmend.io/changes" in told


def test_an_alert_that_names_a_workload_alone_is_told_by_that() -> None:
    labels = {"alertname": "KubeDeploymentScaledToZero", "namespace": "shop", "deployment": "web"}
    alert = an_alert("").model_copy(update={"labels": labels})

    assert alert.about == alert.brief.about == ("deployment", "web")
