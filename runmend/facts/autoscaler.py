"""A HorizontalPodAutoscaler. Filled by `runmend.kube.facts`."""

from runmend.facts.object import ObjectFacts


class AutoscalerFacts(ObjectFacts):
    """A HorizontalPodAutoscaler (autoscaling/v2)."""

    scales: str
    """What it scales, `Deployment/web` (`spec.scaleTargetRef`)."""
    min_replicas: int = 1
    """The fewest pods that it scales to (`spec.minReplicas`; 1 where that is not set)."""
    max_replicas: int
    """The most pods that it scales to (`spec.maxReplicas`)."""
    current_replicas: int = 0
    """How many pods there were when it last looked (`status.currentReplicas`)."""
    desired_replicas: int = 0
    """How many pods it last asked for (`status.desiredReplicas`)."""
    active: bool = False
    """Whether it can compute how many pods are needed (its condition `ScalingActive` is `True`)."""
    limited: bool = False
    """Whether it wanted more pods or fewer than it may have (its condition `ScalingLimited` is `True`)."""

    @property
    def at_maximum(self) -> bool:
        """Whether it asks for as many pods as it may: `desired_replicas` is at least `max_replicas`."""
        return self.desired_replicas >= self.max_replicas

    @property
    def in_words(self) -> str:
        """`web: 3 of 2 to 10 pods, scales Deployment/web`."""
        return (
            f"{self.name}: {self.desired_replicas} of {self.min_replicas} to {self.max_replicas} pods, "
            f"scales {self.scales}"
        )
