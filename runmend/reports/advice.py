"""What a person can do about a run, by how it ended and why: a sentence, and the exact command where there is one.

A row of `ABOUT_CAUSES` speaks of why an image could not be pulled, and comes first. Then a row of `_ABOUT` speaks of a
reason, whatever the outcome; `_OF` speaks of an outcome where no row does. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from runmend.core.markdown import code, plain
from runmend.core.outcomes import Outcome
from runmend.plan.messages import RunResult, StepStatus
from runmend.plan.reasons import (
    ALREADY,
    DELETING,
    GONE,
    LEAVES_A_CONTAINER,
    NEW_IMAGE,
    NO_NODE,
    NO_POD,
    NO_STATE,
    NOT_ALLOWED,
    NOT_SIGNED,
    OTHER_OBJECT,
    OTHER_STATE,
    OWNER,
    PAUSED,
    PODS_REFUSED,
    SCALED_DOWN,
)
from runmend.reports.commands import kubectl, make, resource
from runmend.reports.pull_advice import ABOUT_CAUSES


class Advice(NamedTuple):
    """A sentence, as Markdown, and the command that it speaks of; empty where it speaks of none."""

    says: str
    command: str = ""


def advice_for(result: RunResult) -> tuple[Advice, ...]:
    """What a person can do; nothing where there is nothing to do."""
    return (*_about_the_pull(result), *_about_the_end(result))


def _about_the_pull(result: RunResult) -> Iterator[Advice]:
    """About each cause for which images could not be pulled; it lasts, whatever the run wrote instead."""
    if result.outcome in (None, Outcome.NOT_NEEDED) or result.reason in (GONE, DELETING, NO_POD):
        return
    seen = result.observation.causes if result.observation else {}
    of_the_new = result.reason.removeprefix(NEW_IMAGE).split(", ") if result.reason.startswith(NEW_IMAGE) else []
    for cause, says in ABOUT_CAUSES.items():
        if cause in seen or cause in of_the_new:
            yield Advice(f"{cause}: {says}")


def _about_the_end(result: RunResult) -> tuple[Advice, ...]:
    """By the reason, else by the outcome."""
    if result.outcome is None:
        return ()
    for reason, advise in _ABOUT.items():
        if result.reason.startswith(reason):
            return tuple(advise(result))
    return tuple(_OF[result.outcome](result)) if result.outcome in _OF else ()


def _replay(result: RunResult, *more: str) -> str:
    return code(" ".join(("runmend replay", result.target.short, *more)))


def _gone(_: RunResult) -> Iterator[Advice]:
    yield Advice(
        "Nothing: what this run was about is not there any more. If it was made anew, its own alerts start a run."
    )


def _deleting(result: RunResult) -> Iterator[Advice]:
    target = result.target
    yield Advice(
        "Nothing, where it is meant to go. Where its deletion hangs, see which finalizers hold it:",
        kubectl(target, "get", resource(target), "-o", "jsonpath={.metadata.finalizers}"),
    )


def _other_owner(result: RunResult) -> Iterator[Advice]:
    target = result.target
    if target.kind == "Pod":
        says = (
            "A replay would end the same way: nothing controls this pod, and the runbook changes Deployments. Correct "
            "the pod where it comes from, or by hand:"
        )
    else:
        says = (
            "A replay would end the same way: the runbook changes Deployments, and the target is a "
            f"{plain(target.kind)}. Correct it where it comes from, or by hand:"
        )
    yield Advice(says, kubectl(target, "edit", resource(target)))


def _paused(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        "Let its pods be replaced again:", kubectl(result.target, "rollout", "resume", resource(result.target))
    )
    yield Advice(f"Then {_replay(result)} goes on where the run failed.")


def _scaled_down(result: RunResult) -> Iterator[Advice]:
    wanted = max((int(step.facts.get("replicas", 0)) for step in result.steps if step.changes), default=0) or 1
    command = kubectl(result.target, "scale", resource(result.target), f"--replicas={wanted}")
    yield Advice("If it is to run, scale it up:", command)
    yield Advice(f"Then {_replay(result)} verifies the change anew.")


def _place(result: RunResult) -> Iterator[Advice]:
    target = result.target
    named, setting = (target.namespace, "RUNMEND_NAMESPACES") if target.namespace else (target.name, "RUNMEND_NODES")
    yield Advice(
        f"If {plain(named)} may be changed, name it in `{setting}` of the worker; then "
        f"{_replay(result)} goes on where the run failed."
    )


def _not_signed(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        f"A run keeps the signature that it was started with, or none. {_replay(result, '--latest')}, with the "
        "installation's keys, starts over and signs. Where the run's own key was taken out of the worker's file, put "
        f"it back, and {_replay(result)} goes on. Where nobody of yours started it, see who reaches Temporal."
    )


def _runbook(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        f"A replay of the same plan would end the same way. Correct the runbook; {_replay(result, '--latest')} starts "
        "over with it."
    )


def _new_image(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        "The image that the runbook names cannot be pulled either. When it can, "
        f"{_replay(result)} verifies the change anew; or correct the runbook, and {_replay(result, '--latest')} starts "
        "over."
    )


def _quota(result: RunResult) -> Iterator[Advice]:
    yield Advice("See what the quota leaves:", kubectl(result.target, "describe", "resourcequota"))
    yield Advice(f"When there is room, {_replay(result)} verifies the change anew.")


def _refused(result: RunResult) -> Iterator[Advice]:
    command = kubectl(result.target, "get", "events", "--field-selector", "type=Warning")
    yield Advice("See who refuses the pods:", command)
    yield Advice(f"When they are let in, {_replay(result)} verifies the change anew.")


def _no_node(result: RunResult) -> Iterator[Advice]:
    yield Advice("See what the nodes have left:", "kubectl describe nodes")
    yield Advice(f"When one takes the pods, {_replay(result)} verifies the change anew.")


def _other_state(result: RunResult) -> Iterator[Advice]:
    seen = result.observation
    about = ("pod", seen.pod) if seen and seen.pod else (result.target.kind.lower(), result.target.name)
    yield Advice(
        "The target is not well, and this runbook does not treat that. See why:",
        kubectl(result.target, "describe", *about),
    )


_ABOUT: Final[Mapping[str, Callable[[RunResult], Iterator[Advice]]]] = {
    GONE: _gone,
    DELETING: _deleting,
    NO_POD: _gone,
    OTHER_STATE: _other_state,
    OWNER: _other_owner,
    PAUSED: _paused,
    SCALED_DOWN: _scaled_down,
    NOT_ALLOWED: _place,
    NOT_SIGNED: _not_signed,
    ALREADY: _runbook,
    OTHER_OBJECT: _runbook,
    LEAVES_A_CONTAINER: _runbook,
    NO_STATE: _runbook,
    NEW_IMAGE: _new_image,
    f"{PODS_REFUSED}quota": _quota,
    PODS_REFUSED: _refused,
    NO_NODE: _no_node,
}
"""The beginning of a reason → what is advised."""


def _recommended(result: RunResult) -> Iterator[Advice]:
    recommended = [step for step in result.steps if step.status is StepStatus.RECOMMENDED]
    if not recommended or not recommended[0].changes:
        return
    step, *others = recommended
    if step.rollback:
        yield Advice("Go back to the revision that serves:", step.rollback)
    if step.refused:
        yield Advice(
            "The API server refuses the change of the runbook, as the dry run says. Correct the runbook, or what "
            f"refuses it; then {_replay(result, '--again')} does it."
        )
        return
    by_hand = "Or make the change of the runbook by hand:" if step.rollback else "Make the change by hand:"
    if ending := ", ".join(plain(change.named) for change in step.changes if change.must_end):
        yield Advice(
            f"Only a person can tell whether the runbook's image does the work of {ending}, and ends. Where it does "
            "not, correct the image at its source."
        )
        by_hand = "Where it does, make the change by hand:"
    yield Advice(by_hand, make(result.target, step.changes))
    yield from (Advice("And then:", make(result.target, other.changes)) for other in others if other.changes)


def _failed(result: RunResult) -> Iterator[Advice]:
    place = f"at {plain(result.failed_step)}" if result.failed_step else "where it failed"
    dry_run = code("--dry-run")
    yield Advice(
        f"Remove the cause, then {_replay(result)} resumes it {place}; with {dry_run} it says what it would do now."
    )


def _not_proven(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        f"The change stands. When the target is well, {_replay(result)} verifies it anew, with a whole window. When it "
        f"cannot get well with this change, correct the runbook, and {_replay(result, '--latest')} starts over."
    )


def _unhandled(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        "Look at what the gates saw: the runbook has no step for this case. "
        f"{_replay(result, '--latest')} takes one that has."
    )


def _reverted(result: RunResult) -> Iterator[Advice]:
    yield Advice(
        f"Agree with whoever put it back, or change it at its source; {_replay(result, '--again')} starts over, when "
        "nothing serves."
    )


def _cancelled(result: RunResult) -> Iterator[Advice]:
    if not result.not_done:
        return
    does = "verifies the change, which stands and is not proven" if result.changes else "goes on where the run ended"
    yield Advice(f"{_replay(result)} {does}.")


_OF: Final[Mapping[Outcome, Callable[[RunResult], Iterator[Advice]]]] = {
    Outcome.RECOMMENDED: _recommended,
    Outcome.PRECONDITION_FAILED: _failed,
    Outcome.STEP_FAILED: _failed,
    Outcome.UNHANDLED: _unhandled,
    Outcome.VERIFICATION_FAILED: _not_proven,
    Outcome.REVERTED: _reverted,
    Outcome.CANCELLED: _cancelled,
}
