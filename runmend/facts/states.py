"""What shows a state in which a pod or a container can be. `language.states` lists the states."""

from typing import Literal

from runmend.core.frozen import Frozen
from runmend.facts.event import EventFacts
from runmend.facts.pod import PodFacts


class EventSign(Frozen):
    """A family of events: this reason, and a message that starts so (the reason alone serves other troubles too)."""

    reason: str
    starts: str = ""

    def matches(self, event: EventFacts) -> bool:
        """Whether the event belongs to the family."""
        return event.reason == self.reason and event.message.startswith(self.starts)


class State(Frozen):
    """A state that a pod or a container can be in, and all that shows it.

    `waiting` and `terminated` are a container's reasons, `pod` is what shows it of the pod as a whole, `events` speak
    of it. `aliases` are other words for it, in lower case. `repaired`: whether a runbook may be about it.
    """

    name: str
    waiting: tuple[str, ...] = ()
    terminated: tuple[str, ...] = ()
    pod: Literal["", "unschedulable", "evicted"] = ""
    events: tuple[EventSign, ...] = ()
    aliases: tuple[str, ...] = ()
    repaired: bool = False

    def spoken_of_by(self, event: EventFacts) -> bool:
        """Whether an event speaks of this state. No event has the *reason* ImagePullBackOff."""
        return any(sign.matches(event) for sign in self.events)

    def shown_by(self, pod: PodFacts) -> bool:
        """Whether the pod as a whole is in this state."""
        match self.pod:
            case "unschedulable":
                return bool(pod.no_node)
            case "evicted":
                return pod.evicted
            case _:
                return False
