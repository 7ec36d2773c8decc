"""What an alert's labels speak of, where the scraper put labels of its own beside the object's.

Prometheus gives every sample the `namespace`, `pod` and `container` of what it scraped, which for kube-state-metrics is
the exporter's own pod. With `honor_labels: true` the object's labels win, and the exporter's fill the gaps; without it
the exporter's win, and the object's are kept under `exported_…`. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

EXPORTED: Final = "exported_"
OBJECTS: Final[Mapping[str, str]] = {
    "node": "Node",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "job_name": "Job",
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "replicaset": "ReplicaSet",
    "cronjob": "CronJob",
    "resourcequota": "ResourceQuota",
}
"""Labels that name what an alert is about, the more specific ones first, and the kinds of what they name. A label
`pod` beside them may be the exporter's own."""
WORKLOADS: Final = frozenset({"Job", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
"""The kinds that can own a pod: whether a pod is theirs is told by its owners."""
_SCRAPERS: Final = ("namespace", "pod", "container")
"""What Prometheus says of what it scraped, and kube-state-metrics of its objects."""
_EXPORTERS: Final = ("kube-state-metrics", "node-exporter")
"""They speak of other objects, never of themselves."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about, as its labels say."""

    labels: dict[str, str]
    """The labels, those of the object under their plain names."""
    kind: str
    """The kind of the most specific object that is named besides a pod, empty where there is none."""
    name: str
    exported: tuple[str, ...]
    """The labels that were read under `exported_…`."""
    lost: tuple[str, ...]
    """The labels that are the scraper's own, and whose object's counterpart did not arrive."""
    from_exporter: bool
    """Whether the label `pod` names an exporter, which speaks of another object."""

    @property
    def remark(self) -> str:
        """What has to be said about how the labels were read; empty where they are plain."""
        if not self.exported:
            return ""
        names = ", ".join(f"{EXPORTED}{name}" for name in self.exported)
        return f"{names} name{'' if len(self.exported) > 1 else 's'} the object; set honor_labels: true for the scrape"


def subject_of(labels: Mapping[str, str]) -> Subject:
    """Read an alert's labels."""
    known = (*_SCRAPERS, *OBJECTS)
    exported = tuple(name for name in known if labels.get(EXPORTED + name))
    read = labels if isinstance(labels, dict) else dict(labels)
    lost: tuple[str, ...] = ()
    if exported:
        read = dict(labels)
        # What the exporter did not say of its object is the scraper's: it is not kept for the object's.
        lost = tuple(name for name in ("pod", "container") if name in labels and name not in exported)
        for name in lost:
            del read[name]
        read |= {name: labels[EXPORTED + name] for name in exported}
    label = next((name for name in OBJECTS if read.get(name)), "")
    return Subject(
        labels=read,
        kind=OBJECTS.get(label, ""),
        name=read.get(label, ""),
        exported=exported,
        lost=lost,
        from_exporter="pod" not in exported and _is_exporter(read),
    )


def _is_exporter(labels: Mapping[str, str]) -> bool:
    """Whether the pod is the one of an exporter that speaks of others: by its name, or by what runs in it, where the
    scraper's `job` is called like that too. A rule about pods may lack a container, and then has the exporter's.
    """
    pod, container = labels.get("pod", ""), labels.get("container", "")
    named = any(exporter in pod for exporter in _EXPORTERS)
    return named or (container in _EXPORTERS and _is_of(pod, labels))


def _is_of(pod: str, labels: Mapping[str, str]) -> bool:
    """Whether a pod is called like the service or the job that was scraped: an exporter under another name."""
    scraped = (labels.get("service", ""), labels.get("job", "").rpartition("/")[2])
    return any(name and pod.startswith(f"{name}-") for name in scraped)
