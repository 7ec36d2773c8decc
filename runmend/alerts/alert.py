"""Alerts, their episodes, and the targets that they ask to have fixed."""

from runmend.core.frozen import Frozen


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
