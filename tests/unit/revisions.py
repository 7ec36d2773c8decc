"""Revisions of Deployment shop/web and their pods, for tests of what serves."""

from runmend.facts.object import Owner
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.replica_set import ReplicaSetFacts


def a_revision(number: int) -> ReplicaSetFacts:
    owner = Owner(kind="Deployment", name="web", uid="web")
    return ReplicaSetFacts(namespace="shop", name=f"web-{number}", uid=f"rs-{number}", revision=number, owner=owner)


def a_pod(revision: int, number: int, *, serves: bool = True) -> PodFacts:
    app = ContainerFacts(name="app", image=f"app:{revision}", state="running", ready=True, started=True)
    stuck = ContainerFacts(name="app", image=f"app:{revision}", state="waiting", reason="ErrImagePull")
    owner = Owner(kind="ReplicaSet", name=f"web-{revision}", uid=f"rs-{revision}")
    name = f"web-{revision}-{number}"
    phase = "Running" if serves else "Pending"
    return PodFacts(
        namespace="shop", name=name, uid=name, phase=phase, owner=owner, containers=(app if serves else stuck,)
    )
