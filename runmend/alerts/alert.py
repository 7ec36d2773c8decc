"""Alerts, their episodes, and the targets that they ask to have fixed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from runmend.core.frozen import Frozen

_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_SEPARATOR: Final = b"\xff"


class Alert(Frozen):
    """One alert of a webhook, or one that a person made up from labels.

    `starts_at` is kept as the sender wrote it: it is compared with itself, never with a clock.
    """

    fingerprint: str
    starts_at: str
    labels: dict[str, str]
    generator: str = ""
    """The http(s) address of the rule that raised it, as the sender says; empty where it says none."""

    @property
    def episode(self) -> str:
        """What makes a redelivery recognisable: the fingerprint, and when it began to fire."""
        return f"{self.fingerprint}/{self.starts_at}"

    @property
    def brief(self) -> "Alert":
        """The alert with only the labels that a run looks at: what is handed from activity to activity must stay
        small.
        """
        kept = ("alertname", "namespace", "pod", "container")
        labels = {name: self.labels[name] for name in kept if name in self.labels}
        return self.model_copy(update={"labels": labels, "generator": ""})

    @property
    def name(self) -> str:
        """The alert's `alertname`."""
        return self.labels.get("alertname", "")

    @property
    def namespace(self) -> str:
        """The namespace that the alert speaks of, empty where it names none."""
        return self.labels.get("namespace", "")

    @property
    def pod(self) -> str:
        """The pod that the alert speaks of, empty where it names none."""
        return self.labels.get("pod", "")

    @property
    def container(self) -> str:
        """The container that the alert speaks of, empty where it names none."""
        return self.labels.get("container", "")


class Target(Frozen):
    """The object that gets fixed: a pod's owning workload, or a bare pod."""

    cluster: str
    namespace: str
    kind: str
    name: str

    @property
    def workflow_id(self) -> str:
        """The lock: one remediation at a time for a target."""
        return f"{self.cluster}/{self.namespace}/{self.kind}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """The fingerprint that Alertmanager gives an alert of these labels: 64 bits of FNV-1a, 16 hexadecimal digits.

    Over the labels in the order of their names; after each name and each value comes the byte 255, which UTF-8 has not.
    """
    found = _FNV_OFFSET
    for name, value in sorted(labels.items()):
        for byte in _SEPARATOR.join((name.encode(), value.encode(), b"")):
            found = ((found ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def in_utc(time: str) -> str:
    """An RFC 3339 time whose zone is another than UTC, in UTC: senders may change the zone between two deliveries.

    Whatever is not such a time is left as it is: a time is compared with itself, never with a clock.
    """
    if time.endswith("Z"):
        return time
    try:
        read = datetime.fromisoformat(time)
        return read.astimezone(UTC).isoformat().replace("+00:00", "Z") if read.tzinfo else time
    except (ValueError, OverflowError):
        return time
