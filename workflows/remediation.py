"""The one workflow: started under a runbook's id as its type, it interprets the plan in its input.

Observe and diagnose → steps → settle → window → check → report. Nothing but the input and signals is read.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from runmend.alerts.alert import Alert
    from runmend.core.durations import took
    from runmend.core.modes import Mode
    from runmend.core.outcomes import Outcome
    from runmend.plan.attributes import FINGERPRINTS, OUTCOME, REASON, with_fingerprints
    from runmend.plan.bounds import bounded
    from runmend.plan.change import Change
    from runmend.plan.memo import EPISODES, TROUBLES, remembered, with_troubles
    from runmend.plan.messages import (
        JOIN_SIGNAL,
        REPORT_QUERY,
        RESOLVED_SIGNAL,
        UNTOLD,
        CheckCall,
        Checked,
        Joining,
        Observation,
        ObserveCall,
        ReportCall,
        RunInput,
        RunResult,
        SettleCall,
        Settled,
        StepCall,
        StepResult,
        StepStatus,
    )
    from runmend.plan.plan import Plan, Step
    from runmend.plan.reasons import NOT_BEGUN, PROBLEM_GONE
    from runmend.reports import current_details
    from runmend.reports.report import duration, moment, outcome_line, render, searchable_reason
    from workflows.alerts import KeptAlerts
    from workflows.calling import HEARTBEAT, QUICK, STEADY, end_if_cancelled, perform, tried_again
    from workflows.commands import is_last, not_begun, of_action, undone_before
    from workflows.failures import RunFailed
    from workflows.window import window

FINGERPRINTS_KEY = SearchAttributeKey.for_keyword_list(FINGERPRINTS)
OUTCOME_KEY = SearchAttributeKey.for_keyword(OUTCOME)
REASON_KEY = SearchAttributeKey.for_keyword(REASON)
MOST_REMARKS = 50
_GOES_ON = (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.FAILED)
"""How a step may end without ending the run."""


class Ending(NamedTuple):
    """How a run ends: in words, and why in a few words without a name in them."""

    outcome: Outcome
    summary: str
    reason: str


@workflow.defn(dynamic=True)
class Remediation:
    """One run of one runbook for one target."""

    def __init__(self) -> None:
        self._kept = KeptAlerts()
        self._more_remarks = 0
        self._remarks: tuple[str, ...] = ()
        self._result: RunResult | None = None
        self._now = ""

    @workflow.dynamic_config
    def config(self) -> workflow.DynamicWorkflowConfig:
        """An input that cannot be read fails the run; by default it would hang for ever."""
        return workflow.DynamicWorkflowConfig(failure_exception_types=[ValidationError])

    @workflow.signal(name=JOIN_SIGNAL)
    def join(self, joining: Joining) -> None:
        """Alerts for this target that came with the start, or later."""
        if self._dropped(joining):
            return
        if self._result and self._result.outcome:
            # Too late to be dealt with. It is not remembered either, so its next delivery is no known one.
            return
        # What is in the input is in the memo too, so the signal that came with the start adds nothing.
        memo: dict[str, str] = workflow.memo_value(EPISODES, {}, type_hint=dict[str, str])
        self._kept.add(joining.alerts)
        if any(alert.episode not in memo for alert in joining.alerts):
            troubles: list[str] = workflow.memo_value(TROUBLES, [], type_hint=list[str])
            remember = {
                EPISODES: remembered(memo, joining.alerts, workflow.now()),
                TROUBLES: with_troubles(troubles, joining.alerts),
            }
            workflow.upsert_memo(remember)
            found_by = workflow.info().typed_search_attributes.get(FINGERPRINTS_KEY) or ()
            with_these = with_fingerprints(found_by, joining.alerts)
            if with_these != list(found_by):
                workflow.upsert_search_attributes([FINGERPRINTS_KEY.value_set(with_these)])
        self._show_what_came()

    @workflow.signal(name=RESOLVED_SIGNAL)
    def resolve(self, joining: Joining) -> None:
        """Alerts that resolved: noted. The window is a fact about the cluster, so they end nothing."""
        if self._dropped(joining):
            return
        if joining.more:
            self._remark(f"{joining.more} more alerts resolved meanwhile than are named here")
        for alert in joining.alerts:
            self._remark(f"alert {alert.name} for {' '.join(alert.about)} resolved meanwhile")
        self._show_what_came()

    def _dropped(self, joining: Joining) -> bool:
        """Whether the alerts are another runbook's, which is remarked."""
        if joining.runbook_id == workflow.info().workflow_type:
            return False
        count = len(joining.alerts) + joining.more
        self._remark(f"dropped {_counted(count)} of runbook {joining.runbook_id}")
        self._show_what_came()
        return True

    @workflow.query(name=REPORT_QUERY)
    def so_far(self) -> RunResult | None:
        """What the run has found and done so far."""
        return self._result and self._result_so_far

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> RunResult:
        """Remediate, and tell.

        Raises:
            ApplicationError: of the outcome's type (`PreconditionFailed`, …), with the RunResult as its first detail.
        """
        given = workflow.payload_converter().from_payload(args[0].payload, RunInput)
        came, self._kept = self._kept, KeptAlerts()
        self._kept.add(given.alerts)
        self._kept.add(came.alerts)
        self._kept.more = max(self._kept.more, came.more)  # the signal that came with the start has the input's alerts
        self._result = RunResult.begun(given, workflow.info().workflow_start_time)
        try:
            ending = await self._remediate(given)
        except RunFailed as failed:
            ending = Ending(failed.outcome, failed.message, failed.reason)
        except (asyncio.CancelledError, ActivityError) as error:
            if not is_cancelled_exception(error):
                raise
            await self._end_cancelled(given)
            raise
        return await self._end(ending)

    async def _remediate(self, given: RunInput) -> Ending:
        while True:
            known = self._kept.alerts
            ending = await self._try(given)
            # An alert that joined meanwhile may name a container that is affected: nobody else will look at it.
            if ending.outcome is not Outcome.NOT_NEEDED or self._kept.alerts == known:
                return ending
            self._note(observation=None, steps=())

    async def _try(self, given: RunInput) -> Ending:
        observation = await self._observe(given)
        if observation.problem_gone:
            return Ending(Outcome.NOT_NEEDED, observation.problem_gone, observation.gone_reason or PROBLEM_GONE)
        for number, step in enumerate(given.plan.steps, 1):
            await self._step(given, observation, number, step)
            # What an earlier step has changed is verified, whatever a later one says.
            if not is_last(given.plan, number) or self._so_far.wrote or self._so_far.uncertain_step:
                continue
            if ends := [each for each in of_action(step, self._so_far.steps) if each.status not in _GOES_ON]:
                outcome = Outcome.NOT_NEEDED if ends[0].status is StepStatus.NOT_NEEDED else Outcome.RECOMMENDED
                return Ending(outcome, "; and then: ".join(each.summary for each in ends), ends[0].reason)
        if not given.plan.changes:
            return Ending(Outcome.OBSERVED, self._found(), "the runbook only reads")
        if not (self._acted(given.plan) or self._so_far.uncertain_step):
            raise self._unhandled(given.plan)
        return await self._verify(given)

    def _unhandled(self, plan: Plan) -> RunFailed:
        """Why nothing was changed though no step ended the run: one failed and was passed over, else no gate held."""
        changing = {step.action_id for step in plan.steps if step.changes}
        ended = [one for one in self._so_far.steps if one.action_id in changing and one.reason != NOT_BEGUN]
        failed = next((result for result in reversed(ended) if result.status is StepStatus.FAILED), None)
        if failed:
            said = f"nothing was changed; {failed.named}: {failed.summary}"
            return RunFailed(Outcome.STEP_FAILED, said, failed.reason)
        last = ended[-1]
        seen = self._so_far.observation
        untold = bool(seen and seen.problem.startswith(UNTOLD))
        problem = "nobody can tell whether the problem is there" if untold else "the problem is there"
        return RunFailed(
            Outcome.UNHANDLED,
            f"{problem}, and no step that changes something was to run; {last.named}: {last.summary}",
            "no gate held",
        )

    async def _observe(self, given: RunInput) -> Observation:
        alerts = given.with_labels(self._kept.alerts, [given.plan.problem_expression])
        call = ObserveCall(plan=given.plan, target=given.target, alerts=alerts)
        self._show_now(current_details.observing(given.target))
        observation: Observation = await perform(
            "runmend.observe",
            call,
            Observation,
            Outcome.STEP_FAILED,
            summary=f"observe and diagnose {given.target}",
            seconds=(60, 300),
        )
        self._remarks += observation.remarks
        self._note(observation=observation)
        end_if_cancelled()
        return observation

    async def _step(self, given: RunInput, observation: Observation, number: int, step: Step) -> None:
        run_id, done = workflow.info().original_execution_run_id, self._so_far.steps
        undone = undone_before(step, done)
        if undone and not (undone.status is StepStatus.RECOMMENDED and step.changes):
            self._note(steps=(*done, not_begun(step, undone)))
            return
        call = StepCall.of(
            given,
            number,
            run_id,
            alerts=self._kept.alerts,
            seen=observation,
            results=done,
            mode=Mode.RECOMMEND if undone else None,
        )
        summary = current_details.step_summary(step, given.target, observation, self._so_far.mode)
        self._show_now(f"step {number} of {len(given.plan.steps)}, {step.named}: {summary}")
        try:
            result: StepResult = await perform(
                step.action_id,
                call,
                StepResult,
                Outcome.STEP_FAILED,
                summary=summary,
                seconds=(step.try_seconds, step.budget_seconds),
                activity_id=call.step_id,
                retry=tried_again(step.retries),
                finish=step.changes,
            )
        except RunFailed as failed:
            if failed.spent and step.changes:
                self._may_have_written(given, step, "its last tries got no answer that says")
            if failed.outcome is Outcome.REVERTED or (step.on_error == "abort" and not undone):
                self._note(failed_step=step.named)
                raise
            result = StepResult(
                action_id=step.action_id,
                part=step.part,
                status=StepStatus.FAILED,
                summary=failed.message,
                reason=failed.reason,
            )
        except (ActivityError, asyncio.CancelledError):
            # Cancelled, maybe between two tries.
            if step.changes:
                self._may_have_written(given, step, "it was under way when the run was cancelled")
            raise
        self._note(steps=(*self._so_far.steps, result))
        self._remarks += result.remarks
        end_if_cancelled()

    def _acted(self, plan: Plan) -> bool:
        """Whether a changing step was done: it changed something, or found it as it would have made it."""
        done = {step.named for step in self._so_far.steps if step.status is StepStatus.DONE}
        return any(step.changes and step.named in done for step in plan.steps)

    def _may_have_written(self, given: RunInput, step: Step, why: str) -> None:
        self._note(uncertain_step=step.named)
        self._remarks += (f"{step.named} may have written all the same: {why}; look at {given.target}",)

    async def _verify(self, given: RunInput) -> Ending:
        plan, target, changes = given.plan, given.target, self._changes
        seen = self._so_far.observation
        uid = seen.target_uid if seen else ""
        patience = (seen and seen.settle_seconds) or plan.settle_seconds
        self._show_now(current_details.settling(plan, target, patience))
        settled: Settled = await perform(
            "runmend.settle",
            SettleCall(
                state=plan.state,
                criteria=plan.criteria,
                target=target,
                changes=changes,
                uid=uid,
                removed=self._so_far.removed,
                alerts=self._alerts_asked(given),
            ),
            Settled,
            Outcome.VERIFICATION_FAILED,
            summary=f"wait until {target} has recovered, at most {duration(patience)}",
            seconds=(30, patience),
            retry=STEADY,
        )
        self._note(settled=settled.summary)
        end_if_cancelled()
        call = CheckCall(
            state=plan.state,
            criteria=plan.criteria,
            target=target,
            changes=changes,
            watermark=settled.watermark,
            removed=self._so_far.removed,
            alerts=self._alerts_asked(given),
        )
        await self._window(plan, call)
        self._show_now(current_details.checking(plan))
        problem = plan.problem_expression
        asked = {"problem": problem, "alerts": self._alerts_asked(given)} if problem else {}
        checked: Checked = await perform(
            "runmend.check",
            call.model_copy(update=asked),
            Checked,
            Outcome.VERIFICATION_FAILED,
            summary=f"check {len(plan.criteria)} criteria",
            seconds=(30, 300),
        )
        self._judge(checked)
        return Ending(
            Outcome.RESOLVED,
            self._proved(plan, checked.still_there),
            current_details.was_wrong(self._so_far.observation),
        )

    def _alerts_asked(self, given: RunInput) -> tuple[Alert, ...]:
        """The run's alerts, where the runbook's problem needs them or its criteria ask for them."""
        problem = given.plan.problem_expression
        asked = [each for each in (problem, *(one.expression for one in given.plan.criteria)) if each]
        if not problem and not any("alert" in each for each in asked):
            return ()
        return given.with_labels(self._kept.alerts, asked)

    async def _window(self, plan: Plan, call: CheckCall) -> None:
        """Let the window pass, and fail at once where something breaks in it."""
        until = moment(workflow.now() + timedelta(seconds=plan.window_seconds))
        self._show_now(current_details.in_window(plan, until))
        began = workflow.now()
        try:
            passed = await window(
                call, timedelta(seconds=plan.window_seconds), summary=f"verification window until {until}"
            )
        except asyncio.CancelledError:
            self._note(window_seconds=_seconds_since(began), window_ended_early=True)
            raise
        if passed.unwatched:
            self._remarks += (f"nothing watched over the window to its end: {passed.unwatched}",)
        if passed.broken:
            lasted = _seconds_since(began)
            self._note(window_seconds=lasted, window_ended_early=True)
            self._judge(passed.broken, f"{took(lasted)} into the window: ")
        self._note(window_seconds=plan.window_seconds)

    def _judge(self, checked: Checked, where: str = "") -> None:
        """Keep the verdicts, and fail where they do."""
        self._note(verdicts=checked.verdicts)
        self._remarks += checked.remarks
        end_if_cancelled()
        if checked.reverted:
            raise RunFailed(Outcome.REVERTED, f"{where}{checked.reverted}", checked.reason)
        if checked.failure:
            raise RunFailed(Outcome.VERIFICATION_FAILED, f"{where}{checked.failure}", checked.reason)

    def _found(self) -> str:
        """What a runbook that only reads has read."""
        read = "; ".join(step.summary for step in self._so_far.steps if step.status is StepStatus.DONE)
        return "this runbook only reads; what it found is for a person to act on" + (f": {read}" if read else "")

    def _proved(self, plan: Plan, still_there: str) -> str:
        done = "; ".join(step.summary for step in self._so_far.steps if step.changes)
        done = done or f"{self._so_far.uncertain_step} may have written"
        held = f"{done}; it held for {duration(plan.window_seconds)}"
        return f"mitigated, and the problem is still there ({still_there}): {held}" if still_there else held

    async def _end(self, ending: Ending) -> RunResult:
        """Report, make the outcome searchable, and complete or fail."""
        outcome = ending.outcome
        result = self._note(
            outcome=outcome,
            summary=ending.summary,
            reason=ending.reason,
            ended=workflow.now(),
            **self._came,
        )
        self._result = result = bounded(result)
        await self._report(result)
        if outcome.completes:
            return result
        raise ApplicationError(result.summary, result, type=outcome.value, non_retryable=True)

    async def _report(self, result: RunResult) -> None:
        """Tell of the end, and make it searchable."""
        try:
            text: str = await workflow.execute_activity(
                "runmend.report",
                ReportCall(result=result),
                result_type=str,
                summary=f"report: {outcome_line(result)}",
                start_to_close_timeout=timedelta(seconds=10),
                schedule_to_close_timeout=timedelta(seconds=60),
                heartbeat_timeout=HEARTBEAT,
                retry_policy=QUICK,
            )
        except (ActivityError, asyncio.CancelledError) as error:
            # Cancelled while the report was under way, or as it came: what the run has come to stands.
            if is_cancelled_exception(error):
                workflow.logger.info("cancelled while reporting")
            # The report is told from what is known; that it could not be counted changes no outcome, and is in the
            # history.
            text = render(result)
        workflow.set_current_details(text)
        outcome = Outcome(result.outcome or Outcome.CANCELLED)
        workflow.upsert_search_attributes(
            [OUTCOME_KEY.value_set(outcome), REASON_KEY.value_set(searchable_reason(result))]
        )

    async def _end_cancelled(self, given: RunInput) -> None:
        """Report what stands and what was not done; the run is cancelled all the same."""
        why = workflow.cancellation_reason() or ""
        result = bounded(self._result_so_far.cancelled(given.plan, why, workflow.now()))
        self._result = result
        reporting = asyncio.create_task(self._report(result))
        try:
            await asyncio.shield(reporting)
        except asyncio.CancelledError:
            # An activity that was waited for may have taken the end before the cancellation itself was delivered.
            await asyncio.shield(reporting)

    @property
    def _so_far(self) -> RunResult:
        if self._result is None:
            raise RuntimeError("the input has not been read yet")
        return self._result

    @property
    def _result_so_far(self) -> RunResult:
        """With what signals have brought."""
        return self._so_far.model_copy(update=self._came)

    @property
    def _came(self) -> dict[str, Any]:
        """What signals have brought, and what there is to remark, as fields of the result."""
        more = (f"and {self._more_remarks} more remarks like these",) if self._more_remarks else ()
        return {"alerts": self._kept.alerts, "more_alerts": self._kept.more, "remarks": (*self._remarks, *more)}

    def _note(self, **known: Any) -> RunResult:  # noqa: ANN401  fields of RunResult
        self._result = self._so_far.model_copy(update=known)
        return self._result

    def _show_now(self, now: str) -> None:
        """Show in the Web UI what the run does now, above what it has found and done."""
        self._now = now
        workflow.set_current_details(render(self._result_so_far, now))

    def _show_what_came(self) -> None:
        """Show what a signal brought, while the run is at work; its end shows it otherwise."""
        if self._now and self._so_far.outcome is None:
            self._show_now(self._now)

    @property
    def _changes(self) -> tuple[Change, ...]:
        """What the steps have changed."""
        return self._so_far.changes

    def _remark(self, remark: str) -> None:
        """Keep what a signal brings; signals may be many, and beyond the most they are counted."""
        if len(self._remarks) < MOST_REMARKS:
            self._remarks += (remark,)
        else:
            self._more_remarks += 1


def _seconds_since(began: datetime) -> int:
    return int((workflow.now() - began).total_seconds())


def _counted(alerts: int) -> str:
    return f"{alerts} {'alert' if alerts == 1 else 'alerts'}"
