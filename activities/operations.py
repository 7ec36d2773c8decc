"""The steps' own activity: one dynamic activity, started under the action's id, does what the action's command says."""

from collections.abc import Callable, Sequence

from temporalio import activity
from temporalio.common import RawValue

from activities.act import act
from activities.boundary import translated
from activities.diagnosis import classified
from activities.gates import skipped
from activities.reading import read
from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed
from runmend.core.modes import Mode, strictest
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.reasons import OWNER
from runmend.reports.target_events import Author

_ANSWER_SECONDS = 15
"""What a reading step keeps of its time for the API server's answers, and does not wait away."""


class Operations:
    """Does a step's operation.

    Args:
        cluster: where.
        mode_in: the worker's own mode in a namespace: the strictest of it and the run's wins.
        may_change: whether a target may be changed, by the worker's own settings.
        outsiders: who is asked besides Kubernetes.
    """

    def __init__(
        self,
        cluster: Cluster,
        mode_in: Callable[[str], Mode | None],
        may_change: Callable[[Target], bool],
        outsiders: Outsiders = NOBODY,
    ) -> None:
        self._cluster = cluster
        self._outsiders = outsiders
        self._mode_in = mode_in
        self._may_change = may_change

    @activity.defn(dynamic=True, no_thread_cancel_exception=True)
    def perform(self, args: Sequence[RawValue]) -> StepResult:
        """One step, whatever its action is called."""
        with translated():
            call = activity.payload_converter().from_payload(args[0].payload, StepCall)
            if not call.step.changes:
                return self._read(call)
            strict = call.model_copy(update={"mode": strictest(call.mode, self._mode_in(call.target.namespace))})
            info = activity.info()
            author = Author(runbook=info.workflow_type or "", workflow=info.workflow_id or "", run=call.run_id)
            may_change = self._may_change(call.target)
            return act(
                self._cluster,
                strict,
                author,
                may_change=may_change,
                allowed=self._may_change,
                outsiders=self._outsiders,
            )

    def _read(self, call: StepCall) -> StepResult:
        step = call.step
        if step.owner and step.owner != call.target.kind:
            raise PreconditionFailed(
                f"the pod must be owned by a {step.owner}, and the target is {call.target}",
                reason=f"{OWNER}{call.target.kind}",
            )
        now = TargetNow.read(self._cluster, call.target)
        if not_run := skipped(self._cluster, now, call, self._outsiders):
            return not_run
        found = read(
            self._cluster,
            step.operation,
            now,
            call.alerts,
            state=call.state,
            parameters=step.parameters,
            seconds=step.try_seconds - _ANSWER_SECONDS,
        )
        causes = classified(found.events)
        why = f" ({', '.join(causes)})" if causes and found.confirmed else ""
        return StepResult(
            action_id=step.action_id,
            part=step.part,
            status=StepStatus.DONE,
            summary=f"{found.summary}{why}",
            confirmed=found.confirmed,
            facts={**found.facts, **{str(cause): count for cause, count in causes.items()}},
            findings=found.findings,
        )
