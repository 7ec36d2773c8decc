"""What was moved from a node, and whether it runs again: called by verification."""

from collections.abc import Iterable

from runmend.core.errors import NotFound
from runmend.core.kinds import is_known
from runmend.facts.moved import MovedFacts
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from runmend.language.verbs.pods import controller
from runmend.plan.removal import Removed

_COUNTED = ("Deployment", "ReplicaSet", "StatefulSet")
"""The kinds that say how many of their pods are wanted, and how many are Ready."""


def moved(cluster: Cluster, removed: Iterable[Removed]) -> tuple[MovedFacts, ...]:
    """The workloads of pods that were taken away, each once. One that is gone is nobody's loss, and one of whose pods
    none ran before was broken already: that says nothing of the move.
    """
    found: dict[str, MovedFacts] = {}
    for each in {(pod.namespace, pod.owner): pod for pod in removed if pod.owner and pod.ran}.values():
        kind, _, name = each.owner.partition("/")
        item = _top(cluster, each.namespace, kind, name)
        if item is None:
            continue
        facts = MovedFacts(
            kind=item["kind"],
            namespace=each.namespace,
            name=item["metadata"]["name"],
            uid=item["metadata"]["uid"],
            wanted=(item.get("spec") or {}).get("replicas", 1),
            ready=(item.get("status") or {}).get("readyReplicas") or 0,
        )
        found.setdefault(facts.uid, facts)
    return tuple(found.values())


def _top(cluster: Cluster, namespace: str, kind: str, name: str) -> Json | None:
    """The workload at the top of a chain that counts its pods; None where there is none, or it is gone."""
    if kind not in _COUNTED or not is_known(kind):
        return None
    try:
        item = cluster.read(kind, namespace, name)
    except NotFound:
        return None
    above = controller(item)
    return (_top(cluster, namespace, above["kind"], above["name"]) if above else None) or {**item, "kind": kind}
