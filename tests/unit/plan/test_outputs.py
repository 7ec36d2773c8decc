"""What an earlier step's result tells the gates of later ones."""

import json
from typing import Any

import pytest

from runmend.facts.expressions import compiled
from runmend.facts.snapshot import Snapshot
from runmend.facts.step import StepFacts
from runmend.language.outputs import told_by
from runmend.language.verbs import VERBS
from runmend.language.verbs.verb import Verb
from runmend.plan.change import Change
from runmend.plan.messages import StepResult, StepStatus
from runmend.plan.outputs import told
from runmend.plan.removal import Removed
from tests.unit.language.test_rights import command

APP = ("spec", "template", "spec", "containers", "app")
READ = StepResult(
    action_id="read",
    status=StepStatus.DONE,
    summary="3 events",
    confirmed=True,
    facts={
        "count": 3,
        "events": 3,
        "warnings": 2,
        "reason": "FailedMount",
        "message": 'configmap "web" not found',
        "missing": 'configmap "web"',
        "reason FailedMount": 7,
        "reason Pulled": 1,
        "ready": True,
        "pod": "web-1",
    },
)
PATCHED = StepResult(
    action_id="patch",
    status=StepStatus.DONE,
    summary="changed",
    changes=(
        Change(path=(*APP, "resources", "limits", "memory"), before="256Mi", after="1Gi"),
        Change(path=(*APP, "resources", "limits", "cpu"), after="0.5"),
        Change(path=(*APP, "image"), before="a:1", after="a:2"),
        Change(path=("spec", "replicas"), before=2, after=3),
    ),
    removed=(Removed(namespace="shop", name="web-1", uid="u"),),
)


def of(result: StepResult | None, **known: Any) -> StepFacts:
    assert result is None or known
    return StepFacts(name="it", **known)


def test_what_a_step_read_has_the_types_of_its_facts() -> None:
    assert told([READ], "it") == of(
        READ,
        done=True,
        confirmed=True,
        found=True,
        count=3,
        events=3,
        warnings=2,
        reason="FailedMount",
        message='configmap "web" not found',
        missing='configmap "web"',
        reasons={"FailedMount": 7, "Pulled": 1},
        changes=0,
        removed=0,
    )


def test_what_a_step_changed_is_told_before_and_after() -> None:
    assert told([PATCHED], "it") == of(
        PATCHED,
        done=True,
        changed=True,
        changes=4,
        removed=1,
        before="256Mi",
        after="1Gi",
        memory_limit_before=256 << 20,
        memory_limit_after=1 << 30,
        cpu_limit_after=500,
        image_before="a:1",
        image_after="a:2",
        replicas_before=2,
        replicas_after=3,
    )


def test_a_value_that_is_not_shown_is_told_to_no_gate() -> None:
    secret = PATCHED.model_copy(update={"changes": (Change(path=(*APP, "env", "KEY", "value"), after="hunter2"),)})

    assert "hunter2" not in told([secret], "it").model_dump_json()


@pytest.mark.parametrize("status", [StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.RECOMMENDED])
def test_a_step_that_did_not_do_its_work_tells_that_alone(status: StepStatus) -> None:
    result = PATCHED.model_copy(update={"status": status})

    assert told([result], "it") == of(result, **{status.value: True})


def test_what_is_told_is_the_same_from_the_history() -> None:
    for result in (READ, PATCHED):
        kept = StepResult.model_validate(json.loads(result.model_dump_json()))
        facts = told([kept], "it")
        assert facts == told([result], "it")
        assert StepFacts.model_validate(json.loads(facts.model_dump_json())) == facts


@pytest.mark.parametrize(
    ("source", "holds", "evidence"),
    [
        ('steps["read"].count > 2', True, "read.count is 3"),
        ('steps["read"].missing == ""', False, 'read.missing is "configmap \\"web\\""'.replace("\\", "")),
        ('steps["read"].reasons["FailedMount"] > 3', True, 'read.reasons["FailedMount"] is 7'),
        ('steps["read"].reasons.exists(r, r == "Pulled")', True, "Pulled"),
        ('steps["read"].done', True, "read.done is true (done, confirmed)"),
        ('steps["patch"].memory_limit_after > 512Mi', True, "patch.memory_limit_after is 1Gi"),
        ('steps["patch"].replicas_after > steps["patch"].replicas_before', True, "patch.replicas_before is 2"),
        ('steps["patch"].cpu_limit_before == null', True, "patch.cpu_limit_before is null"),
        ('steps["late"].count > 2', None, "late.count (skipped): late was not done, so this is not known"),
        ('steps["late"].count != 0', None, "late was not done"),
        ('steps["late"].count == null', True, "late.count is unknown (late was not done"),
        ('steps["late"].found', None, "late.found (skipped): late was not done, so this is not known"),
        ('!steps["late"].found', None, "late was not done"),
        ('!steps["late"].confirmed', None, "late was not done"),
        ('steps["late"].missing == ""', None, "late was not done"),
        ('steps["late"].missing != "x"', None, "late was not done"),
        ('!("FailedMount" in steps["late"].reasons)', None, "late was not done"),
        ('!steps["late"].reasons.exists(r, r == "FailedMount")', None, "late was not done"),
        ('!steps["late"].missing.startsWith("x")', None, "late was not done"),
        ('steps["gone"].message == ""', None, "gone was not done"),
        ('steps["late"].missing == "" || steps["read"].count == 3', True, "read.count is 3"),
        ('steps["late"].missing == "" && steps["read"].count == 4', False, "read.count is 3"),
        ('steps["late"].skipped && !steps["late"].failed && !steps["late"].changed', True, "late.skipped is true"),
        ('!steps["late"].recommended', True, "late.recommended is false"),
        ('steps["gone"].done', False, "gone.done is false (has not run)"),
    ],
)
def test_gates_mix_what_steps_tell_and_say_what_was_seen(source: str, holds: object, evidence: str) -> None:
    late = READ.model_copy(update={"status": StepStatus.SKIPPED})
    results = {"read": [READ], "patch": [PATCHED], "late": [late], "gone": []}
    judged = compiled(source).judge(Snapshot(steps={name: told(found, name) for name, found in results.items()}))

    assert judged.holds is holds
    assert evidence in judged.evidence


def test_an_action_of_several_commands_is_done_where_all_are_and_tells_what_each_did() -> None:
    failed = PATCHED.model_copy(update={"status": StepStatus.FAILED, "changes": ()})
    both, half = told([READ, PATCHED], "it"), told([PATCHED, failed], "it")

    assert (both.done, both.changed, both.count) == (True, True, told([READ], "it").count)
    assert both.changes == len(PATCHED.changes)
    assert (half.done, half.failed, half.changed, half.changes) == (False, True, True, None)


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb.changing and verb.changing.example], ids=lambda verb: verb.words
)
def test_what_a_verb_changes_is_what_its_step_may_be_asked_for(verb: Verb[Any]) -> None:
    assert verb.changing
    assert verb.changing.example
    result = PATCHED.model_copy(update={"changes": verb.changing.example.changes})
    asked = {name for name in told([result], "it").model_fields_set if getattr(told([result], "it"), name)} - {"name"}

    assert asked <= told_by(command(verb.example))
