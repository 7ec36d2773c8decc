"""Alerts, their episodes, and the targets that they ask to have fixed."""

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from runmend.core.frozen import Frozen
from runmend.core.kinds import OBJECTS, is_in_no_namespace, label_of

NAME_BYTES: Final = 500
"""The most bytes of a name that a run keeps of an alert; the longest of an object's has 253."""
_WORKLOADS: Final = ("deployment", "statefulset", "daemonset", "job_name")
_OBJECTS: Final = tuple(sorted(map(label_of, OBJECTS), key=lambda label: label == "service"))
"""A scraper gives its own `service` to whatever it scrapes."""
_LOOKED_AT: Final = ("alertname", "namespace", "pod", "container", "node", *_WORKLOADS, *_OBJECTS)
_BYTES_A_CHARACTER: Final = 6
"""As JSON, at most."""
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
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
    left_out: int = 0
    """How many of its labels are not kept, because all together are too large."""

    @property
    def episode(self) -> str:
        """What makes a redelivery recognisable: the fingerprint, and when it began to fire."""
        return f"{self.fingerprint}/{self.starts_at}"

    @property
    def brief(self) -> "Alert":
        """The alert with only the labels that a run looks at: what is handed from activity to activity must stay
        small.
        """
        labels = {name: _cut(self.labels[name]) for name in _LOOKED_AT if name in self.labels}
        return self.model_copy(update={"labels": labels, "generator": ""})

    def without(self, *names: str) -> "Alert":
        """The alert without these labels."""
        return self.model_copy(update={"labels": {n: value for n, value in self.labels.items() if n not in names}})

    def within(self, most: int, needed: Collection[str] = ()) -> "Alert":
        """The alert with labels of at most so many bytes as JSON: first those that a run looks at, then those that are
        needed, then the shortest; `left_out` counts the others.
        """
        if sum(len(name) + len(value) for name, value in self.labels.items()) * _BYTES_A_CHARACTER <= most:
            return self
        first = (*_LOOKED_AT, "uid", *needed)
        sizes = {name: len(json.dumps({name: value})) for name, value in self.labels.items()}
        kept: set[str] = set()
        for name in sorted(sizes, key=lambda name: (name not in first, sizes[name], name)):
            if sizes[name] <= most:
                most -= sizes[name]
                kept.add(name)
        labels = {name: value for name, value in self.labels.items() if name in kept}
        return self.model_copy(update={"labels": labels, "left_out": self.left_out + len(sizes) - len(kept)})

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

    @property
    def node(self) -> str:
        """The node that the alert speaks of, empty where it names none."""
        return self.labels.get("node", "")

    @property
    def about(self) -> tuple[str, str]:
        """What it speaks of, and its name: `("pod", "web-1")`; a node, or another object, where it names no pod."""
        if self.pod:
            return "pod", self.pod
        named = (label for label in ("node", *_WORKLOADS, *_OBJECTS) if self.labels.get(label))
        label = next(named, "pod")
        return label.removesuffix("_name"), self.labels.get(label, "")


class Target(Frozen):
    """The object that gets fixed: a pod's owning workload, a bare pod, or a node."""

    cluster: str
    namespace: str = ""
    """Empty for a kind that is in no namespace."""
    kind: str
    name: str

    @property
    def workflow_id(self) -> str:
        """The lock: one remediation at a time for a target."""
        return "/".join(filter(None, (self.cluster, self.namespace, self.kind, self.name)))

    @classmethod
    def of(cls, workflow_id: str) -> "Target | None":
        """The target of a workflow id; None where it is none of a target."""
        match workflow_id.split("/"):
            case [cluster, namespace, kind, name]:
                return cls(cluster=cluster, namespace=namespace, kind=kind, name=name)
            case [cluster, kind, name] if is_in_no_namespace(kind):
                return cls(cluster=cluster, kind=kind, name=name)
        return None

    @property
    def short(self) -> str:
        """`shop/web`; `Node/worker-1` for what is in no namespace, which no namespace can be called."""
        return f"{self.namespace or self.kind}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.short}" if self.namespace else f"{self.kind} {self.name}"


def _cut(text: str) -> str:
    return text if len(text) * 4 <= NAME_BYTES else text.encode()[:NAME_BYTES].decode(errors="ignore")


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """The fingerprint that Alertmanager gives an alert of these labels: 64 bits of FNV-1a, 16 hexadecimal digits.

    Over the labels in the order of their names; after each name and each value comes the byte 255, which UTF-8 has not.
    """
    found = _FNV_OFFSET
    for name, value in sorted(labels.items()):
        for byte in _SEPARATOR.join((name.encode(), value.encode(), b"")):
            found = ((found ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def is_a_time(text: str) -> bool:
    """Whether a text is a time as RFC 3339 has it."""
    if _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


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
