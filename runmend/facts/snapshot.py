"""What an expression is asked about: a target's objects as they were read, and what there was when it had settled.

Called by `facts.expressions`. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from runmend.facts.event import EventFacts
from runmend.facts.moved import MovedFacts
from runmend.facts.node import NodeFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.outside import Question, Told
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.states import State
from runmend.facts.step import StepFacts
from runmend.facts.target import TargetFacts
from runmend.facts.workload import WorkloadFacts

_MOST_LISTED = 5
_MESSAGE_SHOWN = 160


class Said(NamedTuple):
    """What a function answers, and what it saw, in words."""

    value: bool
    words: str


def first_few(words: list[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = len(words) - _MOST_LISTED
    return "; ".join(words[:_MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A target, read.

    Args:
        pods: those that an expression speaks of.
        all_pods: these, and those that are passed over because they are younger; a state is looked for in all, unless
            every pod passes through it.
        target: what the run fixes, None where no run asks.
        pod: the alert's, None where it is gone.
        container: the alert's, else the affected one, None where there is none.
        workload: None where the target is none, or is gone.
        own: what is known of the target itself, by the model of its kind; None where it is gone.
        object: the target as the API server has it (`facts.untyped`), None where it is gone, or no expression asks.
        node: the one of the alert's pod, None where it has none, or was not read.
        alert: the labels of the alert whose pod that is, None where there is no alert.
        unknown: group, or `usage`, → why what it holds could not be read.
        events: about the target's pods, None where they could not be read.
        counted: event uid → count, when the target had settled.
        restarts: `pod uid/container` → restarts, when the target had settled; None before that, when nothing is new.
        states: how each state shows.
        moved: the workloads whose pods the run has taken away.
        steps: an earlier step's name → what it came to, read or changed.
        outside: what was asked of others than Kubernetes → what came of it.
        alert_fires: whether one of the run's alerts fires, by Prometheus; None where that is not known.
    """

    pods: tuple[PodFacts, ...] = ()
    all_pods: tuple[PodFacts, ...] = ()
    target: TargetFacts | None = None
    pod: PodFacts | None = None
    container: ContainerFacts | None = None
    workload: WorkloadFacts | None = None
    own: ObjectFacts | None = None
    object: Mapping[str, Any] | None = None
    node: NodeFacts | None = None
    alert: Mapping[str, str] | None = None
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    events: tuple[EventFacts, ...] | None = ()
    counted: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    restarts: Mapping[str, int] | None = None
    states: Mapping[str, State] = field(default_factory=lambda: MappingProxyType({}))
    moved: tuple[MovedFacts, ...] = ()
    steps: Mapping[str, StepFacts] = field(default_factory=lambda: MappingProxyType({}))
    outside: Mapping[Question, Told] = field(default_factory=lambda: MappingProxyType({}))
    alert_fires: bool | None = None

    def _state(self, name: str) -> State:
        """A state of that name; of another name, the one reason that it is then."""
        return self.states.get(name) or State(name=name, waiting=(name,), terminated=(name,))

    def _containers(self, *, passing: bool = False) -> Iterator[tuple[PodFacts, ContainerFacts]]:
        for pod in self.pods if passing else self.all_pods:
            for container in pod.containers:
                yield pod, container

    def waiting(self, name: str) -> Said:
        """Whether a container is in a state (a lingering one between two ends as well), or a pod is."""
        state = self._state(name)
        seen = [
            f"{pod.name}: {c.name} {how}"
            for pod, c in self._containers(passing=state.passing)
            if (how := state.shown_in(c))
        ]
        seen += [pod.in_words for pod in self.all_pods if state.shown_by(pod)]
        nobody = "no pod is" if state.pod else "no container waits" if state.waiting else "no container is"
        return Said(bool(seen), first_few(seen) or f"{nobody} in {name}")

    def terminated(self, name: str) -> Said:
        """Whether a container has ended for a reason, now or the last time."""
        reasons = self._state(name).terminated
        seen = [
            f"{pod.name}: {c.name} ended ({c.reason if c.state == 'terminated' else c.last_termination})"
            for pod, c in self._containers()
            if (c.state == "terminated" and c.reason in reasons) or c.last_termination in reasons
        ]
        return Said(bool(seen), first_few(seen) or f"no container ended for {name}")

    def new_events(self, name: str) -> Said:
        """Whether an event of a state (of a reason or a type, where no state has that name) is new: its uid is unknown
        to the watermark, or its count grew since.
        """
        state = self.states.get(name)
        seen = [
            f"{event.object_name}: {event.reason}: {event.message[:_MESSAGE_SHOWN]} "
            f"(count {event.count}, {self.counted.get(event.uid, 0)} before)"
            for event in self.events or ()
            if (state.spoken_of_by(event) if state else name in (event.reason, event.type)) and self.is_new(event)
        ]
        return Said(bool(seen), first_few(seen) or f"no new {name} event")

    def is_new(self, event: EventFacts) -> bool:
        """Whether an event is new: its uid is unknown to the watermark, or its count grew since."""
        return event.count > self.counted.get(event.uid, 0)

    @property
    def restarted(self) -> Said:
        """Whether a container has restarted since the target had settled; a younger pod's restarts count from 0."""
        known = self.restarts
        seen = (
            [
                f"{pod.name}: {c.name} restarted {c.restarts - known.get(f'{pod.uid}/{c.name}', 0)}x"
                + (f" (last: {c.last_termination})" if c.last_termination else "")
                for pod, c in self._containers()
                if c.restarts > known.get(f"{pod.uid}/{c.name}", 0)
            ]
            if known is not None
            else []
        )
        return Said(bool(seen), first_few(seen) or "no container restarted")
