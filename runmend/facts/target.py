"""What a run fixes, by its name alone: it is known whatever is there. Filled by `activities.gates`."""

from runmend.core.frozen import Frozen


class TargetFacts(Frozen):
    """The object that the run fixes, told by its alert and by the controllers of its pod. It is known where it has no
    pods, and where it is gone.
    """

    kind: str
    """Its kind: `Deployment`, `Pod` where nothing owns the pod, `Node`."""
    namespace: str = ""
    """Its namespace; empty of a node, which is in none."""
    name: str
    """Its name."""
