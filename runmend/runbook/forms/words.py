"""The words that forms are made of, and what a form is. Called by the tables beside it."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from runmend.runbook.phrases import STATE

Must = Literal["become", "stay"]
Place = Literal["criterion", "condition"]
Where = Literal["criterion", "condition", "anywhere"]
"""A condition is what must hold before an action: a gate, the list under conditions, a leading "If …,", a problem."""

WHOSE = r"(?:(?:the|all|every|each|of|its|affected|new|replacement|patched|target|deployment|workload) )*"
OF = r"(?: status| state| phase)?(?: of (?:the|its) (?:deployment|target|workload|owner))?"
BECOME = r"(?:is|are|become|becomes|reach|reaches|enter|enters|get|gets|must be|should be) (?:all |back |again |now )*"
STAY = r"(?:stays?|remains?|keeps?|continues? to be) "
MOVE = (
    r"(?:transition(?:s|ed)?|moves?|moved|changes?|changed|goes|go|went|switch(?:es|ed)?|recover(?:s|ed)?|"
    r"returns?|returned) (?:back )?"
)
WELL = r"(?:running|ready|healthy|available|serving)"
RUNNING = rf"(?:in )?(?:a |the )?{WELL}(?:(?:,? and |, ?| & |/){WELL})?(?: (?:state|status|phase))?(?: again)?"
START = r"starts?|started|successfully (?:starts?|started)"
NO = r"(?:there (?:is|are) )?no (?:new |more |further |additional |other )*"
NOT = r"(?:does not|do not|doesnt|dont|did not|didnt|never|is not|are not|isnt|arent)"
SEEN = r"(?: (?:are |is )?(?:occurs?|appears?|seen|observed|reported|recorded|emitted|happens?))?"
IN = r"(?: (?:is|are|remains?|stays?))? (?:in|stuck in) (?:the |an? )?"
COUNT = r"(?P<count>\w+)"
NAMED_STATE = rf"(?P<state>{STATE})(?: state| status)?"
PODS = r"(?:pods?|replicas?)"
PROBES = r"(?:probes?|checks?|health checks?)"
AT_LEAST = r"(?:at least|a minimum of)"
OF_ANY = r"(?: of (?:the|any) (?:container|pod)s?)?"
RESTART_COUNT = rf"{WHOSE}(?:(?:container|pod) )?restart counts?"

IS = r"(?:is|are|must be|remains|stays)(?: currently| still| stuck)*"
COMPARED = (
    r"(?P<compared>at least|at most|more than|fewer than|less than|above|over|below|under|exactly|exceeds|"
    r"greater than|higher than|lower than)"
)
NODE_WELL: Final = {
    **dict.fromkeys(("ready", "healthy", "ready=true", "ready = true"), "node.ready"),
    **dict.fromkeys(("schedulable", "uncordoned"), "node.schedulable"),
    "available": "node.takes_pods",
}
"""What a node may be, and the fact that says so."""
NODE = r"(?:(?:the|affected|target|its|alerts?) )*node(?:s? (?:status|state|condition|conditions))?"
NODE_IS = rf"(?:(?:has )?{MOVE}to |{BECOME}|reports |shows )"
NODE_WORDS = "|".join(map(re.escape, NODE_WELL))
NODE_IS_WELL = rf"(?:in )?(?:a |the )?(?P<node_well>{NODE_WORDS})(?: (?:state|status))?(?: again)?"
NODE_STATE = rf"(?:in |under )?(?:the )?(?P<node>not ready|(?:memory|disk|pid) pressure|{STATE})(?: state| status)?"
SOME = "pods.size() > 0"
ALL_RUN = f"{SOME} && pods.all(p, p.running)"
STARTED = f"{SOME} && pods.all(p, p.containers.all(c, c.done || (c.state == 'running' && c.started)))"
READY = f"{SOME} && pods.all(p, p.containers.all(c, c.must_end || c.ready))"
ANY_CONTAINER = "pods.exists(p, p.containers.exists(c, {}))"
ROLLED_OUT = "workload.updated >= workload.replicas && workload.available >= workload.replicas"


@dataclass(frozen=True, slots=True)
class Form:
    """A family of sentences. `{state}`, `{count}` and the like of the expression are what the pattern has found.

    `must` is what it must do where the sentence names no time. One that must become true may name for how long it must
    hold where `lasting` is not None: that is what must hold then as well. `leaves`: its first state is one that is
    left. `trouble`: where it holds, something is wrong, so that it says what a runbook is about.
    """

    pattern: str
    expression: str
    examples: tuple[str, ...]
    must: Must = "become"
    lasting: str | None = None
    where: Where = "anywhere"
    leaves: bool = False
    trouble: bool = False

    @property
    def may_last(self) -> bool:
        """Whether it may name for how long it must hold."""
        return self.must == "stay" or self.lasting is not None

    def may_stand(self, place: Place) -> bool:
        """Whether it may stand in a place: what must stay true can be no condition, which is asked once."""
        return self.where == place or (self.where == "anywhere" and (place == "criterion" or self.must == "become"))
