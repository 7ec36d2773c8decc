"""What was read of a target, whatever its kind."""

from dataclasses import dataclass

from runmend.facts.object import ObjectFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube.answers import Json
from runmend.kube.owners import Workloads


@dataclass(frozen=True, slots=True)
class Found:
    """A target, read: what its kind has of these."""

    item: Json | None = None
    """The object as the API server has it; None where it is gone, or where it is of a kind that is not read."""
    facts: ObjectFacts | None = None
    """What is known of it, where it was read."""
    workload: WorkloadFacts | None = None
    workloads: Workloads = Workloads((), {})  # noqa: RUF009  an immutable value
    """Its pods, and what is between them and it."""
