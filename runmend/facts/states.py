"""What shows a state in which a pod, a container or a node can be. `language.states` lists the states."""

from typing import Final, Literal

from runmend.core.frozen import Frozen
from runmend.facts.event import EventFacts
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.units import duration_in_words

_BACKS_OFF: Final = "CrashLoopBackOff"
"""The reason for which a container waits that is to be started again."""


class EventSign(Frozen):
    """A family of events: this reason, and a message that starts so (the reason alone serves other troubles too)."""

    reason: str
    starts: str = ""

    def matches(self, event: EventFacts) -> bool:
        """Whether the event belongs to the family."""
        return event.reason == self.reason and event.message.startswith(self.starts)


class State(Frozen):
    """A state that a pod, a container or a node can be in, and all that shows it.

    `waiting` and `terminated` are a container's reasons, `pod` is what shows it of the pod as a whole, `node` the
    expression that shows it of a node, `events` speak of it. `lingers`: a container that ended (for one of
    `terminated`, where there are any) and was started again is in it all the same, until it has run for longer than its
    back-off. `passing`: every pod passes through it on its way, so one that has just come is in no trouble. `aliases`
    are other words for it, in lower case.
    """

    name: str
    waiting: tuple[str, ...] = ()
    terminated: tuple[str, ...] = ()
    pod: Literal["", "unschedulable", "evicted"] = ""
    node: str = ""
    lingers: bool = False
    passing: bool = False
    events: tuple[EventSign, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def of_containers(self) -> bool:
        """Whether containers are in it: a runbook's steps can be about those that are."""
        return bool(self.waiting or self.terminated)

    @property
    def in_words(self) -> str:
        """What shows it: `a container waits for CrashLoopBackOff`."""
        shown = [
            f"a container waits for {' or '.join(self.waiting)}" if self.waiting else "",
            f"a container has ended for {' or '.join(self.terminated)}" if self.terminated else "",
            {"unschedulable": "no node takes a pod", "evicted": "its node has evicted a pod", "": ""}[self.pod],
            self.node,
            "or one that was started again has not yet run for longer than its back-off" if self.lingers else "",
        ]
        return ", ".join(text for text in shown if text)

    def spoken_of_by(self, event: EventFacts) -> bool:
        """Whether an event speaks of this state. No event has the *reason* ImagePullBackOff."""
        return any(sign.matches(event) for sign in self.events)

    def shown_in(self, container: ContainerFacts) -> str:
        """How a container shows that it is in this state, `waits (ErrImagePull)`; empty where it is not."""
        if container.state == "waiting" and container.reason in self.waiting:
            return f"waits ({container.reason})"
        return self._between_ends(container) if self.lingers else ""

    def _between_ends(self, c: ContainerFacts) -> str:
        ends = c.reason in self.terminated if self.terminated else c.restarts > 0
        if c.state == "terminated" and c.exit_code and ends:
            return f"ended ({c.reason or f'exit code {c.exit_code}'})"
        if self.terminated and c.last_termination not in self.terminated:
            return ""
        if c.state == "waiting" and c.reason == _BACKS_OFF:
            return f"waits ({c.reason}) after it ended ({c.last_termination})"
        if c.lingers and c.runs_for is not None:
            since = f"runs for {duration_in_words(c.runs_for)} since restart {c.restarts}"
            last = f" (last: {c.last_termination})" if c.last_termination else ""
            return f"{since}{last}, no longer than its back-off of {duration_in_words(c.back_off)}"
        return ""

    def shown_by(self, pod: PodFacts) -> bool:
        """Whether the pod as a whole is in this state."""
        match self.pod:
            case "unschedulable":
                return bool(pod.no_node)
            case "evicted":
                return pod.evicted
            case _:
                return False
