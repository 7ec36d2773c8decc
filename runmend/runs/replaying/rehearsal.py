"""What a replay would do now: the target is looked at as the run would, and changes are tried with the API server's dry
run.

Changes nothing, and starts nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from activities.act import act, reverted, written_before
from activities.verification import settling
from runmend.core.errors import (
    Forbidden,
    Invalid,
    NotFound,
    NotYet,
    PreconditionFailed,
    Reverted,
    RunmendError,
    StepFailed,
    VerificationFailed,
)
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.language.derived import values_of
from runmend.language.target import TargetNow
from runmend.plan.change import in_words
from runmend.plan.messages import Options, SettleCall, StepCall, StepResult, StepStatus
from runmend.plan.plan import Plan, Step
from runmend.plan.reasons import BY_MODE
from runmend.plan.removal import named
from runmend.reports.target_events import Author
from runmend.runs.replaying.again import options_for
from runmend.runs.replaying.points import OBSERVE, SETTLE, Point
from runmend.runs.replaying.reading import Past
from runmend.runs.routing import may_change

_MOST_PODS = 5
_NO_RUN = "dry run"
_ENDINGS = (PreconditionFailed, Reverted, StepFailed, VerificationFailed)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would be done now, line by line; `fails` where the run would not complete as things are."""

    lines: list[str] = field(default_factory=list)
    fails: bool = False


def rehearse_resume(cluster: Cluster, settings: Settings, past: Past, point: Point) -> Rehearsal:
    """What a run would do that is resumed at a point.

    Raises:
        RunmendError: the cluster does not answer, or does not let us read.
    """
    if point.step == SETTLE and not point.number:
        return _rehearsal(_settle(cluster, past, point))
    steps = _Steps(cluster, settings, past, past.given.plan, past.given.options, past.first_run_id)
    looks = point.step == OBSERVE and not point.number
    return _rehearsal(steps.lines(max(point.number, 1), looks=looks))


def rehearse_again(cluster: Cluster, settings: Settings, past: Past, plan: Plan) -> Rehearsal:
    """What a new run of a plan would do for a closed run's alerts.

    Raises:
        RunmendError: the cluster does not answer, or does not let us read.
    """
    now = Options(mode=settings.mode_in(past.given.target.namespace), protect_serving=settings.protect_serving)
    return _rehearsal(_Steps(cluster, settings, past, plan, options_for(past, now), _NO_RUN).lines(1, looks=True))


def _rehearsal(lines: Iterator[tuple[str, bool]]) -> Rehearsal:
    found = list(lines)
    return Rehearsal([line for line, _ in found], any(fails for _, fails in found))


def _settle(cluster: Cluster, past: Past, point: Point) -> Iterator[tuple[str, bool]]:
    """What settle would still wait for, and what is there now."""
    plan, target = past.given.plan, past.given.target
    call = SettleCall(state=plan.state, criteria=plan.criteria, target=target, changes=past.changes_before(point))
    try:
        now, lacking = settling(cluster, call)
    except (*_ENDINGS, NotYet) as error:
        yield _ending(SETTLE, error)
        return
    says = (
        f"settle would still wait: {lacking.words}"
        if lacking
        else "settle would wait for nothing, and the window would begin"
    )
    # That pods are still to come may be a matter of seconds; an image that cannot be pulled is not.
    yield says, bool(lacking and plan.state and now.affected(plan.state))
    yield f"{target} now: {_pods(now)}", False


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of a plan, and whose they would be; `run_id` is the one by which the run knows its own earlier
    writes.
    """

    cluster: Cluster
    settings: Settings
    past: Past
    plan: Plan
    options: Options
    run_id: str

    def lines(self, first: int, *, looks: bool) -> Iterator[tuple[str, bool]]:
        """What the steps from `first` on would do; where the run `looks` before them, what it would find."""
        now = TargetNow.look(self.cluster, self.past.given.target)
        state = self.plan.state
        yield f"{now.target} now: {_pods(now)}", False
        for one in now.affected(state) if state else ():
            yield (
                f"  {one.named} waits ({one.reason}), image {one.image}, in {len(one.pods)} of {len(now.pods)} pods",
                False,
            )
        gone = now.problem_gone(state, self.past.alerts)
        if looks and gone:
            yield f"observe: {gone.words}; the run would end here, not_needed", False
            return
        for number, step in enumerate(self.plan.steps, 1):
            if number < first:
                continue
            if step.changes:
                yield self._change(now, number, step)
            else:
                yield f"{number} {step.named}: reads only ({step.operation.verb})", False

    def _change(self, now: TargetNow, number: int, step: Step) -> tuple[str, bool]:
        """What a changing step would do.

        In the mode recommend it asks all that it asks before it writes, and then only tries.
        """
        named, call = f"{number} {step.named}", self._call(number)
        # What the run had observed is not read again: its command is filled with what is there now.
        affected = now.affected(call.state) if call.state and step.begun else ()
        call = call.model_copy(
            update={
                "values": values_of(step, now, now.first_pod(self.past.alerts)),
                "containers": tuple(one.container for one in affected),
            }
        )
        author = Author(runbook=self.past.runbook_id, workflow=self.past.workflow_id, run=_NO_RUN)
        trying = call.model_copy(update={"mode": Mode.RECOMMEND, "run_id": _NO_RUN})
        try:
            if earlier := self._written_before(now, call):
                return f"{named}: {earlier}", False
            allowed = partial(may_change, self.settings)
            result = act(self.cluster, trying, author, may_change=allowed(call.target), allowed=allowed)
        except (*_ENDINGS, NotYet, Forbidden, Invalid, NotFound) as error:
            return _ending(named, error)
        if result.refused and call.mode is not Mode.RECOMMEND and result.reason == BY_MODE:
            return f"{named}: would fail, the API server refuses it: {result.refused}", True
        return f"{named}: {_would(result, call.mode)}", False

    def _call(self, number: int) -> StepCall:
        """The step's call as the workflow and its worker would make it."""
        given = self.past.given.model_copy(update={"plan": self.plan, "options": self.options})
        return StepCall.of(
            given, number, self.run_id, alerts=self.past.alerts, mode=self.settings.mode_in(given.target.namespace)
        )

    def _written_before(self, now: TargetNow, call: StepCall) -> str:
        """That this step of this run has written already; empty where it has not.

        Asked here, and not by the step itself: a step that finds what it wrote tells of it on the Deployment.

        Raises:
            Reverted: it has, and somebody has put the old value back.
        """
        written = written_before(now, call, self.past.workflow_id)
        if written is None:
            return ""
        note = written.note
        if lost := reverted(now, note.changes, written.later):
            raise lost
        words = [f"has written already, and would write nothing: {in_words(note.changes)}"] if note.changes else []
        if note.removes:
            words.append(f"would take away what is left of {named(note.removes)}")
        return "; ".join(words)


def _would(result: StepResult, mode: Mode) -> str:
    said = result.summary.removeprefix(f"{BY_MODE}; ")
    if result.status is StepStatus.SKIPPED:
        return f"would be skipped: {said}"
    if result.status is StepStatus.NOT_NEEDED:
        return f"would change nothing, the problem is gone: {said}"
    if said == result.summary:
        return f"would only recommend: {said}"
    return f"would only recommend, the mode is recommend: {said}" if mode is Mode.RECOMMEND else said


def _ending(where: str, error: RunmendError) -> tuple[str, bool]:
    if isinstance(error, NotYet):
        return f"{where}: would wait: {error}", False
    outcome = type(error).__name__
    if outcome not in set(Outcome):
        return f"{where}: would fail, StepFailed: {outcome}: {error}", True
    return f"{where}: would end the run, {outcome}: {error}", True


def _pods(now: TargetNow) -> str:
    if now.gone:
        return f"{now.target} no longer exists"
    more = f"; and {len(now.pods) - _MOST_PODS} more" if len(now.pods) > _MOST_PODS else ""
    return ("; ".join(pod.in_words for pod in now.pods[:_MOST_PODS]) or "there is no pod") + more
