"""What is read of an event. Filled by `runmend.kube.facts`."""

from runmend.core.frozen import Frozen


class EventFacts(Frozen):
    """An event, aggregated on one object: the same one again raises its count."""

    uid: str
    """The event's own uid."""
    reason: str
    """Why, in a word: `Failed`, `BackOff`, `Unhealthy`."""
    message: str
    """What happened."""
    type: str
    """`Normal` or `Warning`."""
    count: int
    """How often it happened (`count`, or `series.count` where that is larger)."""
    object_kind: str
    """The kind of the object that it is about."""
    object_name: str
    """The name of the object that it is about."""
    object_uid: str
    """The uid of the object that it is about."""
    last_seen: str = ""
    """When it last happened (`series.lastObservedTime`, `lastTimestamp`, `eventTime`), by the clock of whoever told of
    it; compare it with none.
    """
    new: bool = False
    """Whether it is new since the target had settled: its uid is unknown, or its count grew since."""
