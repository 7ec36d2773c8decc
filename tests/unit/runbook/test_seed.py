"""The shipped runbook compiles to exactly the plan that its sentences say."""

import hashlib
from pathlib import Path

import pytest

from runmend.images.pull_failures import Cause
from runmend.plan.criteria import Criterion
from runmend.plan.plan import (
    DiagnosticStep,
    Plan,
    Probe,
    Step,
    SubPoint,
)
from runmend.runbook import Compiled, compile_runbook, dump_plan
from tests.builders import FALLBACK, events_query, patch_operation

SEED = Path(__file__).parents[3] / "runbooks" / "RB_IMAGEPULL.md"
EVENTS_OF_THE_POD = events_query("involvedObject.name={pod}")


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_runbook(SEED.read_bytes(), str(SEED))


@pytest.fixture(scope="module")
def plan(compiled: Compiled) -> Plan:
    return compiled.plan


def test_it_compiles_without_a_warning(compiled: Compiled) -> None:
    assert compiled.warnings == ()


def test_its_front_matter_is_in_the_plan(plan: Plan) -> None:
    assert plan.runbook_id == "RB_IMAGEPULL"
    assert plan.alertname == "KubePodImagePullBackOff"
    assert plan.title == "ImagePullBackOff Remediation"
    assert plan.description == "Pod cannot pull container image from registry"
    assert plan.mode is None
    assert plan.protect_serving is None
    assert plan.file == "RB_IMAGEPULL.md"
    assert plan.sha256 == hashlib.sha256(SEED.read_bytes()).hexdigest()


def test_it_repairs_pods_in_image_pull_back_off(plan: Plan) -> None:
    assert plan.state == "ImagePullBackOff"
    assert plan.changes
    assert plan.required_labels == ("namespace", "pod")


def test_its_first_step_reads_the_events_of_the_pod(plan: Plan) -> None:
    assert plan.steps[0] == Step(
        action_id="get_pod_events",
        title="Inspect Events",
        line=33,
        description="Fetch recent events for the pod to confirm image pull errors and capture context.",
        command="kubectl get events -n {namespace} --field-selector involvedObject.name={pod}",
        operation=EVENTS_OF_THE_POD,
        required_labels=("namespace", "pod"),
        says="in {namespace} where involvedObject.name={pod}",
    )


def test_its_second_step_patches_the_deployment_of_a_pod_in_that_state(plan: Plan) -> None:
    step = plan.steps[1]

    assert step == Step(
        action_id="patch_image",
        title="Patch Image",
        line=40,
        description="If pod is in ImagePullBackOff, patch the owning Deployment to a known-good fallback image.",
        command="kubectl patch deployment {deployment} -n {namespace} -p "
        """'{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}'""",
        operation=patch_operation({"{container}": "{fallback_image}"}),
        parameters={"fallback_image": FALLBACK},
        required_labels=("namespace", "pod"),
        optional_labels=("container",),
        state="ImagePullBackOff",
        owner="Deployment",
        try_seconds=90,
        changes=True,
        images=(("{container}", FALLBACK),),
        says="container {container} → {fallback_image}",
    )
    assert len(plan.steps) == 2
    assert step.image_for("whichever") == FALLBACK


def test_its_diagnosis_knows_the_query_the_causes_and_all_four_probes(plan: Plan) -> None:
    assert plan.diagnosis == (
        DiagnosticStep(
            name="Check pod events",
            line=18,
            query=EVENTS_OF_THE_POD,
            look_for=(Cause.AUTHENTICATION, Cause.NOT_FOUND, Cause.NETWORK),
        ),
        DiagnosticStep(
            name="Verify image reference",
            line=22,
            points=(
                SubPoint(text="Check if image tag/digest exists in registry", line=23, probe=Probe.IMAGE_EXISTS),
                SubPoint(text="Verify image name format is correct", line=24, probe=Probe.IMAGE_WELL_FORMED),
            ),
        ),
        DiagnosticStep(
            name="Check pull secrets",
            line=26,
            points=(
                SubPoint(
                    text="Verify service account has imagePullSecrets configured",
                    line=27,
                    probe=Probe.PULL_SECRETS_CONFIGURED,
                ),
                SubPoint(text="Check if pull secret exists and is valid", line=28, probe=Probe.PULL_SECRET_VALID),
            ),
        ),
    )


def test_its_criteria_are_typed_and_their_window_is_five_minutes(plan: Plan) -> None:
    assert plan.criteria == (
        Criterion(
            text="Pod transitions from ImagePullBackOff to Running",
            line=50,
            expression='pods.size() > 0 && pods.all(p, p.running) && !waiting("ImagePullBackOff")',
            leaves="ImagePullBackOff",
        ),
        Criterion(
            text="No new ImagePullBackOff events for 5 minutes",
            line=51,
            expression='!events.new("ImagePullBackOff") && pods.size() > 0 && !waiting("ImagePullBackOff")',
            must="stay",
            seconds=300,
        ),
        Criterion(
            text="Container starts successfully",
            line=52,
            expression=(
                "pods.size() > 0 && pods.all(p, p.containers.all(c, c.done || (c.state == 'running' && c.started)))"
                " && !restarted"
            ),
        ),
    )
    assert plan.window_seconds == 300


def test_its_prose_is_kept(plan: Plan) -> None:
    assert (
        plan.problem
        == "Pod container is in ImagePullBackOff state, indicating the image cannot be pulled from the registry."
    )
    assert plan.notes == (
        "This runbook assumes a known good fallback image exists",
        "If multiple containers in pod, patch only the affected container",
    )


def test_compiling_the_same_bytes_twice_gives_the_same_bytes() -> None:
    source = SEED.read_bytes()

    one = dump_plan(compile_runbook(source, "runbooks/RB_IMAGEPULL.md").plan)
    other = dump_plan(compile_runbook(source, "/elsewhere/RB_IMAGEPULL.md").plan)

    assert one == other
    assert Plan.model_validate_json(one) == compile_runbook(source, "RB_IMAGEPULL.md").plan


def test_windows_line_ends_and_a_byte_order_mark_change_no_line_and_no_meaning(plan: Plan) -> None:
    source = b"\xef\xbb\xbf" + SEED.read_bytes().replace(b"\n", b"\r\n")

    compiled = compile_runbook(source, "RB_IMAGEPULL.md")

    assert compiled.warnings == ()
    assert compiled.plan.model_copy(update={"sha256": plan.sha256}) == plan
