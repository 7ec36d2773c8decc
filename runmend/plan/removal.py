"""Pods that a step takes away: which, by their uid, and how."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from runmend.core.frozen import Frozen

_MOST_NAMED: Final = 5


class How(StrEnum):
    """How a pod is taken away."""

    EVICT = "evict"
    """By the eviction API, which a PodDisruptionBudget may refuse."""
    DELETE = "delete"

    @property
    def done(self) -> str:
        """`evicted`."""
        return "evicted" if self is How.EVICT else "deleted"


class Removed(Frozen):
    """A pod that is taken away, or another object that is deleted."""

    kind: str = "Pod"
    namespace: str
    name: str
    uid: str
    owner: str = ""
    """Its controller, `ReplicaSet/web-6b9`; empty where it has none."""
    ran: bool = True
    """Whether all its containers were ready before, as its kubelet had told last."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def named(pods: Iterable[object]) -> str:
    """The first few, and how many there are besides."""
    words = [str(pod) for pod in pods]
    more = len(words) - _MOST_NAMED
    return ", ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
