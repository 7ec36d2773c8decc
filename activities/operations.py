"""The steps' own activity: one dynamic activity, started under the action's id, does what the action's command says."""

from collections.abc import Callable, Sequence

from temporalio import activity
from temporalio.common import RawValue

from activities.act import act
from activities.boundary import translated
from activities.diagnosis import classified
from activities.gates import skipped
from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed
from runmend.core.modes import Mode, strictest
from runmend.kube.client import Cluster
from runmend.language.states import STATES
from runmend.language.target import TargetNow
from runmend.language.verbs.get_events import query_of, read_events
from runmend.language.verbs.values import placeholders
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.operations import Operation
from runmend.plan.reasons import OWNER
from runmend.reports.target_events import Author


class Operations:
    """Does a step's operation.

    Args:
        cluster: where.
        mode_in: the worker's own mode in a namespace: the strictest of it and the run's wins.
        may_change: whether a target may be changed, by the worker's own settings.
    """

    def __init__(
        self, cluster: Cluster, mode_in: Callable[[str], Mode | None], may_change: Callable[[Target], bool]
    ) -> None:
        self._cluster = cluster
        self._mode_in = mode_in
        self._may_change = may_change

    @activity.defn(dynamic=True, no_thread_cancel_exception=True)
    def perform(self, args: Sequence[RawValue]) -> StepResult:
        """One step, whatever its action is called."""
        with translated():
            call = activity.payload_converter().from_payload(args[0].payload, StepCall)
            if not call.step.changes:
                return self._get_events(call, call.step.operation)
            strict = call.model_copy(update={"mode": strictest(call.mode, self._mode_in(call.target.namespace))})
            info = activity.info()
            author = Author(runbook=info.workflow_type or "", workflow=info.workflow_id or "", run=call.run_id)
            return act(self._cluster, strict, author, may_change=self._may_change(call.target))

    def _get_events(self, call: StepCall, operation: Operation) -> StepResult:
        if call.step.owner and call.step.owner != call.target.kind:
            raise PreconditionFailed(
                f"the pod must be owned by a {call.step.owner}, and the target is {call.target}",
                reason=f"{OWNER}{call.target.kind}",
            )
        now = TargetNow.read(self._cluster, call.target)
        if not_run := skipped(self._cluster, now, call):
            return not_run
        pod = now.first_pod(call.alerts)
        values = placeholders(call.target, call.step.parameters, pod=pod)
        events = read_events(self._cluster, operation, values)
        selector = query_of(operation).field_selector
        about_pod = any(term.field == "involvedObject.name" for term in selector)
        where = f"pod {pod}" if about_pod else f"namespace {call.target.namespace}"
        own = {pod, *(each.name for each in now.pods)}
        state = STATES.get(call.state or "")
        facts: dict[str, str | int] = {"events": len(events)}
        for event in events:
            facts[f"reason {event.reason}"] = int(facts.get(f"reason {event.reason}", 0)) + event.count
        if state is None:
            return StepResult(
                action_id=call.step.action_id, status=StepStatus.DONE, summary=f"{len(events)} events", facts=facts
            )
        # Others of the namespace have their own troubles.
        targets = events if about_pod else tuple(event for event in events if event.object_name in own)
        speaking = [event for event in targets if state.spoken_of_by(event)]
        causes = classified(targets)
        facts |= {"matching": len(speaking), **{str(cause): count for cause, count in causes.items()}}
        why = f" ({', '.join(causes)})" if causes else ""
        whose = "" if about_pod else " of the target"
        found = f"{len(events)} events of {where}, {len(speaking)} of them of {state.name}{whose}"
        confirmed = bool(speaking)
        says = (
            f"{found}: confirmed{why}"
            if confirmed
            else f"{found}: not confirmed by events, which expire and are rationed"
        )
        return StepResult(
            action_id=call.step.action_id, status=StepStatus.DONE, summary=says, confirmed=confirmed, facts=facts
        )
