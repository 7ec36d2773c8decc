"""The arithmetic of a rolling update."""

import math
from dataclasses import dataclass

from runmend.local.sandbox.resources import Object


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many pods a rollout may have too many, and how many too few."""

    surge: int
    unavailable: int

    @classmethod
    def of(cls, spec: Object) -> "Bounds":
        """A Deployment's bounds; percentages are of `replicas`, surge rounded up and unavailable down."""
        if spec["strategy"]["type"] != "RollingUpdate":
            return cls(0, 0)
        rolling, replicas = spec["strategy"]["rollingUpdate"], spec["replicas"]
        surge = math.ceil(_part(rolling["maxSurge"], replicas))
        unavailable = math.floor(_part(rolling["maxUnavailable"], replicas))
        return cls(surge, 1 if surge == unavailable == 0 else min(unavailable, replicas))


def _part(value: int | str, replicas: int) -> float:
    return replicas * int(value.removesuffix("%")) / 100 if isinstance(value, str) else value


def proportions(sizes: list[int], most: int) -> list[int]:
    """Sizes of the same proportions whose sum is `most`; what rounding leaves goes to the largest."""
    total = sum(sizes)
    result = [round(size * most / total) for size in sizes]
    largest = sizes.index(max(sizes))
    result[largest] += most - sum(result)
    return result
