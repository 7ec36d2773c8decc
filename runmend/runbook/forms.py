"""The sentences that a runbook may say, each with the expression that it stands for: one table.

Read by `runbook.sentences`. A row is one family of sentences: a pattern over plain words, the expression, where it may
stand, and examples, each of which is a test. Patterns are matched whole, against lower-case words of at most
`phrases.LONGEST` characters.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from runmend.runbook.phrases import STATE

Must = Literal["become", "stay"]
Place = Literal["criterion", "condition"]
Where = Literal["criterion", "condition", "anywhere"]
"""A condition is what must hold before an action: a gate, the list under conditions, a leading "If …,", a problem."""

_WHOSE = r"(?:(?:the|all|every|each|of|its|affected|new|replacement|patched|target|deployment|workload) )*"
_OF = r"(?: status| state| phase)?(?: of (?:the|its) (?:deployment|target|workload|owner))?"
_BECOME = r"(?:is|are|become|becomes|reach|reaches|enter|enters|get|gets|must be|should be) (?:all |back |again |now )*"
_STAY = r"(?:stays?|remains?|keeps?|continues? to be) "
_MOVE = (
    r"(?:transition(?:s|ed)?|moves?|moved|changes?|changed|goes|go|went|switch(?:es|ed)?|recover(?:s|ed)?|"
    r"returns?|returned) (?:back )?"
)
_WELL = r"(?:running|ready|healthy|available|serving)"
_RUNNING = rf"(?:in )?(?:a |the )?{_WELL}(?:(?:,? and |, ?| & |/){_WELL})?(?: (?:state|status|phase))?(?: again)?"
_START = r"starts?|started|successfully (?:starts?|started)"
_NO = r"(?:there (?:is|are) )?no (?:new |more |further |additional |other )*"
_NOT = r"(?:does not|do not|doesnt|dont|did not|didnt|never|is not|are not|isnt|arent)"
_SEEN = r"(?: (?:are |is )?(?:occurs?|appears?|seen|observed|reported|recorded|emitted|happens?))?"
_IN = r"(?: (?:is|are|remains?|stays?))? (?:in|stuck in) (?:the |an? )?"
_COUNT = r"(?P<count>\w+)"
_STATE = rf"(?P<state>{STATE})(?: state| status)?"
_PODS = r"(?:pods?|replicas?)"
_PROBES = r"(?:probes?|checks?|health checks?)"
_AT_LEAST = r"(?:at least|a minimum of)"
_OF_ANY = r"(?: of (?:the|any) (?:container|pod)s?)?"
_RESTART_COUNT = rf"{_WHOSE}(?:(?:container|pod) )?restart counts?"

_IS = r"(?:is|are|must be|remains|stays)(?: currently| still| stuck)*"
_COMPARED = (
    r"(?P<compared>at least|at most|more than|fewer than|less than|above|over|below|under|exactly|exceeds|"
    r"greater than|higher than|lower than)"
)
NODE_WELL: Final = {
    **dict.fromkeys(("ready", "healthy", "ready=true", "ready = true"), "node.ready"),
    **dict.fromkeys(("schedulable", "uncordoned"), "node.schedulable"),
    "available": "node.takes_pods",
}
"""What a node may be, and the fact that says so."""
_NODE = r"(?:(?:the|affected|target|its|alerts?) )*node(?:s? (?:status|state|condition|conditions))?"
_NODE_IS = rf"(?:(?:has )?{_MOVE}to |{_BECOME}|reports |shows )"
_NODE_WORDS = "|".join(map(re.escape, NODE_WELL))
_NODE_WELL = rf"(?:in )?(?:a |the )?(?P<node_well>{_NODE_WORDS})(?: (?:state|status))?(?: again)?"
_NODE_STATE = rf"(?:in |under )?(?:the )?(?P<node>not ready|(?:memory|disk|pid) pressure|{STATE})(?: state| status)?"
_SOME = "pods.size() > 0"
_ALL_RUN = f"{_SOME} && pods.all(p, p.running)"
_STARTED = f"{_SOME} && pods.all(p, p.containers.all(c, c.done || (c.state == 'running' && c.started)))"
_READY = f"{_SOME} && pods.all(p, p.containers.all(c, c.must_end || c.ready))"
_ANY_CONTAINER = "pods.exists(p, p.containers.exists(c, {}))"
_ROLLED_OUT = "workload.updated >= workload.replicas && workload.available >= workload.replicas"


@dataclass(frozen=True, slots=True)
class Form:
    """A family of sentences. `{state}`, `{count}` and the like of the expression are what the pattern has found.

    `must` is what it must do where the sentence names no time. One that must become true may name for how long it must
    hold where `lasting` is not None: that is what must hold then as well. `leaves`: its first state is one that is
    left.
    """

    pattern: str
    expression: str
    examples: tuple[str, ...]
    must: Must = "become"
    lasting: str | None = None
    where: Where = "anywhere"
    leaves: bool = False

    @property
    def may_last(self) -> bool:
        """Whether it may name for how long it must hold."""
        return self.must == "stay" or self.lasting is not None

    def may_stand(self, place: Place) -> bool:
        """Whether it may stand in a place: what must stay true can be no condition, which is asked once."""
        return self.where == place or (self.where == "anywhere" and (place == "criterion" or self.must == "become"))


FORMS: Final = (
    Form(
        rf"{_WHOSE}{_PODS}{_OF} (?:has |have )?{_MOVE}from {_STATE} to {_RUNNING}",
        f'{_ALL_RUN} && !waiting("{{state}}")',
        ("Pod transitions from `ImagePullBackOff` to `Running`", "Pods move from CrashLoopBackOff to Ready"),
        where="criterion",
        leaves=True,
    ),
    Form(
        rf"{_WHOSE}{_PODS}{_OF} (?:has |have )?{_MOVE}to {_RUNNING}",
        _ALL_RUN,
        ("Pod returns to Running",),
    ),
    Form(
        rf"{_WHOSE}(?:pods?|replicas?|containers?){_OF} {_BECOME}{_RUNNING}",
        _ALL_RUN,
        ("All pods are Running and Ready", "Pod becomes healthy", "All replicas are available"),
        lasting="!restarted",
    ),
    Form(
        rf"{_WHOSE}(?:pods?|replicas?|containers?){_OF} {_STAY}{_RUNNING}",
        f"{_ALL_RUN} && !restarted",
        ("Pods stay Ready for 10 minutes", "The container remains running"),
        must="stay",
    ),
    Form(
        rf"{_WHOSE}(?:pods?|containers?) pass(?:es)? (?:the |its |their |all )*(?:readiness )?{_PROBES}",
        _READY,
        ("Pod passes its readiness probe", "Containers pass their health checks"),
    ),
    Form(
        rf"{_WHOSE}readiness {_PROBES} (?:is |are )?(?:pass(?:es|ing)?|succeeds?|succeeding)",
        _READY,
        ("Readiness probes pass",),
    ),
    Form(
        (
            rf"{_WHOSE}containers? (?:has |have |is |are )?(?:{_START})(?: up)?(?: successfully| cleanly| again| "
            r"without errors?)?"
        ),
        f"{_STARTED} && !restarted",
        ("Container starts successfully", "All containers have started"),
    ),
    Form(
        rf"{_WHOSE}(?:pods?|containers?) (?:is |are )?(?:no longer|not) (?:in |stuck in )?(?:the )?{_STATE}",
        f'{_SOME} && !waiting("{{state}}")',
        ("Pod is no longer in ImagePullBackOff",),
        lasting="",
    ),
    Form(
        rf"{_NO}(?:pods?|containers?|replicas?){_IN}{_STATE}",
        f'{_SOME} && !waiting("{{state}}")',
        ("No pods in CrashLoopBackOff", "No container is in ImagePullBackOff state"),
        lasting="",
    ),
    Form(
        rf"{_AT_LEAST} {_COUNT} (?:pods?|replicas?)(?: of (?:the|its) \w+)? {_BECOME}{_RUNNING}",
        "pods.filter(p, p.running).size() >= {count}",
        ("At least 2 replicas are available",),
        lasting="",
    ),
    Form(
        (
            rf"{_AT_LEAST} (?P<percent>\d{{1,3}}) ?(?:%|percent) of (?:the |all )*(?:pods|replicas) "
            rf"{_BECOME}{_RUNNING}"
        ),
        f"{_SOME} && pods.filter(p, p.running).size() * 100 >= {{percent}} * pods.size()",
        ("At least 80% of the pods are Ready",),
        lasting="",
    ),
    Form(
        (
            r"(?:the )?(?:deployment |workload )?(?:rollout|deployment|roll-out)(?: status)? (?:is |has |has been )?"
            r"(?:successfully )?(?:completes?|completed|finish(?:es|ed)?|succeeds?|succeeded|successful)"
            r"(?: successfully)?"
        ),
        _ROLLED_OUT,
        ("Rollout completes", "The deployment rollout has completed successfully"),
    ),
    Form(
        (
            r"(?:the )?(?:deployment|workload) (?:is|becomes|must be|should be) (?:fully )?"
            r"(?:available|healthy|ready|up)(?: again)?"
        ),
        _ROLLED_OUT,
        ("The Deployment is available",),
        lasting="!restarted",
    ),
    Form(
        rf"{_NO}(?P<event>{STATE})(?: state)? events?{_SEEN}",
        f'!events.new("{{event}}") && {_SOME} && !waiting("{{event}}")',
        ("No new `ImagePullBackOff` events for 5 minutes", "No CrashLoopBackOff events for 10 minutes"),
        must="stay",
    ),
    Form(
        rf"{_NO}warnings?(?: events?)?{_SEEN}",
        f'!events.new("Warning") && {_SOME}',
        ("No new warning events for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?P<ended>{STATE})(?: container)? (?:terminations?|kills?|restarts?|exits?){_SEEN}",
        f'!(restarted && terminated("{{ended}}")) && {_SOME}',
        ("No OOMKilled terminations for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?:containers?|pods?) (?:is |are |get |gets )?(?P<ended>{STATE})",
        f'!(restarted && terminated("{{ended}}")) && {_SOME}',
        ("No container is OOMKilled for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?:container |pod )?restarts?{_OF_ANY}{_SEEN}",
        f"!restarted && {_SOME}",
        ("No container restarts for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"no {_WHOSE}(?:containers?|pods?) (?:restarts?|restarted)(?: again)?",
        f"!restarted && {_SOME}",
        ("No containers restarted for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_WHOSE}(?:containers?|pods?) {_NOT} (?:restarts?|restarting|crash(?:es|ing)?)(?: again)?",
        f"!restarted && {_SOME}",
        ("The container does not restart for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?:container |pod )?(?:crash events?|crashes|crash ?loops?){_OF_ANY}{_SEEN}",
        f'!restarted && {_SOME} && !waiting("CrashLoopBackOff")',
        ("No crashes for 10 minutes", "No further crash events for 5 minutes"),
        must="stay",
    ),
    Form(
        rf"{_RESTART_COUNT} (?:{_NOT} (?:increase|grow|change|increasing|growing)|"
        r"(?:is |remains? |stays? )(?:stable|constant|unchanged|the same))",
        f"!restarted && {_SOME}",
        ("Restart count does not increase for 10 minutes", "Restart count remains stable"),
        must="stay",
    ),
    Form(
        rf"{_RESTART_COUNT} (?:is|are|stays?|remains?) (?:below|under|less than|lower than) {_COUNT}",
        f"{_SOME} && pods.all(p, p.containers.all(c, c.restarts < {{count}}))",
        ("Restart count stays below 3 for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NODE} (?:has )?{_MOVE}from {_NODE_STATE} to {_NODE_WELL}",
        "{node_well} && !({node})",
        ("Node moves from NotReady to Ready", "Node transitions from `SchedulingDisabled` to schedulable"),
        where="criterion",
    ),
    Form(
        rf"{_NODE} {_NODE_IS}{_NODE_WELL}",
        "{node_well}",
        ("Node is Ready", "Node is schedulable again", "Node condition is `Ready=True`", "Node returns to Ready"),
        lasting="",
    ),
    Form(
        rf"{_NODE} {_NODE_IS}{_NODE_WELL} and (?P<node_also>{_NODE_WORDS})",
        "{node_well} && {node_also}",
        ("Node is Ready and schedulable",),
        lasting="",
    ),
    Form(
        rf"{_NODE} {_STAY}{_NODE_WELL}",
        "{node_well}",
        ("Node stays Ready for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NODE} (?:is |has )?(?:no longer|not|no)(?: longer)? {_NODE_STATE}",
        "!({node})",
        ("Node is no longer NotReady", "Node is not under DiskPressure", "Node has no MemoryPressure"),
        lasting="",
    ),
    Form(
        rf"{_NODE} (?:is |has )(?:not under|no) (?:any )?(?:resource )?pressure",
        "!node.under_pressure",
        ("Node has no resource pressure",),
        lasting="",
    ),
    Form(
        rf"{_NODE} (?:is|becomes|reports|has|stays|remains)(?: currently| still)?(?: under)? {_NODE_STATE}",
        "{node}",
        (
            "Node is NotReady",
            "Node is cordoned",
            "Node has DiskPressure",
            "Node is under memory pressure",
            "Node is unhealthy",
        ),
    ),
    Form(
        rf"(?:new )?pods? (?:can|could|may|are able to) be (?:scheduled|placed) (?:to|on|onto) {_NODE}(?: again)?|"
        rf"{_NODE} (?:accepts?|takes?) new pods(?: again)?",
        "node.takes_pods",
        ("New pods can be scheduled to the node", "Node accepts new pods"),
        lasting="",
    ),
    # Conditions: what may hold before anything is done.
    Form(
        rf"(?:(?:the|a|any|affected|pods?) )*(?:pod|container|its container|init container)s?(?: status| state)? {_IS}"
        rf"(?: in)?(?: an?| the)? (?P<shown>{STATE})(?: state| status)?",
        "{shown}",
        ("Pod is in ImagePullBackOff", "The container is currently stuck in CrashLoopBackOff", "Pod is Evicted"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:containers?|pods?) (?:is|are|was|were|has been|have been|gets?) (?:last )?"
        rf"(?:(?:terminated|killed|ended) )?(?:(?:for|by|as|with|because of) (?:an? |the )?)?(?P<ended>{STATE})",
        'terminated("{ended}")',
        ("Container was OOMKilled", "Container was terminated for OOMKilled"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:container )?last (?:termination|state)(?: reason)? (?:is|was) (?P<ended>{STATE})",
        'terminated("{ended}")',
        ("Last termination reason is OOMKilled",),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:container |last )*exit code (?:is|was) {_COUNT}",
        _ANY_CONTAINER.format("c.exit_code == {count} || c.last_exit_code == {count}"),
        ("Exit code is 137",),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:containers?|pods?) (?:has |have )?restarted {_COMPARED} {_COUNT}(?: times?)?",
        _ANY_CONTAINER.format("c.restarts {compared} {count}"),
        ("Container has restarted more than 3 times",),
        where="condition",
    ),
    Form(
        rf"{_RESTART_COUNT} (?:is |are )?{_COMPARED} {_COUNT}",
        _ANY_CONTAINER.format("c.restarts {compared} {count}"),
        ("Restart count is above 5", "Restart count exceeds 3"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:pods?|phase)(?: (?:phase|status) of the pod)?(?: phase| status)? (?:is|are)(?: still| stuck)*"
        r"(?: in)?(?: phase| state)? (?P<phase>pending|failed|succeeded|unknown)(?: phase| state)?",
        "pods.exists(p, p.phase == '{phase}')",
        ("Pod is Pending", "Pod phase is Failed"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:pods?|containers?) (?:(?:is|are) (?:not|no longer) {_WELL}|(?:is|are) (?:unhealthy|unready))",
        "pods.exists(p, !p.running)",
        ("Pod is not Ready", "Pods are unhealthy"),
        where="condition",
    ),
    Form(
        rf"(?:no|none of the) (?:pods?|replicas?|containers?) (?:is|are) {_WELL}|"
        rf"{_WHOSE}(?:deployment|workload) has no {_WELL} (?:pods?|replicas?)",
        "!pods.exists(p, p.running)",
        ("No pod is Ready", "The Deployment has no available replicas"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:pods?) (?:is|are|could|can|has|have) (?:not (?:be )?(?:been )?scheduled|no node)",
        "pods.exists(p, !p.scheduled)",
        ("Pod is not scheduled",),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:deployment|workload) (?:has|wants|must have|runs) {_COMPARED} {_COUNT} (?:pods?|replicas?)",
        "workload.replicas {compared} {count}",
        ("The Deployment has at least 2 replicas", "Deployment has more than 1 replica"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:deployment|workload|rollout) (?:is|must)(?: be)? paused",
        "workload.paused",
        ("The Deployment is paused",),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:deployment|workload|rollout) (?:is|must) not (?:be )?paused",
        "!workload.paused",
        ("The Deployment is not paused", "Rollout must not be paused"),
        where="condition",
    ),
    Form(
        rf"{_WHOSE}(?:deployment|workload) has (?:a|any) previous revision|"
        r"(?:there is )?a previous revision(?: exists)?",
        "workload.previous_revision != null",
        ("The Deployment has a previous revision", "There is a previous revision"),
        where="condition",
    ),
    Form(
        rf"(?:a )?{_WHOSE}(?:rollout|roll-out) (?:(?:is|has) )?(?:in progress|under way|incomplete|stuck|"
        r"not (?:complete|completed|finished))",
        f"!({_ROLLED_OUT})",
        ("A rollout is in progress", "The rollout has not completed"),
        where="condition",
    ),
    Form(
        r"(?:the )?namespace (?:is|must be) (?P<namespace>[a-z0-9-]+)",
        "pods.exists(p, p.namespace == '{namespace}')",
        ("Namespace is staging",),
        where="condition",
    ),
    Form(
        r"(?:the )?namespace (?:is|must) not (?:be )?(?P<namespace>[a-z0-9-]+)",
        "!pods.exists(p, p.namespace == '{namespace}')",
        ("Namespace is not kube-system",),
        where="condition",
    ),
    Form(
        r"(?:the |affected )*pod (?:must be|is|should be|has to be|must) (?:owned|managed|controlled|created) by "
        r"(?:a |an |the )?(?P<owner>\w+)",
        "",
        ("Pod must be owned by a Deployment", "Pod is managed by a StatefulSet"),
        where="condition",
    ),
    Form(
        r"(?P<labels>(?:requires?|required|needs|optional(?:ly)?|no)\b.*)",
        "",
        ("Requires: `namespace`, `pod` labels (and optional `container`)", "Requires: no labels"),
        where="condition",
    ),
)
