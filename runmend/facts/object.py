"""What every object has."""

from runmend.core.frozen import Frozen


class Owner(Frozen):
    """A controller reference."""

    kind: str
    """The controller's kind: `ReplicaSet`, `StatefulSet`, `Job`."""
    name: str
    """The controller's name."""
    uid: str
    """The controller's uid, which no other object ever has."""
