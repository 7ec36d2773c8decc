"""What is read of an event. Filled by `runmend.kube.facts`."""

import re
from typing import Final

from runmend.core.frozen import Frozen

_MISSING: Final = re.compile(
    r"\b(?P<kind>secret|configmap|persistentvolumeclaim|serviceaccount)s? "
    r'\\?"(?P<name>[a-z0-9.\-/]{1,253})\\?" not found'
    r"|\breferences non-existent (?P<of>secret|config) key: (?P<key>[A-Za-z0-9._-]{1,253})"
)
_MESSAGE_SHOWN: Final = 200


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

    @property
    def missing(self) -> str:
        """What its message says is not there, `configmap "web-config"`: a Secret, ConfigMap, PersistentVolumeClaim or
        ServiceAccount that is `not found`, or a key that one has not (`references non-existent secret key`); several
        with commas, empty where it says no such thing.
        """
        found = (
            f'{each["kind"]} "{each["name"]}"' if each["kind"] else f'{each["of"]} key "{each["key"]}"'
            for each in _MISSING.finditer(self.message)
        )
        return ", ".join(dict.fromkeys(found))

    def beside(self, fact: str) -> str:
        """What it is, and of what it speaks."""
        said = "" if fact == "message" else f": {self.message[:_MESSAGE_SHOWN]}"
        return f"{self.reason} of {self.object_name}, {self.count}x{said}"
