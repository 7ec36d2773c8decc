"""PodDisruptionBudgets: how many pods they let be evicted, and what their status says of it."""

import math
from collections.abc import Iterator

from runmend.local.sandbox.resources import BUDGETS, PODS, Object
from runmend.local.sandbox.selectors import selects
from runmend.local.sandbox.store import Change, Store


class Budgets:
    """Keeps the status of each budget."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def on_change(self, change: Change) -> None:
        """A budget or a pod came, changed or went."""
        if change.resource not in (BUDGETS, PODS):
            return
        found = change.new or change.old
        if found is None:
            return
        for budget in list(self._store.each(BUDGETS, found["metadata"]["namespace"])):
            status = status_of(self._store, budget)
            if budget.get("status") != status:
                self._store.put(BUDGETS, budget | {"metadata": dict(budget["metadata"]), "status": status})


def status_of(store: Store, budget: Object) -> Object:
    """What a budget's pods are, and how many of them may be evicted now."""
    selector, metadata = budget["spec"].get("selector") or {}, budget["metadata"]
    pods = [
        pod
        for pod in store.each(PODS, metadata["namespace"])
        if selects(selector, pod["metadata"].get("labels") or {}) and "deletionTimestamp" not in pod["metadata"]
    ]
    healthy, expected = sum(map(_is_ready, pods)), len(pods)
    desired = _desired(budget["spec"], expected)
    return {
        "observedGeneration": metadata["generation"],
        "disruptionsAllowed": max(0, healthy - desired) if expected else 0,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
    }


def holding(store: Store, pod: Object) -> Iterator[str]:
    """Why budgets do not let a pod be evicted now, one by one; nothing where they do."""
    labels = pod["metadata"].get("labels") or {}
    for budget in store.each(BUDGETS, pod["metadata"]["namespace"]):
        if not selects(budget["spec"].get("selector") or {}, labels):
            continue
        status = status_of(store, budget)
        always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        spare = status["currentHealthy"] >= status["desiredHealthy"] > 0
        if not _is_ready(pod) and (always or spare):
            continue
        if not status["disruptionsAllowed"]:
            yield (
                f"The disruption budget {budget['metadata']['name']} needs {status['desiredHealthy']} healthy pods and "
                f"has {status['currentHealthy']} currently"
            )


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _desired(spec: Object, expected: int) -> int:
    if "minAvailable" in spec:
        return _share(spec["minAvailable"], expected)
    return max(0, expected - _share(spec.get("maxUnavailable", 1), expected))


def _share(value: object, of: int) -> int:
    """A number, or a percentage, which is rounded up."""
    text = str(value)
    return math.ceil(of * int(text.removesuffix("%")) / 100) if text.endswith("%") else int(text)
