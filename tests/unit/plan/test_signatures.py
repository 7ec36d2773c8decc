"""Signed plans: what was signed is good, and nothing else is."""

import os
from pathlib import Path
from typing import Any

import pytest

from runmend.alerts.alert import Target
from runmend.core.modes import Mode
from runmend.plan.criteria import Watermark
from runmend.plan.messages import (
    CheckCall,
    Observation,
    ObserveCall,
    Options,
    ReportCall,
    RunInput,
    RunResult,
    SettleCall,
    StepCall,
)
from runmend.plan.plan import Plan, Step
from runmend.plan.removal import Removed
from runmend.plan.signatures import KEYS_MOST, Call, NotSigned, PlanKeys, WrongPlanKeys
from runmend.plan.values import Value
from runmend.runbook import compile_runbook
from tests.builders import SEED, an_alert, patch_operation

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = PlanKeys((NEW,), "test")
PLAN = compile_runbook(SEED.read_bytes(), SEED.name).plan
TARGET = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
GIVEN = RunInput(plan=PLAN, target=TARGET, alerts=(an_alert("web-1"),), options=Options(mode=Mode.RECOMMEND))
JOINED = an_alert("web-2")
MARK = Watermark(pods={"uid": "web-1"}, running=1, events={}, restarts={})


def calls(given: RunInput) -> dict[str, Call]:
    """What the workflow asks the activities of a run."""
    plan, target, alerts = given.plan, given.target, (*given.alerts, JOINED)
    steps = {
        step.action_id: StepCall.of(given, number, "run", alerts=alerts) for number, step in enumerate(plan.steps, 1)
    }
    result = RunResult.begun(given, None).model_copy(update={"summary": "it is done", "alerts": alerts})
    return {
        "observe": ObserveCall(plan=plan, target=target, alerts=alerts),
        **steps,
        "settle": SettleCall(state=plan.state, criteria=plan.criteria, target=target, changes=(), uid="uid"),
        "check": CheckCall(state=plan.state, criteria=plan.criteria, target=target, changes=(), watermark=MARK),
        "report": ReportCall(result=result),
    }


def test_all_that_a_run_asks_is_covered_whatever_alerts_joined_and_whatever_was_found() -> None:
    signature = KEYS.sign(GIVEN)

    for call in calls(GIVEN).values():
        KEYS.check(call, signature)
    KEYS.check_start(GIVEN, signature)
    assert len(signature.digests) == len(calls(GIVEN))


def test_what_a_run_has_found_calculated_and_done_is_not_known_when_it_is_signed() -> None:
    signature = KEYS.sign(GIVEN)
    seen = Observation(
        owner="Deployment web", pods=(), pod_count=0, values={"patch_image": (Value(name="new_limit", text="1Gi"),)}
    )
    removed = (Removed(namespace="shop", name="web-1", uid="uid"),)
    settle, check = calls(GIVEN)["settle"], calls(GIVEN)["check"]

    KEYS.check(StepCall.of(GIVEN, 2, "run", alerts=GIVEN.alerts, seen=seen), signature)
    KEYS.check(settle.model_copy(update={"removed": removed}), signature)
    KEYS.check(check.model_copy(update={"removed": removed}), signature)


def test_a_later_command_of_an_action_may_be_recommended_and_the_first_may_not() -> None:
    first, last = PLAN.steps
    parts = tuple(last.model_copy(update={"part": number, "begun": number > 1}) for number in (1, 2))
    given = GIVEN.model_copy(update={"plan": PLAN.model_copy(update={"steps": (first, *parts)}), "options": Options()})
    signature = KEYS.sign(given)

    KEYS.check(StepCall.of(given, 3, "run", alerts=(), mode=Mode.RECOMMEND), signature)
    with pytest.raises(NotSigned):
        KEYS.check(StepCall.of(given, 2, "run", alerts=(), mode=Mode.RECOMMEND), signature)


def with_step(plan: Plan, **changed: object) -> Plan:
    """The plan whose changing step is another."""
    *before, last = plan.steps
    return plan.model_copy(update={"steps": (*before, last.model_copy(update=changed))})


OTHERS: dict[str, dict[str, Any]] = {
    "another image": {"plan": with_step(PLAN, parameters={"fallback_image": "theirs.example/miner:1"})},
    "another operation": {"plan": with_step(PLAN, operation=PLAN.steps[0].operation)},
    "another object": {"plan": with_step(PLAN, operation=patch_operation({"app": "app:1"}, name="bridge"))},
    "no owner asked for": {"plan": with_step(PLAN, owner=None)},
    "another state": {"plan": PLAN.model_copy(update={"state": "CrashLoopBackOff"})},
    "other criteria": {"plan": PLAN.model_copy(update={"criteria": ()})},
    "serving pods put at risk": {"options": Options(mode=Mode.RECOMMEND, protect_serving=False)},
    "another mode": {"options": Options(mode=Mode.AUTO)},
    "another namespace": {"target": TARGET.model_copy(update={"namespace": "kube-system"})},
    "another name": {"target": TARGET.model_copy(update={"name": "bridge"})},
}


@pytest.mark.parametrize("changed", OTHERS.values(), ids=OTHERS)
def test_anything_else_under_the_same_signature_is_refused(changed: dict[str, Any]) -> None:
    signature = KEYS.sign(GIVEN)
    other = GIVEN.model_copy(update=changed)
    good = calls(GIVEN)

    refused = 0
    for name, call in calls(other).items():
        if call == good[name]:
            KEYS.check(call, signature)
            continue
        with pytest.raises(NotSigned, match="is not what was signed"):
            KEYS.check(call, signature)
        refused += 1
    assert refused
    with pytest.raises(NotSigned):
        KEYS.check_start(other, signature)


def test_a_step_is_good_in_its_own_place_only() -> None:
    call = calls(GIVEN)["patch_image"]
    assert isinstance(call, StepCall)

    with pytest.raises(NotSigned):
        KEYS.check(call.model_copy(update={"step_id": "01-patch_image"}), KEYS.sign(GIVEN))


def test_digests_that_were_added_to_a_signature_make_it_bad() -> None:
    signature, theirs = KEYS.sign(GIVEN), KEYS.sign(GIVEN.model_copy(update=OTHERS["another image"]))
    mixed = signature.model_copy(update={"digests": theirs.digests})

    with pytest.raises(NotSigned, match="by none of the keys"):
        KEYS.check(calls(GIVEN)["observe"], mixed)


def test_without_a_signature_the_message_says_where_the_keys_are_missing() -> None:
    with pytest.raises(NotSigned, match="set it to the same keys where runs are started") as raised:
        KEYS.check(calls(GIVEN)["observe"], None)
    assert raised.value.reason == "not signed"


def test_a_run_for_another_cluster_is_refused_though_the_key_is_the_same() -> None:
    elsewhere = PlanKeys((NEW,), "staging")
    there = GIVEN.model_copy(update={"target": TARGET.model_copy(update={"cluster": "staging"})})

    with pytest.raises(NotSigned, match="for cluster staging, and this installation is of test"):
        KEYS.check(calls(there)["observe"], elsewhere.sign(there))


def test_keys_are_rotated_without_a_run_that_is_refused() -> None:
    before = PlanKeys((OLD,), "test").sign(GIVEN)
    both, reversed_ = PlanKeys((NEW, OLD), "test"), PlanKeys((OLD, NEW), "test")

    both.check_start(GIVEN, before)
    reversed_.check_start(GIVEN, both.sign(GIVEN))
    assert both.sign(GIVEN) == KEYS.sign(GIVEN)
    with pytest.raises(NotSigned, match="its key was taken out of the file"):
        KEYS.check_start(GIVEN, before)


def test_a_field_that_a_later_version_adds_leaves_signatures_good() -> None:
    class Later(Step):
        approval: bool = False

    later = PLAN.model_copy(update={"steps": tuple(Later(**dict(step)) for step in PLAN.steps)})

    KEYS.check_start(GIVEN.model_copy(update={"plan": later}), KEYS.sign(GIVEN))
    asks = with_step(later, approval=True)
    with pytest.raises(NotSigned):
        KEYS.check_start(GIVEN.model_copy(update={"plan": asks}), KEYS.sign(GIVEN))


# The file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan-keys"
    path.touch(mode=0o600)
    return path


def test_a_file_holds_a_key_on_each_line_and_remarks(file: Path) -> None:
    file.write_bytes(b"# since November\n" + NEW + b"\r\n\n  " + OLD + b"\n")

    assert PlanKeys.read(file, "test").keys == (NEW, OLD)


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (b"", "is empty; make one with: umask 077; openssl rand -hex 32 > plan-keys"),
        (b"# none yet\n", "is empty"),
        (b"short\n", "key 1 is none: each is a line of 32 or more printable ASCII characters"),
        (NEW + b"\n" + b"two words " * 5, "key 2 is none"),
        (b"\xff" * 40, "key 1 is none"),
        (b"\x01" * 40, "key 1 is none"),
        (b"\n".join(b"%032d" % n for n in range(KEYS_MOST + 1)), f"holds more than {KEYS_MOST} keys"),
        (b"k" * 200_000, "cannot be read: it has more than 65536 bytes"),
    ],
)
def test_what_is_no_key_is_refused(file: Path, held: bytes, says: str) -> None:
    file.write_bytes(held)

    with pytest.raises(WrongPlanKeys) as raised:
        PlanKeys.read(file, "test")
    assert str(raised.value).startswith(f"RUNMEND_PLAN_KEY_FILE {file}")
    assert says in str(raised.value)


def test_a_file_that_everybody_can_read_is_refused(file: Path) -> None:
    file.write_bytes(NEW)
    file.chmod(0o644)

    with pytest.raises(WrongPlanKeys, match="is open to every user of this machine; chmod o-rw"):
        PlanKeys.read(file, "test")


def test_a_fifo_or_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)

    with pytest.raises(WrongPlanKeys, match="cannot be read: it is no regular file"):
        PlanKeys.read(tmp_path / "fifo", "test")
    with pytest.raises(WrongPlanKeys, match="cannot be read: No such file or directory"):
        PlanKeys.read(tmp_path / "nowhere", "test")


def test_keys_are_in_no_text_of_theirs() -> None:
    assert NEW.decode() not in repr(KEYS)
    assert NEW.decode() not in KEYS.sign(GIVEN).model_dump_json()
