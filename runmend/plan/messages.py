"""What passes between a run's workflow, its activities, and whoever starts or reads it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from runmend.alerts.alert import Alert, Target
from runmend.core.frozen import Frozen
from runmend.core.modes import Mode, strictest
from runmend.core.outcomes import Outcome
from runmend.facts.step import StepFacts
from runmend.images.pull_failures import Cause
from runmend.plan.change import Change, named
from runmend.plan.criteria import Criterion, Status, Verdict, Watermark
from runmend.plan.edit import Made
from runmend.plan.outputs import told
from runmend.plan.plan import Plan, Step, name_of
from runmend.plan.reasons import CANCELLED, NO_REASON
from runmend.plan.removal import Removed
from runmend.plan.values import Value

JOIN_SIGNAL = "alerts"
RESOLVED_SIGNAL = "alerts_resolved"
REPORT_QUERY = "report"


class Options(Frozen):
    """What the starter's settings and command say; None where they say nothing."""

    mode: Mode | None = None
    protect_serving: bool | None = None


class RunInput(Frozen):
    """A run's whole input. Alerts that join come by signal; nothing else is read later."""

    plan: Plan
    target: Target
    alerts: tuple[Alert, ...]
    options: Options = Options()

    def with_labels(self, alerts: tuple[Alert, ...], asked: Iterable[str]) -> tuple[Alert, ...]:
        """Alerts, which are handed on in brief, with all labels that the input has of them where an expression that is
        asked may name any.
        """
        if not any("alert" in expression for expression in asked):
            return alerts
        whole = {alert.episode: alert for alert in self.alerts}
        return tuple(whole.get(alert.episode, alert) for alert in alerts)


class Joining(Frozen):
    """A signal: alerts of a runbook for this target. A run drops another runbook's."""

    runbook_id: str
    alerts: tuple[Alert, ...]
    more: int = 0
    """How many more there are, which are not told one by one."""


class Affected(Frozen):
    """A container that waits in the runbook's state, in `pods` of the target's pods (their names, the first 20)."""

    container: str
    init: bool
    sidecar: bool = False
    """It stands among the init containers, and runs beside the containers."""
    image: str
    reason: str
    pods: tuple[str, ...]

    @property
    def named(self) -> str:
        """`init container app`."""
        return named(self.container, init=self.init, sidecar=self.sidecar)


class Finding(Frozen):
    """What the diagnosis found for one of the runbook's points, or cannot tell ("unknown", "not done")."""

    about: str
    line: int | None = None
    found: str
    ok: bool | None = None
    """Whether it is as it should be; None where that cannot be told."""
    not_set: bool = False
    """There is nothing of that kind to look at."""


class ObserveCall(Frozen):
    """The input of `runmend.observe`."""

    plan: Plan
    target: Target
    alerts: tuple[Alert, ...]


UNTOLD = "it cannot be told"


class Observation(Frozen):
    """The baseline: what the target was like before the run did anything, and the diagnosis."""

    pod: str = ""
    """The pod that `{pod}` stands for: the first alert's that still exists."""
    owner: str
    """The chain of controllers in words: `Pod web-1 → ReplicaSet web-6b9 → Deployment web`."""
    target_uid: str = ""
    """The target's own uid; empty where it is gone."""
    pods: tuple[str, ...]
    """The target's current pods in words, the first 20."""
    pod_count: int
    images: dict[str, str] = {}
    """Container → image of the live template, init containers included."""
    revision: int | None = None
    settle_seconds: int | None = None
    """For how long its rollout is waited for, by the plan and its own fields; None where it has none."""
    affected: tuple[Affected, ...] = ()
    problem: str = ""
    """What shows the runbook's problem, where an expression says what it is; begins with `UNTOLD` where nobody can
    tell whether it is there."""
    problem_gone: str | None = None
    """Why there is nothing to do, None where there is."""
    gone_reason: str = ""
    """The same in a few words without a name in them."""
    findings: tuple[Finding, ...] = ()
    causes: dict[Cause, int] = {}
    values: dict[str, tuple[Value, ...]] = {}
    """Step's action id → what its command is filled with, besides the target."""
    remarks: tuple[str, ...] = ()


class StepCall(Frozen):
    """The input of a step's activity. `run_id` is the original execution run id: a reset changes the other one."""

    step: Step
    state: str | None
    target: Target
    alerts: tuple[Alert, ...]
    mode: Mode
    protect_serving: bool
    run_id: str
    step_id: str
    values: tuple[Value, ...] = ()
    """What the run observed and calculated for it before it changed anything."""
    problem: str = ""
    """The expression that says whether there is anything to do, where it is not the state that says so."""
    before: dict[str, StepFacts] = {}
    """What the earlier steps that its gate asks of came to, read and changed, by the names that it has for them."""
    containers: tuple[str, ...] = ()
    """Of an action that has begun the containers that it treats: those that were affected before it."""

    @classmethod
    def of(
        cls,
        given: RunInput,
        number: int,
        run_id: str,
        *,
        alerts: tuple[Alert, ...],
        seen: Observation | None = None,
        results: tuple["StepResult", ...] = (),
        mode: Mode | None = None,
    ) -> "StepCall":
        """The call of a plan's step.

        Args:
            given: the run's input.
            number: the step's place in the workflow list, from 1.
            run_id: the original execution run id.
            alerts: all that have joined by now.
            seen: what the run observed before it changed anything.
            results: of the earlier steps.
            mode: one more that has a say, besides the runbook's and the options'.
        """
        plan, step = given.plan, given.plan.steps[number - 1]
        named = {name: each.action_id for each in plan.steps[: number - 1] for name in (each.action_id, each.output)}
        asked = (step.gate, plan.problem_expression, *(condition.expression for condition in step.conditions))
        alerts = given.with_labels(alerts, asked)
        earlier = [each for each in plan.steps[: number - 1] if each.changes]
        # A gate that asks what was changed speaks of what the run itself has made: the problem may be over by then.
        follows = any({each.action_id, each.output} & set(step.asks) for each in earlier)
        protect = plan.protect_serving if plan.protect_serving is not None else given.options.protect_serving
        return cls(
            step=step,
            state=step.state or plan.state,
            target=given.target,
            alerts=alerts,
            mode=strictest(plan.mode, given.options.mode, mode),
            protect_serving=True if protect is None else protect,
            run_id=run_id,
            step_id=f"{number:02d}-{step.action_id}",
            values=seen.values.get(step.action_id, ()) if seen else (),
            problem="" if step.begun or follows else plan.problem_expression,
            before={
                name: told([result for result in results if result.action_id == named.get(name)], name)
                for name in step.asks
            },
            containers=tuple(one.container for one in seen.affected) if seen and step.begun else (),
        )


class StepStatus(StrEnum):
    """How a step ended. One that failed has a result only where its runbook lets the run go on."""

    DONE = "done"
    NOT_NEEDED = "not_needed"
    RECOMMENDED = "recommended"
    SKIPPED = "skipped"
    """Its gate did not hold."""
    FAILED = "failed"


class StepResult(Frozen):
    """A step's result: in words, with before and after, and the facts that it read."""

    action_id: str
    part: int = 0
    """Which of its action's commands it is of, from 1; 0 where the action has one command."""
    status: StepStatus
    summary: str
    changes: tuple[Change, ...] = ()
    removed: tuple[Removed, ...] = ()
    """The pods that it took away, which cannot be undone."""
    made: tuple[Made, ...] = ()
    """The objects beside the target that it has created, changed or deleted."""
    confirmed: bool | None = None
    """For a reading step: whether what it read confirms the runbook's state; None where that is not its question."""
    facts: dict[str, str | int | bool] = {}
    findings: tuple[str, ...] = ()
    """For a reading step: what it read, in lines, the newest last."""
    recovered: bool = False
    """The change had been made by an earlier try whose answer was lost."""
    reason: str = ""
    """Why it was not done, in a few words without a name in them."""
    by_hand: str = ""
    """The command that makes its changes by hand, where it only recommends them."""
    rollback: str = ""
    """The command that goes back to the revision that serves, where one does."""
    refused: str = ""
    """Why the API server refused a dry run of what was recommended; empty where it did not."""
    remarks: tuple[str, ...] = ()
    """What the reader of the report should know besides."""

    @property
    def named(self) -> str:
        """What its step is called."""
        return name_of(self.action_id, self.part)


class SettleCall(Frozen):
    """The input of `runmend.settle`: of the plan, the state that it is about and its criteria."""

    state: str | None
    criteria: tuple[Criterion, ...]
    target: Target
    changes: tuple[Change, ...]
    uid: str = ""
    """The target's own uid when it was observed; another of the same name is not what was changed."""
    removed: tuple[Removed, ...] = ()
    """The pods that were taken away: what controls them has to run again."""
    alerts: tuple[Alert, ...] = ()
    """The run's, where a criterion may ask for them."""


class Settled(Frozen):
    """The target has recovered; what was there then."""

    watermark: Watermark
    summary: str


class CheckCall(Frozen):
    """The input of `runmend.hold` and `runmend.check`."""

    state: str | None
    criteria: tuple[Criterion, ...]
    target: Target
    changes: tuple[Change, ...]
    watermark: Watermark
    removed: tuple[Removed, ...] = ()
    problem: str = ""
    """The expression that the runbook has for its problem, which the check asks again; empty where it has none."""
    alerts: tuple[Alert, ...] = ()
    """By which the problem finds its pod, and which a criterion may ask for."""


class Checked(Frozen):
    """The verdicts on all criteria. `failure` says what fails the run, None where nothing does."""

    verdicts: tuple[Verdict, ...]
    failure: str | None = None
    reverted: str | None = None
    reason: str = ""
    """Of the failure or the reversal, in a few words without a name in them."""
    remarks: tuple[str, ...] = ()
    still_there: str = ""
    """What was seen of the runbook's problem, where it is still there though nothing has failed; empty where it is
    not.
    """


class RunResult(Frozen):
    """All that a run found, did and proved: a completed run's result, a failed run's first error detail."""

    runbook_id: str
    title: str
    sha256: str
    target: Target
    alerts: tuple[Alert, ...]
    more_alerts: int = 0
    """How many more there were, which are not kept one by one."""
    mode: Mode
    outcome: Outcome | None = None
    reason: str = ""
    """Why it ended so, in a few words without a name in them; of a resolved run what was wrong."""
    summary: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    """By the workflow's clock; a run that was resumed began when the one that it resumes did."""
    observation: Observation | None = None
    steps: tuple[StepResult, ...] = ()
    failed_step: str | None = None
    uncertain_step: str | None = None
    """The step that may have written, and nobody knows: a remark says why."""
    settled: str | None = None
    window_seconds: int | None = None
    """How long the window lasted; None where it was not reached."""
    window_ended_early: bool = False
    """It was broken, or the run was cancelled in it."""
    verdicts: tuple[Verdict, ...] = ()
    remarks: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    """What a run that was cancelled had not done: steps by their action's id, settle, window, check."""

    @classmethod
    def begun(cls, given: RunInput, began: datetime | None) -> "RunResult":
        """Of a run that has begun and done nothing yet; `began` is None where that is not known."""
        plan = given.plan
        return cls(
            runbook_id=plan.runbook_id,
            title=plan.title,
            sha256=plan.sha256,
            target=given.target,
            alerts=given.alerts,
            mode=strictest(plan.mode, given.options.mode),
            began=began,
        )

    def cancelled(self, plan: Plan, why: str, ended: datetime) -> "RunResult":
        """The same of a run that was cancelled there.

        Args:
            plan: what it would have done.
            why: as whoever cancelled it says; may be empty.
            ended: when.
        """
        summary = f"cancelled by a person: {why}" if why else f"cancelled by a person, {NO_REASON}"
        known = {"outcome": Outcome.CANCELLED, "summary": summary, "reason": CANCELLED, "ended": ended}
        return self.model_copy(update=known | {"not_done": tuple(self._left_of(plan))})

    def _left_of(self, plan: Plan) -> Iterator[str]:
        done = {step.named for step in self.steps}
        yield from (step.named for step in plan.steps if step.named not in done)
        if plan.changes:
            verifying = (
                ("settle", self.settled is None),
                ("verification window", self.window_seconds is None or self.window_ended_early),
                ("check", not self.verdicts),
            )
            yield from (name for name, left in verifying if left)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What its steps have changed."""
        return tuple(change for step in self.steps if step.status is StepStatus.DONE for change in step.changes)

    @property
    def wrote(self) -> bool:
        """Whether its steps have changed anything, or taken anything away."""
        return bool(self.changes or self.removed or self.made)

    @property
    def made(self) -> tuple[Made, ...]:
        """What the steps have created, changed or deleted beside the target."""
        return tuple(each for step in self.steps if step.status is StepStatus.DONE for each in step.made)

    @property
    def removed(self) -> tuple[Removed, ...]:
        """The pods that its steps have taken away."""
        return tuple(pod for step in self.steps if step.status is StepStatus.DONE for pod in step.removed)

    @property
    def unverified(self) -> int:
        """How many criteria could not be checked."""
        return sum(verdict.status is Status.UNVERIFIED for verdict in self.verdicts)

    @property
    def took(self) -> timedelta | None:
        """How long it took, by the workflow's clock; None where that is not known."""
        return self.ended - self.began if self.began and self.ended else None


class ReportCall(Frozen):
    """The input of `runmend.report`."""

    result: RunResult
