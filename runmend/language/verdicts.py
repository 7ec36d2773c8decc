"""How each criterion is judged: from what was read to a verdict with its evidence. Called by verification. Pure."""

from runmend.core.frozen import Frozen
from runmend.facts.objects import EventFacts, PodFacts
from runmend.language.states import STATES
from runmend.plan.criteria import (
    ContainerStarted,
    Criterion,
    NoNewEvents,
    NoRestarts,
    PodRunning,
    Status,
    Unreadable,
    Verdict,
    Watermark,
)


class Live(Frozen):
    """What there is at the check: the target's pods, of every revision, and the events about its pods.

    After settle nothing of an older revision was left, so a pod of another one is younger than the watermark.
    """

    pods: tuple[PodFacts, ...]
    events: tuple[EventFacts, ...]


def restarts_of(pods: tuple[PodFacts, ...]) -> dict[str, int]:
    """`pod uid/container` → restarts, as a watermark keeps them."""
    return {f"{pod.uid}/{c.name}": c.restarts for pod in pods for c in pod.containers}


def unmet(criterion: Criterion, pods: tuple[PodFacts, ...]) -> str | None:
    """What a criterion that must *become* true still waits for; None where it holds, or is of the other kind."""
    if isinstance(criterion, PodRunning):
        return _not_running(pods)
    if isinstance(criterion, ContainerStarted):
        return _not_started(pods)
    return None


def _listed(words: list[str], most: int = 5) -> str:
    return "; ".join(words[:most]) + (f"; and {len(words) - most} more" if len(words) > most else "")


def _pods(pods: tuple[PodFacts, ...]) -> str:
    return f"{len(pods)} {'pod' if len(pods) == 1 else 'pods'}"


def _not_running(pods: tuple[PodFacts, ...]) -> str | None:
    if not pods:
        return "the target has no pod"
    troubled = [pod.in_words for pod in pods if not pod.running]
    return _listed(troubled) if troubled else None


def _not_started(pods: tuple[PodFacts, ...]) -> str | None:
    if not pods:
        return "the target has no pod"
    troubled = []
    for pod in pods:
        for c in pod.containers:
            done = c.init and c.state == "terminated" and c.exit_code == 0
            if not done and not (c.state == "running" and c.started):
                troubled.append(f"{pod.name}: {c.name} is {c.state}{f' ({c.reason})' if c.reason else ''}")
    return _listed(troubled) if troubled else None


def settled_pods(mark: Watermark, live: Live) -> tuple[tuple[PodFacts, ...], tuple[PodFacts, ...]]:
    """The pods that the criteria speak of, and those passed over: younger than the watermark and pending.

    As many pods must be Running as at settle; which they are is the workload's affair. A younger pod that is not (yet)
    running is passed over only where enough others run, and a pod that waits in a runbook's state is never passed over
    by `waiting_pods`.
    """
    running = [pod for pod in live.pods if pod.running]
    if len(running) < mark.running:
        return live.pods, ()
    younger = tuple(pod for pod in live.pods if not pod.running and pod.uid not in mark.pods)
    passed_over = {pod.uid for pod in younger}
    return tuple(pod for pod in live.pods if pod.uid not in passed_over), younger


def waiting_pods(states: tuple[str, ...], pods: tuple[PodFacts, ...]) -> list[str]:
    """`pod: container waits (reason)` for each container that waits in one of the runbook's states."""
    reasons = {reason for state in states for reason in STATES[state].waiting}
    return [f"{pod.name}: {c.name} waits ({c.reason})" for pod in pods for c in pod.waiting_for(*reasons)]


def new_events(states: tuple[str, ...], mark: Watermark, live: Live) -> list[str]:
    """The events that speak of one of `states` and whose uid is unknown to the watermark or whose count grew since."""
    return [
        f"{event.object_name}: {event.reason}: {event.message[:160]} (count {event.count}, "
        f"{mark.events.get(event.uid, 0)} before)"
        for event in live.events
        if any(STATES[state].spoken_of_by(event) for state in states) and event.count > mark.events.get(event.uid, 0)
    ]


def restarted(mark: Watermark, pods: tuple[PodFacts, ...]) -> list[str]:
    """`pod: container restarted n times` for each container that did since the watermark; a younger pod's count
    from 0.
    """
    return [
        f"{pod.name}: {c.name} restarted {c.restarts - mark.restarts.get(f'{pod.uid}/{c.name}', 0)}x"
        + (f" (last: {c.last_termination})" if c.last_termination else "")
        for pod in pods
        for c in pod.containers
        if c.restarts > mark.restarts.get(f"{pod.uid}/{c.name}", 0)
    ]


def judge(criterion: Criterion, mark: Watermark, live: Live) -> Verdict:
    """One criterion against the watermark and the live state."""
    pods, younger = settled_pods(mark, live)
    # What is passed over is said: a pod that waits must not stand beside "every container has started".
    over = f"; passed over, because younger: {_listed([pod.in_words for pod in younger])}" if younger else ""
    match criterion:
        case PodRunning():
            states = (criterion.leaves,) if criterion.leaves in STATES else ()
            trouble = _not_running(pods) or _listed(waiting_pods(states, live.pods))
            good = f"{len(pods)} of {len(live.pods)} pods are Running with every container ready{over}"
        case ContainerStarted():
            trouble = _not_started(pods) or _listed(restarted(mark, pods))
            good = f"every container of {_pods(pods)} has started and none restarted{over}"
        case NoNewEvents():
            # Silence proves nothing alone: the kubelet rations its events.
            trouble = _listed(new_events((criterion.state,), mark, live)) or _listed(
                waiting_pods((criterion.state,), live.pods)
            )
            good = f"no new {criterion.state} event, and no container waits in that state"
            if not live.pods:
                trouble = trouble or "the target has no pod, so silence proves nothing"
        case NoRestarts():
            trouble = _listed(restarted(mark, live.pods)) or ("" if live.pods else "the target has no pod")
            good = f"no container of {_pods(live.pods)} restarted"
        case Unreadable():
            return Verdict(
                text=criterion.text,
                line=criterion.line,
                status=Status.UNVERIFIED,
                evidence="not understood, so not checked",
            )
    status = Status.FAILED if trouble else Status.PASSED
    return Verdict(text=criterion.text, line=criterion.line, status=status, evidence=trouble or good)
