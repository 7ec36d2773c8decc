"""`runmend.observe`: the baseline of a run and its diagnosis. Read-only."""

from temporalio import activity

from activities.boundary import translated
from activities.diagnosis import Diagnosis
from activities.gates import problem_gone, snapshot_of
from runmend.core.errors import PreconditionFailed
from runmend.facts.expressions import Judged, compiled
from runmend.facts.pod import PodFacts
from runmend.images.registry import Registry
from runmend.kube.client import Cluster
from runmend.language.derived import values_of
from runmend.language.target import MOST_NAMED, Gone, TargetNow
from runmend.outside.asking import NOBODY, Outsiders
from runmend.plan.messages import UNTOLD, Observation, ObserveCall
from runmend.plan.reasons import OWNER
from runmend.plan.values import Value


class Observer:
    """Looks at a target before anything is done to it."""

    def __init__(self, cluster: Cluster, registry: Registry, outsiders: Outsiders = NOBODY) -> None:
        self._cluster = cluster
        self._outsiders = outsiders
        self._registry = registry

    @activity.defn(name="runmend.observe", no_thread_cancel_exception=True)
    def observe(self, call: ObserveCall) -> Observation:
        """Who owns the target's pods, which containers are affected, what its images are, and why they cannot be
        pulled.
        """
        with translated():
            now = TargetNow.read(self._cluster, call.target)
            affected = now.affected(call.plan.state) if call.plan.state else ()
            gone = now.problem_gone(call.plan.state, call.alerts)
            judged = None
            if call.plan.problem_expression and not gone:
                problem = compiled(call.plan.problem_expression)
                snapshot = snapshot_of(self._cluster, now, call.alerts, call.plan.state, [problem], {}, self._outsiders)
                judged = problem.judge(snapshot)
                if words := problem_gone(judged):
                    gone = Gone(words)
            if call.plan.target and call.plan.target != call.target.kind:
                raise PreconditionFailed(
                    f"{call.plan.runbook_id} is for a {call.plan.target}, and the target is {call.target}",
                    reason=f"{OWNER}{call.target.kind}",
                )
            diagnosis = Diagnosis(self._cluster, self._registry, now, call)
            deployment = now.workload
            return Observation(
                pod=now.first_pod(call.alerts),
                owner=self._owner(now, call),
                target_uid=now.uid,
                pods=tuple(pod.in_words for pod in now.pods[:MOST_NAMED]),
                pod_count=len(now.pods),
                images=deployment.containers | deployment.init_containers if deployment else {},
                revision=deployment.revision if deployment else None,
                settle_seconds=deployment.settles_within(call.plan.settle_seconds) if deployment else None,
                affected=affected,
                problem="" if judged is None or gone else _shown(judged),
                problem_gone=gone.words if gone else None,
                gone_reason=gone.reason if gone else "",
                findings=() if gone else diagnosis.findings(affected),
                causes=diagnosis.causes,
                values={} if gone else self._values(now, call),
                remarks=tuple(
                    f"{call.target} has no container {name}, which an alert names; taken as if it named none"
                    for name in now.strange_containers(call.alerts)[:MOST_NAMED]
                ),
            )

    @staticmethod
    def _values(now: TargetNow, call: ObserveCall) -> dict[str, tuple[Value, ...]]:
        """What the actions' commands are filled with, of actions that ask for anything."""
        pod = now.first_pod(call.alerts)
        asked: dict[str, dict[Value, None]] = {}
        for step in call.plan.steps:
            asked.setdefault(step.action_id, {}).update(dict.fromkeys(values_of(step, now, pod)))
        return {action_id: tuple(values) for action_id, values in asked.items() if values}

    @staticmethod
    def _owner(now: TargetNow, call: ObserveCall) -> str:
        pod: PodFacts | None = now.workloads.pod(now.first_pod(call.alerts)) or next(iter(now.pods), None)
        chain = now.workloads.chain_of(pod) if pod else f"{call.target.kind} {call.target.name}"
        above = now.workload.owner if now.workload else None
        return f"{chain} → {above.kind} {above.name}" if above else chain


def _shown(judged: Judged) -> str:
    """What shows the problem, or why nobody can tell."""
    return judged.evidence if judged.holds else f"{UNTOLD}: {judged.evidence}"
