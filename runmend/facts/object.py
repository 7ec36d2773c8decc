"""What every object has. Filled by `runmend.kube.facts`."""

from datetime import timedelta

from runmend.core.frozen import Frozen


class Owner(Frozen):
    """A controller reference."""

    kind: str
    """The controller's kind: `ReplicaSet`, `StatefulSet`, `Job`."""
    name: str
    """The controller's name."""
    uid: str
    """The controller's uid, which no other object ever has."""


class Condition(Frozen):
    """A condition of an object (`status.conditions[]`)."""

    name: str
    """Its type: `Ready`, `MemoryPressure`, `Progressing`."""
    status: str
    """`True`, `False` or `Unknown`."""
    reason: str = ""
    """Why, in a word; empty where nobody says."""
    message: str = ""
    """What is said of it, its first 500 characters."""
    since: str = ""
    """When its status last changed (`lastTransitionTime`), by the clock of whoever wrote it; compare it with none."""

    def in_words(self, told_at: str = "") -> str:
        """`since 12:04, KubeletNotReady`; empty where nobody says.

        Args:
            told_at: the time that its object was read at, by the API server's clock. The day is said as well where it
                is another.
        """
        since = f"since {to_the_minute(self.since, told_at)}" if self.since else ""
        return ", ".join(text for text in (since, self.reason) if text)


def to_the_minute(time: str, told_at: str) -> str:
    """`12:04` of `2026-11-23T12:04:31Z`, with its day where that is another than that of `told_at`."""
    day, _, hour = time[:16].partition("T")
    return hour if day == told_at[:10] and hour else f"{day} {hour}".strip()


class ObjectFacts(Frozen):
    """What every object has."""

    namespace: str = ""
    """Its namespace; empty where its kind has none."""
    name: str
    """Its name."""
    uid: str
    """Its uid, which no other object ever has."""
    labels: dict[str, str] = {}
    """Its labels."""
    annotations: dict[str, str] = {}
    """Its annotations."""
    owner: Owner | None = None
    """What controls it; unset where nothing does."""
    deleting: bool = False
    """Whether it is being deleted (`metadata.deletionTimestamp`)."""
    age: timedelta | None = None
    """For how long it has been there, both told by the API server's clock: the `Date` of its answer less
    `metadata.creationTimestamp`; null where the answer has no date.
    """
    told_at: str = ""
    """When the API server answered, by its clock."""
    said: tuple[Condition, ...] = ()
    """Its conditions with their reasons (`status.conditions`)."""

    @property
    def conditions(self) -> dict[str, str]:
        """Its conditions, by type: `True`, `False` or `Unknown` (`status.conditions[].status`)."""
        return {condition.name: condition.status for condition in self.said}

    def condition(self, name: str) -> Condition | None:
        """Its condition of a type, None where it has none."""
        return next((condition for condition in self.said if condition.name == name), None)

    def beside(self, fact: str) -> str:  # noqa: ARG002  what kinds say of their facts
        """What is to be said beside one of its facts, in evidence; empty where nothing is."""
        return ""
