"""Whether what was moved from a node runs again: called by verification."""

from collections.abc import Iterable, Iterator

from runmend.core.errors import NotFound
from runmend.core.kinds import BY_NAME
from runmend.kube.answers import Json
from runmend.kube.client import Cluster
from runmend.language.verbs.pods import controller
from runmend.plan.removal import Removed

_COUNTED = ("Deployment", "ReplicaSet", "StatefulSet")
"""The kinds that say how many of their pods are wanted, and how many are Ready."""


def not_running(cluster: Cluster, removed: Iterable[Removed]) -> Iterator[str]:
    """The workloads of pods that were taken away, of which not all pods are Ready: `Deployment shop/web: 3 of 4 pods
    are Ready`. One that is gone is nobody's loss.
    """
    seen = set()
    for each in {(pod.namespace, pod.owner): pod for pod in removed if pod.owner}.values():
        kind, _, name = each.owner.partition("/")
        item = _top(cluster, each.namespace, kind, name)
        if item is None or (what := f"{item['kind']} {each.namespace}/{item['metadata']['name']}") in seen:
            continue
        seen.add(what)
        wanted = (item.get("spec") or {}).get("replicas", 1)
        ready = (item.get("status") or {}).get("readyReplicas") or 0
        if ready < wanted:
            yield f"{what}: {ready} of {wanted} pods are Ready"


def _top(cluster: Cluster, namespace: str, kind: str, name: str) -> Json | None:
    """The workload at the top of a chain that counts its pods; None where there is none, or it is gone."""
    if kind not in _COUNTED or kind not in BY_NAME:
        return None
    try:
        item = cluster.read(kind, namespace, name)
    except NotFound:
        return None
    above = controller(item)
    return (_top(cluster, namespace, above["kind"], above["name"]) if above else None) or {**item, "kind": kind}
