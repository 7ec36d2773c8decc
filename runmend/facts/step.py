"""What the gates of later steps can ask of an earlier one. Filled by `runmend.plan.outputs` from the step's result."""

from typing import Final

from runmend.core.frozen import Frozen
from runmend.facts.units import Bytes, Millicores


class StepFacts(Frozen):
    """What an earlier step came to, read or changed, as its result in the run's history has it: nothing is read anew.

    Of a step that has not done its work (it was skipped, has failed, or only recommended) nothing else is known than
    how it ended: a gate that asks for more cannot be told.
    """

    name: str
    """Its output's name, or its action_id."""
    done: bool = False
    """Whether it has done its work."""
    changed: bool = False
    """Whether it has changed something."""
    confirmed: bool = False
    """Whether what it read confirms the runbook's state."""
    recommended: bool = False
    """Whether it has only recommended."""
    skipped: bool = False
    """Whether it was skipped: its gate did not hold."""
    failed: bool = False
    """Whether it has failed, and the run went on."""

    found: bool = False
    """Whether it found anything to read: the object, one of a list, an event, a line."""
    count: int | None = None
    """How many it found: objects, events (each with its repetitions is one), lines of a log."""
    not_well: int | None = None
    """Of objects, how many are not well: a pod that does not run, a node that takes no pods, a workload that lacks
    pods or whose rollout has stopped.
    """
    events: int | None = None
    """How many events it read."""
    warnings: int | None = None
    """How many of these are of type Warning."""
    matching: int | None = None
    """How many of these speak of the runbook's state."""
    reasons: dict[str, int] = {}
    """How often each reason was told, by these events' counts: `"FailedMount" in events_read.reasons`."""
    reason: str = ""
    """The reason of the newest of these events; empty where there is none."""
    message: str = ""
    """The message of the newest of these events, or the last line of a log, its first 300 characters."""
    missing: str = ""
    """What these events say is not there: `configmap "web-config"`, several with commas."""
    phase: str = ""
    """A pod's phase (`status.phase`)."""
    restarts: int | None = None
    """How often a pod's containers were restarted, all together."""
    replicas: int | None = None
    """How many pods a workload should have."""
    updated: int | None = None
    """How many pods of a workload are of its newest template."""
    ready: int | None = None
    """How many pods of a workload are Ready."""
    available: int | None = None
    """How many pods of a workload have been Ready for `minReadySeconds`."""
    unavailable: int | None = None
    """How many pods a workload lacks."""
    revision: int | None = None
    """The number of a workload's newest revision."""

    changes: int | None = None
    """How many values it changed; 0 where all were so already."""
    removed: int | None = None
    """How many pods it deleted or evicted."""
    before: str = ""
    """What the first value that it changed was before, as text; empty where it was not set, or is not shown."""
    after: str = ""
    """What the first value that it changed has been since, as text; empty where it is not set, or is not shown."""
    replicas_before: int | None = None
    """How many pods the workload should have had before it was scaled."""
    replicas_after: int | None = None
    """How many pods the workload should have since it was scaled."""
    memory_limit_before: Bytes | None = None
    """The memory limit before it was changed; of several containers the first's."""
    memory_limit_after: Bytes | None = None
    """The memory limit since it was changed; of several containers the first's."""
    cpu_limit_before: Millicores | None = None
    """The processor limit before it was changed; of several containers the first's."""
    cpu_limit_after: Millicores | None = None
    """The processor limit since it was changed; of several containers the first's."""
    image_before: str = ""
    """The image before it was changed; of several containers the first's."""
    image_after: str = ""
    """The image since it was changed; of several containers the first's."""

    def beside(self, fact: str) -> str:
        """How it ended, where that is asked, or where it has read or changed nothing."""
        ended = [name for name in ENDED if getattr(self, name)]
        return ", ".join(ended) or "has not run" if fact in ENDED or not self.done else ""


ENDED: Final = ("done", "changed", "confirmed", "recommended", "skipped", "failed")
"""The facts of every step, whatever its command."""
OF_ITS_WORK: Final = frozenset(StepFacts.model_fields) - {"name", *ENDED} | {"confirmed"}
"""The facts that are known only of a step that has done its work."""
