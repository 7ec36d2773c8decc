"""`runmend run`: a person starts a runbook by hand. The way from labels to a run is the bridge's; nobody is held."""

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runmend.alerts.alert import Alert, Target
from runmend.alerts.labels import subject_of
from runmend.cli.context import Misconfigured, NotFoundHere, load_settings, temporal_client
from runmend.cli.runbooks import diagnostics_of
from runmend.cli.showing import follow_started
from runmend.cli.targets import Named, pod_of, refuse_another_cluster
from runmend.core.errors import PermanentError
from runmend.core.kinds import is_in_no_namespace, kind_of_name
from runmend.core.modes import Mode, strictest
from runmend.core.settings import SYSTEM_NAMESPACES, Settings
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads, uids_of
from runmend.plan.plan import Plan
from runmend.runbook import SIZE_MAX, RunbookError, compile_runbook, load_directory, read_file
from runmend.runs.routing import (
    Gone,
    Routed,
    Unrouted,
    check_object,
    check_place,
    check_pod,
    check_target,
)
from runmend.runs.starting import Latest, Starter
from runmend.runs.terminal import link


class Refused(PermanentError):
    """That run may not be started."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: a target, or labels that name a pod; a mode; and whether to wait."""

    target: Named | None
    labels: Mapping[str, str]
    mode: Mode | None
    wait: bool


async def run_runbook(runbook: str, asked: Asked, *, runbooks: Path | None) -> int:
    """Start a run or join the open one; where it is waited for: 0 where it completed, 1 where it failed."""
    settings = load_settings(runbooks=runbooks)
    plan, mode, named = find_plan(runbook, settings.runbooks), asked.mode, asked.target
    labels = dict(asked.labels)
    if named:
        refuse_another_cluster(named, settings.cluster)
        _refuse_another_kind(named, plan)
        labels |= named.labels_for(plan)
    routed = _routed(plan, labels, settings)
    cluster = Cluster.connect(context=settings.kube_context)
    try:
        if named and routed.place.kind == "Pod":
            workloads = Workloads.of(cluster, named.namespace)
            routed = _routed(plan, labels | {"pod": pod_of(workloads, named, plan.state, settings.cluster)}, settings)
        target, uid = _target(cluster, routed, settings)
    finally:
        cluster.close()
    client = await temporal_client()
    starter = Starter(client, settings)
    run_id, joined = await _start(starter, plan, target, uid, routed.alert, mode)
    said = f"joined the open run of {plan.runbook_id}" if joined else f"started {plan.runbook_id}"
    sys.stderr.write(f"{said} for {target}\n")
    if joined and mode is not None:
        sys.stderr.write(f"an open run keeps its mode; --mode {mode} was not applied\n")
    elif overruled := overruling(mode, installation=starter.options(target.namespace).mode, runbook=plan.mode):
        sys.stderr.write(f"{overruled}\n")
    if asked.wait:
        return await follow_started(client, settings, target, run_id)
    sys.stdout.write(f"{target.workflow_id}@{run_id}\n")
    sys.stderr.write(f"{link(settings.web_ui, client.namespace, target.workflow_id, run_id)}\n")
    return 0


def overruling(mode: Mode | None, *, installation: Mode | None, runbook: Mode | None) -> str:
    """Who overrules the mode that was asked for, and that the strictest wins; empty where nobody does."""
    said = {"RUNMEND_MODE": installation, "the runbook": runbook}
    stricter = [f"{who} says {other}" for who, other in said.items() if mode and strictest(mode, other) is not mode]
    return f"--mode {mode} is overruled: {' and '.join(stricter)}, and the strictest wins" if stricter else ""


def find_plan(runbook: str, directory: Path) -> Plan:
    """A runbook by its id in the directory, or by its file's path.

    Raises:
        NotFoundHere: there is none.
        Misconfigured: it does not compile.
    """
    path = Path(runbook)
    if path.suffix.lower() == ".md" or "/" in runbook:
        try:
            return compile_runbook(read_file(path, SIZE_MAX + 1), runbook).plan
        except OSError as error:
            raise NotFoundHere(f"{path} cannot be read: {error.strerror}; name a runbook's id or its file") from error
        except RunbookError as error:
            raise Misconfigured(diagnostics_of(error)) from error
    loaded = load_directory(directory)
    if plan := loaded.plans.get(runbook):
        return plan
    known = f"it has {', '.join(sorted(loaded.plans))}" if loaded.plans else "it has none that compiles"
    broken = (
        f"; {', '.join(sorted(loaded.problems))} does not compile (`runmend lint {directory}`)"
        if loaded.problems
        else ""
    )
    raise NotFoundHere(f"no runbook {runbook} in {directory}, {known}{broken}")


def labels_of(pairs: Sequence[str]) -> dict[str, str]:
    """Labels from `NAME=VALUE`.

    Raises:
        ValueError: one is none.
    """
    labels: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise ValueError(f"{pair!r} is not a label; write -l NAME=VALUE")
        if labels.setdefault(name, value) != value:
            raise ValueError(f"the label {name} is given as {labels[name]!r} and as {value!r}; give it once")
    return labels


def _routed(plan: Plan, given: Mapping[str, str], settings: Settings) -> Routed:
    """An alert of nobody's: what an Alertmanager would have said, with the labels that were given."""
    labels = {"alertname": plan.alertname} | dict(given)
    if settings.cluster_label:
        labels.setdefault(settings.cluster_label, settings.cluster)
    subject = subject_of(labels)
    made = Alert(
        fingerprint=f"manual-{secrets.token_hex(4)}", starts_at=datetime.now(UTC).isoformat(), labels=subject.labels
    )
    try:
        return check_place(0, made, subject, plan, settings)
    except Unrouted as error:
        raise Refused(f"{error}; {_remedy(labels, plan, settings)}") from error


def _refuse_another_kind(named: Named, plan: Plan) -> None:
    if bool(named.namespace) == is_in_no_namespace(plan.target):
        fixes, write = (f"a {plan.target}", f"{plan.target}/NAME") if plan.target else ("workloads", "NAMESPACE/NAME")
        raise Refused(f"{plan.runbook_id} fixes {fixes}, and {named} is none; write {write}")


def _remedy(labels: Mapping[str, str], plan: Plan, settings: Settings) -> str:
    """What helps where a place is refused."""
    if is_in_no_namespace(plan.target):
        node = labels.get("node", "")
        if node and not settings.may_change_node(node):
            return f"if {node} may be changed, add it to RUNMEND_NODES, the worker's too"
        return "name the target, such as Node/worker-1, or give its label with -l node=NAME"
    namespace = labels.get("namespace", "")
    if namespace and not settings.may_change(namespace):
        whole = " by its full name" if namespace in SYSTEM_NAMESPACES else ""
        return f"if {namespace} may be changed, add it to RUNMEND_NAMESPACES{whole}, the worker's too"
    return "name the target, such as shop/web, or give labels with -l NAME=VALUE"


def _target(cluster: Cluster, routed: Routed, settings: Settings) -> tuple[Target, str]:
    """What is to be fixed, and its uid."""
    alert = routed.alert
    if routed.place.kind != "Pod":
        return _itself(cluster, routed, settings)
    workloads = Workloads.named(cluster, alert.namespace, [alert.pod])
    try:
        pod = check_pod(alert, routed.subject, workloads)
        containers = [container.name for container in pod.containers]
        if alert.container and alert.container not in containers:
            raise NotFoundHere(
                f"pod {pod.namespace}/{pod.name} has no container {alert.container}; it has {', '.join(containers)}"
            )
        return check_target(workloads.target_of(pod, settings.cluster)), workloads.target_uid(pod)
    except Gone as error:
        raise NotFoundHere(f"{error}; `kubectl get pods -n {alert.namespace}` shows those there are") from error
    except Unrouted as error:
        raise Refused(str(error)) from error


def _itself(cluster: Cluster, routed: Routed, settings: Settings) -> tuple[Target, str]:
    kind, namespace = routed.place.kind, routed.place.namespace
    try:
        return check_object(routed, uids_of(cluster, kind, namespace, [routed.name]), settings.cluster)
    except Gone as error:
        where = f" -n {namespace}" if namespace else ""
        raise NotFoundHere(
            f"{error}; `kubectl get {kind_of_name(kind).plural}{where}` shows those there are"
        ) from error
    except Unrouted as error:
        raise Refused(str(error)) from error


async def _start(
    starter: Starter, plan: Plan, target: Target, uid: str, alert: Alert, mode: Mode | None
) -> tuple[str, bool]:
    """Start or join; the run's id, and whether it was open before.

    Raises:
        Refused: another runbook's run is open for the target.
    """
    latest = await starter.latest(target)
    _refuse_another(latest, plan, target)
    options = starter.options(target.namespace)
    if mode is not None:
        options = options.model_copy(update={"mode": strictest(options.mode, mode)})
    run_id = await starter.start(plan, target, (alert,), options, latest, uid=uid)
    # Somebody may have been quicker in between; a run drops another runbook's alerts.
    _refuse_another(await starter.latest(target), plan, target)
    return run_id, latest is not None and latest.open and latest.run_id == run_id


def _refuse_another(latest: Latest | None, plan: Plan, target: Target) -> None:
    if latest is not None and latest.open and latest.runbook_id != plan.runbook_id:
        short = target.short
        raise Refused(
            f"a run of {latest.runbook_id} is open for {target}, one at a time; wait for it (`runmend show "
            f"{short}`), or end it (`runmend cancel {short} --reason …`)"
        )
