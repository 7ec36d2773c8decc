"""What is read of a ReplicaSet. Filled by `runmend.kube.facts`."""

from datetime import timedelta

from runmend.core.frozen import Frozen
from runmend.facts.object import Owner


class ReplicaSetFacts(Frozen):
    """A ReplicaSet: one revision of a Deployment where one owns it."""

    namespace: str
    name: str
    uid: str
    revision: int = 0
    age: timedelta | None = None
    """For how long it has been there, by the API server's clock; null where that is not told."""
    owner: Owner | None = None
    annotations: dict[str, str] = {}
    """With those of the Deployment when this was its current revision."""
    failure: str = ""
    """Why it cannot create or delete pods (its condition ReplicaFailure); empty where it can, and of metadata alone."""
