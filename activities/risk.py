"""What a change would put at risk, for which it is left to a person. Called by every changing step.

The changed fields say it, whatever the verb: another image, command or environment can take what serves away; fewer
replicas do; a rollout of anything else is a risk only where it leaves nobody serving meanwhile.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from activities.serving import serving, serving_count
from runmend.core.errors import NotFound
from runmend.core.kinds import has_pods, is_known
from runmend.facts.autoscaler import AutoscalerFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.language.verbs import verb
from runmend.language.verbs.pods import controller, has_ended, is_ready, removed
from runmend.plan.change import POD_SPEC, TEMPLATE, Change, Json, taints_changed
from runmend.plan.messages import StepCall
from runmend.plan.reasons import RESTRICTED
from runmend.plan.removal import named

REPLICAS = ("spec", "replicas")
LABELS = ("metadata", "labels")
MAX_REPLICAS = ("spec", "maxReplicas")
MIN_REPLICAS = ("spec", "minReplicas")
STORAGE = ("spec", "resources", "requests", "storage")
_HARMLESS_FIELDS = {
    "CronJob": frozenset({("spec", "suspend"), ("spec", "schedule")}),
    "PodDisruptionBudget": frozenset({("spec", "minAvailable"), ("spec", "maxUnavailable")}),
    "PersistentVolumeClaim": frozenset({STORAGE}),
}
"""What of other kinds may change without anything being taken away from what runs."""
NO_EXECUTE = "NoExecute"
ON_DELETE = "OnDelete"
_HARMLESS = frozenset({"resources"})
"""What of a container may change without another program being run."""


@dataclass(frozen=True, slots=True)
class Risk:
    """Why a change is left to a person: in words, and in a few of them without a name; and the command that goes back
    to the revision that serves, empty where none does.
    """

    words: str
    reason: str
    rollback: str = ""


def risk_of(now: TargetNow, changes: tuple[Change, ...], call: StepCall, kind: verb.Risk) -> Risk | None:
    """What the changes would put at risk. None where nothing is, or where the runbook protects nothing.

    Raises:
        NotYet: nothing serves, for the silence of nodes alone.
    """
    if not call.protect_serving:
        return None
    if now.workload is None:
        return _of_node(changes) if now.target.kind == "Node" else _of_object(now, changes)
    return _of_scaling(now, now.workload, changes) or _of_template(now, now.workload, changes, call, kind)


def _of_node(changes: tuple[Change, ...]) -> Risk | None:
    """What of a node's own fields takes pods away from it: a taint that ends those that do not tolerate it, whatever
    their budgets say, and a label that DaemonSets may ask for.
    """
    for key, effect in (taint for change in changes for taint in taints_changed(change)[0]):
        if effect == NO_EXECUTE:
            words = f"the taint {key}:{effect} would end the node's pods that do not tolerate it, whatever budgets say"
            return Risk(f"{words}; `kubectl drain` heeds them", "a taint would end pods")
    for change in changes:
        if change.path[: len(LABELS)] == LABELS and change.before is not None:
            words = f"label {change.path[-1]} would change, and pods of DaemonSets that ask for it would be taken away"
            return Risk(words, "a label that pods may ask for would change")
    return None


def _of_object(now: TargetNow, changes: tuple[Change, ...]) -> Risk | None:
    """What of an object that has no pods of its own may take serving pods away, or what they need. Where nothing is
    known of its kind, whatever it is may.
    """
    fields = {change.path: change.after for change in changes if change.path[:1] != ("metadata",)}
    if now.has_pods or fields.keys() <= _HARMLESS_FIELDS.get(now.target.kind, frozenset()):
        return None
    if isinstance(now.own, AutoscalerFacts) and fields.keys() <= {MAX_REPLICAS, MIN_REPLICAS}:
        there, most = now.own.current_replicas, fields.get(MAX_REPLICAS)
        words = f"{now.own.scales} has {there} pods, and would have {most} at most"
        return Risk(words, "pods would be taken away") if isinstance(most, int) and most < there else None
    names = ", ".join(dict.fromkeys(".".join(path[:2]) for path in fields))
    return Risk(
        f"who depends on {names} of {now.target} is not known; with protect_serving: false it may be changed",
        "who depends on it is not known",
    )


def _of_template(
    now: TargetNow, workload: WorkloadFacts, changes: tuple[Change, ...], call: StepCall, kind: verb.Risk
) -> Risk | None:
    if not any(change.path[: len(TEMPLATE)] == TEMPLATE for change in changes):
        return None
    if kind is verb.Risk.ROLLING or not any(_runs_another(change) for change in changes):
        return _of_rolling(now, workload)
    serve, ending = serving(now, workload, call.state), _ending(changes)
    if serve:
        return Risk("; ".join(filter(None, (serve.words, ending))), "pods still serve", serve.rollback)
    return Risk(ending, "an init container would change") if ending else None


def risk_of_removal(cluster: Cluster, now: TargetNow, pods: Collection[Json], call: StepCall) -> Risk | None:
    """What taking pods away would put at risk: what nothing makes anew, and who serves alone.

    A target that is a pod is never taken away by a run, whatever the runbook protects: nothing would be left that tells
    a later try what an earlier one did, or that proves anything.
    """
    of_a_pod = call.target.kind == "Pod"
    if not pods or not (call.protect_serving or of_a_pod):
        return None
    bare = [removed(pod) for pod in pods if not controller(pod) and (of_a_pod or not has_ended(pod))]
    if bare:
        return Risk(
            f"nothing would make these anew, they have no controller: {named(bare)}", "pods without a controller"
        )
    served: dict[tuple[str, str, str], int] = Counter()
    for pod in pods:
        if is_ready(pod) and controller(pod)["kind"] != "Job":
            owner = controller(pod)
            served[pod["metadata"]["namespace"], owner["kind"], owner["name"]] += 1
    if now.workload:
        count = serving_count(now, now.workload)
        alone = [str(now.target)] if served and count <= sum(served.values()) else []
    else:
        alone = [
            f"{kind} {namespace}/{name}"
            for (namespace, kind, name), count in served.items()
            if _ready_replicas(cluster, namespace, kind, name) <= count
        ]
    return Risk(f"nobody would be left serving of {named(alone)}", "nobody would be left serving") if alone else None


def _ready_replicas(cluster: Cluster, namespace: str, kind: str, name: str) -> int:
    """How many pods of a workload are Ready; of all its revisions. None, where nobody can tell."""
    if not (is_known(kind) and has_pods(kind)):
        return 0
    try:
        item = cluster.read(kind, namespace, name)
    except NotFound:
        return 0
    ready = int((item.get("status") or {}).get("readyReplicas") or 0)
    above = controller(item)
    return max(ready, _ready_replicas(cluster, namespace, above["kind"], above["name"])) if above else ready


def _runs_another(change: Change) -> bool:
    """Whether a change of the template changes what runs, or what it works with."""
    if change.path[: len(POD_SPEC)] != POD_SPEC:
        return False
    return not (change.container and set(change.path[len(POD_SPEC) + 2 :][:1]) <= _HARMLESS)


def _of_scaling(now: TargetNow, workload: WorkloadFacts, changes: tuple[Change, ...]) -> Risk | None:
    """Fewer pods than serve. Of a Deployment those that do not serve go first; of a StatefulSet those of the highest
    numbers, whatever they do.
    """
    scaled = next((change for change in changes if change.path == REPLICAS), None)
    if scaled is None:
        return None
    # What is not said is one.
    left = scaled.after if isinstance(scaled.after, int) else 1
    serve = serving_count(now, workload)
    fewer = left < (workload.replicas if workload.kind == "StatefulSet" else serve)
    return Risk(f"{serve} pods serve, and {left} would be left", "fewer pods would serve") if serve and fewer else None


def _of_rolling(now: TargetNow, workload: WorkloadFacts) -> Risk | None:
    serve = serving_count(now, workload)
    taken = 0 if workload.strategy == ON_DELETE else workload.taken_at_once
    if not serve or (taken is not None and taken < serve):
        return None
    how = "Recreate takes all of them away first" if taken is None else f"the rollout takes {taken} at once"
    return Risk(f"{serve} of {workload.replicas} replicas serve, and {how}", "a rollout would leave nobody serving")


def left_running(now: TargetNow, changes: tuple[Change, ...]) -> tuple[str, ...]:
    """That a change of the template replaces no pod, or not all, by the workload's own update strategy."""
    workload = now.workload
    if workload is None or not any(change.path[: len(TEMPLATE)] == TEMPLATE for change in changes):
        return ()
    if workload.strategy == ON_DELETE:
        said = "each keeps running what it has until it is deleted"
        return (f"{now.target} replaces no pod by itself (update strategy {ON_DELETE}): {said}",)
    if workload.partition:
        return (f"{now.target} replaces only the pods from number {workload.partition} on (its update's partition)",)
    return ()


def restricted(call: StepCall) -> Risk | None:
    """What the runbook says that restricts the step and that nothing reads, None where there is nothing."""
    if not call.step.restrictions:
        return None
    said = "; ".join(call.step.restrictions)
    return Risk(f"the runbook restricts this step in words that could not be read: {said}", RESTRICTED)


def _ending(changes: tuple[Change, ...]) -> str:
    """Why a change of what an init container runs is left to a person; empty where none would change."""
    named = ", ".join(change.named for change in changes if change.must_end)
    return (
        f"{named} must do its work and end before the pod's containers start: with another image that work may be left "
        "out, and an image that serves never ends"
        if named
        else ""
    )
