"""The way from an alert to a runbook's plan and to the target, for bridge and commands alike. Pure.

Called by `bridge.intake` and by `cli.running`, which do the reading.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from runmend.alerts.alert import NAME_BYTES, Alert, Target
from runmend.alerts.labels import EXPORTED, WORKLOADS, Subject
from runmend.core.kinds import has_pods, is_known, kind_of_name, label_of
from runmend.core.names import dns_label, dns_subdomain, quoted
from runmend.core.settings import Settings
from runmend.facts.pod import PodFacts
from runmend.kube.owners import Workloads
from runmend.plan.plan import WORKLOAD_LABELS, Plan, target_labels
from runmend.runs.starting import ALERT_MAX, WORKFLOW_ID_MAX


class Unrouted(ValueError):
    """No runbook may be run for the alert."""


class Gone(ValueError):
    """What the alert names is not there any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alert's target is looked for: the kind of the object that the alert names, and its namespace, empty
    where it is in none.
    """

    kind: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Routed:
    """A firing alert that has a runbook, with the labels that a run can carry. `index` is its place in the webhook.

    `place` and `name` say what it names: a pod, whose workload is the target, or the target itself.
    """

    index: int
    alert: Alert
    plan: Plan
    subject: Subject
    place: Place
    name: str


def may_change(settings: Settings, target: Target) -> bool:
    """Whether a target may be changed: by its kind, and by its namespace, or by its own name where it is in none."""
    if is_known(target.kind) and not settings.may_change_kind(target.kind):
        return False
    return settings.may_change(target.namespace) if target.namespace else settings.may_change_node(target.name)


def check_place(index: int, alert: Alert, subject: Subject, plan: Plan, settings: Settings) -> Routed:
    """Let a firing alert through to its cluster, where it may go there.

    Every value that ends up in a request is looked at here, before the first request is made.

    Args:
        index: its place in the webhook.
        alert: with its subject's labels.
        subject: what its labels speak of.
        plan: the runbook that answers it.
        settings: the installation's.

    Raises:
        Unrouted: it lacks a label, is about an object that no runbook can fix yet, or about a place
            where nothing may be changed, or holds a name that is none.
    """
    if not has_pods(plan.target) and plan.target != "Node":
        return _check_object(index, alert, subject, plan, settings)
    return _check_pods(index, alert, subject, plan, settings)


def _check_pods(index: int, alert: Alert, subject: Subject, plan: Plan, settings: Settings) -> Routed:
    """The same where the target is a node, or is what a pod belongs to."""
    itself = _names_its_workload(alert, subject, plan)
    if itself:
        alert = _without(alert, plan, "pod", "container", "uid") if subject.from_exporter else alert
    labels = alert.labels
    _refuse_missing(labels, subject, plan, ("namespace",) if itself else target_labels(plan.target))
    if subject.kind and subject.kind not in (*WORKLOADS, plan.target) and subject.from_exporter:
        raise Unrouted(_exporters(f"{subject.kind} {quoted(subject.name)}", labels))
    checks = _CHECKS | ({"node": dns_subdomain} if plan.target == "Node" else {})
    checks |= {WORKLOAD_LABELS[subject.kind]: dns_subdomain} if itself else {}
    for name, check in checks.items():
        if value := labels.get(name):
            try:
                check(value)
            except ValueError as error:
                raise Unrouted(f"the label {name}: {error}") from error
    _refuse_another_cluster(labels, settings)
    if plan.target == "Node":
        if not settings.may_change_node(labels["node"]):
            raise Unrouted(f"RUNMEND_NODES does not allow changes of node {labels['node']}")
        # What the scraper says of itself is not the node's.
        alert = _without(alert, plan, "namespace", "pod", "container")
        place, name = Place("Node", ""), alert.node
    elif not settings.may_change(labels["namespace"]):
        raise Unrouted(f"RUNMEND_NAMESPACES does not allow changes in namespace {labels['namespace']}")
    elif itself:
        place, name = Place(subject.kind, alert.namespace), subject.name
    else:
        place, name = Place("Pod", alert.namespace), alert.pod
    return Routed(index, alert.within(ALERT_MAX, plan.required_labels), plan, subject, place, name)


def _check_object(index: int, alert: Alert, subject: Subject, plan: Plan, settings: Settings) -> Routed:
    """The same where the target is an object that the alert names, and that has no pods."""
    kind, label = kind_of_name(plan.target), label_of(plan.target)
    labels = alert.labels
    # Of a custom resource whoever exports it decides how the label is called.
    tried = (EXPORTED + label, label, *((f"{EXPORTED}name", "name") if kind.custom else ()))
    name = next((labels[each] for each in tried if labels.get(each)), "")
    required = [each for each in plan.required_labels if each != label]
    _refuse_missing(labels, subject, plan, ["namespace", *(() if name else (label,))], required)
    for what, value, check in ((label, name, dns_subdomain), ("namespace", alert.namespace, dns_label)):
        try:
            check(value)
        except ValueError as error:
            raise Unrouted(f"the label {what}: {error}") from error
    _refuse_another_cluster(labels, settings)
    if not settings.may_change(alert.namespace):
        raise Unrouted(f"RUNMEND_NAMESPACES does not allow changes in namespace {alert.namespace}")
    if not settings.may_change_kind(plan.target):
        raise Unrouted(f"RUNMEND_KINDS does not allow changes of a {plan.target}")
    # A pod beside it is the one of whoever told of it.
    alert = _without(alert, plan, "pod", "container", "uid")
    routed = alert.within(ALERT_MAX, plan.required_labels)
    return Routed(index, routed, plan, subject, Place(plan.target, alert.namespace), name)


def _names_its_workload(alert: Alert, subject: Subject, plan: Plan) -> bool:
    """Whether the target is the workload that an alert names, because it names no pod, or an exporter's."""
    podless = not alert.pod or subject.from_exporter
    of_pods = has_pods(plan.target)
    return of_pods and podless and subject.kind in WORKLOAD_LABELS and "pod" not in plan.required_labels


def _refuse_missing(
    labels: Mapping[str, str], subject: Subject, plan: Plan, target: Iterable[str], names: Iterable[str] | None = None
) -> None:
    required_labels = plan.required_labels if names is None else tuple(names)
    for name in dict.fromkeys((*required_labels, *target)):
        if not labels.get(name):
            required = name in required_labels
            who = f"{plan.runbook_id} requires it" if required else "every run finds what it fixes by it"
            raise Unrouted(f"the label {name} is missing; {who}{_why_missing(name, subject)}")


def _refuse_another_cluster(labels: Mapping[str, str], settings: Settings) -> None:
    if settings.cluster_label is not None and labels.get(settings.cluster_label) != settings.cluster:
        given = labels.get(settings.cluster_label)
        said = f"is {quoted(given)}" if given else "is missing"
        raise Unrouted(f"the label {settings.cluster_label} {said}; this installation's cluster is {settings.cluster}")


def _without(alert: Alert, plan: Plan, *names: str) -> Alert:
    """An alert without these labels, but for those that its runbook asks for."""
    strange = set(names) - set(plan.required_labels)
    return alert.without(*strange)


def check_object(routed: Routed, uids: Mapping[str, str], cluster: str) -> tuple[Target, str]:
    """The object that an alert names as a target, and its uid.

    Args:
        routed: the alert.
        uids: name → uid of the objects of its kind that are there, as far as they were asked for.
        cluster: the installation's.

    Raises:
        Gone: there is none, or one with another uid than the alert's label, where that is the object's own.
        Unrouted: its name is too long.
    """
    place, name = routed.place, routed.name
    where = f"{place.namespace}/{name}" if place.namespace else name
    if name not in uids:
        raise Gone(f"there is no {place.kind} {where}")
    uid = routed.alert.labels.get("uid")
    own = place.kind in WORKLOAD_LABELS and not routed.subject.from_exporter
    if uid and own and uid != uids[name]:
        raise Gone(f"{place.kind} {where} was made anew: its uid is {uids[name]}, the alert's is {quoted(uid)}")
    return check_target(Target(cluster=cluster, namespace=place.namespace, kind=place.kind, name=name)), uids[name]


def check_pod(alert: Alert, subject: Subject, workloads: Workloads) -> PodFacts:
    """The alert's pod, where the one of that name is still the alert's.

    Raises:
        Gone: there is none, or one with another uid than the alert's label, which kube-state-metrics gives it.
        Unrouted: the alert is about a workload, and the pod is none of its pods.
    """
    where = f"{alert.namespace}/{alert.pod}"
    pod = workloads.pod(alert.pod)
    if subject.kind in WORKLOADS:
        controllers = workloads.controllers(pod) if pod else ()
        if (subject.kind, subject.name) not in {(owner.kind, owner.name) for owner in controllers}:
            about = f"{subject.kind} {alert.namespace}/{quoted(subject.name)}"
            if subject.from_exporter:
                raise Unrouted(_exporters(about, alert.labels))
            if pod:
                raise Unrouted(f"the alert is about {about}, and pod {where} is none of its pods")
    if pod is None:
        raise Gone(f"there is no pod {where}")
    uid = alert.labels.get("uid")
    if uid and uid != pod.uid:
        raise Gone(f"pod {where} was made anew: its uid is {pod.uid}, the alert's is {quoted(uid)}")
    return pod


def check_target(target: Target) -> Target:
    """The target, where its workflow id is one that every Temporal server takes.

    Raises:
        Unrouted: it is too long; no start would ever be taken, however often the alert comes again.
    """
    size = len(target.workflow_id.encode())
    if size > WORKFLOW_ID_MAX:
        raise Unrouted(
            f"the names of {target} and of cluster {target.cluster} are too long: together they are the workflow id, "
            f"and {size} bytes are more than the {WORKFLOW_ID_MAX} that Temporal takes"
        )
    return target


def _short(value: str) -> str:
    if (size := len(value.encode())) > NAME_BYTES:
        raise ValueError(f"{quoted(value)} has {size} bytes; expected at most {NAME_BYTES}")
    return value


_CHECKS: Final = {
    "alertname": _short,
    "namespace": dns_label,
    "pod": dns_subdomain,
    "container": dns_label,
}
"""What the labels that a run looks at have to be."""


def _why_missing(name: str, subject: Subject) -> str:
    if name in subject.lost:
        names = " and ".join(EXPORTED + exported for exported in subject.exported)
        return (
            f": {names} came without {EXPORTED}{name}, so the label {name} is the scraper's own; scrape with "
            "honor_labels: true, and let the rule keep the object's labels"
        )
    if name == "pod" and subject.kind:
        about = f"the alert is about {subject.kind} {quoted(subject.name)}"
        if subject.kind in WORKLOAD_LABELS:
            return f": {about}; a runbook that does not require pod is run for that"
        return f": {about}, and a runbook fixes what a pod belongs to"
    return ""


def _exporters(about: str, labels: Mapping[str, str]) -> str:
    return (
        f"the alert is about {about}, which this runbook cannot fix without a pod of its own; the label pod, "
        f"{quoted(labels.get('pod', ''))}, names the exporter"
    )
