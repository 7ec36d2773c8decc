"""The words that forms are made of, and what a form is. Called by the tables beside it."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from runmend.runbook.phrases import STATE

Must = Literal["become", "stay"]
Place = Literal["criterion", "condition"]
Where = Literal["criterion", "condition", "anywhere"]
"""A condition is what must hold before an action: a gate, the list under conditions, a leading "If …,", a problem."""

WHOSE = (
    r"(?:(?:the|all|both|every|each|of|its|affected|new|replacement|patched|target|current|desired|application|app|"
    r"service|deployment|workload|statefulset|daemonset)s? )*"
)
_OWNER = r"(?:(?:the|its|all|affected|target|each) )*(?:deployment|target|workload|owner|pod|application|service)s?"
OF = rf"(?: status(?:es)?| states?| phase| condition)?(?: (?:of|in|for|belonging to) {_OWNER})?"
BECOME = (
    r"(?:is|are|becomes?|reach(?:es)?|(?:has|have) (?:reached|entered|become)|enters?|gets?|must be|should be|"
    r"must become|should become|reports?(?: as)?|shows?(?: as)?|comes? back|comes?) "
    r"(?:all |back |again |now |to |as |fully |reported |marked |reporting |successfully )*"
)
STAY = r"(?:stays?|remains?|keeps?|continues? to be|(?:has|have) (?:been|stayed|remained)|must (?:stay|remain)) "
MOVE = (
    r"(?:transition(?:s|ed)?|moves?|moved|changes?|changed|goes|go|went|switch(?:es|ed)?|recover(?:s|ed)?|"
    r"returns?|returned|progress(?:es|ed)?|proceeds?) (?:back )?"
)
WELL = (
    r"(?:running|ready ?= ?true|ready is true|ready|healthy|available|serving|up|stable|"
    r"passing (?:its |their |all )*(?:readiness |health )?(?:checks|probes?))"
)
_ONE = rf"(?:in )?(?:a |an |the )?{WELL}(?: (?:state|status|phase))?"
RUNNING = rf"{_ONE}(?:(?:,? and |, ?| & |/){_ONE})*(?: again)?"
START = r"starts?|started|successfully (?:starts?|started)"
NO = (
    r"(?:there (?:is|are|should be|must be) |(?:the )?(?:events?|event stream|pods?|containers?|workload|deployment)"
    r" (?:shows?|has|have|reports?) )?(?:no|0) (?:new |more |further |additional |other |any )*"
)
NOT = (
    r"(?:does not|do not|has not|have not|must not|should not|stops?|doesnt|dont|did not|didnt|never|is not|are"
    r" not|isnt|arent)"
)
SEEN = (
    r"(?: (?:on|for|about|from|in|of) (?:(?:the|this|any|all|affected|target|new|its) )*(?:pods?|containers?|"
    r"deployment|workload|statefulset|daemonset))?"
    r"(?: (?:are |is |have been |should be )?(?:occurs?|appears?|seen|observed|reported|recorded|emitted|happens?|"
    r"logged|present))?"
    r"(?: (?:on|for|about|from|in|of) (?:(?:the|this|any|all|affected|target|new|its) )*(?:pods?|containers?|"
    r"deployment|workload|statefulset|daemonset))?"
)
IN = r"(?: (?:is|are|remains?|stays?|waiting|left|stuck))* (?:(?:in|with|for) (?:the |an? )?)?"
COUNT = r"(?P<count>\w+)"
NAMED_STATE = rf"(?:the )?(?P<state>{STATE})(?: states?| status)?"
PODS = r"(?:pods?|replicas?|containers?|status)"
PROBES = r"(?:probes?|checks?|health checks?)"
AT_LEAST = r"(?:at least|(?:a )?minimum(?: of)?)"
OF_ANY = r"(?: of (?:the|any) (?:container|pod)s?)?"
RESTART_COUNT = (
    rf"{WHOSE}(?:(?:container|pod)s? )*(?:restart (?:counts?|counters?|number)|restarts|number of (?:(?:container|"
    rf"pod) )?restarts)"
)

IS = r"(?:is|are|must be|remains|stays)(?: currently| still| stuck| waiting)*"
_ABOVE = "at least|more than|above|over|exceeds|greater than|higher than"
_BELOW = "at most|fewer than|less than|below|under|lower than"
ABOVE = f"(?P<compared>{_ABOVE})"
BELOW = f"(?P<compared>{_BELOW})"
EXACTLY = "(?P<compared>exactly)"
COMPARED = f"(?P<compared>{_ABOVE}|{_BELOW}|exactly)"
REASONS: Final = {
    reason.lower(): reason
    for reason in (
        "BackOff",
        "Evicted",
        "Failed",
        "FailedAttachVolume",
        "FailedCreate",
        "FailedCreatePodSandBox",
        "FailedKillPod",
        "FailedMount",
        "FailedPostStartHook",
        "FailedPreStopHook",
        "FailedScheduling",
        "FailedSync",
        "InspectFailed",
        "Killing",
        "NodeNotReady",
        "OOMKilling",
        "Preempted",
        "Unhealthy",
    )
} | {"eviction": "Evicted", "failed mount": "FailedMount", "failed scheduling": "FailedScheduling"}
"""What events give for a reason, as people write it."""
REASON = "|".join(REASONS)
TAKES_PODS: Final = "node.takes_pods"
NODE_WELL: Final = {
    **dict.fromkeys(("ready", "healthy", "ready=true", "ready = true", "ready is true", "up"), "node.ready"),
    **dict.fromkeys(("schedulable", "uncordoned", "open for scheduling"), "node.schedulable"),
    **dict.fromkeys(("available", "accepts new pods", "takes new pods", "accepts pods", "takes pods"), TAKES_PODS),
}
"""What a node may be, and the fact that says so."""
NODE = r"(?:(?:the|affected|target|its|alerts?) )*node(?:s? (?:status|state|condition|conditions))?"
NODE_IS = rf"(?:(?:has )?{MOVE}to |{BECOME}(?:in )?(?:condition )?)"
NODE_WORDS = "|".join(map(re.escape, NODE_WELL))
NODE_IS_WELL = rf"(?:in )?(?:a |the )?(?P<node_well>{NODE_WORDS})(?: (?:state|status))?(?: again)?"
NODE_STATE = rf"(?:in |under )?(?:the )?(?P<node>not ready|(?:memory|disk|pid) pressure|{STATE})(?: state| status)?"
SOME = "pods.size() > 0"
ALL_RUN = f"{SOME} && pods.all(p, p.running)"
STARTED = f"{SOME} && pods.all(p, p.containers.all(c, c.done || (c.state == 'running' && c.started)))"
READY = f"{SOME} && pods.all(p, p.containers.all(c, c.must_end || c.ready))"
ANY_CONTAINER = "pods.exists(p, p.containers.exists(c, {}))"
EVERY_CONTAINER = f"{SOME} && pods.all(p, p.containers.all(c, {{}}))"
NOT_READY = "pods.exists(p, !p.running) || (pods.size() == 0 && workload.unavailable > 0)"
"""A workload that lacks its pods, and has none, is not ready either; one that wants none is."""
AVAILABLE = "workload.available >= workload.replicas"
ROLLED_OUT = f"workload.updated >= workload.replicas && {AVAILABLE}"


@dataclass(frozen=True, slots=True)
class Form:
    """A family of sentences. `{state}`, `{count}` and the like of the expression are what the pattern has found.

    `must` is what it must do where the sentence names no time. One that must become true may name for how long it must
    hold where `lasting` is not None: that is what must hold then as well. `leaves`: its first state is one that is
    left. `trouble`: where it holds, something is wrong, so that it says what a runbook is about. `query`: of one that
    stands with a query of Prometheus, one for its examples.
    """

    pattern: str
    expression: str
    examples: tuple[str, ...]
    must: Must = "become"
    lasting: str | None = None
    where: Where = "anywhere"
    leaves: bool = False
    trouble: bool = False
    query: str = ""

    @property
    def may_last(self) -> bool:
        """Whether it may name for how long it must hold."""
        return self.must == "stay" or self.lasting is not None

    def may_stand(self, place: Place) -> bool:
        """Whether it may stand in a place: what must stay true can be no condition, which is asked once."""
        return self.where == place or (self.where == "anywhere" and (place == "criterion" or self.must == "become"))
