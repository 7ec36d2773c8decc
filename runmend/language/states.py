"""What a runbook may call a pod's state, and how Kubernetes shows it: waiting reasons and events."""

from runmend.core.frozen import Frozen
from runmend.facts.objects import EventFacts


class EventSign(Frozen):
    """A family of events: this reason, and a message that starts so (the reason alone serves other troubles too)."""

    reason: str
    starts: str = ""

    def matches(self, event: EventFacts) -> bool:
        """Whether the event belongs to the family."""
        return event.reason == self.reason and event.message.startswith(self.starts)


class State(Frozen):
    """A state that a container can be in: the waiting reasons that show it, and the events that speak of it."""

    name: str
    waiting: tuple[str, ...]
    events: tuple[EventSign, ...]

    def spoken_of_by(self, event: EventFacts) -> bool:
        """Whether an event speaks of this state. No event has the *reason* ImagePullBackOff."""
        return any(sign.matches(event) for sign in self.events)


_PULL_EVENTS = (
    EventSign(reason="Failed", starts="Failed to pull image"),
    EventSign(reason="Failed", starts="Error: ErrImagePull"),
    EventSign(reason="Failed", starts="Error: RegistryUnavailable"),
    EventSign(reason="Failed", starts="Error: SignatureValidationFailed"),
    EventSign(reason="Failed", starts="Error: ImagePullBackOff"),
    EventSign(reason="BackOff", starts="Back-off pulling image"),
)
# The waiting reason alternates between the first and one of the others while the kubelet waits, and tries again. The
# last two are what some container runtimes say instead of ErrImagePull.
_PULL_WAITING = ("ImagePullBackOff", "ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed")

STATES: dict[str, State] = {
    state.name: state
    for state in (
        State(name="ImagePullBackOff", waiting=_PULL_WAITING, events=_PULL_EVENTS),
        State(name="ErrImagePull", waiting=_PULL_WAITING, events=_PULL_EVENTS),
    )
}
