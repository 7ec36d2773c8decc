"""What a command that reads finds: its placeholders are filled, and what it says is masked and cut.

Called by steps and by the diagnosis. What is read may hold anything that programs write, and is kept in the history.
"""

from collections.abc import Mapping
from dataclasses import replace

from runmend.alerts.alert import Alert
from runmend.core.credentials import masked
from runmend.kube.answers import cut
from runmend.kube.client import Cluster
from runmend.language.states import STATES
from runmend.language.target import TargetNow
from runmend.language.verbs import reading_of
from runmend.language.verbs.values import placeholders
from runmend.language.verbs.verb import Asked, Read
from runmend.plan.bounds import last_lines
from runmend.plan.operations import Operation

_LONGEST_SUMMARY = 500
_LONGEST_FACT = 300


def read(
    cluster: Cluster,
    operation: Operation,
    now: TargetNow,
    alerts: tuple[Alert, ...],
    *,
    state: str | None,
    parameters: Mapping[str, str] | None = None,
    seconds: float = 0,
) -> Read:
    """What a command reads.

    Args:
        cluster: where.
        operation: the command.
        now: the run's target.
        alerts: the run's.
        state: what the runbook is about.
        parameters: the action's own items.
        seconds: for how long it may wait for something.
    """
    reading, arguments = reading_of(operation)
    container = _container(now, alerts, state)
    values = placeholders(now.target, parameters or {}, **_names(now, alerts, container))
    asked = Asked(operation, now, values, container, STATES.get(state or ""), seconds)
    found = reading.read(arguments, cluster, asked)
    facts = {
        name: cut(masked(value), _LONGEST_FACT) if isinstance(value, str) else value
        for name, value in found.facts.items()
    }
    return replace(
        found,
        summary=cut(masked(found.summary), _LONGEST_SUMMARY),
        facts=facts,
        findings=last_lines(map(_line, found.findings)),
    )


def _line(text: str) -> str:
    return masked(" ".join(text.split()))


def _names(now: TargetNow, alerts: tuple[Alert, ...], container: str) -> dict[str, str]:
    """What is named besides the target, where it is known."""
    pod = now.first_pod(alerts)
    found = now.workloads.pod(pod)
    names = {"pod": pod, "container": container, "node": found.node if found else ""}
    return {name: value for name, value in names.items() if value}


def _container(now: TargetNow, alerts: tuple[Alert, ...], state: str | None) -> str:
    """The container that an alert names, else the first in the runbook's state, else the pod's first that is not ready;
    empty where there is none.
    """
    strange = now.strange_containers(alerts)
    if named := next((alert.container for alert in alerts if alert.container and alert.container not in strange), ""):
        return named
    if affected := now.affected(state) if state else ():
        return affected[0].container
    pod = now.workloads.pod(now.first_pod(alerts))
    containers = [each for each in (pod.containers if pod else ()) if not each.must_end]
    unready = [each for each in containers if not each.ready]
    return next((each.name for each in (*unready, *containers)), "")
