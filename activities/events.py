"""Events about a target: which are asked for, and where they are. Called by gates and by verification."""

from collections.abc import Collection

from runmend.facts.event import EventFacts
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.reports.target_events import OF_NO_NAMESPACE

FEW_PODS = 20
"""The most pods whose events are asked for one by one: to choose them, the API server looks at all of the namespace."""


def own_uids(now: TargetNow) -> set[str]:
    """By which uids events name the target itself, where it is what the criteria speak of: the kubelet gives a node
    its name for one.
    """
    return set() if now.has_pods else {now.own_uid, now.target.name}


def place_of(now: TargetNow) -> str:
    """Where events about the target are."""
    return now.target.namespace or OF_NO_NAMESPACE


def events_of(
    cluster: Cluster,
    namespace: str,
    uids: Collection[str],
    reasons: Collection[str],
    types: Collection[str] = (),
) -> tuple[EventFacts, ...]:
    """The events about pods of these uids for one of these reasons, or of one of these types.

    Each pod's are asked for while the pods are few, else they are looked for among all pods' for each reason and type.
    """
    few = len(uids) <= FEW_PODS
    wanted = [*(f"type={each}" for each in sorted(types)), *(f"reason={reason}" for reason in sorted(reasons))]
    selectors = (
        [f"involvedObject.uid={uid}" for uid in sorted(uids)]
        if few
        else [f"involvedObject.kind=Pod,{each}" for each in wanted]
    )
    found = {event.uid: event for selector in selectors for event in cluster.events(namespace, selector)}
    return tuple(
        event
        for event in found.values()
        if event.object_uid in uids and (event.reason in reasons or event.type in types)
    )
