"""What else could be there when an alert comes: a scenario as it is, and the same otherwise."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from runmend.facts.pod import PodFacts
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.demo.broken import CLUSTER, GOOD, Breaking, Broken, Scenario
from runmend.plan.change import as_patch
from runmend.plan.messages import RunResult

SOMEBODY: Final = "somebody-else"
"""The field manager of the one who meddles."""
_SLOW: Final = "registry.example/app:slow"


class Variation(StrEnum):
    """How the alert's object is."""

    BROKEN = "broken"
    HEALTHY = "healthy"
    OTHER_OWNER = "other-owner"
    UNDER_WAY = "under-way"
    PUT_BACK = "put-back"

    @property
    def means(self) -> str:
        """In words."""
        return _MEANS[self]


_MEANS: Final = {
    Variation.BROKEN: "broken as the alert says",
    Variation.HEALTHY: "healthy, though the alert came",
    Variation.OTHER_OWNER: "its pods belong to a ReplicaSet, and to no Deployment",
    Variation.UNDER_WAY: f"{SOMEBODY} has just begun a rollout of its own, whose image takes ten seconds to pull",
    Variation.PUT_BACK: f"{SOMEBODY} puts back what the run has changed",
}


@dataclass(frozen=True, slots=True)
class _Healthy(Scenario):
    """A scenario that breaks nothing; its alert is about all of the pods."""

    def broken(self, pods: tuple[PodFacts, ...]) -> tuple[PodFacts, ...]:
        return pods

    def is_there(self, pods: tuple[PodFacts, ...]) -> bool:
        return len(pods) == self.replicas and all(pod.running for pod in pods)


def variations_of(scenario: Scenario) -> tuple[Variation, ...]:
    """Those that a scenario can have: a node has no owner, and no rollout."""
    of_nodes = (Variation.BROKEN, Variation.HEALTHY, Variation.PUT_BACK)
    return of_nodes if scenario.node else tuple(Variation)


async def made(connection: Connection, cluster: Cluster, scenario: Scenario, variation: Variation) -> Broken:
    """Make a scenario in an embedded cluster, in a variation.

    Raises:
        DemoFailed: the embedded cluster did not do as it should.
    """
    breaking = Breaking(connection, cluster)
    if variation is Variation.HEALTHY:
        return await _healthy(breaking, cluster, scenario)
    if variation is Variation.OTHER_OWNER:
        at_once = replace(scenario, image=scenario.then or scenario.image, then=None)
        return await Breaking(connection, cluster, kind="ReplicaSet").make(at_once)
    broken = await breaking.make(scenario)
    if variation is Variation.UNDER_WAY:
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": _SLOW}]}}}}
        await breaking.change(broken.target, patch, SOMEBODY)
    return broken


async def _healthy(breaking: Breaking, cluster: Cluster, scenario: Scenario) -> Broken:
    well = _Healthy(
        scenario.name,
        GOOD,
        "is healthy",
        replicas=scenario.replicas,
        waits=scenario.waits,
        alertname=scenario.alertname,
    )
    found = await breaking.make(well)
    if scenario.node is None:
        return found
    name = min(pod.node for pod in found.pods)
    target = found.target.model_copy(update={"cluster": CLUSTER, "namespace": "", "kind": "Node", "name": name})
    return Broken(scenario, target, found.pods, cluster.node(name))


async def put_back(breaking: Breaking, result: RunResult) -> bool:
    """Put back, as another field manager, what a run has changed; whether there was anything."""
    if not result.changes:
        return False
    await breaking.change(result.target, as_patch(result.changes, back=True), SOMEBODY)
    return True


def spares(variation: Variation, kinds: set[str]) -> bool:
    """Whether a runbook must change nothing there.

    Args:
        variation: how the object is.
        kinds: those that the runbook's changing steps name.
    """
    if variation is Variation.OTHER_OWNER:
        return kinds == {"Deployment"}
    return variation is Variation.HEALTHY
