"""What is read of a ControllerRevision. Filled by `runmend.kube.facts`."""

from runmend.core.frozen import Frozen
from runmend.facts.object import Owner


class RevisionFacts(Frozen):
    """A ControllerRevision: one revision of a StatefulSet or DaemonSet."""

    name: str
    revision: int
    """Its number; the controller gives a template that comes back the highest again."""
    hash: str = ""
    """What pods of this revision have as label `controller-revision-hash`, where it says so itself."""
    owner: Owner | None = None
