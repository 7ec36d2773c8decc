"""What is read of a ControllerRevision. Filled by `runmend.kube.facts`."""

from datetime import timedelta

from runmend.core.frozen import Frozen
from runmend.facts.object import Owner


class RevisionFacts(Frozen):
    """A ControllerRevision: one revision of a StatefulSet or DaemonSet."""

    name: str
    revision: int
    """Its number; the controller gives a template that comes back the highest again."""
    hash: str = ""
    """What pods of this revision have as label `controller-revision-hash`, where it says so itself."""
    age: timedelta | None = None
    """For how long it has been there, by the API server's clock; null where that is not told."""
    owner: Owner | None = None
