"""What a node must be, become or stay."""

from typing import Final

from runmend.runbook.forms.words import (
    BECOME,
    MOVE,
    NO,
    NODE,
    NODE_IS,
    NODE_IS_WELL,
    NODE_STATE,
    NODE_WORDS,
    RUNNING,
    STAY,
    WHOSE,
    Form,
)

_TAKEN = r"(?:moved|evicted|drained|displaced|rescheduled|deleted|relocated|migrated)"
_THINGS = r"(?:workloads?|pods?|replicas?|deployments?|applications?|services?)"
_WERE = r"(?:(?:that|which) )?(?:(?:were|was|have been|had been|has been) )?"
_AGAIN = rf"(?:{BECOME}|have been |has been )(?:successfully )?(?:rescheduled|recreated|replaced|moved)"
_RUN = rf"(?:(?:{BECOME}|{MOVE}to )(?:back to )?{RUNNING}|runs?|{_AGAIN}(?: and (?:{BECOME})?{RUNNING})?)"
_ELSEWHERE = r"(?: (?:again|elsewhere|(?:on|to) (?:(?:other|another|healthy|different|the|remaining) )+nodes?))*"

FORMS: Final = (
    Form(
        rf"(?=.*{_TAKEN}){WHOSE}(?:{_TAKEN} )?{_THINGS}(?: {_WERE}{_TAKEN})?(?: (?:off|from|of|on) {NODE})? "
        rf"{_RUN}{_ELSEWHERE}",
        "moved.all(w, w.running)",
        (
            "Moved workloads are running again",
            "All evicted pods are running on other nodes",
            "Pods that were evicted are Ready again",
        ),
        lasting="",
        where="criterion",
    ),
    Form(
        rf"{NODE} (?:has )?{MOVE}from {NODE_STATE} to {NODE_IS_WELL}",
        "{node_well} && !({node})",
        ("Node moves from NotReady to Ready", "Node transitions from `SchedulingDisabled` to schedulable"),
        where="criterion",
    ),
    Form(
        rf"{NODE} {NODE_IS}{NODE_IS_WELL}",
        "{node_well}",
        ("Node is Ready", "Node is schedulable again", "Node condition is `Ready=True`", "Node returns to Ready"),
        lasting="",
    ),
    Form(
        rf"{NODE} {NODE_IS}{NODE_IS_WELL} and (?P<node_also>{NODE_WORDS}|(?:accepts|takes) (?:new )?pods)",
        "{node_well} && {node_also}",
        ("Node is Ready and schedulable",),
        lasting="",
    ),
    Form(
        rf"{NODE} {STAY}{NODE_IS_WELL}",
        "{node_well}",
        ("Node stays Ready for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{NODE} (?:is |has )?(?:no longer|not|no)(?: longer)? {NODE_STATE}",
        "!({node})",
        ("Node is no longer NotReady", "Node is not under DiskPressure", "Node has no MemoryPressure"),
        lasting="",
    ),
    Form(
        rf"{NODE} (?:is |has )(?:not under|no) (?:any )?(?:resource )?pressure",
        "!node.under_pressure",
        ("Node has no resource pressure",),
        lasting="",
    ),
    Form(
        rf"{NODE} (?:is|becomes|reports|has|stays|remains)(?: currently| still)?(?: under)? {NODE_STATE}",
        "{node}",
        (
            "Node is NotReady",
            "Node is cordoned",
            "Node has DiskPressure",
            "Node is under memory pressure",
            "Node is unhealthy",
        ),
        trouble=True,
    ),
    Form(
        rf"(?:new )?pods? (?:can|could|may|are able to) be (?:scheduled|placed) (?:to|on|onto) {NODE}(?: again)?|"
        rf"{NODE} (?:accepts?|takes?) new pods(?: again)?",
        "node.takes_pods",
        ("New pods can be scheduled to the node", "Node accepts new pods"),
        lasting="",
    ),
    Form(
        rf"{NODE} (?:ready )?(?:condition )?ready (?:condition )?(?:is|becomes|=|stays|remains) ?true",
        "node.ready",
        ("Node `Ready` condition is `True`",),
        lasting="",
    ),
    Form(
        rf"(?:{NO}|{NODE} (?:has |reports |shows )no )(?P<node>(?:memory|disk|pid|resource) ?pressure|pressure)(?:"
        rf" conditions?)?"
        rf"(?: (?:is |are )?(?:reported|present|on|for|of|from))*(?: {NODE})?|"
        rf"{NODE} (?:is |does )?(?:not|no longer) (?:report(?:s|ing)?|shows?|showing|has|have|under|marked)(?: any|"
        rf" as)* {NODE_STATE.replace('node>', 'was>')}|"
        rf"(?:{NODE} )?(?P<pressure>(?:memory|disk|pid) ?pressure)(?: condition)? (?:is|becomes|=|stays|remains) ?"
        rf"(?:false|gone|cleared|resolved)",
        "!({node}{was}{pressure})",
        ("No disk pressure on the node", "Node no longer shows SchedulingDisabled", "MemoryPressure is False"),
        lasting="",
    ),
    Form(
        rf"{NODE} (?:is |has been )?(?:marked|set) (?:as )?{NODE_STATE}",
        "{node}",
        ("Node is marked unschedulable",),
        where="criterion",
    ),
    Form(
        rf"(?:new )?(?:pods?|workloads?) (?:can|could|may|are able to|is able to) (?:again )?(?:be )?(?:scheduled?|"
        rf"placed?|run|land)(?: to| on| onto) {NODE}(?: again)?|"
        rf"(?:new )?(?:pods?|workloads?) (?:are|is) (?:schedulable|scheduled|placed) (?:to|on|onto) {NODE}(?: again)?|"
        rf"{NODE} (?:can )?(?:accepts?|takes?|receives?|is accepting|is taking) (?:new )?(?:pods|workloads?)(?:"
        rf" again)?|"
        rf"(?:the )?scheduler (?:can )?places? (?:new )?pods (?:on|onto|to) {NODE}(?: again)?|"
        rf"scheduling (?:is|becomes) (?:re-?)?(?:enabled|possible|allowed)(?: again)? (?:on|for|to) {NODE}(?: again)?",
        "node.takes_pods",
        ("New workloads can be scheduled on the node", "Scheduling is enabled on the node"),
        lasting="",
    ),
)
