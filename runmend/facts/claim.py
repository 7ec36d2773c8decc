"""A PersistentVolumeClaim. Filled by `runmend.kube.facts`."""

from runmend.facts.object import ObjectFacts
from runmend.facts.units import Bytes


class ClaimFacts(ObjectFacts):
    """A PersistentVolumeClaim."""

    phase: str = ""
    """`Pending`, `Bound` or `Lost` (`status.phase`)."""
    requested: Bytes | None = None
    """How much it asks for, in bytes (`spec.resources.requests.storage`)."""
    capacity: Bytes | None = None
    """How much it has, in bytes (`status.capacity.storage`); null while it is not bound."""
    storage_class: str = ""
    """Its storage class (`spec.storageClassName`); empty where it has none."""
    volume: str = ""
    """The volume that it is bound to (`spec.volumeName`); empty while it is not."""
    access_modes: tuple[str, ...] = ()
    """How it may be mounted (`spec.accessModes`)."""
    resizing: bool = False
    """Whether it is being expanded (its condition `Resizing` or `FileSystemResizePending` is `True`)."""

    @property
    def bound(self) -> bool:
        """Whether it has a volume (`status.phase` is `Bound`)."""
        return self.phase == "Bound"

    @property
    def in_words(self) -> str:
        """`data-web-0: Bound, standard`."""
        return f"{self.name}: {', '.join(filter(None, (self.phase, self.storage_class)))}"
