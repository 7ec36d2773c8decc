"""What a person calls a target, turned into the pod that an alert would have named: one of its that are broken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from runmend.alerts.alert import Target
from runmend.alerts.labels import OBJECTS, WORKLOADS, subject_of
from runmend.cli.context import NotFoundHere
from runmend.core.kinds import has_pods, is_in_no_namespace, label_of
from runmend.core.names import dns_label, dns_subdomain
from runmend.facts.pod import PodFacts
from runmend.kube.owners import Workloads
from runmend.language.states import STATES
from runmend.plan.plan import WORKLOAD_LABELS, Plan

_WRITE: Final = "write NAMESPACE/NAME, such as shop/web, or Node/NAME, or labels with -l"


@dataclass(frozen=True, slots=True)
class Named:
    """A target as a person names it; `kind` and `cluster` are empty where none is said, `namespace` where it is in
    none.
    """

    namespace: str
    name: str
    kind: str = ""
    cluster: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}".lstrip() if self.namespace else f"{self.kind} {self.name}"

    def labels_for(self, plan: Plan) -> dict[str, str]:
        """What an alert's labels would say of it to start this runbook: a workload itself, where its kind is known and
        no pod is required; else a pod of it. What is checked of a pod fits a workload's name as well.
        """
        if not self.namespace:
            return {self.kind.lower(): self.name}
        if not has_pods(plan.target):
            return {"namespace": self.namespace, label_of(plan.target): self.name}
        itself = WORKLOAD_LABELS.get(self.kind or plan.target)
        podless = itself if "pod" not in plan.required_labels else None
        return {"namespace": self.namespace, podless or "pod": self.name}

    def fits(self, target: Target) -> bool:
        """Whether that may be meant."""
        return target.name == self.name and self.kind in ("", target.kind)


def named_target(called: str, labels: Mapping[str, str]) -> Named | None:
    """The target that a command names: as `show` takes it, or by labels that name a workload and no pod; None where a
    pod is named, or nothing is.

    Args:
        called: `shop/web`, `Node/worker-1`, or a whole workflow id; empty: the labels say.
        labels: as they are given.

    Raises:
        ValueError: it is no target, or is named twice.
    """
    if not called:
        subject = subject_of(labels)
        if subject.kind not in WORKLOADS or subject.labels.get("pod") or not subject.labels.get("namespace"):
            return None
        return Named(subject.labels["namespace"], subject.name, subject.kind)
    if twice := [label for label in ("namespace", "pod", *OBJECTS) if label in labels]:
        raise ValueError(f"{called} and the label {twice[0]} both say what is to be fixed; leave one of them out")
    try:
        match called.split("/"):
            case [kind, name] if is_in_no_namespace(kind):
                return Named("", dns_subdomain(name), kind)
            case [cluster, kind, name] if cluster and is_in_no_namespace(kind):
                return Named("", dns_subdomain(name), kind, cluster)
            case [namespace, name]:
                return Named(dns_label(namespace), dns_subdomain(name))
            case [cluster, namespace, kind, name] if cluster and kind:
                return Named(dns_label(namespace), dns_subdomain(name), kind, cluster)
    except ValueError as error:
        raise ValueError(f"{called!r} is not a target ({error}); {_WRITE}") from error
    raise ValueError(f"{called!r} is not a target; {_WRITE}")


def refuse_another_cluster(named: Named, cluster: str) -> None:
    """Raise `NotFoundHere` where a target is named in another cluster than the installation's."""
    if named.cluster not in ("", cluster):
        raise NotFoundHere(f"{named} is named in cluster {named.cluster}, and RUNMEND_CLUSTER is {cluster}")


def pod_of(workloads: Workloads, named: Named, state: str | None, cluster: str) -> str:
    """The pod of a target that waits in a state; any, where none does, or no state is meant.

    Args:
        workloads: all of the target's namespace.
        named: the target.
        state: the runbook's.
        cluster: the installation's.

    Raises:
        NotFoundHere: there is no such target that has a pod, or more than one.
    """
    targets = dict.fromkeys(workloads.target_of(pod, cluster) for pod in workloads.pods)
    fitting = [target for target in targets if named.fits(target) and workloads.pods_of(target)]
    if not fitting and (pod := workloads.pod(named.name)) and pod.owner:
        above = workloads.target_of(pod, cluster)
        raise NotFoundHere(f"{named} is a pod of {above}; name that: {above.namespace}/{above.name}")
    if not fitting:
        raise NotFoundHere(
            f"nothing that is called {named} has a pod; `kubectl get pods -n {named.namespace}` shows those there are"
        )
    if len(fitting) > 1:
        several = ", ".join(target.workflow_id for target in fitting)
        raise NotFoundHere(f"{named} may be any of {several}; name one of them")
    current = workloads.current_pods_of(fitting[0]) or workloads.pods_of(fitting[0])
    return (_broken(current, state) or current[0]).name


def _broken(pods: Iterable[PodFacts], state: str | None) -> PodFacts | None:
    reasons = STATES[state].waiting if state in STATES else ()
    return next((pod for pod in pods if pod.waiting_for(*reasons)), None)
